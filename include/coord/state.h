/* state: what the coordinator of one machine knows. Shared by the files that make it up: coord
 * (plan, gates, loop), alarm (stopping as one), events (what happens), closing (the end). Nobody
 * else's.
 */
#ifndef COORD_STATE_H
#define COORD_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "coord/coord.h"
#include "coord/gates.h"
#include "coord/keeper_link.h"
#include "coord/pulse.h"
#include "coord/root.h"
#include "wire/outcome.h"

/* What a neighbour's heartbeat has told of it. */
struct neighbour {
    int machine;
    char *host; /* NULL until the first has come */
};

struct coord {
    const struct coord_setup *setup;
    struct peers *peers;
    struct keeper_link keeper;
    struct pulse pulse;
    struct root *root; /* rank 0 only */
    struct slice *slice;

    enum gate gate; /* the next one, or the one that has been entered */
    bool gate_entered;
    bool checked, keeper_has_plan, listening, ended, over, outcome_sent;
    bool stopping;
    bool outside;   /* a signal or a dead parent: MPI_Finalize may never come back */
    bool signalled; /* this rank itself has got a signal; the next one skips the grace */
    int64_t stop_time;

    struct cause *cause; /* what failed here first, at cause_time */
    int64_t cause_time;
    struct cause *alarm; /* the first alarm that came from elsewhere, at alarm_time */
    int64_t alarm_time;
    bool lost; /* a machine is lost: no gate opens any more */
    int lost_machine;
    bool lost_root; /* and it is rank 0's, so that nobody else will say it */
    struct neighbour neighbours[PEERS_LINKS_MAX]; /* as pulse.links */
    struct outcome outcome;

    int master_fd; /* holds MASTER_PORT bound, on machine 0; -1 elsewhere */
    int master_port;
    int code;              /* rank 0: the job's, once reported */
    int64_t complete_time; /* rank 0: when all outcomes had come; 0 before */
    bool reported, concluded;
    int64_t last_event;
};

/* ---- alarm.c ---- */

/* Queues a message; data may be NULL. A peer that cannot be reached is left to the heartbeat. */
void coord_send(struct coord *c, int to, enum message_type type, const struct buf *data);
void coord_send_to_links(struct coord *c, enum message_type type, const struct buf *data,
                         int except);

/* log's sink on ranks other than 0: lines travel to rank 0, which alone prints. arg: the coord. */
void coord_say_through_root(void *arg, const char *line);

/* No process of the job is left on this machine. */
void coord_be_over(struct coord *c);

/* Stops this machine's processes; hurry: without grace. */
void coord_stop(struct coord *c, bool hurry);

/* Something failed here: keeps the cause (taken over) if it is the first, tells everybody, stops.
 */
void coord_fail(struct coord *c, struct cause *cause);

/* A cause of the launcher's own about this machine. text may be NULL. The caller frees. */
struct cause *coord_own_cause(const struct coord *c, enum how how, int value, int code,
                              const char *text);

/* An alarm from rank `from`: passed on if it is news. */
void coord_on_alarm(struct coord *c, int from, const struct buf *payload);

void coord_on_mpi_error(struct coord *c);

/* ---- events.c ---- */

/* Read and handle what has come; true: something had. */
bool coord_pump_keeper(struct coord *c);
bool coord_pump_peers(struct coord *c);

/* What only rank 0 listens to, from rank `from`, itself included. */
void coord_on_for_root(struct coord *c, int from, enum message_type type, struct buf *payload);

void coord_send_beat(struct coord *c);
void coord_on_silence(struct coord *c, int rank);
void coord_on_signal(struct coord *c, int number);

/* what: a signal that a sleeper has got, or -1: one has died. */
void coord_on_sleeper(struct coord *c, int what);

/* ---- coord.c ---- */

/* This machine's slice has come (taken over): checks the machine. */
void coord_on_slice(struct coord *c, struct slice *slice);

/* ---- closing.c ---- */

/* Once this machine is over: outcome to rank 0, its report, and the ways out without a gate. */
void coord_run_closing(struct coord *c, int64_t now);

/* Says the code to the sleepers, sees the keeper off, and leaves; alone: no other rank is known to
 * leave with it, so that it aborts the rest. */
_Noreturn void coord_leave(struct coord *c, int code, bool alone);

#endif
