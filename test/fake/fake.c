/* fake: a workload with a script, in the place of DGL's servers and trainers.
 *
 *   fake 'WHO: ACTION; ACTION' ...     WHO = server, trainer, sampler or any, and perhaps an id
 *
 * Owns the script: which clause is ours, and its actions one after the other. Uses libc alone, so
 * that it starts in a millisecond. Exits 0 after the last action, 98 for a bad script.
 *
 *   listen, serve, connect       as DGL's servers and clients do; serve returns when all have gone
 *   join                         as connect, but for this process alone, not for its samplers too
 *   print T, printerr T, noeol T, lines N WIDTH
 *   sleep S, forever, wait FILE  until FILE is there
 *   exit N, kill SIGNAL, ignore SIGNAL
 *   crash SIGNAL                 as kill, with a core file where the limits allow one
 *   hold FIFO                    makes and holds it
 *   lose FIFO                    touches FIFO.open, and waits until nobody holds the FIFO
 *   touch FILE, dump NAME        dump: what this process sees, its pid too, in NAME.ROLE-ID
 *   allocate MIB, shm NAME MIB   shm: a segment as DGL makes it, mapped, and left behind
 *   worker A, B, C               a child that looks like a DataLoader's worker of Python's
 *                                multiprocessing, and whose script is A; B; C
 *   fork HOW...                  a child that lives for ever: plain, group, session, daemon (double
 *                                fork and setsid), worker, stubborn (ignores TERM, INT, HUP), nohup
 *                                (HUP alone), stopped (by itself), zombies (has one)
 *   zombie, forkbomb N           N children that live for ever
 *   bomb N, limit FOLDER         all of the bomb's processes fork as fast as they can, N times in
 *                                all; limit: enters this cgroup first, so that it can hold them
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fake.h"

static struct self self;
static char **fake_argv;

void fake_die(int code, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "fake %s %d: ", self.role, self.id);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(code);
}

int fake_signal(const char *name)
{
    if (strncasecmp(name, "SIG", 3) == 0)
        name += 3;
    for (int i = 1; i < NSIG; i++) {
        const char *known = sigabbrev_np(i);
        if (known && strcasecmp(known, name) == 0)
            return i;
    }
    fake_die(FAKE_BAD_SCRIPT, "no signal is called '%s'", name);
}

int fake_env_int(const char *name, int fallback)
{
    const char *text = getenv(name);
    char *end;
    long value;

    if (!text || *text == '\0')
        return fallback;
    value = strtol(text, &end, 10);
    if (*end != '\0' || value < 0 || value > 1 << 30)
        fake_die(FAKE_BAD_SCRIPT, "%s='%s' is no number", name, text);
    return (int)value;
}

static long number(const char *text)
{
    char *end;
    long value = strtol(text, &end, 10);

    if (end == text || *end != '\0' || value < 0)
        fake_die(FAKE_BAD_SCRIPT, "'%s' is no number", text);
    return value;
}

static void do_listen(char *rest)
{
    (void)rest;
    net_listen();
}

static void do_serve(char *rest)
{
    (void)rest;
    net_serve();
}

static void do_connect(char *rest)
{
    (void)rest;
    net_connect(true);
}

static void do_join(char *rest)
{
    (void)rest;
    net_connect(false);
}

static void do_print(char *rest)
{
    printf("%s\n", rest);
}

static void do_printerr(char *rest)
{
    fprintf(stderr, "%s\n", rest);
}

static void do_noeol(char *rest)
{
    printf("%s", rest);
    fflush(stdout);
}

/* Through a buffer of its own: line buffering would cost one write a line. */
static void do_lines(char *rest)
{
    enum { BLOCK = 1 << 16 };
    static char block[BLOCK + 1];
    char *second = strchr(rest, ' ');
    long n, width;
    size_t used = 0;

    if (!second)
        fake_die(FAKE_BAD_SCRIPT, "lines wants N WIDTH");
    *second++ = '\0';
    n = number(rest);
    width = number(second);
    if (width < 1 || width > BLOCK - 2)
        fake_die(FAKE_BAD_SCRIPT, "a line has 1 to %d characters", BLOCK - 2);
    for (long i = 0; i < n; i++) {
        char head[32];
        int head_len = snprintf(head, sizeof(head), "%ld ", i);

        if (used + (size_t)width + 1 > BLOCK) {
            fwrite(block, 1, used, stdout);
            used = 0;
        }
        memset(block + used, 'x', (size_t)width);
        memcpy(block + used, head, head_len < width ? (size_t)head_len : (size_t)width);
        used += (size_t)width;
        block[used++] = '\n';
    }
    fwrite(block, 1, used, stdout);
    fflush(stdout);
}

