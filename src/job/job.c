/* job: everything that rank 0 knows about the job before it meets the other machines. Reads the
 * config files, which hosts and partconf parse.
 */
#include "job/job.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/strv.h"
#include "base/text.h"
#include "job/batch.h"
#include "job/dgl.h"
#include "job/gathered.h"
#include "job/resolve.h"

/* The current directory as the shell names it, such as /home/u, and not as this machine alone
 * mounts it. The caller frees; NULL when there is none. */
static char *current_directory(char **envp)
{
    const char *named = strv_env_value(envp, "PWD");
    struct stat a, b;
    char path[PATH_MAX];

    if (named && named[0] == '/' && !stat(named, &a) && !stat(".", &b) && a.st_ino == b.st_ino &&
        a.st_dev == b.st_dev)
        return mem_strdup(named);
    return getcwd(path, sizeof(path)) ? mem_strdup(path) : NULL;
}

/* Makes path absolute, without "./" at its front and '/' at its end. The caller frees. */
static char *make_absolute(const char *path, char **envp, struct err *err)
{
    char *base, *joined;
    size_t len;

    if (path[0] == '/') {
        joined = mem_strdup(path);
    } else {
        base = current_directory(envp);
        if (!base) {
            err_set(err, EXIT_USAGE, "'%s' is relative to a directory that is gone: %s", path,
                    strerror(errno));
            return NULL;
        }
        while (path[0] == '.' && path[1] == '/')
            path += 2;
        joined = strcmp(path, ".") && *path ? file_join(base, path) : mem_strdup(base);
        free(base);
    }
    for (len = strlen(joined); len > 1 && joined[len - 1] == '/';)
        joined[--len] = '\0';
    return joined;
}

