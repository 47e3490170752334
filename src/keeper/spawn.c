/* spawn: everything that a child needs is made before its birth; between that and exec there are
 * only async-signal-safe calls. It is born as by vfork(2): until it execs it runs in this process's
 * memory, on a stack of its own, and this process stands still. So nothing is copied, and what
 * fails in it stands in memory. Knows the plan's words, nothing of stages or messages.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "job/dgl.h"
#include "keeper/doing.h"
#include "keeper/pythonhook.h"
#include "keeper/spawn.h"

#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"
enum { CHILD_STACK = 65536 };

/* Of functions that run on it: AddressSanitizer would leave its marks there, since they end by exec
 * and not by a return. */
#define ON_CHILD_STACK __attribute__((no_sanitize_address))

enum step { STEP_NONE, STEP_BIRTH, STEP_WORKSPACE, STEP_EXEC };

struct failure {
    enum step step;
    int error;
};

/* Everything that the child uses. */
struct launch {
    const struct spawn_origin *origin;
    const struct spawn_late *late;
    const char *workspace;
    char *path;
    struct strv argv, env;
    int preempt_signal;
    int output;             /* write end */
    struct failure failure; /* written by the child */
};

void spawn_remember(struct spawn_origin *origin)
{
    sigprocmask(SIG_SETMASK, NULL, &origin->mask);
    sigemptyset(&origin->ignored);
    for (int i = 1; i < NSIG; i++) {
        struct sigaction action;

        if (sigaction(i, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
            sigaddset(&origin->ignored, i);
    }
    origin->environment = environ;
    origin->rebind = cpus_look(&origin->cpus, environ);
}

static bool is_inherited(const char *item)
{
    return strchr(item, '=') && !dgl_env_is_mpi(item) && !dgl_env_is_step(item) &&
           !dgl_env_is_reserved(item);
}

static char **inherited(char **environment)
{
    size_t n = 0, kept = 0;
    char **items;

    while (environment[n])
        n++;
    items = mem_calloc(n + 1, sizeof(*items));
    for (size_t i = 0; i < n; i++) {
        if (is_inherited(environment[i]))
            items[kept++] = environment[i];
    }
    return items;
}

void spawn_begin(struct spawn_origin *origin)
{
    origin->pid = getpid();
    origin->environment = inherited(origin->environment);
    sigemptyset(&origin->changed);
    for (int i = 1; i < NSIG; i++) {
        bool was_ignored = sigismember(&origin->ignored, i) == 1;
        struct sigaction action;

        if (sigaction(i, NULL, &action) == 0 &&
            action.sa_handler != (was_ignored ? SIG_IGN : SIG_DFL))
            sigaddset(&origin->changed, i);
    }
}

/* Where the name's value begins with the mark, value stands in the mark's place. */
static void fill_in(struct strv *env, const char *name, const char *mark, const char *value)
{
    const char *now = strv_env_get(env, name);

    if (now && strncmp(now, mark, strlen(mark)) == 0)
        strv_env_setf(env, "%s=%s%s", name, value, now + strlen(mark));
}

static void fill_late(struct strv *env, const struct slice *slice, const struct spawn_late *late)
{
    char port[16];

    snprintf(port, sizeof(port), "%d", late->master_port);
    fill_in(env, "MASTER_PORT", DGL_MASTER_PORT_LATER, port);
    fill_in(env, "DGL_JOB_DIR", DGL_JOB_DIR_LATER, late->job_dir);
    fill_in(env, "TORCHELASTIC_ERROR_FILE", DGL_JOB_DIR_LATER, late->job_dir);
    if (slice->own_ip_config)
        fill_in(env, "DGL_IP_CONFIG", DGL_JOB_DIR_LATER, late->job_dir);
}

/* Adds the words, in which the plan has {ip_config} replaced by a name below the job's folder. */
static void add_words(struct strv *argv, const struct slice *slice, const struct spawn_late *late)
{
    static const char mark[] = DGL_JOB_DIR_LATER "/" DGL_IP_CONFIG_NAME;

    for (size_t i = 0; i < slice->argv.n; i++) {
        const char *at = slice->argv.items[i], *found;
        struct buf word = {0};

        while (slice->own_ip_config && (found = strstr(at, mark))) {
            buf_addf(&word, "%.*s%s/" DGL_IP_CONFIG_NAME, (int)(found - at), at, late->job_dir);
            at = found + strlen(mark);
        }
        buf_add(&word, at, strlen(at) + 1);
        strv_add(argv, word.data);
        buf_free(&word);
    }
}

void spawn_environment(const struct slice *slice, const struct process_plan *plan,
                       const struct spawn_origin *origin, const struct spawn_late *late,
                       struct strv *env)
{
    for (char **item = origin->environment; *item; item++)
        strv_add(env, *item);
    for (size_t i = 0; i < slice->set.n; i++)
        strv_env_set(env, slice->set.items[i]);
    for (size_t i = 0; i < plan->env.n; i++)
        strv_env_set(env, plan->env.items[i]);
    for (size_t i = 0; i < slice->defaults.n; i++) {
        const char *item = slice->defaults.items[i];
        char *name = mem_strndup(item, strcspn(item, "="));

        if (!strv_env_get(env, name))
            strv_env_set(env, item);
        free(name);
    }
    fill_late(env, slice, late);
    if (late->python_hook && plan->role != ROLE_SERVER)
        pythonhook_enter(env, late->python_hook);
}

static bool is_program(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* The file that the word means in the child's PATH, seen from the workspace. NULL: none that can be
 * run; *error then says whether one is there. The caller frees. */
static char *find_program(const char *workspace, const char *path, const char *word, int *error)
{
    if (strchr(word, '/'))
        return file_join(workspace, strncmp(word, "./", 2) == 0 ? word + 2 : word);
    *error = ENOENT;
    for (const char *at = path;; at++) {
        size_t len = strcspn(at, ":");
        char *relative = mem_printf("%.*s%s%s", (int)len, at, len == 0 ? "" : "/", word);
        char *full = file_join(workspace, relative);

        free(relative);
        if (is_program(full))
            return full;
        if (access(full, F_OK) == 0)
            *error = EACCES;
        free(full);
        at += len;
        if (*at == '\0')
            return NULL;
    }
}

/* The command's first word, when no shell would read more into it. The caller frees. */
static char *first_word(const struct slice *slice)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789_./+-";
    const char *start;
    size_t len;

    if (!slice->command)
        return slice->argv.n > 0 ? mem_strdup(slice->argv.items[0]) : NULL;
    start = slice->command + strspn(slice->command, " \t\n");
    len = strspn(start, plain);
    return len > 0 && strchr(" \t\n", start[len]) ? mem_strndup(start, len) : NULL;
}

char *spawn_program(const struct slice *slice)
{
    const char *path = strv_env_get(&slice->set, "PATH");
    char *word = first_word(slice), *program = NULL;
    int error;

    if (!path)
        path = getenv("PATH");
    if (word)
        program = find_program(slice->workspace, path ? path : DEFAULT_PATH, word, &error);
    free(word);
    return program;
}

/* Without the workspace a relative program would be "not found". */
static int check_workspace(const char *workspace, int *error, struct err *err)
{
    int fd = open(workspace, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0) {
        close(fd);
        return 0;
    }
    *error = errno;
    return err_set(err, EXIT_MACHINE, "cannot enter the workspace '%s': %s", workspace,
                   strerror(*error));
}

static int choose_program(struct launch *launch, const struct slice *slice, enum role role,
                          int *error, struct err *err)
{
    const char *path = strv_env_get(&launch->env, "PATH");
    const char *command = slice_command(slice, role);

    if (command) {
        launch->path = mem_strdup(is_program("/bin/bash") ? "/bin/bash" : "/bin/sh");
        strv_add(&launch->argv, launch->path);
        strv_add(&launch->argv, "-c");
        strv_add(&launch->argv, command);
        return 0;
    }
    add_words(&launch->argv, slice, launch->late);
    if (slice->argv.n == 0)
        return err_set(err, EXIT_LAUNCHER, "the plan has neither a command nor words to run");
    launch->path =
        find_program(slice->workspace, path ? path : DEFAULT_PATH, slice->argv.items[0], error);
    if (launch->path)
        return 0;
    if (*error == EACCES)
        return err_set(err, EXIT_CANNOT_EXEC, "cannot run '%s': what PATH has is not executable",
                       slice->argv.items[0]);
    return err_set(err, EXIT_NOT_FOUND, "cannot run '%s': not found in PATH", slice->argv.items[0]);
}

/* The pre-emption signal is ignored: it is for the trainers alone, which have a handler then, and
 * Slurm sends it to every process of a job step. */
static ON_CHILD_STACK void restore_signals(const struct spawn_origin *origin, int preempt_signal)
{
    struct sigaction action = {0};

    sigemptyset(&action.sa_mask);
    for (int i = 1; i < NSIG; i++) {
        if (i != preempt_signal && sigismember(&origin->changed, i) != 1)
            continue;
        action.sa_handler =
            i == preempt_signal || sigismember(&origin->ignored, i) == 1 ? SIG_IGN : SIG_DFL;
        sigaction(i, &action, NULL);
    }
    sigprocmask(SIG_SETMASK, &origin->mask, NULL);
}

static ON_CHILD_STACK _Noreturn void child_fails(struct launch *launch, enum step step)
{
    launch->failure = (struct failure){step, errno};
    _exit(step == STEP_BIRTH ? EXIT_LAUNCHER : EXIT_CANNOT_EXEC);
}

/* stdin is the keeper's, /dev/null. All descriptors in launch are above 2. */
static ON_CHILD_STACK int child_run(void *arg)
{
    struct launch *launch = arg;

    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != launch->origin->pid)
        _exit(EXIT_LAUNCHER);
    if (dup2(launch->output, STDOUT_FILENO) < 0 || dup2(launch->output, STDERR_FILENO) < 0)
        child_fails(launch, STEP_BIRTH);
    if (launch->origin->rebind)
        sched_setaffinity(0, sizeof(launch->origin->cpus), launch->origin->cpus.sets);
    file_close_from(STDERR_FILENO + 1); /* the next call may hang; then nothing else is held */
    if (chdir(launch->workspace) != 0)
        child_fails(launch, STEP_WORKSPACE);
    restore_signals(launch->origin, launch->preempt_signal);
    execve(launch->path, launch->argv.items, launch->env.items);
    child_fails(launch, STEP_EXEC);
}

/* What a '#!' line asks for; "" where there is none. */
static void interpreter_of(const char *path, char *word, size_t size)
{
    char line[256] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t len = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);
    const char *start;

    if (fd >= 0)
        close(fd);
    word[0] = '\0';
    if (len < 3 || strncmp(line, "#!", 2) != 0)
        return;
    start = line + 2 + strspn(line + 2, " \t");
    snprintf(word, size, "%.*s", (int)strcspn(start, " \t\r\n"), start);
}

