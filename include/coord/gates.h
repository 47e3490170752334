/* gates: the barriers that all coordinators pass in the same order. Each carries the worst verdict,
 * so that a gate also agrees. After an alarm everyone runs the rest at once, so that nobody waits.
 */
#ifndef COORD_GATES_H
#define COORD_GATES_H

enum gate {
    GATE_START,  /* every machine has been checked and has its slice */
    GATE_LISTEN, /* every machine's servers listen; carries MASTER_PORT */
    GATE_ENDED,  /* every machine's trainers have ended well */
    GATE_LAST,   /* every outcome is with rank 0, everything is said; carries the exit code */
    GATES
};

#endif
