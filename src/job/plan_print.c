/* plan_print: the plan as text, for --dry_run and golden tests. Two runs print the same: {job_id}
 * stands for the job's id.
 */
#include "job/plan_print.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "job/plan.h"

#define SHELL "/bin/bash" /* the keeper's first choice */

/* The id is replaced in all that goes to out. */
struct printer {
    FILE *out;
    const char *id;
};

static void put(const struct printer *p, const char *text)
{
    size_t len = strlen(p->id);

    while (*text) {
        if (len && !strncmp(text, p->id, len)) {
            fputs("{job_id}", p->out);
            text += len;
        } else {
            fputc(*text++, p->out);
        }
    }
}

static bool is_plain(const char *word)
{
    return *word && !word[strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                       "0123456789_-+=:,./@%{}")];
}

/* Is it a rule for a value that is not known yet, such as "{max(cpus / 2 / 2, 1)}"? */
static bool is_rule(const char *word)
{
    return !strncmp(word, "{max(cpus", 9);
}

/* Control characters are single bytes, or U+0080 to U+009F. */
static bool has_control(const char *word)
{
    for (const unsigned char *c = (const unsigned char *)word; *c; c++)
        if (*c < ' ' || *c == 0x7f || (*c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0))
            return true;
    return false;
}

/* Quotes a word as a shell reads it; as $'...' if it holds control characters. The caller frees. */
static char *quote(const char *word)
{
    struct buf out = {0};
    bool control = has_control(word);

    if (is_plain(word) || is_rule(word))
        return mem_strdup(word);
    buf_addf(&out, control ? "$'" : "'");
    for (; *word; word++) {
        if (control && ((unsigned char)*word < ' ' || (unsigned char)*word >= 0x7f))
            buf_addf(&out, "\\%03o", (unsigned char)*word);
        else if (control && (*word == '\'' || *word == '\\'))
            buf_addf(&out, "\\%c", *word);
        else if (*word == '\'')
            buf_addf(&out, "'\\''");
        else
            buf_add(&out, word, 1);
    }
    buf_add(&out, "'", 2);
    return out.data;
}

/* Quotes only the value of NAME=VALUE. */
static void put_env(const struct printer *p, const char *indent, const char *name_value)
{
    size_t len = strcspn(name_value, "=");
    char *value = quote(name_value[len] ? name_value + len + 1 : "");

    fprintf(p->out, "%s%.*s=", indent, (int)len, name_value);
    put(p, strcmp(value, "''") ? value : "");
    fputc('\n', p->out);
    free(value);
}

/* Quotes text only if it would do something to a terminal. */
static void put_text(const struct printer *p, const char *text)
{
    char *quoted = has_control(text) ? quote(text) : NULL;

    put(p, quoted ? quoted : text);
    free(quoted);
}

static void put_fact(const struct printer *p, const char *name, const char *value)
{
    fprintf(p->out, "%-14s", name);
    put_text(p, value);
    fputc('\n', p->out);
}

