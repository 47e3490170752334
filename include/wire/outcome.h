/* outcome: what became of one machine's part of the job, and why. Plain data. */
#ifndef WIRE_OUTCOME_H
#define WIRE_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/strv.h"
#include "wire/curve.h"
#include "job/role.h"

enum how {
    HOW_NONE,
    HOW_EXITED,        /* value: exit code, not 0 */
    HOW_SIGNALED,      /* value: signal */
    HOW_LEFT_EARLY,    /* a server exited 0 before the trainers had ended */
    HOW_EXEC_FAILED,   /* value: errno; text: step and path */
    HOW_CHECK_FAILED,  /* text: what the machine lacks before start */
    HOW_START_TIMEOUT, /* text: who was not ready */
    HOW_TOLD_TO_STOP,  /* a signal from outside to a rank or keeper; value: signal */
    HOW_PARENT_GONE,   /* the process that started the rank is gone */
    HOW_LOST,      /* a machine fell silent, or (value 1) its rank has died; machine/host are the
                      lost one's */
    HOW_PREEMPTED, /* the pre-emption signal came to a rank; value: signal */
    HOW_LAUNCHER,  /* the launcher itself failed; text: why */
    HOW_RAISED,    /* a trainer has raised and waits in DGL's barrier at exit; text: since when */
    HOW_CONNECT_TIMEOUT, /* text: the server, and who is not connected to it */
    HOW_STALLED, /* text: what has stood still for how long, and the odd one out; it is the process
                  */
    HOW_COUNT
};

enum { CAUSE_LINES = 20 };

/* The first failure as one machine saw it. */
struct cause {
    enum how how;
    int machine; /* -1: not known */
    char *host;
    enum role role;         /* ROLE_LAUNCHER: none of the job's processes */
    int id;                 /* global id within role; -1: none */
    int pid;                /* 0: none */
    int value;              /* see enum how */
    int code;               /* the job's exit code if this is the first failure */
    int64_t age_ms;         /* since it happened, at the moment of packing */
    char *text;             /* a sentence, or NULL */
    char *exception;        /* "ValueError: ..." from torch's error file, or NULL */
    char *log;              /* path of the log file, or NULL */
    struct strv last_lines; /* that the process printed, CAUSE_LINES at most */
};

/* What a process and all below it use. */
struct usage {
    int64_t rss_kb;     /* resident memory; a page that several share counts once a process */
    int64_t private_kb; /* of it, what is no file's and not shared */
    int threads, files, processes; /* files: open descriptors */
};

/* What a process does, at the moment of packing. */
struct process_now {
    char state[2];        /* of the program proper, as /proc has it (R, S, D, T, ...); "": gone */
    char *call;           /* the system call in which its first thread waits; NULL: in none, or it
                             cannot be seen */
    char *peer;           /* where that call waits for a TCP socket: "ADDRESS:PORT"; NULL */
    char *below;          /* of the processes below it, one that is stopped, or dead and not
                             collected: "pid 4711 (python3) is stopped"; NULL: there is none */
    char *line;           /* the last that it printed, cut; NULL: nothing */
    int64_t silent_ms;    /* since it printed something; first, since its start */
    int64_t cpu_permille; /* of its tree, between the last two samples; 1000 is one core */
    struct usage used;    /* at the last sample */
};

/* Milliseconds since the keeper began to start servers; -1: never. */
struct process_outcome {
    enum role role;
    int id;
    int pid;
    int64_t start_ms, ready_ms, end_ms;
    int exit_code; /* -1: did not exit by itself */
    int signal;    /* 0: none */
    int stopped;   /* 1: the keeper had signalled it, so that it is no cause */
    int64_t max_rss_kb, user_ms, sys_ms;
    struct usage peak;       /* each member's largest of all samples; 0: none was taken */
    char *log;               /* path or NULL */
    struct process_now *now; /* NULL: it does not run, or nobody has asked */
};

struct warning {
    char *text;     /* a sentence */
    int64_t age_ms; /* at the moment of packing */
};

/* All zero is none. */
struct warnings {
    struct warning *items;
    size_t n;
};

/* Appends a copy. */
void warnings_add(struct warnings *warnings, const char *text, int64_t age_ms);
void warnings_clear(struct warnings *warnings);

struct outcome {
    int machine;
    int rank;
    char *host;
    char *ip;
    int port;
    int cpus;
    struct process_outcome *processes;
    int n_processes;
    int64_t memory_kb, shm_kb; /* sizes of its memory and of /dev/shm; 0: not known */
    struct curve curve;        /* what was in use of them */
    struct strv unkilled;      /* "trainer 3 (pid 4711, state D)": even KILL has not ended it */
    struct warnings warnings;  /* trouble in DRAIN, log file not writable, ... */
    struct cause *cause;       /* NULL: none here */
    /* of a job that runs; rank 0 sets it, and it does not travel: */
    int64_t told_ms; /* since this was told; -1: it was not */
    bool silent;     /* it has not answered the last question */
};

/* Free what is in it, but not the struct itself. */
void cause_clear(struct cause *cause);
void outcome_clear(struct outcome *outcome);

/* Forgets what its processes do now. */
void outcome_forget_now(struct outcome *outcome);

/* A deep copy, for cause_free. */
struct cause *cause_copy(const struct cause *cause);
void cause_free(struct cause *cause); /* NULL is fine */

/* To bytes and back. Unpacking: NULL or -1 when malformed. */
void message_pack_cause(struct buf *out, const struct cause *cause);
struct cause *message_unpack_cause(const char *data, size_t len);
void message_pack_outcome(struct buf *out, const struct outcome *outcome);
int message_unpack_outcome(const char *data, size_t len, struct outcome *outcome);

#endif