static int find_workspace(struct job *job, char **envp, struct err *err)
{
    struct stat st;

    job->workspace = make_absolute(job->options.workspace, envp, err);
    if (!job->workspace)
        return -1;
    if (stat(job->workspace, &st))
        return err_set(err, EXIT_MACHINE, "--workspace: the folder '%s' cannot be reached: %s",
                       file_shown(job->workspace), strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return err_set(err, EXIT_MACHINE, "--workspace: '%s' is not a folder",
                       file_shown(job->workspace));
    return 0;
}

static int read_config(struct job *job, const char *option, const char *path, struct buf *out,
                       struct err *err)
{
    char *full = file_join(job->workspace, path);
    int rc = file_read(full, JOB_FILE_MAX, out, err);

    free(full);
    if (rc)
        err_wrap(err, "%s (relative to --workspace, or absolute)", option);
    return rc;
}

const char *job_ip_config(const struct job *job)
{
    return job->writes_ip_config ? DGL_JOB_DIR_LATER "/" DGL_IP_CONFIG_NAME
                                 : job->options.ip_config;
}

int job_use_port(struct job *job, int base, struct err *err)
{
    int last = base + job->options.num_servers - 1;

    if (last > UINT16_MAX)
        return err_set(err, EXIT_USAGE,
                       "--port %d: the last of %d servers would listen on a port above %d; use %d "
                       "or less",
                       base, job->options.num_servers, UINT16_MAX,
                       UINT16_MAX - job->options.num_servers + 1);
    for (size_t i = 0; i < job->hosts.n; i++)
        if (!job->hosts.items[i].has_port)
            job->hosts.items[i].port = base;
    buf_free(&job->ip_config);
    hosts_text(&job->ip_config, &job->hosts);
    return 0;
}

void job_replace(struct job *job, size_t machine, const struct host *spare)
{
    struct host *host = &job->hosts.items[machine];
    int port = spare->has_port ? spare->port : host->port;

    *host = *spare;
    host->port = port;
    buf_free(&job->ip_config);
    hosts_text(&job->ip_config, &job->hosts);
}

static bool lacks_port(const struct hosts *hosts)
{
    for (size_t i = 0; i < hosts->n; i++)
        if (!hosts->items[i].has_port)
            return true;
    return false;
}

/* A file of addresses alone counts as it is: its ports are DGL's. */
static int choose_list(struct job *job, struct err *err)
{
    const struct options *o = &job->options;
    bool open = lacks_port(&job->hosts);

    job->writes_ip_config = job->hosts.named || job->cut || (o->port && open);
    if (!job->writes_ip_config)
        return 0;
    job->finds_port = open && o->port <= 0 && o->num_servers;
    return job_use_port(job, o->port > 0 ? o->port : HOSTS_DEFAULT_PORT, err);
}

static int expect_machines(struct job *job, struct err *err)
{
    const struct options *o = &job->options;

    job->finds_machines = job->writes_ip_config = true;
    job->finds_port = o->port <= 0 && o->num_servers;
    if (networks_parse(&job->wanted, o->ip_config, err))
        return -1;
    return job_use_port(job, o->port > 0 ? o->port : HOSTS_DEFAULT_PORT, err);
}

static int read_hosts(struct job *job, struct err *err)
{
    const struct options *o = &job->options;

    if (networks_is_auto(o->ip_config))
        return expect_machines(job, err);
    if (o->machines)
        return err_set(err, EXIT_USAGE,
                       "--machines is for --ip_config auto; in '%s' the order of the lines counts",
                       file_shown(o->ip_config));
    if (read_config(job, "--ip_config", o->ip_config, &job->ip_config, err) ||
        hosts_parse_names(&job->hosts, file_shown(o->ip_config), job->ip_config.data,
                          job->ip_config.len, o->num_servers, resolve_name, err))
        return -1;
    return 0;
}

/* The lines beyond the partition's parts are spare machines. */
static void cut_hosts(struct job *job)
{
    size_t parts = (size_t)job->partconf.num_parts;

    for (size_t i = parts; i < job->hosts.n; i++)
        hosts_append(&job->spares, &job->hosts.items[i]);
    job->hosts.n = parts;
}

static int read_partition(struct job *job, struct err *err)
{
    const struct options *o = &job->options;

    if (!o->part_config)
        return 0;
    if (read_config(job, "--part_config", o->part_config, &job->part_config, err) ||
        partconf_parse(&job->partconf, file_shown(o->part_config), job->part_config.data,
                       job->part_config.len, err))
        return -1;
    if (job->finds_machines || (size_t)job->partconf.num_parts == job->hosts.n)
        return 0;
    if (o->spare && (size_t)job->partconf.num_parts < job->hosts.n) {
        job->cut = true;
        cut_hosts(job);
        return 0;
    }
    return err_set(err, EXIT_USAGE,
                   "'%s' has %d partition%s, but '%s' names %zu machine%s; each machine serves one "
                   "partition: partition the graph into %zu, or list %d machine%s%s",
                   file_shown(o->part_config), job->partconf.num_parts,
                   text_plural((size_t)job->partconf.num_parts), file_shown(o->ip_config),
                   job->hosts.n, text_plural(job->hosts.n), job->hosts.n, job->partconf.num_parts,
                   text_plural((size_t)job->partconf.num_parts),
                   (size_t)job->partconf.num_parts < job->hosts.n
                       ? ", or let the last lines' stay idle by --spare"
                       : "");
}

/* DGL and the plan count in ints. */
static int check_size(const struct job *job, struct err *err)
{
    const struct options *o = &job->options;
    int64_t clients = (int64_t)job->hosts.n * o->num_trainers * (1 + o->num_samplers);
    int64_t servers = (int64_t)job->hosts.n * o->num_servers;

    if (o->sampler_cmd && o->num_trainers * (int64_t)o->num_samplers > PROCESSES_MAX)
        return err_set(err, EXIT_USAGE,
                       "%d trainers of %d samplers are more than the %d samplers that "
                       "--sampler_cmd may start on one machine",
                       o->num_trainers, o->num_samplers, PROCESSES_MAX);
    if (clients <= INT_MAX && servers <= INT_MAX)
        return 0;
    return err_set(err, EXIT_USAGE,
                   "%zu machines with %d trainers of %d samplers are %" PRId64
                   " clients, more than DGL can number",
                   job->hosts.n, o->num_trainers, o->num_samplers, clients);
}

/* Is it neither private (RFC 1918), shared (RFC 6598), link-local nor loopback? */
static bool is_public(uint32_t a)
{
    return a >> 24 != 10 && a >> 24 != 127 && a >> 20 != 0xac1 && a >> 16 != 0xc0a8 &&
           a >> 16 != 0xa9fe && a >> 22 != 0x191;
}

static void note_public(struct job *job)
{
    for (size_t i = 0; i < job->hosts.n && job->options.num_servers; i++) {
        if (!is_public(job->hosts.items[i].address))
            continue;
        strv_addf(&job->notices,
                  "%s is a public address: DGL's servers run what anyone who reaches their ports "
                  "sends them (dmlc/dgl issue 7874); use a private network or a firewall",
                  job->hosts.items[i].ip);
        return;
    }
}

int job_take_hosts(struct job *job, struct hosts *hosts, struct err *err)
{
    const struct options *o = &job->options;

    job->hosts = *hosts;
    *hosts = (struct hosts){0};
    if (check_size(job, err) || job_use_port(job, o->port > 0 ? o->port : HOSTS_DEFAULT_PORT, err))
        return -1;
    note_public(job);
    return 0;
}

/* Makes the id of the UTC time, the batch system's id or the pid, and four random hex digits: two
 * jobs with the same second and pid on two login nodes still differ. */
static void make_id(struct job *job, char **envp)
{
    char time[32], who[32];
    uint16_t salt = 0;

    if (!batch_job_id(envp, who, sizeof(who)))
        snprintf(who, sizeof(who), "%d", (int)getpid());
    if (getrandom(&salt, sizeof(salt), GRND_NONBLOCK) != (ssize_t)sizeof(salt))
        salt = (uint16_t)clock_ms();
    snprintf(job->id, sizeof(job->id), "%s-%s-%04x", clock_utc_basic(time, sizeof(time)), who,
             salt);
}

static int find_run_dir(struct job *job, char **envp, struct err *err)
{
    const char *given = job->options.run_dir;

    if (!given)
        job->run_dir = mem_printf("%s/dgl-mpilaunch-runs/%s", job->workspace, job->id);
    else if (strcmp(given, "none"))
        job->run_dir = make_absolute(given, envp, err);
    return !given || !strcmp(given, "none") || job->run_dir ? 0 : -1;
}

static bool is_asked_for(const struct strv *names, const char *name_value)
{
    for (size_t i = 0; i < names->n; i++)
        if (dgl_env_is_like(name_value, names->items[i]))
            return true;
    return false;
}

/* Does the variable stay on this machine even if --pass_env names it? */
static bool stays_here(const char *name_value)
{
    return dgl_env_is_mpi(name_value) || dgl_env_is_step(name_value) ||
           dgl_env_is_devices(name_value);
}

static void take_environment(struct job *job, char **envp)
{
    const struct options *o = &job->options;
    const char *threads = strv_env_value(envp, "OMP_NUM_THREADS");

    if (threads && *threads && !batch_sets_threads(envp))
        job->omp_num_threads = mem_strdup(threads);
    for (; !o->pass_none && *envp; envp++) {
        if ((*envp)[0] == '=' || !strchr(*envp, '=') || stays_here(*envp))
            continue;
        if (dgl_env_travels(*envp) || is_asked_for(&o->pass_env, *envp))
            strv_env_set(dgl_env_is_machines(*envp) ? &job->passed_unless_set : &job->passed,
                         *envp);
    }
}

/* Only where --pass_env has the whole name: who writes "CUDA_*" means the others. */
static void note_devices(struct job *job)
{
    const struct strv *names = &job->options.pass_env;

    for (size_t i = 0; i < names->n; i++)
        if (dgl_env_is_devices(names->items[i]))
            strv_addf(
                &job->notices,
                "--pass_env: %s says which GPUs a machine has free, and stays on its machine; "
                "--extra_envs gives all of them the same value",
                names->items[i]);
}

static void note_reserved(struct job *job, const char *option, const struct strv *envs)
{
    for (size_t i = 0; i < envs->n; i++)
        if (dgl_env_is_reserved(envs->items[i]))
            strv_addf(&job->notices,
                      "%s overrides %.*s, which the launcher sets for each process; all of them "
                      "get the same value",
                      option, (int)strcspn(envs->items[i], "="), envs->items[i]);
}

static bool says(const struct options *o, const char *word)
{
    bool found = (o->command && strstr(o->command, word)) ||
                 (o->sampler_cmd && strstr(o->sampler_cmd, word));

    for (size_t i = 0; i < o->argv.n; i++)
        found |= strstr(o->argv.items[i], word) != NULL;
    return found;
}

/* Does the command seem to read another list than the launcher's? */
static void note_command(struct job *job)
{
    const struct options *o = &job->options;

    if (o->command && strstr(o->command, "{ip_config}"))
        strv_addf(&job->notices, "{ip_config} stays as it is in a quoted command; write "
                                 "\"$DGL_IP_CONFIG\" there");
    else if (says(o, "ip_config") && !says(o, "DGL_IP_CONFIG") && !says(o, "{ip_config}"))
        strv_addf(&job->notices, "does the command name an ip_config of its own? The servers read "
                                 "the launcher's list, \"$DGL_IP_CONFIG\"");
}

static void note_list(struct job *job)
{
    const struct options *o = &job->options;

    if (!job->writes_ip_config)
        return;
    note_command(job);
    if (job->finds_machines)
        return;
    strv_addf(&job->notices,
              "DGL gets a list of machines that the launcher has made of '%s', since %s; the "
              "command finds it by \"$DGL_IP_CONFIG\", or by {ip_config} behind '--'",
              file_shown(o->ip_config),
              job->hosts.named ? "that has host names, which DGL cannot read"
              : job->cut       ? "that names more machines than there are partitions (--spare)"
                               : "--port is given and some lines name no port");
}

static void make_notices(struct job *job)
{
    const struct options *o = &job->options;

    note_list(job);
    if (o->ssh_given)
        strv_add(&job->notices, "--ssh_port and --ssh_username are not used: mpirun or srun starts "
                                "the ranks, by its own means");
    note_devices(job);
    note_reserved(job, "--extra_envs", &o->extra_envs);
    note_reserved(job, "--server_env", &o->server_env);
    note_reserved(job, "--trainer_env", &o->trainer_env);
    note_reserved(job, "--sampler_env", &o->sampler_env);
    if (!job->finds_machines)
        note_public(job);
}

int job_load_hosts(struct job *job, struct options *options, char **envp, struct err *err)
{
    *job = (struct job){.options = *options};
    *options = (struct options){0};
    if (networks_is_auto(job->options.ip_config))
        return err_set(err, EXIT_USAGE,
                       "--print_hostfile needs a file: 'auto' is made of the ranks that mpirun has "
                       "started");
    if (!job->options.workspace)
        job->options.workspace = mem_strdup(".");
    return find_workspace(job, envp, err) || read_hosts(job, err) ? -1 : 0;
}

int job_load(struct job *job, struct options *options, char **envp, struct err *err)
{
    *job = (struct job){.options = *options};
    *options = (struct options){0};
    make_id(job, envp);
    if (find_workspace(job, envp, err) || read_hosts(job, err) || read_partition(job, err) ||
        (!job->finds_machines && choose_list(job, err)) || check_size(job, err) ||
        find_run_dir(job, envp, err))
        return -1;
    take_environment(job, envp);
    make_notices(job);
    return job->options.dry_run && job->finds_machines ? gathered_pretend(job, err) : 0;
}

void job_free(struct job *job)
{
    options_free(&job->options);
    free(job->workspace);
    free(job->omp_num_threads);
    free(job->run_dir);
    buf_free(&job->ip_config);
    buf_free(&job->part_config);
    hosts_free(&job->hosts);
    hosts_free(&job->spares);
    partconf_free(&job->partconf);
    strv_free(&job->passed);
    strv_free(&job->passed_unless_set);
    strv_free(&job->notices);
    *job = (struct job){0};
}

int job_world_size(const struct job *job)
{
    return (int)job->hosts.n * job->options.num_trainers;
}

int job_clients(const struct job *job)
{
    return job_world_size(job) * (1 + job->options.num_samplers);
}

int job_forked_samplers(const struct job *job)
{
    return job->options.sampler_cmd ? job->options.num_trainers * job->options.num_samplers : 0;
}
