/* scribe: the process. One thread does what was handed over, in order, and may hang in it; a second
 * one does nothing but see that the process ends when nobody is left who wants something of it.
 */
#include "keeper/scribe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "keeper/birth.h"
#include "keeper/jobdir.h"
#include "keeper/logfile.h"
#include "keeper/mpirun.h"
#include "keeper/scribe_client.h"
#include "keeper/shm.h"
#include "keeper/spawn.h"

enum { FD_RANK = BIRTH_FIRST_FD, FD_KEEPER };

struct work {
    struct ring *ring;
    bool rank_gone, keeper_gone;
    struct logfile *files;
    size_t n;
    struct buf data;
    pid_t remover;   /* removes a folder; 0: none does */
    int remover_end; /* readable when it has ended; -1 */
    int mpirun;      /* a pidfd of it; -1: none is to be seen off */
    int mpirun_pid, mpirun_daemons;
    atomic_ulong done; /* how often something was */
};

/* ---- log files ---- */

static void tell_keeper(int file, int error)
{
    struct scribe_news news = {.file = file, .error = error};

    if (send(FD_KEEPER, &news, sizeof(news), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        return; /* it is gone, or has not read for long and looks itself */
}

static void fail(struct work *w, size_t file)
{
    tell_keeper((int)file, errno);
    logfile_close(&w->files[file]);
}

static void open_file(struct work *w, size_t file)
{
    int64_t limit;

    while (w->n <= file) {
        w->files = mem_realloc(w->files, w->n + 1, sizeof(*w->files));
        w->files[w->n++] = (struct logfile){.fd = -1};
    }
    memcpy(&limit, w->data.data, sizeof(limit));
    buf_add(&w->data, "", 1);
    if (logfile_open(&w->files[file], w->data.data + sizeof(limit), limit) != 0)
        fail(w, file);
}

static void do_frame(struct work *w, const struct ring_frame *frame)
{
    struct logfile *file = frame->file < w->n ? &w->files[frame->file] : NULL;

    if (frame->kind == FRAME_OPEN)
        open_file(w, frame->file);
    else if (file && frame->kind == FRAME_CLOSE)
        logfile_close(file);
    else if (file && file->fd >= 0 && logfile_write(file, w->data.data, w->data.len) != 0)
        fail(w, frame->file);
}

static bool do_next_frame(struct work *w)
{
    struct ring_frame frame;

    w->data.len = 0;
    if (!ring_peek(w->ring, &frame, &w->data))
        return false;
    do_frame(w, &frame);
    if (ring_take(w->ring, &frame))
        tell_keeper(-1, 0);
    return true;
}

/* ---- texts ---- */

static int append(const char *path, const char *text, size_t len, struct err *err)
{
    struct logfile file;
    int rc = logfile_open(&file, path, 0);

    if (rc == 0)
        rc = logfile_write(&file, text, len);
    if (rc != 0)
        err_set(err, EXIT_LAUNCHER, "cannot write '%s': %s", path, strerror(errno));
    logfile_close(&file);
    return rc;
}

static void write_text(enum scribe_how how, const char *path, int memory, struct err *err)
{
    struct stat st = {0};
    size_t len = fstat(memory, &st) == 0 ? (size_t)st.st_size : 0;
    char *text = len == 0 ? NULL : mmap(NULL, len, PROT_READ, MAP_SHARED, memory, 0);

    if (text == MAP_FAILED)
        err_set(err, EXIT_LAUNCHER, "cannot write '%s': %s", path, strerror(errno));
    else if (how == SCRIBE_REPLACE)
        file_write(path, text, len, err);
    else
        append(path, text, len, err);
    if (text && text != MAP_FAILED)
        munmap(text, len);
}

static void answer(enum scribe_how how, const struct err *err)
{
    struct scribe_reply reply = {.how = how, .why = *err};
    size_t len = offsetof(struct scribe_reply, why.text) + strlen(err->text) + 1;

    if (send(FD_RANK, &reply, len, MSG_NOSIGNAL) < 0)
        return; /* the rank is gone */
}

/* ---- a folder ---- */

/* It holds no copy of the sockets, which would hide the scribe's death. */
static _Noreturn void remove_apart(const char *path, int memory)
{
    struct scribe_folder what;
    struct folder folder = {.path = (char *)path};
    int fd;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(FD_RANK);
    close(FD_KEEPER);
    if (pread(memory, &what, sizeof(what), 0) != sizeof(what))
        _exit(EXIT_LAUNCHER);
    folder.dev = what.dev;
    folder.ino = what.ino;
    fd = folder_open(&folder);
    if (fd < 0)
        _exit(EXIT_OK); /* it is not there any more */
    shm_clean_after(fd);
    close(fd);
    _exit(jobdir_remove(&folder) ? EXIT_OK : EXIT_LAUNCHER);
}

static void answer_removal(const char *why)
{
    struct err err = {0};

    if (why)
        err_set(&err, EXIT_LAUNCHER, "%s", why);
    answer(SCRIBE_REMOVE, &err);
}

static void begin_removal(struct work *w, const char *path, int memory)
{
    int ends[2];
    pid_t pid;

    if (w->remover || pipe2(ends, O_CLOEXEC)) {
        answer_removal(w->remover ? "another one is being removed" : strerror(errno));
        return;
    }
    pid = fork();
    if (pid == 0)
        remove_apart(path, memory);
    close(ends[1]);
    if (pid < 0) {
        answer_removal(strerror(errno));
        close(ends[0]);
        return;
    }
    w->remover = pid;
    w->remover_end = ends[0];
}

/* True: it has ended. */
static bool look_at_removal(struct work *w)
{
    int status;

    if (!w->remover || waitpid(w->remover, &status, WNOHANG) == 0)
        return false;
    close(w->remover_end);
    w->remover = 0;
    w->remover_end = -1;
    answer_removal(WIFSIGNALED(status)   ? "the process that did was killed"
                   : WEXITSTATUS(status) ? "something in it cannot be removed"
                                         : NULL);
    return true;
}

static bool do_next_text(struct work *w)
{
    struct scribe_text text;
    struct err err = {0};
    int memory;

    if (w->rank_gone)
        return false;
    switch (scribe_client_next(FD_RANK, &text, &memory)) {
    case 0: return false;
    case 1: break;
    default: w->rank_gone = true; return true;
    }
    if (text.how == SCRIBE_SEE_OFF) {
        w->mpirun = memory;
        sscanf(text.path, "%d %d", &w->mpirun_pid, &w->mpirun_daemons);
        return true;
    }
    if (text.how == SCRIBE_REMOVE) {
        begin_removal(w, text.path, memory);
    } else {
        write_text(text.how, text.path, memory, &err);
        answer(text.how, &err);
    }
    close(memory);
    return true;
}

/* ---- the process ---- */

/* The keeper wakes us by single bytes. True: there may be something in the ring since, and also
 * what it put there before it went. */
static bool look_at_keeper(struct work *w)
{
    bool woken = false;
    char byte;
    ssize_t n;

    if (w->keeper_gone)
        return false;
    for (;;) {
        n = recv(FD_KEEPER, &byte, 1, MSG_DONTWAIT);
        if (n > 0)
            woken = true;
        else if (n == 0 || errno != EINTR)
            break;
    }
    if (n < 0 && errno == EAGAIN)
        return woken;
    w->keeper_gone = true;
    return true;
}

static void wait_for_more(const struct work *w)
{
    struct pollfd entries[] = {{.fd = w->rank_gone ? -1 : FD_RANK, .events = POLLIN},
                               {.fd = w->keeper_gone ? -1 : FD_KEEPER, .events = POLLIN},
                               {.fd = w->remover_end, .events = POLLIN}};

    poll(entries, 3, -1);
}

static void wait_until_alone(void)
{
    struct pollfd entries[] = {{.fd = FD_RANK, .events = POLLRDHUP},
                               {.fd = FD_KEEPER, .events = POLLRDHUP}};

    while (entries[0].fd >= 0 || entries[1].fd >= 0) {
        if (poll(entries, 2, -1) < 0)
            continue;
        for (int i = 0; i < 2; i++)
            if (entries[i].revents != 0)
                entries[i].fd = -1;
    }
}

/* The second thread. A file system that hangs lets only SIGKILL through. */
static void *see_to_the_end(void *arg)
{
    struct work *w = arg;
    unsigned long before = 0;

    wait_until_alone();
    for (int still = 0; still < SCRIBE_LINGER_S; still++) {
        unsigned long done = atomic_load(&w->done);

        if (done != before)
            still = 0;
        before = done;
        poll(NULL, 0, 1000);
    }
    kill(getpid(), SIGKILL);
    return NULL;
}

static _Noreturn void end(const struct work *w)
{
    if (w->mpirun >= 0)
        mpirun_see_off(w->mpirun, w->mpirun_pid, w->mpirun_daemons, MPIRUN_WAIT_MS);
    _exit(EXIT_OK);
}

static _Noreturn void live(struct ring *ring)
{
    struct work w = {.ring = ring, .remover_end = -1, .mpirun = -1};
    pthread_t watcher;

    if (pthread_create(&watcher, NULL, see_to_the_end, &w) != 0)
        _exit(EXIT_LAUNCHER);
    for (;;) {
        bool any = do_next_text(&w);

        any |= do_next_frame(&w);
        any |= look_at_removal(&w);
        any |= !any && look_at_keeper(&w);
        if (any)
            atomic_fetch_add(&w.done, 1);
        else if (w.rank_gone && w.keeper_gone && !w.remover)
            end(&w);
        else
            wait_for_more(&w);
    }
}

struct birth {
    int kept[2]; /* FD_RANK, FD_KEEPER */
    struct ring *ring;
};

/* Ignores the signals that end a job: rank and keeper get them, and say what is still to be
 * written. */
static void be_born(void *arg)
{
    static const int ignored[] = {SIGPIPE, SIGUSR1, SIGUSR2, SIGQUIT, SIGALRM,
                                  SIGTSTP, SIGTERM, SIGINT,  SIGHUP};
    const struct birth *birth = arg;
    sigset_t none;

    sigemptyset(&none);
    birth_take_signals(ignored, sizeof(ignored) / sizeof(ignored[0]), &none);
    if (birth_keep(birth->kept, 2, true) != 0)
        _exit(EXIT_LAUNCHER);
    live(birth->ring);
}

static void close_pair(const int pair[2])
{
    close(pair[0]);
    close(pair[1]);
}

int scribe_fork(struct scribe *scribe, struct err *err)
{
    int rank[2], keeper[2];

    *scribe = (struct scribe){.fd = -1, .keeper_fd = -1, .ring = ring_make()};
    if (!scribe->ring)
        return err_set(err, EXIT_LAUNCHER, "no memory for log files: %s", strerror(errno));
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, rank) != 0)
        return err_set(err, EXIT_LAUNCHER, "cannot make a socketpair: %s", strerror(errno));
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, keeper) != 0) {
        close_pair(rank);
        return err_set(err, EXIT_LAUNCHER, "cannot make a socketpair: %s", strerror(errno));
    }
    scribe->pid =
        birth_fork("dgl-scribe", be_born, &(struct birth){{rank[1], keeper[1]}, scribe->ring});
    if (scribe->pid < 0) {
        spawn_fork_failed(" the process that writes log files", errno, err);
        close_pair(rank);
        close_pair(keeper);
        return -1;
    }
    close(rank[1]);
    close(keeper[1]);
    scribe->fd = rank[0];
    scribe->keeper_fd = keeper[0];
    return 0;
}
