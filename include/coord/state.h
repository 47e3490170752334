/* state: what the coordinator of one machine knows. Shared by the files that make it up: coord
 * (plan, gates, loop), alarm (stopping as one), events (what happens), attempt (one after the
 * other), preempt, closing (the end). Nobody else's.
 */
#ifndef COORD_STATE_H
#define COORD_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "coord/coord.h"
#include "coord/course.h"
#include "coord/ends.h"
#include "coord/keeper_link.h"
#include "coord/masterport.h"
#include "coord/pulse.h"
#include "coord/root.h"
#include "job/plan.h"
#include "wire/outcome.h"
#include "wire/stage.h"

/* What a neighbour's heartbeat has told of it. */
struct neighbour {
    int machine;
    char *host; /* NULL until the first has come */
};

/* One attempt of the job on this machine: from its slice to the last gate. A restart begins with a
 * new one. */
struct run {
    struct slice *slice; /* NULL until it has come */
    enum stage stage;    /* as course has it */
    enum stage gate;     /* the next one, or the one that has been entered: what it opens */
    bool gate_entered;
    enum ends ends;
    bool hurried;
    int64_t stop_time; /* since when it is stopped */
    int lost_machine;  /* the first that is lost; -1: none, or nobody knows which */
    int64_t lost_time;

    struct cause *cause; /* what failed here first, at cause_time */
    int64_t cause_time;
    struct cause *alarm; /* the first alarm that came from elsewhere, at alarm_time */
    int64_t alarm_time;
    struct outcome outcome;
    int64_t last_sign;     /* rank 0: of a machine whose outcome was still missing */
    int64_t next_ask_root; /* others, once they are late: when rank 0 is asked for a sign of life */

    struct masterport master; /* on machine 0, from the gate that tells it until trainers end */

    /* rank 0 alone */
    int code; /* the job's, once reported */
    int64_t
        next_ask; /* when those whose outcome is missing are asked for a sign of life; 0: not yet */
    int64_t asked;         /* since when */
    int64_t complete_time; /* when all outcomes had come; 0 before */
    bool restart;          /* the last gate is to begin another attempt */
};

#define FOREIGN_MOST 8 /* addresses that a machine tells */

/* Connections to this machine's servers from elsewhere. */
struct foreign {
    uint32_t *hosts; /* the addresses of ip_config, sorted; NULL: not looked at yet */
    size_t n_hosts;
    uint32_t told[FOREIGN_MOST];
    int n_told;
    int64_t next, pause; /* 0: not yet */
};

/* How far what a keeper leaves that does not end in its turn has been ended. */
enum remains {
    REMAINS_NONE,      /* the keeper lives */
    REMAINS_KEEPER,    /* it was killed, and has not gone */
    REMAINS_PROCESSES, /* it has gone; its processes are ended */
    REMAINS_FILES,     /* they are; the scribe removes its files */
    REMAINS_ENDED
};

/* Who was told to end the job. */
enum told { TOLD_NOBODY, TOLD_OTHERS, TOLD_HERE };

struct coord {
    const struct coord_setup *setup;
    struct parent parent; /* none, once it is gone */
    struct peers *peers;
    struct keeper_link keeper;
    struct silence keeper_silence; /* a keeper that is stopped answers no PING */
    int64_t next_ping;
    struct folder job_dir; /* the last that it has told: to be removed when it dies */
    enum remains remains;
    struct ending remains_end; /* of what is left: does anything move? */
    struct strv unkilled;      /* as in the outcome */
    int64_t next_look;         /* at it */
    struct pulse pulse;
    struct neighbour neighbours[PEERS_LINKS_MAX]; /* as pulse.links */
    struct root *root;                            /* rank 0 only */

    int attempt; /* from 0 */
    struct run run;
    struct foreign foreign;
    struct slice *next_slice; /* of the next attempt, when it overtook the last gate */
    struct cause *next_alarm; /* the same */
    int64_t start_at;         /* rank 0: when the slices of this attempt may leave */

