/* machine: the state of a keeper, and what its stages do. Used by the keeper's own files alone:
 * machine.c (stages), starting.c and stopping.c (its processes), failure.c (what counts as one),
 * reaping.c (who has ended), leaving.c (orderly ends), deaths.c (the children's own children),
 * link.c (messages), keeper.c (the loop).
 */
#ifndef KEEPER_MACHINE_H
#define KEEPER_MACHINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

#include "base/buf.h"
#include "job/plan.h"
#include "keeper/listen.h"
#include "keeper/output.h"
#include "keeper/shm.h"
#include "keeper/spawn.h"
#include "keeper/stage.h"
#include "wire/message.h"
#include "wire/outcome.h"

/* One process of the plan. */
struct child {
    const struct process_plan *plan;
    int pid;    /* 0: not started */
    int stream; /* of output; -1: none */
    bool running;
    bool stopped;              /* we had signalled it while it ran */
    bool paused;               /* a signal has stopped it, and the user was told */
    int64_t start, ready, end; /* clock_ms; -1: never */
    int status;                /* as wait gives it, once it has ended */
    struct rusage usage;
};

/* The heaviest of the bad ends of one moment. */
struct suspect {
    int weight;          /* -1: there is none */
    int child;           /* whose end it is; -1: of what is no child of ours, by cause */
    struct cause *cause; /* NULL: made of the child when it is decided */
    int64_t since;
};

struct machine {
    struct spawn_origin origin;
    enum stage stage;
    struct slice *slice; /* NULL before PLAN */
    struct child *children;
    struct listen_server *servers; /* one a child of role server, in the same order */
    int n, n_servers;
    int master_port;
    char *job_dir;     /* DGL_JOB_DIR here; NULL: not made */
    char *python_hook; /* folder of the trainers' sitecustomize.py; NULL: none */
    struct shm shm;
    struct output *output; /* NULL before the start */
    char host[256];

    struct cause *cause; /* the first failure here; NULL: none */
    int64_t failed_at;
    struct strv warnings;
    struct suspect suspect; /* becomes the cause at judge_ends, unless one weighs more by then */
    int left_first;         /* the child that was the first server to leave with 0; -1: none */
    int sampler_left;       /* the same of samplers that we have started */
    struct deaths *deaths;  /* deaths.c's own; NULL before it is needed */

    /* deadlines, clock_ms or CLOCK_NEVER */
    int64_t began;        /* when servers were started; -1: never */
    int64_t stage_ends;   /* exit_timeout, kill_grace, a second of KILL */
    int64_t stop_ends;    /* of kill_grace, once STOP has been sent */
    int64_t probe_at;     /* next look at ports */
    int64_t start_ends;   /* start_timeout */
    int64_t judge_ends;   /* the suspect becomes the cause */
    int64_t left_ends;    /* servers have left: the rest must follow */
    int64_t samplers_end; /* samplers and trainers have not left together */
    int64_t flush_ends;   /* OVER: no longer waits for credit */
    int probe_every;
    char *waiting; /* the last MESSAGE_WAITING, or NULL */

    /* link */
    int socket;
    struct buf in, out;
    char *last_words; /* when the rank died before its time; NULL: it did not */
    bool rank_gone;   /* EOF: nobody hears us */
    bool drained;     /* DRAIN was reached: what ends badly from then on is a warning */
    bool told;        /* STOP has come: what the console has no credit for is not waited for long */
    bool may_leave;   /* LEAVE has come */
    bool reported;    /* OUTCOME and REACHED_OVER are on their way */
    bool log_said;    /* the user was told of a log file that is not complete */
};

/* machine.c: an event; enters the next stage. */
void machine_event(struct machine *m, enum stage_event event);

/* A machine that has nothing to do yet. */
void machine_init(struct machine *m, int socket, const struct spawn_origin *origin);

/* The same after an attempt that is over, for the next one. */
void machine_again(struct machine *m);

/* Hands the pre-emption signal to the trainers that run, and to nobody else. */
void machine_preempt(struct machine *m, int signal);

/* The rank says STOP; hurry: without grace. */
void machine_told_to_stop(struct machine *m, bool hurry);

/* Deadlines that have passed. */
void machine_tick(struct machine *m, int64_t now);

/* The next deadline. */
int64_t machine_deadline(const struct machine *m);