static int exec_failed(const char *path, int error, struct err *err)
{
    char word[256];

    if (error == ENOENT && access(path, F_OK) != 0)
        return err_set(err, EXIT_NOT_FOUND, "cannot run '%s': not found", path);
    interpreter_of(path, word, sizeof(word));
    if ((error == ENOENT || error == ENOTDIR) && word[0] != '\0')
        return err_set(err, EXIT_NOT_FOUND, "cannot run '%s': bad interpreter '#!%s'", path, word);
    if (error == EACCES && word[0] != '\0' && access(path, X_OK) == 0)
        return err_set(err, EXIT_CANNOT_EXEC,
                       "cannot run '%s': its interpreter '#!%s' is not executable", path, word);
    if (error == EACCES)
        return err_set(err, EXIT_CANNOT_EXEC, "cannot run '%s': not executable", path);
    if (error == ENOEXEC)
        return err_set(err, EXIT_CANNOT_EXEC,
                       "cannot run '%s': no program, and no script with a '#!' line", path);
    return err_set(err, error == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXEC, "cannot run '%s': %s",
                   path, strerror(error));
}

static int explain(const struct launch *launch, struct err *err)
{
    const struct failure *failure = &launch->failure;

    if (failure->step == STEP_WORKSPACE)
        return err_set(err, EXIT_MACHINE, "cannot enter the workspace '%s': %s", launch->workspace,
                       strerror(failure->error));
    if (failure->step == STEP_BIRTH)
        return err_set(err, EXIT_LAUNCHER, "cannot copy a descriptor: %s",
                       strerror(failure->error));
    return exec_failed(launch->path, failure->error, err);
}

