/* course: which stage may follow which on a rank, from its slice to the last gate. The rank's stage
 * is the keeper's as far as the rank has heard of it, and goes on where the keeper's ends. Pure.
 */
#ifndef COORD_COURSE_H
#define COORD_COURSE_H

#include <stdbool.h>

#include "wire/stage.h"

/* An event of a rank is the stage that it comes to. May it come there from that one? */
bool course_may(enum stage from, enum stage to);

/* Asserts that it may. Returns to. */
enum stage course_enter(enum stage from, enum stage to);

/* The gate behind the one that opens that stage; a gate has the name of what it opens. */
enum stage course_next_gate(enum stage gate);

/* May the rank enter that gate, in that stage? stops: the attempt is stopped, so that all run
 * through the gates. The last gate waits for the outcome, and at rank 0 for the report. */
bool course_gate_is_due(enum stage gate, enum stage stage, bool stops, bool is_root);

#endif
