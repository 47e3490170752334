/* judge: what is true of every simulated job. It is told what has gone wrong, and what the ranks
 * have made of it.
 */
#ifndef SIM_JUDGE_H
#define SIM_JUDGE_H

#include "report/report.h"
#include "wire/outcome.h"
#include "wire/stage.h"
#include "world.h"

/* Something that may be the job's cause. */
struct fact {
    enum how how;
    int machine, code;
    int attempt;     /* -1: of the job as a whole */
    bool is_certain; /* it must be the cause, or something that was earlier */
    int64_t at;      /* ms; judge_note sets it */
};

/* What a run gives, in memory that the process which runs it shares with the one that asked. */
struct result {
    bool is_done;
    char violation[512]; /* "": none */
    int code;            /* rank 0's */
    enum how how;        /* of the report's cause; HOW_NONE: there is none, or no report */
    int machine;
    int attempts;
    int64_t simulated_ms, events, memory_kb;
    double cpu_s;
    struct counts root, most; /* of the other ranks the most, each by itself */
};

void judge_open(struct result *result);

void judge_note(const struct fact *fact);

/* A machine has come to LISTENING or ENDED; is told to go on. */
void judge_reached(enum stage stage, int attempt);
void judge_gate(const struct node *node, uint32_t stage, int attempt);

/* Rank 0 writes a report. */
void judge_report(const struct report *report);

/* A signal has ended a rank that does not catch it yet. */
void judge_exit(void);

/* A rank leaves by itself. */
void judge_leaving(const struct node *node);

/* All has ended, or time has. */
void judge_end(void);

#endif
