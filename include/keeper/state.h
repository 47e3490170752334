/* state: what a keeper knows: its stage, its processes, what is due when, and the events that the
 * stages have still to answer. All other files of the keeper's machine stand on this one; only
 * machine.c takes events out and enters stages.
 */
#ifndef KEEPER_STATE_H
#define KEEPER_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

#include "base/buf.h"
#include "base/silence.h"
#include "job/plan.h"
#include "keeper/clients.h"
#include "keeper/ending.h"
#include "keeper/jobdir.h"
#include "keeper/listen.h"
#include "keeper/oom.h"
#include "keeper/output.h"
#include "keeper/sample.h"
#include "keeper/shm.h"
#include "keeper/spawn.h"
#include "keeper/stage.h"
#include "keeper/watch.h"
#include "wire/message.h"
#include "wire/outcome.h"
#include "wire/ringing.h"
#include "wire/waiting.h"

/* A program that a child's shell ran in front of a pipe, and that ended badly: the shell's own
 * code does not tell it. */
enum { PIPED_SHELLS = 8 };
struct piped {
    int pid; /* 0: there is none */
    int status;
    pid_t shells[PIPED_SHELLS]; /* above it; the child's own is the last */
    size_t n_shells;
    int64_t at;
    unsigned long long switches; /* of all shells, when they were last looked at */
    int64_t still_since;         /* none of them has run since then */
    int64_t next_look;           /* at them */
    bool told;                   /* the user was told, and what follows is the shell's decision */
    unsigned long long ticks; /* a child of the shells that was started later is no part of the same
                                 pipe (as in struct proc) */
};

/* One process of the plan. */
struct child {
    const struct process_plan *plan;
    int pid;    /* 0: not started */
    int stream; /* of output; -1: none */
    bool running;
    bool stopped;  /* we have signalled it while it ran */
    int64_t dying; /* since when a signal was ending it, before we signalled it; 0: none was */
    bool paused;   /* a signal has stopped it, and the user was told */
    int64_t start, ready, end; /* clock_ms; -1: never */
    int status;                /* as wait gives it, once it has ended */
    unsigned long long pipe;   /* number of the pipe that it prints into; 0: not known */
    struct piped piped;
    unsigned long long decided; /* what its shells had started by then is past: they have gone on */
    int unread;                 /* the pid of a program whose reader had left first */
    bool unhooked;              /* its Python has not loaded the hook; the user was told */
    int64_t waits_at_exit; /* since when an unhooked one seems to wait in DGL's barrier; 0: not */
    struct rusage usage;
    struct usage used, peak;           /* of its tree: at the last sample, and the most so far */
    unsigned long long cpu, cpu_spent; /* as in struct sample_tree, at the last sample */
};

/* The likeliest first cause among the bad ends of one moment. */
struct suspect {
    int weight;          /* -1: there is none */
    int child;           /* whose end it is; -1: a descendant's that is no child, in cause */
    struct cause *cause; /* NULL: it is made of the child's end when it is decided */
    int64_t since;
};

/* What is known of the rank (rank.c; link.c sees its end). */
enum rank_state {
    RANK_SPEAKS,
    RANK_SILENT, /* has given no sign for too long */
    RANK_TOLD,   /* was told to leave, since it was silent */
    RANK_DONE,   /* LEAVE has come: it wants nothing more */
    RANK_GONE    /* EOF: nobody hears us */
};
struct rank {
    int pid;
    struct silence silence;
    enum rank_state state;
    int64_t ends; /* when it is told to leave, then KILLed; CLOCK_NEVER */
};

/* Whom to tell when the rank has died (will.c). */
struct heir {
    uint32_t address; /* host byte order */
    int port;
};
struct will {
    struct ringing ringing;
    struct heir *heirs;
    size_t n;
    int fd;       /* -1: it has not been opened */
    int left;     /* how often they are still told */
    int64_t next; /* clock_ms; CLOCK_NEVER */
};

/* The limit for clients to be connected (connected.c). */
struct connected {
    struct clients clients; /* of this machine's servers */
    int64_t ends, pause;
    int lacks; /* the server that lacked a client when last looked at; -1: none did */
};

/* The Pythons that have told that they have the hook (hooked.c). */
struct python {
    pid_t pid, parent;
    int child;
};
struct hooked {
    int fd;          /* -1: the hook cannot tell anything */
    char text[1024]; /* a line that is not complete yet */
    size_t len;
    int waiting; /* bytes that are still to be read in this turn */
    struct python *known;
    size_t n;
};

/* What the machine's processes use (usage.c). */
struct sampling {
    struct sampler *sampler;   /* NULL: no samples are taken */
    int64_t taken, passed_ms;  /* when the last was, and how long after the one before */
    int64_t memory_kb, shm_kb; /* as in the outcome */
    struct curve curve;
    bool told_memory, told_shm; /* the user was told that it is nearly full */
};

