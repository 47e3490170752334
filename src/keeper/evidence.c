/* evidence: what is known of an end, put together as a cause: the log, the last lines, what the
 * kernel and torch say.
 */
#include "keeper/evidence.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "keeper/doing.h"
#include "keeper/errorfile.h"
#include "keeper/explain.h"
#include "keeper/listen.h"
#include "report/signal.h"

#define SHM "/dev/shm"

struct cause *evidence_cause(struct machine *m, int i, enum how how, int value, int code,
                             const char *text)
{
    struct cause *cause = mem_calloc(1, sizeof(*cause));

    cause->how = how;
    cause->machine = m->slice ? m->slice->machine : -1;
    cause->host = mem_strdup(m->host);
    cause->role = i < 0 ? ROLE_LAUNCHER : m->children[i].plan->role;
    cause->id = i < 0 ? -1 : m->children[i].plan->id;
    cause->pid = i < 0 ? (int)getpid() : m->children[i].pid;
    cause->value = value;
    cause->code = code;
    cause->text = mem_strdup(text);
    if (i >= 0 && m->output && m->children[i].stream >= 0) {
        cause->log = mem_strdup(output_log(m->output, m->children[i].stream));
        output_last_lines(m->output, m->children[i].stream, &cause->last_lines);
    }
    return cause;
}

char *evidence_exception(struct machine *m, int i)
{
    const struct child *child = &m->children[i];
    struct spawn_late late = {m->master_port, m->job_dir.folder.path, m->python_hook};
    int64_t since = time(NULL) - (clock_ms() - child->start) / 1000 - 1;
    char *path = NULL, *exception = NULL;
    struct strv env = {0};

    spawn_environment(m->slice, child->plan, &m->origin, &late, &env);
    if (strv_env_get(&env, "TORCHELASTIC_ERROR_FILE"))
        path = file_join(m->slice->workspace, strv_env_get(&env, "TORCHELASTIC_ERROR_FILE"));
    if (path) {
        doing_begin(DOING_WORK, "reading the error file '%s'", path);
        exception = errorfile_read(path, since);
        doing_end();
    }
    free(path);
    strv_free(&env);
    return exception;
}

/* For a trainer that has failed on machine 0, perhaps because it could not listen on MASTER_PORT.
 * Before it fails nothing is said: who listens there may be the trainer's own container. */
static char *explain_port(const struct machine *m, const struct child *child)
{
    unsigned uid;

    if (m->slice->machine != 0 || m->master_port == 0 || child->plan->role != ROLE_TRAINER ||
        !listen_stranger(m->master_port, getpid(), &uid))
        return NULL;
    return mem_printf(
        "a process of user %u, which is not below the launcher, listens on port %d, "
        "the trainers' MASTER_PORT; when the job is started again it gets another port",
        uid, m->master_port);
}

/* A shell passes on a signal as an exit code. */
struct cause *evidence_of_status(struct machine *m, int i, pid_t pid, int status, int64_t peak_kb,
                                 const char *text)
{
    bool killed = WIFSIGNALED(status);
    int value = killed ? WTERMSIG(status) : WEXITSTATUS(status);
    int code = killed ? EXIT_SIGNAL_BASE + value : value;
    char *why = explain_signal(code - EXIT_SIGNAL_BASE, pid, peak_kb, m->oom, SHM);
    char *both = why && text ? mem_printf("%s; %s", why, text) : mem_strdup(why ? why : text);
    struct cause *cause =
        evidence_cause(m, i, killed ? HOW_SIGNALED : HOW_EXITED, value, code, both);

    cause->pid = (int)pid;
    free(why);
    free(both);
    return cause;
}

/* A shell's usage includes its children's. */
struct cause *evidence_of_end(struct machine *m, int i)
{
    const struct child *child = &m->children[i];
    char *text = explain_port(m, child);
    struct cause *cause =
        evidence_of_status(m, i, child->pid, child->status, child->usage.ru_maxrss, text);

    cause->exception = evidence_exception(m, i);
    free(text);
    return cause;
}

void evidence_add_end(struct buf *out, int status)
{
    if (WIFSIGNALED(status))
        buf_addf(out, "was killed by %s", report_signal_name(WTERMSIG(status)));
    else
        buf_addf(out, "exited with code %d", WEXITSTATUS(status));
}