int spawn_fork_failed(const char *whom, int error, struct err *err)
{
    return err_set(err, EXIT_LAUNCHER, "cannot fork%s: %s%s", whom, strerror(error),
                   error == EAGAIN ? "; look at 'ulimit -u' (RLIMIT_NPROC) and the cgroup's "
                                     "pids.max"
                                   : "");
}

/* Returns when the child has exec'd, or has said why not and ended. This process catches no signal,
 * so no handler can run in the child. */
static pid_t give_birth(struct launch *launch)
{
    alignas(16) char stack[CHILD_STACK];

    return clone(child_run, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, launch);
}

static int start(struct launch *launch, struct spawned *spawned, struct err *err)
{
    int output[2];

    if (pipe2(output, O_CLOEXEC) != 0) {
        spawned->error = errno;
        return err_set(err, EXIT_LAUNCHER, "cannot make a pipe: %s", strerror(spawned->error));
    }
    launch->output = output[1];
    spawned->pid = give_birth(launch);
    spawned->error = spawned->pid < 0 ? errno : launch->failure.error;
    close(output[1]);
    if (spawned->pid > 0 && launch->failure.step == STEP_NONE) {
        fcntl(output[0], F_SETFL, O_NONBLOCK);
        spawned->output = output[0];
        return 0;
    }
    close(output[0]);
    if (spawned->pid < 0)
        return spawn_fork_failed("", spawned->error, err);
    waitpid(spawned->pid, NULL, 0);
    return explain(launch, err);
}

int spawn_process(const struct slice *slice, const struct process_plan *plan,
                  const struct spawn_origin *origin, const struct spawn_late *late,
                  struct spawned *spawned, struct err *err)
{
    struct launch launch = {.origin = origin,
                            .late = late,
                            .workspace = slice->workspace,
                            .preempt_signal = slice->preempt_signal};
    int rc;

    *spawned = (struct spawned){.output = -1};
    spawn_environment(slice, plan, origin, late, &launch.env);
    doing_begin(DOING_START, "starting %s %d in '%s'", role_name(plan->role), plan->id,
                slice->workspace);
    rc = choose_program(&launch, slice, plan->role, &spawned->error, err);
    if (rc != 0)
        check_workspace(slice->workspace, &spawned->error, err);
    else
        rc = start(&launch, spawned, err);
    doing_end();
    free(launch.path);
    strv_free(&launch.argv);
    strv_free(&launch.env);
    return rc;
}
