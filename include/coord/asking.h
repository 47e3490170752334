/* asking: rank 0 asks all machines what their processes do, along the tree, and writes the answers
 * into the run folder: report.json and state.txt. It asks when trainers have been started, each
 * minute, and when somebody wants to know: USR1 to any rank, which also shows it on the console, or
 * dgl-mpilaunch-top.
 */
#ifndef COORD_ASKING_H
#define COORD_ASKING_H

#include "base/buf.h"
#include "coord/state.h"

/* This rank's user wants to know: rank 0 asks, and shows it on the console. */
void coord_show_state(struct coord *c);

/* Rank 0: asks, unless it does already or has just done so; then false. show: on the console too.
 */
bool coord_ask(struct coord *c, bool show);

/* Drops the question that is under way: another attempt begins. */
void coord_forget_question(struct coord *c);

/* MESSAGE_ASK from rank 0: passes it on, and asks the keeper. */
void coord_on_ask(struct coord *c, const struct buf *payload);

/* Rank 0: MESSAGE_STATE of that rank. */
void coord_on_state(struct coord *c, int from, const struct buf *payload);

/* Rank 0: asks when it is time, and ends the asking when all have answered or had long enough. */
void coord_asking_tick(struct coord *c, int64_t now);

#endif
