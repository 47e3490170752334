/* standin_rank: in the place of clock, log, watchdog, launch, signals, sleepers and other files of
 * the coordinator that look at this machine. Whoever defines all that a file of the library does
 * keeps it out of the link.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/watchdog.h"
#include "coord/launch.h"
#include "coord/masterport.h"
#include "coord/network.h"
#include "coord/peers.h"
#include "coord/ports.h"
#include "coord/rundir.h"
#include "coord/signals.h"
#include "coord/sleepers.h"
#include "job/interfaces.h"
#include "net.h"
#include "standin.h"

/* ---- clock ---- */

int64_t clock_ms(void)
{
    enum { SINCE_BOOT_MS = 1000000 };

    return SINCE_BOOT_MS + world_ms();
}

int clock_poll_timeout(int64_t now, int64_t deadline)
{
    if (deadline == CLOCK_NEVER)
        return -1;
    return deadline <= now ? 0 : deadline - now > INT32_MAX ? INT32_MAX : (int)(deadline - now);
}

int64_t clock_cpu_us(void)
{
    return 0;
}

char *clock_utc_extended(char *text, size_t size)
{
    snprintf(text, size, "2026-11-24T10:49:37Z");
    return text;
}

char *clock_utc_basic(char *text, size_t size)
{
    snprintf(text, size, "20261124T104937Z");
    return text;
}

/* ---- log ---- */

void log_set_level(enum log_level level)
{
    standin_node()->level = level;
}

void log_set_sink(void (*sink)(void *arg, const char *line), void *arg)
{
    standin_node()->sink = sink;
    standin_node()->sink_arg = arg;
}

static void emit(const char *kind, const char *format, va_list args)
{
    const struct node *node = standin_node();
    struct buf line = {0};
    char *text = mem_vprintf(format, args);

    buf_addf(&line, "dgl-mpilaunch: %s", kind);
    text_harmless_lines(&line, text, "", strlen(text) * 6);
    buf_add(&line, "\n", 2);
    if (node->sink)
        node->sink(node->sink_arg, line.data);
    else
        trace(node, "prints %.*s", (int)line.len - 2, line.data);
    buf_free(&line);
    free(text);
}

#define LOG_FUNCTION(name, kind, least)                                                            \
    void name(const char *format, ...)                                                             \
    {                                                                                              \
        va_list args;                                                                              \
                                                                                                   \
        if (standin_node()->level < (least))                                                       \
            return;                                                                                \
        va_start(args, format);                                                                    \
        emit(kind, format, args);                                                                  \
        va_end(args);                                                                              \
    }

LOG_FUNCTION(log_error, "error: ", LOG_QUIET)
LOG_FUNCTION(log_warning, "warning: ", LOG_NORMAL)
LOG_FUNCTION(log_notice, "", LOG_NORMAL)
LOG_FUNCTION(log_verbose, "", LOG_VERBOSE)

/* ---- watchdog: nothing blocks here ---- */

void watchdog_leave_by(void (*leave)(int code) __attribute__((noreturn)))
{
    (void)leave;
}

int64_t watchdog_shorter(int64_t a_ms, int64_t b_ms)
{
    return !a_ms || (b_ms && b_ms < a_ms) ? b_ms : a_ms;
}

void watchdog_begin(int64_t timeout_ms, int code, const char *format, ...)
{
    (void)timeout_ms, (void)code, (void)format;
}

void watchdog_end(void)
{
}

/* ---- launch ---- */

bool launch_output_is_taken(void)
{
    return true;
}

void launch_look(struct launch *launch, char **envp)
{
    (void)envp;
    *launch = (struct launch){.by = "mpirun",
                              .one_each = "mpirun -N 1",
                              .remedy = "start one rank on each machine",
                              .use_mpi = true,
                              .rank = standin_node()->index,
                              .size = world.size,
                              .cpus = 4};
}

struct parent launch_watch_parent(const struct launch *launch)
{
    (void)launch;
    return (struct parent){.fd = standin_fd(standin_node(), FD_PARENT)};
}

bool launch_parent_gone(const struct parent *parent, int revents)
{
    return parent->fd >= 0 && revents;
}

const char *launch_host(void)
{
    static char host[32];

    snprintf(host, sizeof(host), "vm%d", standin_node()->machine);
    return host;
}

