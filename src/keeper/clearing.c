/* clearing: the forked process that removes, and how long it is waited for. */
#include "keeper/clearing.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "keeper/doing.h"
#include "keeper/hooked.h"
#include "keeper/jobdir.h"
#include "keeper/link.h"
#include "keeper/proc.h"
#include "report/signal.h"

enum {
    LOOK_MS = 1000,
    PATIENCE_MS = 8000, /* at least */
    EXIT_LEFT = 1       /* of the process: something stays */
};

static const char some_stays[] = "a part of it is another user's, mounted, or was put in its place";

/* The folder's file says which shared memory is the job's, so that the folder goes last. */
static bool clear(struct machine *m)
{
    bool unmounted = shm_remove(&m->shm);

    return jobdir_end(&m->job_dir) && unmounted;
}

static void warn(struct machine *m, const char *why)
{
    link_warn(m, "what the job has left on %s ('%s', shared memory) could not be removed: %s",
              m->host, m->job_dir.folder.path ? m->job_dir.folder.path : "", why);
}

/* A private /dev/shm lives as long as one descriptor leads there. */
static void let_go(struct machine *m)
{
    hooked_close(m);
    jobdir_let_go(&m->job_dir);
    shm_forget(&m->shm);
}

/* A copy of the socket would hide the keeper's death from its rank; a copy of stderr would hide
 * the rank's death from MPICH. */
static _Noreturn void clear_apart(struct machine *m, const int let_go_first[2])
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    char none;

    if (null >= 0)
        dup2(null, STDERR_FILENO);
    close(m->socket);
    close(let_go_first[1]);
    while (read(let_go_first[0], &none, 1) < 0 && errno == EINTR)
        ; /* until the keeper holds nothing any more, so that this process frees the memory */
    _exit(clear(m) ? 0 : EXIT_LEFT);
}

void clearing_begin(struct machine *m)
{
    int let_go_first[2] = {-1, -1}; /* without it the keeper may be the last to let go */
    int rc = pipe2(let_go_first, O_CLOEXEC);
    pid_t pid = fork();

    if (pid == 0)
        clear_apart(m, let_go_first);
    if (pid < 0 && !clear(m))
        warn(m, some_stays);
    let_go(m);
    if (rc == 0)
        close(let_go_first[0]);
    if (rc == 0)
        close(let_go_first[1]);
    m->clearing = pid < 0 ? 0 : pid;
    m->clearing_switches = 0;
    ending_begin(&m->ending, clock_ms());
    m->timers[TIMER_STAGE] = pid < 0 ? CLOCK_NEVER : clock_ms() + LOOK_MS;
}

static void end(struct machine *m)
{
    m->clearing = 0;
    m->timers[TIMER_STAGE] = CLOCK_NEVER;
}

bool clearing_reaped(struct machine *m, pid_t pid, int status)
{
    if (m->clearing == 0 || pid != m->clearing)
        return false;
    if (WIFSIGNALED(status)) {
        char *why = mem_printf("the process that removes it was killed by %s",
                               report_signal_name(WTERMSIG(status)));

        warn(m, why);
        free(why);
    } else if (WEXITSTATUS(status) != 0) {
        warn(m, some_stays);
    }
    end(m);
    return true;
}

/* A slow file server lets it sleep, and wakes it once for each answer. */
static bool lives(struct machine *m, int64_t now)
{
    unsigned long long switches = proc_switches(m->clearing);
    struct proc proc = {.pid = m->clearing};
    bool woken = switches != m->clearing_switches;

    m->clearing_switches = switches;
    proc_read(m->clearing, &proc);
    if (woken)
        m->ending.moved = now;
    return ending_look(&m->ending, &(struct procs){&proc, 1, 1}, now) || woken;
}

void clearing_look(struct machine *m)
{
    int64_t now = clock_ms(), patience = m->slice ? m->slice->exit_timeout_ms : 0;

    if (lives(m, now))
        doing_progress();
    m->timers[TIMER_STAGE] = now + LOOK_MS;
    if (now - m->ending.moved < (patience > PATIENCE_MS ? patience : PATIENCE_MS))
        return;
    kill(m->clearing, SIGKILL); /* ends what a network file system holds, not what a disk does */
    warn(m, "the file system does not answer");
    end(m);
}
