/* pipes: finds failures that a shell hides, as the shell's option pipefail does, but only for the
 * program that ended badly last. So the conditions of "if a | grep -q b", "a || b" and "a; b"
 * stay the shell's.
 */
#include "keeper/pipes.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "keeper/evidence.h"
#include "keeper/failure.h"
#include "keeper/hooked.h"
#include "keeper/link.h"
#include "keeper/program.h"
#include "report/signal.h"

enum {
    WAIT_MS = 2000, /* shells that do nothing for so long wait for the rest of the pipe */
    LOOK_MS = 20    /* between two looks: what they run next may be short */
};

static unsigned long long ticks_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return ((unsigned long long)now.tv_sec * 1000 + (unsigned long long)now.tv_nsec / 1000000) *
           (unsigned long long)sysconf(_SC_CLK_TCK) / 1000;
}

/* Did it end because its reader had left first, as in "a | head -1"? Python ends with 120 when it
 * cannot flush its output; of an exception its hook makes 141. */
static bool is_unread(int status)
{
    if (WIFSIGNALED(status))
        return WTERMSIG(status) == SIGPIPE;
    return WEXITSTATUS(status) == 120 || WEXITSTATUS(status) == EXIT_SIGNAL_BASE + SIGPIPE;
}

/* Every shell from parent up to top. False: one of them has become another program, and so does not
 * wait for the pipe. */
static bool note_shells(struct piped *piped, pid_t parent, pid_t top)
{
    struct proc shell;

    while (piped->n_shells < PIPED_SHELLS - 1 && proc_read(parent, &shell) == 0) {
        if (!shell.zombie && !program_is_shell(&shell))
            return false;
        if (parent == top)
            break;
        piped->shells[piped->n_shells++] = parent;
        parent = shell.parent;
    }
    piped->shells[piped->n_shells++] = top;
    return true;
}

static bool is_above(const struct piped *piped, pid_t pid)
{
    for (size_t i = 0; i < piped->n_shells; i++) {
        if (piped->shells[i] == pid)
            return true;
    }
    return false;
}

static void ended(struct machine *m, int i, pid_t pid, pid_t parent, int status,
                  unsigned long long ticks)
{
    struct child *child = &m->children[i];
    int64_t now = clock_ms();
    struct piped piped = {.pid = (int)pid,
                          .status = status,
                          .at = now,
                          .still_since = now,
                          .next_look = now + LOOK_MS,
                          .ticks = ticks};

    if (m->stage != STAGE_TRAINERS || child->piped.pid == pid || child->unread == pid ||
        child->plan->role == ROLE_SERVER)
        return;
    if (is_unread(status)) {
        child->unread = (int)pid;
        return;
    }
    if (note_shells(&piped, parent, child->pid))
        child->piped = piped;
    if (m->watch)
        watch_look_soon(m->watch); /* what the shell runs next may be short */
}

/* Forgets a failure since the shell of child i runs something else by now: it has decided. On a
 * busy machine a death that the failed program has told itself is seen later than that. */
static void went_on(struct machine *m, int i)
{
    m->children[i].decided = m->children[i].piped.ticks;
    m->children[i].piped = (struct piped){0};
}

/* Was it started by what has become a Python since? Then it was no program of the shells', but a
 * part of a script that ends in Python, such as pyenv's. One whose parent has gone may be such a
 * part where a Python of this trainer has run. */
