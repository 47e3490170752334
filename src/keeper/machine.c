/* machine: what entering each stage does, who has ended, who listens, what is overdue. Knows the
 * plan; what counts as a failure is failure.c's, how things travel link.c's.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "keeper/jobdir.h"
#include "keeper/machine.h"
#include "keeper/proc.h"
#include "keeper/pythonhook.h"
#include "keeper/watch.h"

#define PROBE_FIRST_MS 50
#define PROBE_SLOW_MS  250
#define KILL_AGAIN_MS  1000
#define FLUSH_MS       5000 /* OVER after a failure: for console credit */
#define SERVERS_MS     1000 /* of kill_grace, for the servers alone at its end; at most half of it */

static bool is_server(const struct child *child)
{
    return child->plan->role == ROLE_SERVER;
}

bool machine_running(const struct machine *m, enum role role)
{
    for (int i = 0; i < m->n; i++) {
        if (m->children[i].running && m->children[i].plan->role == role)
            return true;
    }
    return false;
}

static void output_send(void *arg, const char *lines, size_t len)
{
    link_send(arg, MESSAGE_OUTPUT, lines, len);
}

static void output_warn(void *arg, const char *sentence)
{
    failure_warn(arg, "%s", sentence);
}

static void open_output(struct machine *m)
{
    struct output_sink sink = {output_send, output_warn, m, OUTPUT_PATIENCE_MS};

    m->output = output_open(m->slice->host, m->slice->log_dir, m->slice->attempt, &sink);
}

static int begin_shm(struct machine *m)
{
    struct err err;

    if (shm_begin(&m->shm, m->slice, &err) != 0) {
        failure_raise(m, failure_about(m, -1, HOW_CHECK_FAILED, 0, err.code, err.text));
        return -1;
    }
    if (err.text[0] != '\0')
        failure_warn(m, "%s: %s", m->host, err.text);
    return 0;
}

static int make_job_dir(struct machine *m)
{
    const char *vanishing = shm_folder(&m->shm);
    struct err err = {0};

    free(m->job_dir);
    m->job_dir = vanishing == NULL ? jobdir_path(m->slice) : jobdir_path_in(vanishing, m->slice);
    if (jobdir_make(m->job_dir, &err) == 0)
        return 0;
    free(m->job_dir);
    m->job_dir = NULL;
    failure_raise(m, failure_about(m, -1, HOW_CHECK_FAILED, 0, err.code, err.text));
    return -1;
}

static void make_python_hook(struct machine *m)
{
    struct err err = {0};

    if (!pythonhook_wanted(m->slice))
        return;
    m->python_hook = pythonhook_write(m->job_dir, &err);
    if (m->python_hook == NULL)
        failure_warn(m, "%s", err.text);
}

static enum how how_of(int code)
{
    if (code == EXIT_NOT_FOUND || code == EXIT_CANNOT_EXEC)
        return HOW_EXEC_FAILED;
    return code == EXIT_MACHINE ? HOW_CHECK_FAILED : HOW_LAUNCHER;
}

static int start_child(struct machine *m, int i)
{
    struct child *child = &m->children[i];
    struct spawn_late late = {m->master_port, m->job_dir, m->python_hook};
    struct spawned spawned = {0};
    struct err err = {0};

    if (spawn_process(m->slice, child->plan, &m->origin, &late, &spawned, &err) != 0) {
        failure_raise(m, failure_about(m, i, how_of(err.code), spawned.error, err.code, err.text));
        return -1;
    }
    child->pid = spawned.pid;
    child->running = true;
    child->start = clock_ms();
    child->stream = output_add(m->output, child->plan->role, child->plan->id, spawned.output);
    return 0;
}

/* Servers, or everything else. */
static int start_all(struct machine *m, bool servers)
{
    for (int i = 0; i < m->n; i++) {
        if (is_server(&m->children[i]) == servers && start_child(m, i) != 0)
            return -1;
    }
    return 0;
}