static void do_sleep(char *rest)
{
    double seconds = atof(rest);
    struct timespec t = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};

    while (nanosleep(&t, &t) != 0 && errno == EINTR)
        ;
}

static void do_forever(char *rest)
{
    (void)rest;
    for (;;)
        pause();
}

static void do_exit(char *rest)
{
    exit((int)number(rest));
}

static void do_kill(char *rest)
{
    struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
    fflush(NULL);
    kill(getpid(), fake_signal(rest));
}

static void do_crash(char *rest)
{
    fflush(NULL);
    kill(getpid(), fake_signal(rest));
}

static void do_hold(char *rest)
{
    if (mkfifo(rest, 0600) != 0 || open(rest, O_RDWR | O_CLOEXEC) < 0)
        fake_die(FAKE_BAD_SCRIPT, "%s: %s", rest, strerror(errno));
}

static void do_touch(char *rest);

static void do_lose(char *rest)
{
    char name[512], byte;
    int fd;

    while ((fd = open(rest, O_RDONLY | O_CLOEXEC)) < 0)
        poll(NULL, 0, 5);
    snprintf(name, sizeof(name), "%s.open", rest);
    do_touch(name);
    while (read(fd, &byte, 1) > 0)
        ;
}

static void do_ignore(char *rest)
{
    signal(fake_signal(rest), SIG_IGN);
}

static void do_fork(char *rest)
{
    tree_fork(rest);
}

static void do_forkbomb(char *rest)
{
    tree_bomb((int)number(rest));
}

static void do_bomb(char *rest)
{
    tree_bomb_fast(number(rest));
}

static void do_limit(char *rest)
{
    tree_limit(rest);
}

static void do_worker(char *rest)
{
    tree_worker(rest);
}

static void do_zombie(char *rest)
{
    (void)rest;
    tree_zombie();
}

static void do_dump(char *rest)
{
    dump_write(rest, &self, fake_argv);
}

static void do_touch(char *rest)
{
    int fd = open(rest, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    if (fd < 0)
        fake_die(FAKE_BAD_SCRIPT, "%s: %s", rest, strerror(errno));
    close(fd);
}

static void do_wait(char *rest)
{
    while (access(rest, F_OK) != 0)
        poll(NULL, 0, 20);
}

static void do_allocate(char *rest)
{
    size_t size = (size_t)number(rest) << 20;
    char *block = malloc(size);

    if (!block)
        fake_die(1, "cannot allocate %s MiB", rest);
    for (size_t i = 0; i < size; i += 4096)
        ((volatile char *)block)[i] = 1;
}

/* Left behind on purpose, like the segments of a DGL server that was killed. */
static void do_shm(char *rest)
{
    char *second = strchr(rest, ' ');
    char name[256];
    size_t size;
    void *block;
    int fd;

    if (!second)
        fake_die(FAKE_BAD_SCRIPT, "shm wants NAME MIB");
    *second++ = '\0';
    size = (size_t)number(second) << 20;
    snprintf(name, sizeof(name), "%s%s", *rest == '/' ? "" : "/", rest);
    fd = shm_open(name, O_RDWR | O_CREAT, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)size) != 0)
        fake_die(1, "shm %s: %s", name, strerror(errno));
    block = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (block == MAP_FAILED)
        fake_die(1, "shm %s: %s", name, strerror(errno));
    memset(block, 1, size);
}

static void nothing(int number)
{
    (void)number;
}

/* From now on the signal waits for 'await'. */
static void do_catch(char *rest)
{
    int number = fake_signal(rest);
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, number);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(number, nothing); /* one that is ignored would be dropped */
}

static void do_await(char *rest)
{
    sigset_t set;
    int number;

    sigemptyset(&set);
    sigaddset(&set, fake_signal(rest));
    sigwait(&set, &number);
}

static void run_action(char *text);

/* attempt N ACTION: only in the attempt of this number. */
static void do_attempt(char *rest)
{
    char *action = strchr(rest, ' ');

    if (!action)
        fake_die(FAKE_BAD_SCRIPT, "attempt wants N ACTION");
    *action++ = '\0';
    if (number(rest) == fake_env_int("DGL_JOB_RESTART_COUNT", 0))
        run_action(action);
}

