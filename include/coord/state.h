/* state: what the coordinator of one machine knows. It belongs to coord and to the files that do
 * parts of its work: tell, relay, alarm, asking, messages, events, remains, foreign, attempt,
 * preempt, closing, departure, regroup.
 */
#ifndef COORD_STATE_H
#define COORD_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "coord/coord.h"
#include "coord/course.h"
#include "coord/doorbell.h"
#include "coord/ends.h"
#include "coord/foreign.h"
#include "coord/keeper_link.h"
#include "coord/masterport.h"
#include "coord/pulse.h"
#include "coord/remains.h"
#include "coord/root.h"
#include "job/plan.h"
#include "wire/outcome.h"
#include "wire/stage.h"

/* A neighbour, as its heartbeat has told. */
struct neighbour {
    int machine;
    char *host; /* NULL until the first has come */
    uint32_t address;
    int doorbell;  /* its port; 0: it has none */
    uint64_t word; /* its last word; 0: none */
    bool rings;    /* this rank has heard it ring */
    int64_t rung;  /* when this rank rang there last */
};

/* One attempt of the job on this machine, from its slice to the last gate. */
struct run {
    struct slice *slice; /* NULL until it has come */
    enum stage stage;    /* as course has it */
    enum stage gate;     /* the next one, by the stage that it opens */
    bool gate_entered;
    enum ends ends;
    bool hurried;      /* the grace has been ended, and the neighbours know */
    int64_t stop_time; /* since when it is stopped */
    int lost_machine;  /* the first that is lost; -1: none, or nobody knows which */
    int64_t lost_time;
    bool awaits_root; /* rank 0 has not been heard after that */

    struct cause *cause; /* what failed here first, at cause_time */
    int64_t cause_time;
    struct cause *alarm; /* the first alarm that came from elsewhere, at alarm_time */
    int64_t alarm_time;
    struct outcome outcome;
    int64_t last_sign;     /* rank 0: when it last heard a machine whose outcome was missing */
    int64_t next_ask_root; /* others: when they next ask rank 0 for a sign of life, once late */

    struct masterport master; /* on machine 0, from the gate that tells it until trainers end */

    /* rank 0 alone */
    int code;              /* the job's, from REPORTED on */
    int slices_to;         /* the rank that gets its slice next */
    int64_t next_ask;      /* when it asks those whose outcome is missing; 0: it has not yet */
    int64_t asked;         /* since when it does */
    int64_t complete_time; /* when all outcomes had come; 0 before */
    int64_t taken_by;      /* so long it waits for the reader of its last lines; 0: not yet */
    bool restart;          /* the last gate, or a regrouping, is to begin another attempt */
    bool regroups;         /* a regrouping is */
};

/* What all processes do now (asking.c); rank 0 alone. */
struct asking {
    uint32_t number; /* of the last question */
    int64_t ends;    /* so long it waits for answers; 0: it does not ask */
    int64_t done;    /* when it last had asked */
    int64_t pause;   /* after it, for the next one that is not shown */
    int64_t next;    /* when it asks by itself */
    bool shows;      /* the answers go to the console too */
    bool shown;      /* those of the last question did */
    bool wanted;     /* they are to, and the next question may not be asked yet */
    bool stalls;     /* it asks because the job stands still */
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
    struct folder job_dir; /* of the keeper, as it has told last; all zero: none */
    struct remains remains;
    struct pulse pulse;
    struct neighbour neighbours[TREE_LINKS_MAX]; /* as pulse.links */
    struct doorbell doorbell;
    uint64_t last_word;    /* of this rank; 0: none */
    int64_t rung_for_gate; /* when this rank last rang at its neighbours for a gate */
    struct root *root;     /* rank 0 only */
    struct asking asking;

    int attempt;     /* from 0 */
    int far_attempt; /* the latest that another rank has told of */
    struct run run;
    struct foreign foreign;
    struct buf common;        /* the part of its slice that all ranks have; of the latest attempt */
    struct slice *next_slice; /* of the next attempt, when it overtook the last gate */
    struct cause *next_alarm; /* the same */
    int64_t start_at;         /* rank 0: when it may send the slices of this attempt */

    struct cause *order; /* the first cause that is about the job as a whole; NULL: none */
    int64_t order_time;
    enum told told;       /* a second signal HERE, or the parent's end after any, ends the grace */
    int preempt_signal;   /* 0: none */
    int64_t preempt_ends; /* rank 0: when it stops the job; CLOCK_NEVER */

    int uplink;                /* the next rank on the way to rank 0 (relay) */
    int64_t sought;            /* when this rank last asked whether rank 0 lives */
    bool seeks_again;          /* another rank has asked it since */
    char *program;             /* the file that is the command's first word here; NULL: not known */
    int64_t root_heard, heard; /* rank 0, and anybody */
    int64_t asked;  /* since when others are asked whether this one is cut off; 0: they are not */
    bool answered;  /* anybody was heard after that */
    int leave_code; /* rank 0's, by which all leave without a gate */

    bool acts;          /* something has happened in this turn of the loop */
    int64_t last_event; /* when something did last */
};

/* This machine's part has come to that stage. */
void coord_enter(struct coord *c, enum stage stage);

/* The first gate of each attempt. A job without servers has one less. */
enum stage coord_first_gate(const struct coord *c);

/* Marks this machine as over, unless it is, although its keeper does not tell how its processes
 * ended. */
void coord_abandon(struct coord *c);

/* The attempt has one more reason to end. */
void coord_raise(struct coord *c, enum ends reason);

#endif
