/* program: what a process runs, as far as /proc shows: a shell, a Python, multiprocessing's worker;
 * and which program is behind a shell. Knows nothing of the job.
 */
#include "keeper/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/procfs.h"

/* The name of the program's file: a script's own name stands in the place of its interpreter's. A
 * zombie has none. */
static const char *program_of(const struct proc *proc, char *path, size_t size)
{
    const char *slash;

    procfs_link(proc->pid, "exe", path, size);
    if (path[0] == '\0')
        return proc->name;
    slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool program_is_shell(const struct proc *proc)
{
    static const char *const shells[] = {"sh",   "bash",  "dash", "zsh",    "ksh",
                                         "mksh", "ksh93", "ash",  "busybox"};
    char path[4096];
    const char *name = program_of(proc, path, sizeof(path));

    for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
        if (strcmp(name, shells[i]) == 0)
            return true;
    }
    return false;
}

/* Is pid a program that top runs, with nothing but shells from top to it? */
bool program_is_proper(const struct procs *below, pid_t pid, pid_t top)
{
    const struct proc *proc = procs_find(below, pid);

    if (!proc || program_is_shell(proc))
        return false;
    while (proc->pid != top) {
        proc = procs_find(below, proc->parent);
        if (!proc || !program_is_shell(proc))
            return false;
    }
    return true;
}

static bool is_python(const struct proc *proc)
{
    char path[4096];

    return strncmp(program_of(proc, path, sizeof(path)), "python", 6) == 0;
}

/* Is it a Python that no other Python has started? */
bool program_is_first_python(const struct procs *below, const struct proc *proc)
{
    if (!is_python(proc))
        return false;
    while ((proc = procs_find(below, proc->parent))) {
        if (is_python(proc))
            return false;
    }
    return true;
}

static bool is_own_pipe(pid_t pid, pid_t top, const char *fd)
{
    char own[64], usual[64];

    procfs_link(pid, fd, own, sizeof(own));
    procfs_link(top, fd, usual, sizeof(usual));
    return strncmp(own, "pipe:", 5) == 0 && usual[0] != '\0' && strcmp(own, usual) != 0;
}

bool program_is_piped(pid_t pid, pid_t top)
{
    return !is_own_pipe(pid, top, "fd/0") &&
           (is_own_pipe(pid, top, "fd/1") || is_own_pipe(pid, top, "fd/2"));
}

/* unknown: the answer where the command line cannot be read. */
static bool is_run_with(pid_t pid, const char *word, bool unknown)
{
    char words[4096];
    size_t len = procfs_read(pid, "cmdline", words, sizeof(words));

    return len ? memmem(words, len, word, strlen(word)) != NULL : unknown;
}

bool program_is_worker(pid_t pid)
{
    return is_run_with(pid, "multiprocessing.spawn", false);
}

bool program_is_helper(pid_t pid)
{
    return is_run_with(pid, "multiprocessing.", true);
}

long program_peak_kb(pid_t pid)
{
    char status[4096];
    const char *peak;

    procfs_read(pid, "status", status, sizeof(status));
    peak = strstr(status, "\nVmHWM:");
    return peak ? strtol(peak + 7, NULL, 10) : 0;
}

bool program_is_behind_shells(pid_t parent, pid_t top)
{
    struct proc proc;

    for (;;) {
        if (proc_read(parent, &proc) != 0 || !program_is_shell(&proc))
            return false;
        if (parent == top)
            return true;
        parent = proc.parent;
    }
}

pid_t program_trainer_among(const struct procs *below, pid_t planned)
{
    const struct proc *oldest = NULL, *root = procs_find(below, planned);

    if (!root || !program_is_shell(root))
        return planned;
    for (size_t i = 0; i < below->n; i++) {
        const struct proc *proc = &below->items[i];

        if (proc->zombie || !program_is_proper(below, proc->pid, planned))
            continue;
        if (!oldest || proc->start < oldest->start)
            oldest = proc;
    }
    return oldest ? oldest->pid : planned;
}

pid_t program_trainer_of(pid_t planned)
{
    struct procs below = {0};
    struct proc root;
    pid_t found;

    if (proc_read(planned, &root) != 0 || !program_is_shell(&root))
        return planned;
    proc_below(root.parent, &below); /* planned is among them */
    found = program_trainer_among(&below, planned);
    procs_free(&below);
    return found;
}