int launch_check_files(size_t machines, struct err *err)
{
    (void)machines, (void)err;
    return 0;
}

int launch_check_shm(struct err *err)
{
    (void)err;
    return 0;
}

void launch_advise(const struct launch *launch, char **envp, struct strv *notices)
{
    (void)launch, (void)envp, (void)notices;
}

_Noreturn void launch_leave_early(int code)
{
    node_end(standin_node(), FATE_EXITED, code);
    abort();
}

void launch_await_others(void)
{
}

_Noreturn void launch_abort(int code)
{
    peers_abort((struct peers *)standin_node()->peers, code);
}

struct peers *peers_open(const struct launch *launch, struct err *err)
{
    (void)launch, (void)err;
    return net_open(standin_node());
}

/* ---- signals ---- */

void signals_remember(void)
{
}

int signals_open(struct err *err)
{
    (void)err;
    return 0;
}

void signals_hold(void)
{
    standin_node()->holds_signals = true;
}

int signals_fd(void)
{
    return standin_fd(standin_node(), FD_SIGNALS);
}

int signals_take(void)
{
    struct node *node = standin_node();
    int number = node->n_signals ? node->signals[0] : 0;

    if (number)
        memmove(node->signals, node->signals + 1, (size_t)--node->n_signals * sizeof(int));
    return number;
}

void signals_watch(int number)
{
    (void)number;
}

/* ---- sleepers ---- */

struct sleepers {
    int machine;
};

struct sleepers *sleepers_open(uint64_t key, int machine, int n, struct err *err)
{
    struct sleepers *s = mem_calloc(1, sizeof(*s));

    (void)key, (void)n, (void)err;
    s->machine = machine;
    return s;
}

int sleepers_poll(const struct sleepers *s, struct pollfd *entries, int room)
{
    (void)s, (void)entries, (void)room;
    return 0;
}

int sleepers_event(struct sleepers *s)
{
    (void)s;
    return 0;
}

void sleepers_dismiss(struct sleepers *s, int code)
{
    for (int i = world.schedule->machines; i < world.size; i++)
        if (world_node(i)->machine == s->machine)
            world_node(i)->told_to_wake = code + 1;
    free(s);
}

int sleepers_connect(uint64_t key, int machine, struct err *err)
{
    (void)key, (void)machine, (void)err;
    return standin_fd(standin_node(), FD_SLEEPER);
}

/* The real one hears the end of the elected rank by its socket. */
int sleepers_sleep(int fd, int signals_fd, const struct parent *parent)
{
    enum { LOOK_US = 100000 };
    const struct node *node = standin_node(), *elected = world_node(node->machine);
    int64_t alone_until = WORLD_FOREVER;

    (void)fd, (void)signals_fd, (void)parent;
    while (!node->told_to_wake && world.now < alone_until) {
        if (!node_runs(elected) && alone_until == WORLD_FOREVER)
            alone_until = world.now + SLEEPERS_ALONE_MS * 1000;
        node_wait(LOOK_US);
    }
    return node->told_to_wake ? node->told_to_wake - 1 : EXIT_LAUNCHER;
}

/* ---- this machine ---- */

int masterport_hold(struct masterport *master)
{
    *master = (struct masterport){.fd = -1, .port = 29500};
    return 0;
}

void masterport_release(struct masterport *master)
{
    *master = MASTERPORT_NONE;
}

bool ports_take(struct ports *ports, int base, int n)
{
    (void)ports, (void)base, (void)n;
    return true;
}

int ports_next(struct ports *ports, int from, int n)
{
    (void)ports, (void)n;
    return from;
}

void ports_release(struct ports *ports)
{
    (void)ports;
}

void network_prefer(const struct options *options)
{
    (void)options;
}

int rundir_make(const char *path, struct err *err)
{
    (void)path, (void)err;
    return 0;
}

int rundir_make_logs(const char *logs, struct err *err)
{
    (void)logs, (void)err;
    return 0;
}

struct interface *interfaces_list(size_t *n)
{
    struct interface *one = mem_calloc(1, sizeof(*one));

    *one = (struct interface){
        .name = "eth0", .address = 10u << 24 | (uint32_t)standin_node()->machine, .primary = true};
    *n = 1;
    return one;
}
