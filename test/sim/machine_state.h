/* machine_state: what a simulated keeper knows, and what it says. It belongs to machine.c and
 * machine_says.c.
 */
#ifndef SIM_MACHINE_STATE_H
#define SIM_MACHINE_STATE_H

#include "machine.h"
#include "wire/outcome.h"
#include "wire/stage.h"

struct note {
    enum message_type type;
    struct buf data;
    struct note *next;
};

struct notes {
    struct note *first, **tail;
    int come; /* of them, the first so many */
};

struct sim_keeper {
    struct node *node;
    struct notes to_rank, to_keeper;
    enum stage stage;
    int64_t set; /* counts stages, for timers */
    struct slice *slice;
    struct cause *cause;
    int64_t failed_at; /* ms */
    bool told_failure;
    bool dead, killed, silent, stuck, slow, late, let_go;
    int64_t progressed, credit;
    int cleanings;
};

enum { MACHINE_CREDIT = 1 << 20 /* as OUTPUT_CREDIT */ };

/* The note has come to the keeper; it is machine.c's to take. */
void machine_hear(void *keeper, int64_t n);
struct note *note_take(struct notes *notes);

void say(struct sim_keeper *k, enum message_type type, const struct buf *data);
void say_reached(struct sim_keeper *k);
void say_waiting(struct sim_keeper *k);
void say_failed(struct sim_keeper *k); /* once a failure */
void say_left(struct sim_keeper *k);
void say_folder(struct sim_keeper *k);
void say_output(struct sim_keeper *k);
void say_outcome(struct sim_keeper *k);
void say_state(struct sim_keeper *k, uint32_t number);

#endif