/* Puts the words that are executed on one line. */
static void put_argv(const struct printer *p, const struct slice *slice, enum role role)
{
    const char *command = slice_command(slice, role);

    if (command) {
        char *word = quote(command);

        fputs(SHELL " -c ", p->out);
        put(p, word);
        free(word);
    }
    for (size_t i = 0; !command && i < slice->argv.n; i++) {
        char *word = quote(slice->argv.items[i]);

        fputs(i ? " " : "", p->out);
        put(p, word);
        free(word);
    }
    fputc('\n', p->out);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Puts names only: a log is not to hold the shell's values, which also differ from run to run. */
static void put_passed(const struct printer *p, const struct slice *slice)
{
    char **names = mem_calloc(slice->set.n, sizeof(*names));

    for (size_t i = 0; i < slice->set.n; i++)
        names[i] = mem_strndup(slice->set.items[i], strcspn(slice->set.items[i], "="));
    if (slice->set.n)
        qsort(names, slice->set.n, sizeof(*names), by_text);
    fprintf(p->out, "%-13s", "from rank 0");
    for (size_t i = 0; i < slice->set.n; i++) {
        fputc(' ', p->out);
        put_text(p, names[i]);
        free(names[i]);
    }
    fputs(slice->set.n ? "\n" : " nothing\n", p->out);
    free(names);
}

static void put_time(const struct printer *p, const char *name, int64_t ms, const char *zero)
{
    if (ms)
        fprintf(p->out, "%-14s%lld.%03d s\n", name, (long long)(ms / 1000), (int)(ms % 1000));
    else
        fprintf(p->out, "%-14s%s\n", name, zero);
}

static void put_counts(const struct printer *p, const struct job *job)
{
    const struct options *o = &job->options;

    put_fact(p, "job", p->id[0] ? p->id : "{job_id}");
    fprintf(p->out, "%-14s%zu\n", "machines", job->hosts.n);
    fprintf(p->out, "%-14s%d on each machine\n", "servers", o->num_servers);
    fprintf(p->out, "%-14s%d on each machine, %d in all\n", "trainers", o->num_trainers,
            job_world_size(job));
    if (o->num_servers)
        fprintf(p->out, "%-14s%d of each trainer%s, %d clients in all\n", "samplers",
                o->num_samplers, o->sampler_cmd ? ", by --sampler_cmd" : "", job_clients(job));
}

/* Puts options only where they differ from the default. */
static void put_unusual(const struct printer *p, const struct job *job)
{
    const struct options *o = &job->options;

    if (o->connect_timeout_ms && o->num_servers)
        fprintf(p->out, "%-14sall clients at all servers within %g s\n", "connected",
                (double)o->connect_timeout_ms / 1000);
    if (o->stall_timeout_ms)
        fprintf(p->out, "%-14safter %g s without a move: %s\n", "stall",
                (double)o->stall_timeout_ms / 1000,
                o->stall_action == STALL_REPORT ? "reported"
                : o->stall_action == STALL_STOP ? "the job fails"
                                                : "the attempt fails");
    if (o->max_restarts)
        fprintf(p->out, "%-14s%d, the first after %g s\n", "restarts", o->max_restarts,
                (double)o->restart_delay_ms / 1000);
    if (o->preempt_signal)
        fprintf(p->out, "%-14s%s to the trainers, then %g s\n", "pre-emption",
                o->preempt_signal == SIGUSR1 ? "USR1" : "USR2", (double)o->preempt_grace_ms / 1000);
    if (o->private_shm != PRIVATE_SHM_AUTO)
        put_fact(p, "private shm", o->private_shm == PRIVATE_SHM_ON ? "on" : "off");
}

/* Puts rank 0's variables by name only, as put_passed. */
static void put_unless_set(const struct printer *p, const struct job *job,
                           const struct slice *slice)
{
    static const char *const names[] = {PLAN_INTERFACE_NAMES};

    fprintf(p->out, "%-13s", "unless set");
    for (size_t i = 0; i < slice->defaults.n; i++) {
        const char *item = slice->defaults.items[i];
        char *name = mem_strndup(item, strcspn(item, "="));

        fputc(' ', p->out);
        put_text(p, strv_env_get(&job->passed_unless_set, name) ? name : item);
        free(name);
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (!strv_env_get(&slice->defaults, names[i]))
            fprintf(p->out, " %s={interface}", names[i]);
    fputc('\n', p->out);
}

/* Puts the facts that are the same on all machines. */
static void put_job(const struct printer *p, const struct job *job, const struct slice *slice)
{
    put_counts(p, job);
    put_fact(p, "ip_config", slice->ip_config);
    put_fact(p, "part_config", slice->part_config ? slice->part_config : "none");
    put_fact(p, "logs", slice->log_dir ? slice->log_dir : "none");
    put_time(p, "start_timeout", slice->start_timeout_ms, "none");
    put_time(p, "exit_timeout", slice->exit_timeout_ms, "0 s");
    put_time(p, "kill_grace", slice->kill_grace_ms, "0 s");
    put_time(p, "lost_timeout", slice->lost_timeout_ms, "none");
    put_unusual(p, job);
    if (slice->command || slice->sampler_command)
        put_fact(p, "shell", SHELL ", or /bin/sh on a machine without it");
    put_passed(p, slice);
    put_unless_set(p, job, slice);
}

static void put_process(const struct printer *p, const struct slice *slice,
                        const struct process_plan *process)
{
    fprintf(p->out, "\n  %s %d", role_name(process->role), process->id);
    if (process->port)
        fprintf(p->out, ", listens on port %d", process->port);
    fputs("\n    directory ", p->out);
    put_text(p, slice->workspace);
    fputs("\n    argv ", p->out);
    put_argv(p, slice, process->role);
    for (size_t i = 0; i < process->env.n; i++)
        put_env(p, "    env ", process->env.items[i]);
}

static void put_machine(const struct printer *p, const struct slice *slice)
{
    fprintf(p->out, "\nmachine %d: %s\n", slice->machine, slice->ip);
    for (size_t i = 0; i < slice->part_files.n; i++) {
        fprintf(p->out, "  needs ");
        put_text(p, slice->part_files.items[i]);
        fputc('\n', p->out);
    }
    for (int i = 0; i < slice->n_processes; i++)
        put_process(p, slice, &slice->processes[i]);
}

void plan_print(const struct job *job, FILE *out)
{
    struct printer p = {out, job->id};

    for (size_t i = 0; i < job->hosts.n; i++) {
        struct slice *slice = plan_slice(job, (int)i, NULL);

        if (i == 0)
            put_job(&p, job, slice);
        put_machine(&p, slice);
        slice_free(slice);
    }
}