/* Since when nothing moves (stillness.c). */
struct stillness {
    int64_t since;
    uint64_t bytes;     /* at the last look at them */
    int64_t next_bytes; /* when it looks again; 0: the next look is the first */
    bool told;          /* the rank knows that nothing moves */
};

/* What machine.c does at a given time; the times stand in machine.timers, clock_ms or
 * CLOCK_NEVER. */
enum timer {
    TIMER_PROBE,    /* next look at ports */
    TIMER_START,    /* start_timeout */
    TIMER_JUDGE,    /* the suspect becomes the cause */
    TIMER_LEFT,     /* servers have left: the rest must follow */
    TIMER_CLIENTS,  /* next look at the servers' connections; connect_timeout */
    TIMER_SAMPLERS, /* samplers and trainers have not left together */
    TIMER_STAGE,    /* exit_timeout, kill_grace, a second of KILL, a look at what is removed */
    TIMER_FLUSH,    /* OVER: no longer waits for credit */
    TIMER_SAMPLE,   /* of what the processes use */
    TIMER_SILENCE,  /* a trainer will have printed nothing for long */
    TIMER_COUNT
};

/* How far the report of the attempt's end to the rank has got. */
enum reporting {
    REPORT_WAITS, /* for the console's credit */
    REPORT_NOW,   /* waits no longer */
    REPORT_SENT   /* OUTCOME and REACHED are on their way */
};

/* raised: the stage in which it was added. Events that count in that stage alone are dropped when
 * it has passed. */
struct event {
    enum stage_event what;
    enum stage raised;
};

struct machine {
    struct spawn_origin origin;
    enum stage stage, reached;                      /* reached: the last one before STOP */
    struct event events[STAGE_COUNT * EVENT_COUNT]; /* the oldest first; none stands there twice */
    int n_events;
    int64_t timers[TIMER_COUNT];
    struct slice *slice; /* NULL before PLAN */
    struct child *children;
    struct listen_server *servers; /* one a child of role server, in the same order */
    int n, n_servers;
    int master_port;
    struct jobdir job_dir; /* DGL_JOB_DIR here */
    char *python_hook;     /* folder of sitecustomize.py; NULL: none */
    struct hooked hooked;
    struct shm shm;
    struct logs logs;      /* whom its log files are handed to */
    struct output *output; /* NULL before the start */
    char host[256];

    struct cause *cause; /* the first failure here; NULL: none */
    int64_t failed_at;
    struct warnings warnings; /* age_ms: minus the moment, until the outcome is packed */
    struct suspect suspect;   /* becomes the cause at TIMER_JUDGE, unless one weighs more by then */
    struct connected connected;
    struct sampling sampling;
    struct stillness stillness;
    int left_first;        /* the child that was the first server to leave with 0; -1: none */
    int sampler_left;      /* the same of samplers that we have started */
    struct deaths *deaths; /* deaths.c's own; NULL before it is needed */
    struct watch *watch;   /* of descendants; NULL: not now */
    struct oom *oom;       /* NULL before the start */

    int64_t began;        /* when servers were started; -1: never */
    int64_t stop_ends;    /* the end of kill_grace; CLOCK_NEVER: TERM has not been sent */
    int kills;            /* how often KILL was sent in this stage */
    struct ending ending; /* of what has had KILL */
    struct strv unkilled; /* as in the outcome */
    pid_t clearing;       /* OVER: removes what the attempt has left; 0: has ended */
    unsigned long long clearing_switches; /* proc_switches of it, at the last look */
    pid_t sweeping;         /* removes what dead jobs have left; 0: has ended, or was not begun */
    struct waiting waiting; /* the last MESSAGE_WAITING; left -1: none was sent */

    /* link */
    struct rank rank;
    struct will will;
    int socket;
    struct buf in, out;
    char *last_words; /* said in the place of a rank that is dead or silent; NULL: nothing */
    bool told;        /* STOP has come: do not wait long for the console's credit */
    enum reporting reporting;
    bool log_said; /* the user was told of a log file that is not complete */
};

/* A machine that has nothing to do yet. rank: the pid of the process that has forked this one. */
void state_init(struct machine *m, int rank, int socket, const struct spawn_origin *origin);

/* Makes it the same again after an attempt that is over, for the next one. */
void state_again(struct machine *m);
void state_free(struct machine *m);

/* Appends an event. machine.c takes it later, not before this returns. */
void state_add(struct machine *m, enum stage_event what);

/* Takes out the oldest event that still counts; false: there is none. */
bool state_take(struct machine *m, enum stage_event *what);

/* Clears the timers of what was due while the job ran. */
void state_forget_timers(struct machine *m);

bool state_running(const struct machine *m, enum role role);
bool state_is_server(const struct child *child);
bool state_is_sampler(const struct child *child);

/* The child that runs, or else ran, under this pid; -1: none. */
int state_child_of(const struct machine *m, pid_t pid);

#endif