    struct cause *order; /* the first that came from outside, about the whole job; NULL: none */
    int64_t order_time;
    enum told told;       /* who then loses patience waits for no grace */
    int preempt_signal;   /* 0: none */
    int64_t preempt_ends; /* rank 0: then the job is stopped; CLOCK_NEVER */

    int64_t root_heard;
    int leave_code; /* rank 0's, by which all leave without a gate */

    int64_t last_event;
};

/* ---- alarm.c ---- */

/* Queues a message; data may be NULL. A peer that cannot be reached is left to the heartbeat. */
void coord_send(struct coord *c, int to, enum message_type type, const struct buf *data);
void coord_send_to_links(struct coord *c, enum message_type type, const struct buf *data,
                         int except);

/* log's sink on ranks other than 0: lines travel to rank 0, which alone prints. arg: the coord. */
void coord_say_through_root(void *arg, const char *line);

/* This machine's part has come to that stage. */
void coord_enter(struct coord *c, enum stage stage);

/* Marks this machine as over, if it is not, although no keeper tells how its processes ended. */
void coord_abandon(struct coord *c);

/* The attempt has one more reason to end. */
void coord_raise(struct coord *c, enum ends reason);

/* Stops this machine's processes for that reason; hurry: without grace. */
void coord_stop(struct coord *c, enum ends reason, bool hurry);

/* Something failed here: keeps the cause (taken over) if it is the first, tells everybody, stops.
 */
void coord_fail(struct coord *c, struct cause *cause);

/* A cause of the launcher's own about this machine. text may be NULL. The caller frees. */
struct cause *coord_own_cause(const struct coord *c, enum how how, int value, int code,
                              const char *text);

/* Keeps a copy of such a cause, if it is the first. */
void coord_keep_order(struct coord *c, const struct cause *cause);

/* Tells the neighbours but `except`, in a message about this attempt. */
void coord_send_alarm(struct coord *c, const struct cause *cause, int except);

/* Tells that rank, which need not be a neighbour. */
void coord_send_alarm_to(struct coord *c, const struct cause *cause, int to);

/* Stops because of a cause (taken over) that rank `from` has told (-1: none), and tells the others
 * if it is news. */
void coord_heed(struct coord *c, struct cause *cause, int from);

/* Ends the grace, here and everywhere, because rank `from` (-1: this one) says so. */
void coord_hurry(struct coord *c, int from);

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

/* The neighbour behind that link of the pulse has been silent for too long. */
void coord_on_silence(struct coord *c, int link);

void coord_on_signal(struct coord *c, int number);
void coord_on_parent_gone(struct coord *c);

/* what: a signal that a sleeper has got, or -1: one has died. */
void coord_on_sleeper(struct coord *c, int what);

/* ---- foreign.c ---- */

/* While servers listen: tells rank 0 of connections that come from no machine of ip_config, each
 * address once. At first often, then each minute. */
void coord_look_for_foreign(struct coord *c, int64_t now);

/* ---- attempt.c ---- */

/* This machine's slice has come (taken over): checks the machine. */
void coord_on_slice(struct coord *c, struct slice *slice);

void coord_begin_first(struct coord *c);

/* The last gate says that the job starts again. */
void coord_begin_next(struct coord *c);

/* ---- preempt.c ---- */

/* Rank `from` (-1: this one) has got the pre-emption signal; takes cause over. */
void coord_preempt(struct coord *c, struct cause *cause, int from);

/* Rank 0: the grace is over and the job has not ended by itself. */
void coord_preempt_is_over(struct coord *c);

/* ---- closing.c ---- */

/* Once this machine is over: outcome to rank 0, its report, and the ways out without a gate. */
void coord_run_closing(struct coord *c, int64_t now);

/* Says the code to the sleepers, sees the keeper off, and leaves. */
_Noreturn void coord_leave(struct coord *c, int code, enum leaving how);

#endif