static bool is_of_pythons_script(const struct machine *m, int i, const struct watch_death *death)
{
    return death->parent != m->children[i].pid &&
           !program_is_behind_shells(death->parent, m->children[i].pid) &&
           hooked_another_ran(m, i, death->pid);
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

/* Has one of the shells above the failure become this Python, or started it or a process above it,
 * after the failure? A member of the same pipe may itself be a shell, or a script such as pyenv's
 * python3, and start programs at any time. */
static bool is_of_later_command(const struct piped *piped, const struct told *told)
{
    unsigned long long start = told->ticks;
    pid_t parent = told->parent;
    struct proc above;

    if (is_above(piped, told->pid))
        return true;
    while (!is_above(piped, parent)) {
        if (parent <= 1 || proc_read(parent, &above) != 0)
            return false;
        start = above.start;
        parent = above.parent;
    }
    return start > piped->ticks;
}

/* Ignores the planned process itself, whose end wait tells. The members of a pipe are started
 * before the first of them can have failed; the shell's next program may be started within the
 * tick in which a Python tells its end. */
static void hear(struct machine *m, const struct told *told)
{
    const struct child *child = &m->children[told->child];

    if (told->loaded) {
        if (child->piped.pid != 0 && is_of_later_command(&child->piped, told))
            went_on(m, told->child);
    } else if (is_unread(told->code << 8)) {
        m->children[told->child].unread = told->pid;
    } else if (told->pid != child->pid && is_piped(child, told) &&
               program_is_behind_shells(told->parent, child->pid)) {
        ended(m, told->child, told->pid, told->parent, told->code << 8, told->ticks - 1);
    }
}

void pipes_hear(struct machine *m)
{
    struct told told;

    hooked_begin(m);
    while (hooked_next(m, &told))
        hear(m, &told);
}

/* What a Python has told of its own end before is in the FIFO by now, and counts. */
void pipes_ended(struct machine *m, int i, const struct watch_death *death)
{
    pipes_hear(m);
    if (death->start > m->children[i].decided && !is_of_pythons_script(m, i, death))
        ended(m, i, death->pid, death->parent, death->status, ticks_now());
}

static bool has_later_child(const struct piped *piped)
{
    for (size_t i = 0; i < piped->n_shells; i++) {
        if (proc_has_child_since(piped->shells[i], piped->ticks))
            return true;
    }
    return false;
}

static void look_for_others(struct machine *m, int i)
{
    const struct piped *piped = &m->children[i].piped;

    if (piped->pid == 0)
        return;
    if (has_later_child(piped) ||
        (m->watch && watch_went_on(m->watch, piped->shells, piped->n_shells, piped->ticks)))
        went_on(m, i);
}

static void judge(struct machine *m, int i, const char *what)
{
    const struct child *child = &m->children[i];
    char *text = mem_printf("its output goes through a pipe, and the shell that ran it (pid %d) %s",
                            child->pid, what);
    struct cause *cause = evidence_of_status(m, i, child->piped.pid, child->piped.status, 0, text);

    cause->exception = evidence_exception(m, i);
    failure_suspect(m, cause, child->piped.at);
    free(text);
}

void pipes_judge(struct machine *m, int i)
{
    pipes_hear(m);
    look_for_others(m, i);
    if (m->children[i].piped.pid != 0 && m->stage == STAGE_TRAINERS)
        judge(m, i, "ended with code 0");
}

static void say(struct machine *m, int i)
{
    struct child *child = &m->children[i];
    struct buf line = {0};

    buf_addf(&line, "%s %d on %s: a program (pid %d) whose output goes through a pipe ",
             role_name(child->plan->role), child->plan->id, m->host, child->piped.pid);
    evidence_add_end(&line, child->piped.status);
    buf_addf(&line, "; another one at that pipe goes on");
    buf_add(&line, "", 1);
    link_say(m, line.data);
    link_warn(m, "%s", line.data);
    child->piped.told = true;
    buf_free(&line);
}

/* When to say or to judge that the shells wait; CLOCK_NEVER. */
static int64_t due_at(const struct child *child)
{
    if (!child->running || child->piped.pid == 0 || child->piped.told)
        return CLOCK_NEVER;
    return child->piped.next_look;
}

/* Has none of the shells run for a while? On a busy machine what a script does takes seconds. */
static bool shells_wait(struct piped *piped, int64_t now)
{
    unsigned long long switches = 0;
    bool runs = false;

    for (size_t i = 0; i < piped->n_shells; i++) {
        switches += proc_switches(piped->shells[i]);
        runs |= proc_state(piped->shells[i]) == 'R';
    }
    if (runs || switches != piped->switches)
        piped->still_since = now;
    piped->switches = switches;
    piped->next_look = now + LOOK_MS;
    return now - piped->still_since >= WAIT_MS;
}

void pipes_tick(struct machine *m, int64_t now)
{
    for (int i = 0; i < m->n && m->stage == STAGE_TRAINERS; i++) {
        if (now < due_at(&m->children[i]))
            continue;
        look_for_others(m, i);
        if (m->children[i].piped.pid == 0)
            continue;
        if (!shells_wait(&m->children[i].piped, now))
            continue;
        if (hooked_another_runs(m, i, m->children[i].piped.pid))
            say(m, i);
        else
            judge(m, i, "waits for who else holds the pipe");
        m->children[i].piped.told = true;
    }
}

int64_t pipes_deadline(const struct machine *m)
{
    int64_t first = CLOCK_NEVER;

    for (int i = 0; i < m->n && m->stage == STAGE_TRAINERS; i++) {
        int64_t at = due_at(&m->children[i]);

        if (at < first)
            first = at;
    }
    return first;
}
