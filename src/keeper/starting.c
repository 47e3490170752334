/* starting: what a machine needs before its processes, their starts, and who of the servers
 * LISTENs. Knows nothing of stages beyond EVENT_READY.
 */
#include "keeper/starting.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "job/dgl.h"
#include "keeper/awaited.h"
#include "keeper/doing.h"
#include "keeper/evidence.h"
#include "keeper/failure.h"
#include "keeper/hooked.h"
#include "keeper/jobdir.h"
#include "keeper/link.h"
#include "keeper/pythonhook.h"
#include "keeper/sweep.h"
#include "report/awaited.h"

enum {
    PROBE_MS = 20,       /* between two looks at ports, as long as they cost */
    PROBE_SHARE = 100,   /* no more than 1/100 of a core, */
    PROBE_SLOW_MS = 250, /* but then at least so often */
    FOREIGN_MS = 3000    /* for which another process listens on a server's port */
};

static void output_send(void *arg, const char *lines, size_t len)
{
    link_send(arg, MESSAGE_OUTPUT, lines, len);
}

/* Tells the user the first one at once, for a job may run for days; all of them are in the
 * report. */
static void output_warn(void *arg, const char *sentence)
{
    struct machine *m = arg;
    char *text;

    link_warn(m, "%s", sentence);
    if (m->log_said)
        return;
    m->log_said = true;
    text = mem_printf("warning: %s; the job goes on", sentence);
    link_say(m, text);
    free(text);
}

static void open_output(struct machine *m)
{
    struct output_sink sink = {.send = output_send,
                               .warn = output_warn,
                               .arg = m,
                               .patience_ms = OUTPUT_PATIENCE_MS,
                               .logs = &m->logs,
                               .show = m->slice->show,
                               .timestamps = m->slice->timestamps,
                               .log_size = m->slice->log_size,
                               .credit = plan_credit(m->slice->machines)};

    m->output = output_open(m->slice->host, m->slice->log_dir, m->slice->attempt, &sink);
}

static int begin_shm(struct machine *m)
{
    struct err err;

    if (shm_begin(&m->shm, m->slice, &err) != 0) {
        failure_raise(m, evidence_cause(m, -1, HOW_CHECK_FAILED, 0, err.code, err.text));
        return -1;
    }
    if (err.text[0] != '\0')
        link_warn(m, "%s: %s", m->host, err.text);
    return 0;
}

/* The launcher's own list, where it has made one. */
static int write_ip_config(struct machine *m, struct err *err)
{
    const char *text = m->slice->own_ip_config;
    int rc =
        text ? file_write_in(m->job_dir.fd, DGL_IP_CONFIG_NAME, 0600, text, strlen(text), err) : 0;

    if (rc != 0)
        err_wrap(err, "cannot write the list of machines");
    return rc;
}

static int make_job_dir(struct machine *m)
{
    const char *vanishing = shm_folder(&m->shm);
    struct err err = {0};

    if (jobdir_make(&m->job_dir, vanishing, m->slice->job_id, &err) != 0 ||
        write_ip_config(m, &err) != 0) {
        failure_raise(m, evidence_cause(m, -1, HOW_CHECK_FAILED, 0, err.code, err.text));
        return -1;
    }
    if (!vanishing)
        link_send_folder(m, &m->job_dir.folder);
    return 0;
}

int starting_prepare(struct machine *m)
{
    int rc;

    open_output(m);
    doing_begin(DOING_START, "looking for the workspace '%s' and the job's files",
                m->slice->workspace);
    rc = begin_shm(m) != 0 || make_job_dir(m) != 0 ? -1 : 0;
    doing_end();
    if (rc == 0 && m->slice->attempt == 0 && !shm_folder(&m->shm))
        m->sweeping = sweep_begin(); /* in a private /dev/shm a dead job's segments are not seen */
    return rc;
}

