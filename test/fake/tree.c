/* fake, tree: descendants that a supervisor must find and end: in the process group, out of it, out
 * of the session, orphaned, deaf, or very many.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake.h"

/* What the child of each word does before it sleeps for ever. */
enum { GROUP = 1, SESSION = 2, ORPHAN = 4, WORKER = 8, STUBBORN = 16 };

static const struct {
    const char *name;
    int flags;
} words[] = {
    {"plain", 0},       {"group", GROUP},       {"session", SESSION}, {"daemon", SESSION | ORPHAN},
    {"worker", WORKER}, {"stubborn", STUBBORN},
};

static int flags_of(const char *how)
{
    char copy[128];
    int flags = 0;

    snprintf(copy, sizeof copy, "%s", how);
    for (char *save = NULL, *word = strtok_r(copy, " ", &save); word != NULL;
         word = strtok_r(NULL, " ", &save)) {
        size_t i = 0;

        while (i < sizeof words / sizeof words[0] && strcmp(words[i].name, word) != 0)
            i++;
        if (i == sizeof words / sizeof words[0])
            fake_die(FAKE_BAD_SCRIPT, "fork does not know '%s'", word);
        flags |= words[i].flags;
    }
    return flags;
}

static void live_for_ever(int flags)
{
    if (flags & STUBBORN) {
        signal(SIGTERM, SIG_IGN);
        signal(SIGINT, SIG_IGN);
        signal(SIGHUP, SIG_IGN);
    }
    /* our copies of a trainer's connections would keep the servers waiting */
    close_range(3, ~0u, 0);
    if (flags & WORKER)
        execl("/proc/self/exe", "python3 -c from multiprocessing.spawn import spawn_main",
              "any: forever", (char *)NULL);
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

void tree_zombie(void)
{
    if (fork() == 0)
        _exit(0);
}
