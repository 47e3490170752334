/* fake, tree: descendants that a supervisor must find and end: in the process group, out of it, out
 * of the session, orphaned, deaf, or very many.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake.h"

/* What the child of each word does before it sleeps for ever. */
enum {
    GROUP = 1,
    SESSION = 2,
    ORPHAN = 4,
    WORKER = 8,
    STUBBORN = 16,
    NOHUP = 32,
    STOPPED = 64,
    ZOMBIES = 128,
};

enum { BOMB_PAUSE_MS = 1 }; /* where no more processes are allowed */

static const struct {
    const char *name;
    int flags;
} words[] = {
    {"plain", 0},         {"group", GROUP},
    {"session", SESSION}, {"daemon", SESSION | ORPHAN},
    {"worker", WORKER},   {"stubborn", STUBBORN},
    {"nohup", NOHUP},     {"stopped", STOPPED},
    {"zombies", ZOMBIES},
};

static int flags_of(const char *how)
{
    char copy[128];
    int flags = 0;

    snprintf(copy, sizeof(copy), "%s", how);
    for (char *save = NULL, *word = strtok_r(copy, " ", &save); word;
         word = strtok_r(NULL, " ", &save)) {
        size_t i = 0;

        while (i < sizeof(words) / sizeof(words[0]) && strcmp(words[i].name, word))
            i++;
        if (i == sizeof(words) / sizeof(words[0]))
            fake_die(FAKE_BAD_SCRIPT, "fork does not know '%s'", word);
        flags |= words[i].flags;
    }
    return flags;
}

/* Becomes a process of this command line that runs our script. Does not return. */
static void become_worker(const char *script)
{
    execl("/proc/self/exe", "python3 -c from multiprocessing.spawn import spawn_main", script,
          (char *)NULL);
    _exit(FAKE_BAD_SCRIPT);
}

static void live_for_ever(int flags)
{
    if (flags & (STUBBORN | NOHUP))
        signal(SIGHUP, SIG_IGN);
    if (flags & STUBBORN) {
        signal(SIGTERM, SIG_IGN);
        signal(SIGINT, SIG_IGN);
    }
    if (flags & ZOMBIES)
        tree_zombie();
    /* our copies of a trainer's connections would keep the servers waiting */
    close_range(3, ~0u, 0);
    if (flags & STOPPED)
        raise(SIGSTOP);
    if (flags & WORKER)
        become_worker("any: forever");
    for (;;)
        pause();
}

void tree_fork(const char *how)
{
    int flags = flags_of(how);
    pid_t pid = fork();

    if (pid < 0)
        fake_die(1, "cannot fork: %s", strerror(errno));
    if (pid > 0) {
        if (flags & ORPHAN)
            waitpid(pid, NULL, 0);
        return;
    }
    if (flags & GROUP)
        setpgid(0, 0);
    if (flags & SESSION)
        setsid();
    if (flags & ORPHAN && fork() != 0)
        _exit(0);
    live_for_ever(flags);
}

void tree_worker(const char *actions)
{
    char script[512];
    pid_t pid;

    snprintf(script, sizeof(script), "any: %s", actions);
    for (char *c = script; *c != '\0'; c++)
        *c = *c == ',' ? ';' : *c;
    pid = fork();
    if (pid < 0)
        fake_die(1, "cannot fork: %s", strerror(errno));
    if (pid > 0)
        return;
    close_range(3, ~0u, 0);
    become_worker(script);
}

void tree_bomb(int n)
{
    for (int i = 0; i < n; i++) {
        pid_t pid = fork();

        if (pid < 0)
            fake_die(1, "cannot fork child %d of %d: %s", i, n, strerror(errno));
        if (pid == 0)
            live_for_ever(0);
    }
}

/* All processes share the count, which bounds the bomb where nothing else does. */
void tree_bomb_fast(long n)
{
    atomic_long *left =
        mmap(NULL, sizeof(*left), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (left == MAP_FAILED)
        fake_die(1, "cannot share the bomb's count: %s", strerror(errno));
    atomic_init(left, n);
    if (fork() != 0)
        return;
    close_range(3, ~0u, 0);
    while (atomic_fetch_sub(left, 1) > 0) {
        if (fork() >= 0)
            continue;
        atomic_fetch_add(left, 1);
        poll(NULL, 0, BOMB_PAUSE_MS);
    }
    live_for_ever(0);
}

void tree_limit(const char *folder)
{
    char path[512];
    int fd;

    snprintf(path, sizeof(path), "%s/cgroup.procs", folder);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "0", 1) != 1)
        fake_die(1, "%s: %s", path, strerror(errno));
    close(fd);
}

void tree_zombie(void)
{
    if (fork() == 0)
        _exit(0);
}
