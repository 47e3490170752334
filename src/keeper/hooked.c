/* hooked: lines "loaded RANK PID PARENT PIPE PIPE 0" and "ended RANK PID PARENT PIPE PIPE CODE", as
 * sitecustomize.py writes them. Whoever runs as the user may write there too: numbers are checked,
 * and a line never does more than name a process of that trainer.
 */
#include "keeper/hooked.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "keeper/failure.h"
#include "keeper/link.h"
#include "keeper/pipes.h"
#include "keeper/proc.h"
#include "keeper/pythonhook.h"
#include "keeper/program.h"
#include "report/report.h"

#define KNOWN_MOST 4096 /* Pythons; more are not remembered */

struct python {
    pid_t pid, parent;
    int child;
};

struct hooked {
    int fd;
    char text[1024]; /* a line that is not complete yet */
    size_t len;
    struct python *known;
    size_t n;
};

void hooked_open(struct machine *m)
{
    int fd = m->python_hook == NULL ? -1 : pythonhook_listen(m->python_hook);

    if (fd < 0)
        return;
    m->hooked = mem_calloc(1, sizeof *m->hooked);
    m->hooked->fd = fd;
}

void hooked_close(struct machine *m)
{
    if (m->hooked == NULL)
        return;
    close(m->hooked->fd);
    free(m->hooked->known);
    free(m->hooked);
    m->hooked = NULL;
}

int hooked_fd(const struct machine *m)
{
    return m->hooked == NULL ? -1 : m->hooked->fd;
}

/* ---- what is told ---- */

struct told {
    int rank, pid, parent, code;
    unsigned long long pipes[2];
};

static int trainer_of(const struct machine *m, int rank)
{
    for (int i = 0; i < m->n; i++) {
        if (m->children[i].plan->role == ROLE_TRAINER && m->children[i].plan->id == rank)
            return i;
    }
    return -1;
}

/* Does it print into a pipe that is not ours? */
static bool is_piped(const struct child *child, const struct told *told)
{
    for (int k = 0; k < 2; k++) {
        if (told->pipes[k] != 0 && child->pipe != 0 && told->pipes[k] != child->pipe)
            return true;
    }
    return false;
}

static void on_loaded(struct machine *m, int i, const struct told *told)
{
    struct hooked *h = m->hooked;

    if (h->n < KNOWN_MOST) {
        h->known = mem_realloc(h->known, h->n + 1, sizeof *h->known);
        h->known[h->n++] = (struct python){told->pid, told->parent, i};
    }
    if (m->children[i].piped.pid != 0 && program_is_behind_shells(told->parent, m->children[i].pid))
        pipes_went_on(m, i);
}

/* Of the planned process itself wait tells. */
static void on_ended(struct machine *m, int i, const struct told *told)
{
    const struct child *child = &m->children[i];

    if (told->pid != child->pid && is_piped(child, told) &&
        program_is_behind_shells(told->parent, child->pid))
        pipes_ended(m, i, told->pid, told->code << 8);
}

static void on_line(struct machine *m, const char *line)
{
    struct told told;
    char word[16];
    int i;

    if (sscanf(line, "%15s %d %d %d %llu %llu %d", word, &told.rank, &told.pid, &told.parent,
               &told.pipes[0], &told.pipes[1], &told.code) != 7)
        return;
    i = trainer_of(m, told.rank);
    if (i < 0 || told.pid <= 1 || told.parent < 1 || m->children[i].pid == 0)
        return;
    if (strcmp(word, "loaded") == 0)
        on_loaded(m, i, &told);
    else if (strcmp(word, "ended") == 0 && told.code > 0 && told.code <= UINT8_MAX)
        on_ended(m, i, &told);
}

static void take_lines(struct machine *m)
{
    struct hooked *h = m->hooked;
    char *end;

    while ((end = memchr(h->text, '\n', h->len)) != NULL) {
        size_t len = (size_t)(end - h->text) + 1;

        *end = '\0';
        on_line(m, h->text);
        h->len -= len;
        memmove(h->text, h->text + len, h->len);
    }
    if (h->len == sizeof h->text)
        h->len = 0; /* no line of the hook's */
}

void hooked_pump(struct machine *m)
{
    struct hooked *h = m->hooked;
    ssize_t n;

    while (h != NULL && (n = read(h->fd, h->text + h->len, sizeof h->text - h->len)) > 0) {
        h->len += (size_t)n;
        take_lines(m);
    }
}

/* ---- who runs with it, and who without ---- */

static bool lives(pid_t pid)
{
    struct proc now;

    return proc_read(pid, &now) == 0 && !now.zombie;
}

bool hooked_another_runs(const struct machine *m, int i, pid_t pid)
{
    const struct hooked *h = m->hooked;

    for (size_t k = 0; h != NULL && k < h->n; k++) {
        if (h->known[k].child == i && h->known[k].pid != pid && h->known[k].parent != pid &&
            lives(h->known[k].pid))
            return true;
    }
    return false;
}

/* One in a pid namespace of its own gives other numbers. */
static bool has_hook(const struct machine *m, int i, pid_t pid)
{
    const struct hooked *h = m->hooked;

    for (size_t k = 0; k < h->n; k++) {
        if (h->known[k].pid == pid || (h->known[k].child == i && !lives(h->known[k].pid)))
            return true;
    }
    return h->n == KNOWN_MOST;
}

void hooked_look(struct machine *m, int i, pid_t pid)
{
    struct child *child = &m->children[i];
    char *text;

    if (m->hooked == NULL || child->unhooked || child->plan->role != ROLE_TRAINER)
        return;
    hooked_pump(m);
    if (has_hook(m, i, pid))
        return;
    child->unhooked = true;
    text = mem_printf(
        "trainer %d on %s runs Python (pid %d) without the launcher's hook: its PYTHONPATH was "
        "replaced, or it runs with -E or -I. An exception in it may leave it waiting in DGL's "
        "barrier at exit. Write PYTHONPATH=/your/folder:$PYTHONPATH, or --python_hook off",
        child->plan->id, m->host, (int)pid);
    failure_warn(m, "%s", text);
    link_say(m, text);
    free(text);
}

/* ---- a trainer without it that waits at exit ---- */

static bool is_farewell(const char *line)
{
    int client, group;

    return sscanf(line, "Client[%d] in group[%d] is exiting", &client, &group) == 2;
}

/* A traceback, its exception, and then nothing but DGL's farewells, its samplers' too. */
static bool waits_at_exit(const struct cause *cause)
{
    const struct strv *lines = &cause->last_lines;
    const char *exception = report_exception(cause);
    size_t n = lines->n;

    while (n > 0 && (is_farewell(lines->items[n - 1]) || lines->items[n - 1][0] == '\0'))
        n--;
    return exception != NULL && n > 0 && n < lines->n &&
           strstr(lines->items[n - 1], exception) != NULL;
}

static void look_at_exit(struct machine *m, int i, int64_t now)
{
    struct child *child = &m->children[i];
    struct cause *cause = failure_about(m, i, HOW_RAISED, 1, 1, NULL);

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