/* Tells whom this machine waits for when that has changed. */
static void tell_waiting(struct machine *m)
{
    struct buf text = {0};

    for (int i = 0, server = 0; i < m->n; i++) {
        if (!is_server(&m->children[i]) || m->servers[server++].ready)
            continue;
        buf_addf(&text, "%sserver %d (port %d)", text.len == 0 ? "" : ", ", m->children[i].plan->id,
                 m->children[i].plan->port);
    }
    buf_add(&text, "", 1);
    if (m->waiting == NULL || strcmp(m->waiting, text.data) != 0) {
        link_send(m, MESSAGE_WAITING, text.data, text.len - 1);
        free(m->waiting);
        m->waiting = text.data;
    } else {
        buf_free(&text);
    }
}

static void probe(struct machine *m, int64_t now)
{
    size_t waiting;

    for (int i = 0, server = 0; i < m->n; i++) {
        if (is_server(&m->children[i]))
            m->servers[server++].pid = m->children[i].pid;
    }
    waiting = listen_probe(m->servers, (size_t)m->n_servers);
    for (int i = 0, server = 0; i < m->n; i++) {
        if (is_server(&m->children[i]) && m->servers[server++].ready && m->children[i].ready < 0)
            m->children[i].ready = now;
    }
    tell_waiting(m);
    m->probe_at = now + m->probe_every;
    m->probe_every =
        m->probe_every * 5 / 4 < PROBE_SLOW_MS ? m->probe_every * 5 / 4 : PROBE_SLOW_MS;
    if (waiting == 0)
        machine_event(m, EVENT_READY);
}

static void enter_servers(struct machine *m)
{
    m->began = clock_ms();
    m->probe_every = PROBE_FIRST_MS;
    open_output(m);
    if (begin_shm(m) != 0 || make_job_dir(m) != 0 || start_all(m, true) != 0)
        return;
    if (m->slice->start_timeout_ms > 0)
        m->start_ends = m->began + m->slice->start_timeout_ms;
    if (m->n_servers == 0)
        machine_event(m, EVENT_READY);
    else
        probe(m, m->began);
}

static void enter_listening(struct machine *m)
{
    m->probe_at = m->start_ends = CLOCK_NEVER;
    link_send_u32(m, MESSAGE_REACHED, REACHED_LISTENING);
}

static void enter_trainers(struct machine *m)
{
    make_python_hook(m);
    if (start_all(m, false) == 0 && m->n == m->n_servers)
        machine_event(m, EVENT_DONE);
}

static void enter_ended(struct machine *m)
{
    m->left_ends = CLOCK_NEVER;
    link_send_u32(m, MESSAGE_REACHED, REACHED_ENDED);
}

static void enter_drain(struct machine *m)
{
    m->drained = true;
    m->left_ends = CLOCK_NEVER;
    m->stage_ends = clock_ms() + m->slice->exit_timeout_ms;
    if (!machine_running(m, ROLE_SERVER))
        machine_event(m, EVENT_DONE);
}

static void mark_stopped(struct machine *m)
{
    for (int i = 0; i < m->n; i++)
        m->children[i].stopped |= m->children[i].running;
}

/* What was due while the job ran is not due any more. */
static void forget_deadlines(struct machine *m)
{
    m->probe_at = m->start_ends = m->left_ends = m->stage_ends = CLOCK_NEVER;
}

/* The servers that run: their pids, in an array that the caller frees; *n: how many. */
static pid_t *running_servers(const struct machine *m, size_t *n)
{
    pid_t *pids = mem_calloc((size_t)m->n + 1, sizeof *pids);

    *n = 0;
    for (int i = 0; i < m->n; i++) {
        if (is_server(&m->children[i]) && m->children[i].running)
            pids[(*n)++] = m->children[i].pid;
    }
    return pids;
}

static int64_t servers_share(const struct machine *m)
{
    int64_t half = m->slice == NULL ? 0 : m->slice->kill_grace_ms / 2;

    return half < SERVERS_MS ? half : SERVERS_MS;
}

/* Is nothing but servers left? */
static void look_for_clients(struct machine *m)
{
    size_t n;
    pid_t *servers = running_servers(m, &n);
    int clients = proc_count(servers, n);

    free(servers);
    if (clients == 0)
        machine_event(m, EVENT_DONE);
}