/* Its file needs the job's folder. A trainer can run without the hook. */
void starting_python_hook(struct machine *m)
{
    struct err err = {0};

    if (!pythonhook_wanted(m->slice))
        return;
    doing_begin(DOING_START, "writing into the folder '%s'", m->job_dir.folder.path);
    m->python_hook = pythonhook_write(&m->job_dir, &err);
    doing_end();
    if (!m->python_hook)
        link_warn(m, "%s", err.text);
    hooked_open(m);
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
    struct spawn_late late = {m->master_port, m->job_dir.folder.path, m->python_hook};
    struct spawned spawned = {0};
    struct err err = {0};
    struct stat pipe;

    if (spawn_process(m->slice, child->plan, &m->origin, &late, &spawned, &err) != 0) {
        failure_raise(m, evidence_cause(m, i, how_of(err.code), spawned.error, err.code, err.text));
        return -1;
    }
    child->pid = spawned.pid;
    child->running = true;
    child->start = clock_ms();
    child->pipe = fstat(spawned.output, &pipe) == 0 ? pipe.st_ino : 0;
    child->stream = output_add(m->output, child->plan->role, child->plan->id, spawned.output);
    return 0;
}

/* Servers, or everything else. */
int starting_all(struct machine *m, bool servers)
{
    for (int i = 0; i < m->n; i++) {
        if (state_is_server(&m->children[i]) == servers && start_child(m, i) != 0)
            return -1;
    }
    return 0;
}

/* The port was free before the server started. So a listener that is not below the server is its
 * container; or else a stranger, and then the server fails and ends when it tries to listen. */
static bool accept_foreign(struct machine *m, const struct child *child,
                           struct listen_server *server, int64_t now)
{
    if (server->foreign == 0 || now - server->foreign < FOREIGN_MS)
        return false;
    server->ready = true;
    link_warn(m,
              "a process that server %d on %s has not started listens on its port %d; it is "
              "taken for the server's own (in a container?)",
              child->plan->id, m->host, server->port);
    return true;
}

/* No event tells that a server listens, and all machines wait for the last one of them. */
static int64_t probe_pause(int64_t cost_us)
{
    int64_t cheap = cost_us * PROBE_SHARE / 1000;

    if (cheap < PROBE_MS)
        return PROBE_MS;
    return cheap < PROBE_SLOW_MS ? cheap : PROBE_SLOW_MS;
}

void starting_probe(struct machine *m)
{
    int64_t now = clock_ms(), before = clock_cpu_us();
    size_t waiting;

    for (int i = 0, server = 0; i < m->n; i++) {
        if (state_is_server(&m->children[i]))
            m->servers[server++].pid = m->children[i].pid;
    }
    waiting = listen_probe(m->servers, (size_t)m->n_servers, now);
    for (int i = 0, k = 0; i < m->n; i++) {
        struct child *child = &m->children[i];

        if (!state_is_server(child))
            continue;
        waiting -= accept_foreign(m, child, &m->servers[k], now);
        if (m->servers[k++].ready && child->ready < 0)
            child->ready = now;
    }
    m->timers[TIMER_PROBE] = now + probe_pause(clock_cpu_us() - before);
    if (waiting == 0)
        state_add(m, EVENT_READY);
}

void starting_overdue(struct machine *m)
{
    struct waiting waiting = awaited_now(m, clock_ms());
    struct buf text = {0};
    int first = 0;

    buf_addf(&text, "not listening after %lld s: ", (long long)m->slice->start_timeout_ms / 1000);
    report_awaited(&text, &waiting, NULL, 0);
    buf_add(&text, "", 1);

    for (int i = 0, server = 0; i < m->n; i++) {
        if (state_is_server(&m->children[i]) && !m->servers[server++].ready) {
            first = i;
            break;
        }
    }
    failure_raise(m, evidence_cause(m, first, HOW_START_TIMEOUT, 0, EXIT_START_TIME, text.data));
    buf_free(&text);
}
