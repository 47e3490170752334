/* clearing: the forked process that removes, and how long it is waited for. */
#include "keeper/clearing.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "keeper/doing.h"
#include "keeper/hooked.h"
#include "keeper/jobdir.h"
#include "keeper/link.h"
#include "keeper/stopping.h"

#define LOOK_MS 1000

/* The folder says what of shared memory is the job's, and goes after it. */
static void clear(struct machine *m)
{
    shm_remove(&m->shm);
    jobdir_end(&m->job_dir);
}

/* What is in a private /dev/shm lives as long as one descriptor leads there. */
static void let_go(struct machine *m)
{
    hooked_close(m);
    jobdir_let_go(&m->job_dir);
    shm_forget(&m->shm);
}

/* A copy of the socket would hide the keeper's death from its rank, one of stderr the rank's from
 * MPICH. */
static _Noreturn void clear_apart(struct machine *m, const int let_go_first[2])
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    char none;

    if (null >= 0)
        dup2(null, STDERR_FILENO);
    close(m->socket);
    close(let_go_first[1]);
    while (read(let_go_first[0], &none, 1) < 0 && errno == EINTR)
        ; /* the end comes when the keeper holds nothing any more, so that the memory goes here */
    clear(m);
    _exit(0);
}

void clearing_begin(struct machine *m)
{
    int let_go_first[2] = {-1, -1}; /* without it the keeper may be the last to let go */
    int rc = pipe2(let_go_first, O_CLOEXEC);
    pid_t pid = fork();

    if (pid == 0)
        clear_apart(m, let_go_first);
    if (pid < 0)
        clear(m);
    let_go(m);
    if (rc == 0)
        close(let_go_first[0]);
    if (rc == 0)
        close(let_go_first[1]);
    m->clearing = pid < 0 ? 0 : pid;
    ending_begin(&m->ending, clock_ms());
    m->timers[TIMER_STAGE] = pid < 0 ? CLOCK_NEVER : clock_ms() + LOOK_MS;
}

bool clearing_reaped(struct machine *m, pid_t pid)
{
    if (m->clearing == 0 || pid != m->clearing)
        return false;
    m->clearing = 0;
    m->timers[TIMER_STAGE] = CLOCK_NEVER;
    return true;
}

void clearing_look(struct machine *m)
{
    struct procs left = {0};
    int64_t now = clock_ms();

    ending_left(&left);
    if (ending_look(&m->ending, &left, now))
        doing_progress();
    procs_free(&left);
    m->timers[TIMER_STAGE] = now + LOOK_MS;
    if (!ending_is_vain(&m->ending, now))
        return;
    kill(m->clearing, SIGKILL); /* of use where only a network file system holds it */
    link_warn(m,
              "what the job has left on %s ('%s', shared memory) could not be removed: the file "
              "system does not answer",
              m->host, m->job_dir.folder.path == NULL ? "" : m->job_dir.folder.path);
    stopping_note_unkilled(m);
    m->clearing = 0;
    m->timers[TIMER_STAGE] = CLOCK_NEVER;
}