/* Reaped first: what ended before we signalled it did so by itself. Trainers and samplers go before
 * the servers, whose handler for TERM would else meet a storm of reconnects; all of them have
 * kill_grace together. */
static void enter_stop(struct machine *m)
{
    size_t n;
    pid_t *servers;

    forget_deadlines(m);
    machine_reap(m);
    failure_decide(m);
    if (m->stage != STAGE_STOP)
        return;
    mark_stopped(m);
    shm_note(&m->shm, m->job_dir);
    servers = running_servers(m, &n);
    proc_sweep(SIGTERM, servers, n);
    free(servers);
    m->stop_ends = clock_ms() + (m->slice == NULL ? 0 : m->slice->kill_grace_ms);
    m->stage_ends = m->stop_ends - servers_share(m);
    look_for_clients(m);
}

static void enter_stop_servers(struct machine *m)
{
    forget_deadlines(m);
    for (int i = 0; i < m->n; i++) {
        if (is_server(&m->children[i]) && m->children[i].running)
            proc_sweep_tree(m->children[i].pid, SIGTERM);
    }
    m->stage_ends = m->stop_ends;
}

static void enter_kill(struct machine *m)
{
    forget_deadlines(m);
    machine_reap(m);
    failure_decide(m);
    if (m->stage != STAGE_KILL)
        return;
    mark_stopped(m);
    shm_note(&m->shm, m->job_dir);
    proc_kill_all();
    m->stage_ends = clock_ms() + KILL_AGAIN_MS;
}

static void enter_over(struct machine *m)
{
    if (m->job_dir != NULL)
        jobdir_remove(m->job_dir);
    shm_end(&m->shm);
    forget_deadlines(m);
    failure_decide(m);
    m->flush_ends = m->cause == NULL && !m->told ? CLOCK_NEVER : clock_ms() + FLUSH_MS;
}

static void (*const enter[STAGE_COUNT])(struct machine *m) = {
    [STAGE_SERVERS] = enter_servers,
    [STAGE_LISTENING] = enter_listening,
    [STAGE_TRAINERS] = enter_trainers,
    [STAGE_ENDED] = enter_ended,
    [STAGE_DRAIN] = enter_drain,
    [STAGE_STOP] = enter_stop,
    [STAGE_STOP_SERVERS] = enter_stop_servers,
    [STAGE_KILL] = enter_kill,
    [STAGE_OVER] = enter_over,
};

void machine_told_to_stop(struct machine *m, bool hurry)
{
    m->told = true;
    if (m->stage == STAGE_OVER && m->flush_ends == CLOCK_NEVER && !m->reported)
        m->flush_ends = clock_ms() + FLUSH_MS;
    machine_event(m, hurry ? EVENT_HURRY : EVENT_FAIL);
}

/* KILL is entered anew each second. */
void machine_event(struct machine *m, enum stage_event event)
{
    enum stage next = stage_next(m->stage, event);

    if (next == m->stage && !(next == STAGE_KILL && event == EVENT_DEADLINE))
        return;
    m->stage = next;
    if (enter[next] != NULL)
        enter[next](m);
}

/* Where the command runs by a shell, the trainer is what the shell runs. */
static void preempt_child(const struct child *child, int signal)
{
    struct proc trainer;

    if (proc_read(watch_trainer_of(child->pid), &trainer) == 0)
        proc_signal(&trainer, signal);
}

void machine_preempt(struct machine *m, int signal)
{
    for (int i = 0; i < m->n && m->stage == STAGE_TRAINERS; i++) {
        if (m->children[i].running && m->children[i].plan->role == ROLE_TRAINER)
            preempt_child(&m->children[i], signal);
    }
}

static int child_of_pid(const struct machine *m, int pid)
{
    for (int i = 0; i < m->n; i++) {
        if (m->children[i].running && m->children[i].pid == pid)
            return i;
    }
    return -1;
}

