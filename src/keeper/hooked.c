/* hooked: lines "loaded RANK PID PARENT PIPE PIPE 0 START" and "ended RANK PID PARENT PIPE PIPE
 * CODE NOW", as sitecustomize.py writes them. Whoever runs as the user may write there too: numbers
 * are checked, and a line never does more than name a process of that trainer.
 */
#include "keeper/hooked.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "keeper/evidence.h"
#include "keeper/failure.h"
#include "keeper/link.h"
#include "keeper/proc.h"
#include "keeper/pythonhook.h"
#include "report/sentence.h"

enum { KNOWN_MOST = 4096 }; /* Pythons; more are not remembered */

void hooked_open(struct machine *m)
{
    if (m->python_hook)
        m->hooked.fd = pythonhook_listen(m->python_hook);
}

void hooked_close(struct machine *m)
{
    if (m->hooked.fd >= 0)
        close(m->hooked.fd);
    m->hooked.fd = -1;
}

/* ---- what is told ---- */

static int trainer_of(const struct machine *m, int rank)
{
    for (int i = 0; i < m->n; i++) {
        if (m->children[i].plan->role == ROLE_TRAINER && m->children[i].plan->id == rank)
            return i;
    }
    return -1;
}

static void remember(struct hooked *h, const struct told *told)
{
    if (h->n >= KNOWN_MOST)
        return;
    h->known = mem_realloc(h->known, h->n + 1, sizeof(*h->known));
    h->known[h->n++] = (struct python){told->pid, told->parent, told->child};
}

static bool is_told(struct machine *m, const char *line, struct told *told)
{
    char word[16];
    int rank;

    if (sscanf(line, "%15s %d %d %d %llu %llu %d %llu", word, &rank, &told->pid, &told->parent,
               &told->pipes[0], &told->pipes[1], &told->code, &told->ticks) != 8)
        return false;
    told->child = trainer_of(m, rank);
    if (told->child < 0 || told->pid <= 1 || told->parent < 1 || m->children[told->child].pid == 0)
        return false;
    told->loaded = strcmp(word, "loaded") == 0;
    if (told->loaded)
        remember(&m->hooked, told);
    return told->loaded ||
           (strcmp(word, "ended") == 0 && told->code > 0 && told->code <= UINT8_MAX);
}

void hooked_begin(struct machine *m)
{
    if (m->hooked.fd < 0 || ioctl(m->hooked.fd, FIONREAD, &m->hooked.waiting) != 0)
        m->hooked.waiting = 0;
}

static bool read_on(struct hooked *h)
{
    size_t room = sizeof(h->text) - h->len, waiting = (size_t)h->waiting;
    ssize_t n = waiting == 0 ? 0 : read(h->fd, h->text + h->len, waiting < room ? waiting : room);

    if (n <= 0)
        return false;
    h->waiting -= (int)n;
    h->len += (size_t)n;
    return true;
}

/* A line of the hook's is shorter than the text. */
static bool next_line(struct hooked *h, char *line)
{
    char *end;
    ssize_t n;

    while (!(end = memchr(h->text, '\n', h->len))) {
        if (h->len == sizeof(h->text))
            h->len = 0;
        if (!read_on(h))
            return false;
    }
    *end = '\0';
    n = end + 1 - h->text;
    memcpy(line, h->text, (size_t)n);
    h->len -= (size_t)n;
    memmove(h->text, h->text + n, h->len);
    return true;
}

bool hooked_next(struct machine *m, struct told *told)
{
    char line[sizeof(m->hooked.text)];

    while (next_line(&m->hooked, line)) {
        if (is_told(m, line, told))
            return true;
    }
    return false;
}

/* ---- who runs with it, and who without ---- */

bool hooked_another_runs(const struct machine *m, int i, pid_t pid)
{
    const struct hooked *h = &m->hooked;

    for (size_t k = 0; k < h->n; k++) {
        if (h->known[k].child == i && h->known[k].pid != pid && h->known[k].parent != pid &&
            proc_lives(h->known[k].pid, 0))
            return true;
    }
    return false;
}

bool hooked_another_ran(const struct machine *m, int i, pid_t pid)
{
    const struct hooked *h = &m->hooked;

    for (size_t k = 0; k < h->n; k++) {
        if (h->known[k].child == i && h->known[k].pid != pid)
            return true;
    }
    return false;
}

/* A Python in a pid namespace of its own tells other pids: one that cannot be found may be it. */
static bool has_hook(const struct machine *m, int i, pid_t pid)
{
    const struct hooked *h = &m->hooked;

    for (size_t k = 0; k < h->n; k++) {
        if (h->known[k].pid == pid || (h->known[k].child == i && !proc_lives(h->known[k].pid, 0)))
            return true;
    }
    return h->n == KNOWN_MOST;
}

void hooked_look(struct machine *m, int i, pid_t pid)
{
    struct child *child = &m->children[i];
    char *text;

    if (m->hooked.fd < 0 || child->unhooked || child->plan->role != ROLE_TRAINER)
        return;
    if (has_hook(m, i, pid))
        return;
    child->unhooked = true;
    text = mem_printf(
        "trainer %d on %s runs Python (pid %d) without the launcher's hook: its PYTHONPATH was "
        "replaced, or it runs with -E or -I. An exception in it may leave it waiting in DGL's "
        "barrier at exit. Write PYTHONPATH=/your/folder:$PYTHONPATH, or --python_hook off",
        child->plan->id, m->host, (int)pid);
    link_warn(m, "%s", text);
    link_say(m, text);
    free(text);
}

/* ---- a trainer without it that waits at exit ---- */

static bool is_farewell(const char *line)
{
    int client, group;

    return sscanf(line, "Client[%d] in group[%d] is exiting", &client, &group) == 2;
}

/* Are the last lines a traceback, its exception, and then nothing but DGL's farewells, its
 * samplers' included? */
static bool waits_at_exit(const struct cause *cause)
{
    const struct strv *lines = &cause->last_lines;
    const char *exception = report_exception(cause);
    size_t n = lines->n;

    while (n > 0 && (is_farewell(lines->items[n - 1]) || lines->items[n - 1][0] == '\0'))
        n--;
    return exception && n > 0 && n < lines->n && strstr(lines->items[n - 1], exception);
}

static void look_at_exit(struct machine *m, int i, int64_t now)
{
    struct child *child = &m->children[i];
    struct cause *cause = evidence_cause(m, i, HOW_RAISED, 1, 1, NULL);

    if (!waits_at_exit(cause)) {
        child->waits_at_exit = 0;
    } else if (child->waits_at_exit == 0) {
        child->waits_at_exit = now;
    } else if (now - child->waits_at_exit >= m->slice->exit_timeout_ms) {
        cause->text = mem_printf("it has printed a traceback and has waited in DGL's barrier at "
                                 "exit for %lld s since, as a trainer that raised does",
                                 (long long)(now - child->waits_at_exit) / 1000);
        failure_suspect(m, cause, child->waits_at_exit);
        return;
    }
    cause_free(cause);
}

void hooked_tick(struct machine *m, int64_t now)
{
    for (int i = 0; i < m->n && m->stage == STAGE_TRAINERS; i++) {
        if (m->children[i].unhooked && m->children[i].running && m->suspect.weight < 0)
            look_at_exit(m, i, now);
    }
}
