/* parsed: checks options that were accepted. */
#include "parsed.h"

#include <signal.h>
#include <string.h>

#include "fuzz.h"
#include "job/options_store.h"
#include "job/options_table.h"

#define TIME_MAX (31536000L * 1000 + 1000)

static void check_env(const struct strv *env)
{
    for (size_t i = 0; i < env->n; i++) {
        FUZZ_CHECK(options_is_assignment(env->items[i]));
        for (size_t k = 0; k < i && env->n < 100; k++)
            FUZZ_CHECK(strcspn(env->items[i], "=") != strcspn(env->items[k], "=") ||
                       strncmp(env->items[i], env->items[k], strcspn(env->items[i], "=")) != 0);
    }
}

static void check_names(const struct options *o)
{
    FUZZ_CHECK(!o->pass_none || !o->pass_env.n);
    for (size_t i = 0; i < o->pass_env.n; i++)
        FUZZ_CHECK(o->pass_env.items[i][0] && !strpbrk(o->pass_env.items[i], "= ,\t\n"));
}

static void check_counts(const struct options *o)
{
    FUZZ_CHECK(o->num_trainers >= 1 && o->num_trainers <= 4096);
    FUZZ_CHECK(o->num_samplers >= 0 && o->num_samplers <= 4096);
    FUZZ_CHECK(o->num_servers >= 0 && o->num_servers <= 4096);
    FUZZ_CHECK(o->num_server_threads >= 1 && o->num_server_threads <= 65536);
    FUZZ_CHECK(o->num_omp_threads >= 0 && o->num_omp_threads <= 65536);
    FUZZ_CHECK(o->max_restarts >= 0 && o->max_restarts <= 1000000);
    FUZZ_CHECK(o->watch_samplers == 0 || o->watch_samplers == 1);
    FUZZ_CHECK(o->python_hook == 0 || o->python_hook == 1);
    FUZZ_CHECK(o->private_shm >= PRIVATE_SHM_OFF && o->private_shm <= PRIVATE_SHM_ON);
    FUZZ_CHECK(o->preempt_signal == 0 || o->preempt_signal == SIGUSR1 ||
               o->preempt_signal == SIGUSR2);
    FUZZ_CHECK(o->shm_size >= 0 && o->log_size >= 0);
}

static void check_times(const struct options *o)
{
    const long times[] = {o->start_timeout_ms,  o->exit_timeout_ms,  o->kill_grace_ms,
                          o->lost_timeout_ms,   o->restart_delay_ms, o->preempt_grace_ms,
                          o->connect_timeout_ms, o->sample_interval_ms, o->stall_timeout_ms};

    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
        FUZZ_CHECK(times[i] >= 0 && times[i] <= TIME_MAX);
}

static void check_texts(const struct options *o)
{
    FUZZ_CHECK(o->workspace && *o->workspace);
    FUZZ_CHECK(o->ip_config && *o->ip_config);
    FUZZ_CHECK(o->num_servers ? o->part_config && *o->part_config
                              : !o->part_config || *o->part_config);
    FUZZ_CHECK(o->graph_format && !o->graph_format[strspn(o->graph_format, "cosr,")]);
    FUZZ_CHECK(!o->run_dir || *o->run_dir);
    FUZZ_CHECK(!o->sampler_cmd || *o->sampler_cmd);
}

static void check_command(const struct options *o)
{
    FUZZ_CHECK((o->command != NULL) != (o->argv.n > 0));
    FUZZ_CHECK(!o->command || o->command[strspn(o->command, " \t\n")]);
    FUZZ_CHECK(!o->argv.n || *o->argv.items[0]);
}

void parsed_check(const struct options *o)
{
    check_texts(o);
    check_counts(o);
    check_times(o);
    check_command(o);
    check_names(o);
    check_env(&o->extra_envs);
    check_env(&o->server_env);
    check_env(&o->trainer_env);
    check_env(&o->sampler_env);
    FUZZ_CHECK(!o->quiet || !o->verbose);
}