/* Orphans that came to us are reaped too; they are nobody's failure. */
void machine_reap(struct machine *m)
{
    int *ended = mem_calloc((size_t)m->n + 1, sizeof *ended);
    struct rusage usage;
    int status, n = 0;
    pid_t pid;

    while ((pid = proc_reap(&status, &usage)) > 0) {
        int i = child_of_pid(m, pid);

        if (i < 0) {
            deaths_reaped(m, pid, status);
            continue;
        }
        m->children[i].running = false;
        m->children[i].end = clock_ms();
        m->children[i].status = status;
        m->children[i].usage = usage;
        ended[n++] = i;
    }
    failure_judge(m, ended, n);
    free(ended);
    if (pid < 0)
        machine_event(m, EVENT_EMPTY);
    else if (m->stage == STAGE_STOP && m->stop_ends != CLOCK_NEVER)
        look_for_clients(m);
}

static void start_overdue(struct machine *m)
{
    char *text = mem_printf("not listening after %lld s: %s",
                            (long long)(m->slice->start_timeout_ms / 1000), m->waiting);
    int first = 0;

    for (int i = 0, server = 0; i < m->n; i++) {
        if (is_server(&m->children[i]) && !m->servers[server++].ready) {
            first = i;
            break;
        }
    }
    failure_raise(m, failure_about(m, first, HOW_START_TIMEOUT, 0, EXIT_START_TIME, text));
    free(text);
}

static void stage_overdue(struct machine *m)
{
    m->stage_ends = CLOCK_NEVER;
    for (int i = 0; i < m->n && m->stage == STAGE_DRAIN; i++) {
        if (m->children[i].running)
            failure_warn(m,
                         "server %d (pid %d) on %s had not left %lld s after the trainers ended, "
                         "and was stopped",
                         m->children[i].plan->id, m->children[i].pid, m->host,
                         (long long)(m->slice->exit_timeout_ms / 1000));
    }
    machine_event(m, EVENT_DEADLINE);
}

void machine_tick(struct machine *m, int64_t now)
{
    if (now >= m->probe_at && m->stage == STAGE_SERVERS)
        probe(m, now);
    if (now >= m->start_ends && m->stage == STAGE_SERVERS)
        start_overdue(m);
    if (now >= m->judge_ends)
        failure_decide(m);
    if (now >= m->left_ends)
        failure_left_early(m);
    if (now >= m->stage_ends)
        stage_overdue(m);
    deaths_tick(m, now);
    shm_tick(&m->shm, now, m->job_dir);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t machine_deadline(const struct machine *m)
{
    int64_t first =
        earlier(earlier(earlier(m->probe_at, m->start_ends), earlier(m->left_ends, m->stage_ends)),
                m->judge_ends);

    first = earlier(first, deaths_deadline(m));
    first = earlier(first, shm_deadline(&m->shm));
    if (m->output != NULL && !m->rank_gone)
        first = earlier(first, output_deadline(m->output));
    if (m->stage == STAGE_OVER && !m->reported && m->rank_gone)
        return 0;
    return m->stage == STAGE_OVER && !m->reported ? earlier(first, m->flush_ends) : first;
}

void machine_init(struct machine *m, int socket, const struct spawn_origin *origin)
{
    *m = (struct machine){.origin = *origin,
                          .socket = socket,
                          .suspect = -1,
                          .left_first = -1,
                          .began = -1,
                          .stage_ends = CLOCK_NEVER,
                          .stop_ends = CLOCK_NEVER,
                          .probe_at = CLOCK_NEVER,
                          .start_ends = CLOCK_NEVER,
                          .judge_ends = CLOCK_NEVER,
                          .left_ends = CLOCK_NEVER,
                          .flush_ends = CLOCK_NEVER};
    gethostname(m->host, sizeof m->host - 1);
}

/* What belongs to one attempt. */
static void clear(struct machine *m)
{
    output_close(m->output);
    cause_free(m->cause);
    cause_free(m->held);
    deaths_free(m);
    strv_free(&m->warnings);
    free(m->children);
    free(m->servers);
    free(m->waiting);
    free(m->job_dir);
    free(m->python_hook);
    slice_free(m->slice);
}

void machine_again(struct machine *m)
{
    const struct machine before = *m;

    clear(m);
    machine_init(m, before.socket, &before.origin);
    m->shm = before.shm;
    m->in = before.in;
    m->out = before.out;
}

void machine_free(struct machine *m)
{
    clear(m);
    buf_free(&m->in);
    buf_free(&m->out);
}