static const struct action {
    const char *name;
    int words; /* 0: takes nothing, 1: wants something */
    void (*run)(char *rest);
} actions[] = {
    {"listen", 0, do_listen},     {"serve", 0, do_serve},       {"connect", 0, do_connect},
    {"print", 1, do_print},       {"printerr", 1, do_printerr}, {"noeol", 1, do_noeol},
    {"lines", 1, do_lines},       {"sleep", 1, do_sleep},       {"forever", 0, do_forever},
    {"exit", 1, do_exit},         {"kill", 1, do_kill},         {"ignore", 1, do_ignore},
    {"fork", 1, do_fork},         {"forkbomb", 1, do_forkbomb}, {"zombie", 0, do_zombie},
    {"dump", 1, do_dump},         {"touch", 1, do_touch},       {"wait", 1, do_wait},
    {"allocate", 1, do_allocate}, {"shm", 1, do_shm},           {"catch", 1, do_catch},
    {"await", 1, do_await},       {"attempt", 1, do_attempt},   {"worker", 1, do_worker},
    {"bomb", 1, do_bomb},         {"limit", 1, do_limit},       {"crash", 1, do_crash},
    {"hold", 1, do_hold},         {"lose", 1, do_lose},         {"join", 0, do_join},
};

static char *trim(char *text)
{
    char *end;

    while (isspace((unsigned char)*text))
        text++;
    end = text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1]))
        *--end = '\0';
    return text;
}

/* Splits an action into its name and what follows. */
static const struct action *action_find(char *text, char **rest)
{
    size_t len = strcspn(text, " \t");

    *rest = text[len] == '\0' ? text + len : trim(text + len);
    text[len] = '\0';
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        if (strcmp(actions[i].name, text))
            continue;
        if ((**rest != '\0') != (actions[i].words != 0))
            fake_die(FAKE_BAD_SCRIPT, "'%s' wants %s", text,
                     actions[i].words ? "something behind it" : "nothing behind it");
        return &actions[i];
    }
    fake_die(FAKE_BAD_SCRIPT, "no action is called '%s'", text);
}

static void run_action(char *text)
{
    char *rest;
    const struct action *action = action_find(text, &rest);

    action->run(rest);
}

/* run false: only looks whether the script is well formed. */
static void script_run(const char *script, int run)
{
    char *copy = strdup(script), *save = NULL;

    for (char *part = strtok_r(copy, ";", &save); part; part = strtok_r(NULL, ";", &save)) {
        char *rest, *text = trim(part);
        const struct action *action;

        if (*text == '\0')
            continue;
        action = action_find(text, &rest);
        if (run)
            action->run(rest);
    }
    free(copy);
}

/* How well a clause's WHO fits us: 0 not at all, 1 any, 2 role, 3 role and id. Sets *script to what
 * is behind the colon. */
static int clause_fits(const char *clause, const char **script)
{
    const char *colon = strchr(clause, ':');
    char role[32] = "";
    int id = -1, words;

    if (!colon)
        fake_die(FAKE_BAD_SCRIPT, "no 'WHO:' in '%s'", clause);
    *script = colon + 1;
    words = sscanf(clause, "%31[a-z] %d", role, &id);
    if (words < 1 || (strcmp(role, "any") && strcmp(role, "server") && strcmp(role, "trainer") &&
                      strcmp(role, "sampler")))
        fake_die(FAKE_BAD_SCRIPT, "nobody is called '%.*s'", (int)(colon - clause), clause);
    if (!strcmp(role, "any"))
        return words == 1 || id == self.id ? 1 : 0;
    if (strcmp(role, self.role))
        return 0;
    if (words == 1)
        return 2;
    return id == self.id ? 3 : 0;
}

static void look_who(void)
{
    const char *role = getenv("DGL_ROLE");

    self.role = "trainer";
    self.id = fake_env_int("RANK", 0);
    if (role && !strcmp(role, "server"))
        self = (struct self){"server", fake_env_int("DGL_SERVER_ID", 0)};
    else if (role && !strcmp(role, "sampler"))
        self = (struct self){"sampler", fake_env_int("DGL_JOB_SAMPLER_ID", 0)};
}

int main(int argc, char **argv)
{
    const char *best;
    int best_fit = 0;

    setvbuf(stdout, NULL, _IOLBF, 0);
    fake_argv = argv;
    look_who();
    best = !strcmp(self.role, "server") ? "serve" : "connect";
    for (int i = 1; i < argc; i++) {
        const char *script = NULL;
        int fit = clause_fits(argv[i], &script);

        script_run(script, 0);
        if (fit > best_fit) {
            best_fit = fit;
            best = script;
        }
    }
    script_run(best, 1);
    return 0;
}