bool machine_running(const struct machine *m, enum role role);
bool machine_is_server(const struct child *child);
bool machine_is_sampler(const struct child *child);

/* What was due while the job ran is not due any more. */
void machine_forget_deadlines(struct machine *m);
void machine_free(struct machine *m);

/* starting.c: what the processes of an attempt need before the first of them: output, shared
 * memory, the job's folder; then the Python hook of its trainers. 0, or -1 after a failure was
 * raised. */
int starting_prepare(struct machine *m);
void starting_python_hook(struct machine *m);

/* Starts the servers, or everything else. 0, or -1 after a failure was raised. */
int starting_all(struct machine *m, bool servers);

/* Looks who LISTENs; EVENT_READY when all servers do. start_timeout is over for the others. */
void starting_probe(struct machine *m, int64_t now);
void starting_overdue(struct machine *m);

/* stopping.c: entries of STOP, STOP_SERVERS and KILL. */
void stopping_clients(struct machine *m);
void stopping_servers(struct machine *m);
void stopping_all(struct machine *m);

/* In TRAINERS, without trainers: TERM to the samplers that we have started, then KILL. */
void stopping_samplers(struct machine *m);

/* In STOP: is nothing but servers left? Then EVENT_DONE. */
void stopping_look(struct machine *m);

/* reaping.c: the child that runs, or else ran, under this pid; -1: none. */
int reaping_child_of(const struct machine *m, pid_t pid);

/* Reaps what has ended and judges it; EVENT_EMPTY when nothing is left. */
void reaping_reap(struct machine *m);

/* Says who is stopped, or goes on. */
void reaping_look_paused(struct machine *m);

/* failure.c: takes cause over; only the first one counts, and it stops this machine. */
void failure_raise(struct machine *m, struct cause *cause);

/* A cause about child i (-1: about the launcher here) with its log and last lines; text may be
 * NULL. */
struct cause *failure_about(struct machine *m, int i, enum how how, int value, int code,
                            const char *text);

/* A cause about what is no child of ours, which ended at since: weighed against other bad ends of
 * the same moment. Taken over. */
void failure_suspect(struct machine *m, struct cause *cause, int64_t since);

/* The suspect, if there is one, becomes the cause. */
void failure_decide(struct machine *m);

/* What follows from the ends of these children, reaped together: n numbers in ended. */
void failure_judge(struct machine *m, const int *ended, int n);

/* A signal from outside to this keeper. */
void failure_told_to_stop(struct machine *m, int signal);

void failure_warn(struct machine *m, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* leaving.c: what follows from these ends where they were good ones; as failure_judge, which calls
 * it. Then: servers have left and the others did not follow in time; a sampler and its machine's
 * trainers did not leave together. */
void leaving_judge(struct machine *m, const int *ended, int n);
void leaving_servers_overdue(struct machine *m);
void leaving_samplers_overdue(struct machine *m);

/* deaths.c: samplers and other descendants, from TRAINERS to DRAIN. fd: readable when one has died,
 * -1: none; then pump. Begins and rests by itself as the stage asks for. */
int deaths_fd(const struct machine *m);
void deaths_pump(struct machine *m);
void deaths_tick(struct machine *m, int64_t now);
int64_t deaths_deadline(const struct machine *m);
void deaths_reaped(struct machine *m, pid_t pid, int status); /* an orphan, by us */
void deaths_report(struct machine *m);                        /* its lines become warnings */
void deaths_free(struct machine *m);

/* What is known about a death by signal; NULL: nothing. The caller frees. */
char *deaths_explain(struct machine *m, int signal, pid_t pid, int64_t peak_kb);

/* link.c: messages. */
void link_send(struct machine *m, enum message_type type, const void *data, size_t len);
void link_send_u32(struct machine *m, enum message_type type, uint32_t value);
void link_send_cause(struct machine *m, enum message_type type, struct cause *cause, int64_t since);
void link_send_outcome(struct machine *m);
void link_say(struct machine *m, const char *text); /* a line for the user, at once */
/* When nothing is left to be ended: the folder of the log files may hang. */
void link_write_last_words(const struct machine *m);
void link_read(struct machine *m);  /* reads and obeys; at EOF says that the rank has died */
void link_write(struct machine *m); /* writes what can be written */

#endif
