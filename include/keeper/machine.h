/* machine: the state of a keeper, its stages, and what is due when. Used by the keeper's own files
 * alone, each of which owns a part of what it does: starting, stopping, reaping, failure, leaving,
 * deaths, link; keeper has the loop.
 */
#ifndef KEEPER_MACHINE_H
#define KEEPER_MACHINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

#include "base/buf.h"
#include "base/silence.h"
#include "job/plan.h"
#include "keeper/ending.h"
#include "keeper/jobdir.h"
#include "keeper/listen.h"
#include "keeper/output.h"
#include "keeper/shm.h"
#include "keeper/spawn.h"
#include "keeper/stage.h"
#include "wire/message.h"
#include "wire/outcome.h"
#include "wire/waiting.h"

/* A program that a child's shell ran, whose output goes through a pipe, and which ended badly: the
 * shell tells nobody. */
struct piped {
    int pid; /* 0: there is none */
    int status;
    int64_t at;
    bool told;                /* the user was, and it is left to the shell */
    unsigned long long ticks; /* at, as the start of a process is counted */
};

/* One process of the plan. */
struct child {
    const struct process_plan *plan;
    int pid;    /* 0: not started */
    int stream; /* of output; -1: none */
    bool running;
    bool stopped;              /* we had signalled it while it ran */
    int64_t dying;             /* before we did, a signal was ending it, since then; 0: none was */
    bool paused;               /* a signal has stopped it, and the user was told */
    int64_t start, ready, end; /* clock_ms; -1: never */
    int status;                /* as wait gives it, once it has ended */
    unsigned long long pipe;   /* number of the pipe that it prints into; 0: not known */
    struct piped piped;
    int unread;            /* the pid of one whose reader had left first */
    bool unhooked;         /* its Python has not loaded the hook; the user was told */
    int64_t waits_at_exit; /* then: since when it seems to wait in DGL's barrier; 0: it does not */
    struct rusage usage;
};

/* The heaviest of the bad ends of one moment. */
struct suspect {
    int weight;          /* -1: there is none */
    int child;           /* whose end it is; -1: of what is no child of ours, by cause */
    struct cause *cause; /* NULL: made of the child when it is decided */
    int64_t since;
};

/* What is known of the rank while it lives (rank.c). */
struct rank {
    int pid;
    struct silence silence;
    enum { RANK_SPEAKS, RANK_SILENT, RANK_TOLD } state;
    int64_t ends; /* when it is told to leave, then KILLed; CLOCK_NEVER */
};

struct machine {
    struct spawn_origin origin;
    enum stage stage;
    struct slice *slice; /* NULL before PLAN */
    struct child *children;
    struct listen_server *servers; /* one a child of role server, in the same order */
    int n, n_servers;
    int master_port;
    struct jobdir job_dir; /* DGL_JOB_DIR here */
    char *python_hook;     /* folder of sitecustomize.py; NULL: none */
    struct hooked *hooked; /* hooked.c's own; NULL: the hook cannot tell anything */
    struct shm shm;
    struct output *output; /* NULL before the start */
    char host[256];

    struct cause *cause; /* the first failure here; NULL: none */
    int64_t failed_at;
    struct warnings warnings; /* age_ms: minus the moment, until the outcome is packed */
    struct suspect suspect;   /* becomes the cause at judge_ends, unless one weighs more by then */
    int left_first;           /* the child that was the first server to leave with 0; -1: none */
    int sampler_left;         /* the same of samplers that we have started */
    struct deaths *deaths;    /* deaths.c's own; NULL before it is needed */

    /* deadlines, clock_ms or CLOCK_NEVER */
    int64_t began;        /* when servers were started; -1: never */
    int64_t stage_ends;   /* exit_timeout, kill_grace, a second of KILL */
    int64_t stop_ends;    /* of kill_grace, once STOP has been sent */
    int64_t probe_at;     /* next look at ports */
    int64_t start_ends;   /* start_timeout */
    int64_t judge_ends;   /* the suspect becomes the cause */
    int64_t left_ends;    /* servers have left: the rest must follow */
    int64_t samplers_end; /* samplers and trainers have not left together */
    int64_t silent_at;    /* a trainer will have printed nothing for long */
    int64_t flush_ends;   /* OVER: no longer waits for credit */
    int probe_every;
    int kills;              /* how often KILL was sent in this stage */
    struct ending ending;   /* of what has had KILL */
    struct strv unkilled;   /* as in the outcome */
    pid_t clearing;         /* OVER: removes what the attempt has left; 0: has ended */
    pid_t sweeping;         /* removes what dead jobs have left; 0: has ended, or was not begun */
    struct waiting waiting; /* the last MESSAGE_WAITING, once one was sent */
    bool told_waiting;

    /* link */
    struct rank rank;
    int socket;
    struct buf in, out;
    char *last_words; /* said in the place of a rank that is dead or silent; NULL: there is none */
    bool rank_gone;   /* EOF: nobody hears us */
    bool drained;     /* DRAIN was reached: what ends badly from then on is a warning */
    bool told;        /* STOP has come: what the console has no credit for is not waited for long */
    bool may_leave;   /* LEAVE has come */
    bool reported;    /* OUTCOME and REACHED_OVER are on their way */
    bool log_said;    /* the user was told of a log file that is not complete */
};

/* An event: enters the next stage. */
void machine_event(struct machine *m, enum stage_event event);

/* A machine that has nothing to do yet. rank: the pid of the process that has forked this one. */
void machine_init(struct machine *m, int rank, int socket, const struct spawn_origin *origin);

/* The same after an attempt that is over, for the next one. */
void machine_again(struct machine *m);

/* Hands the pre-emption signal to the trainers that run, and to nobody else. */
void machine_preempt(struct machine *m, int signal);

/* The rank says STOP; hurry: without grace. */
void machine_told_to_stop(struct machine *m, bool hurry);

/* Deadlines that have passed. */
void machine_tick(struct machine *m, int64_t now);

/* OVER, and what is to be told of the attempt is known and has not been told. */
bool machine_may_report(const struct machine *m);

/* The next deadline. */
int64_t machine_deadline(const struct machine *m);

bool machine_running(const struct machine *m, enum role role);
bool machine_is_server(const struct child *child);
bool machine_is_sampler(const struct child *child);

/* What was due while the job ran is not due any more. */
void machine_forget_deadlines(struct machine *m);
void machine_free(struct machine *m);

#endif
