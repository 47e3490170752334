/* options: puts the sources in their order (the command line over the environment over --config's
 * file over the defaults) and checks that nothing is missing. Reads no other file.
 */
#include "job/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "job/configfile.h"
#include "job/given.h"
#include "job/options_argv.h"
#include "job/options_store.h"
#include "job/options_table.h"
#include "job/show.h"

struct sources {
    struct given file, environment, argv;
};

static const struct option_spec *spec_of(const char *name)
{
    return options_table_find(name, strlen(name));
}

/* The path of --config, or NULL. */
static const char *config_path(const struct sources *s)
{
    const char *path = given_last(&s->argv, spec_of("config"));

    return path ? path : given_last(&s->environment, spec_of("config"));
}

static bool is_given(const struct sources *s, const struct option_spec *spec)
{
    return spec->fallback || given_last(&s->argv, spec) || given_last(&s->environment, spec) ||
           given_last(&s->file, spec);
}

static void store_defaults(struct options *o)
{
    struct err never;

    for (size_t i = 0; i < options_table_size; i++)
        if (options_table[i].fallback)
            options_store(o, &options_table[i], options_table[i].fallback, "default", &never);
}

/* --help and --version win, whatever is wrong elsewhere. */
static bool wants_help_or_version(const struct sources *s, struct options *o)
{
    o->help = given_last(&s->argv, spec_of("help")) != NULL;
    o->version = given_last(&s->argv, spec_of("version")) != NULL;
    return o->help || o->version;
}

static bool only_prints(const struct sources *s)
{
    static const char *const names[] = {"dry_run", "print_hostfile"};
    struct options scratch = {0};
    struct err never;

    for (int i = 0; i < 2; i++) {
        const char *text = given_last(&s->argv, spec_of(names[i]));

        if (text)
            options_store(&scratch, spec_of(names[i]), text, "", &never);
    }
    return scratch.dry_run || scratch.print_hostfile;
}

static int take_command(struct options *o, struct sources *s, struct err *err)
{
    struct given *from = &s->argv;

    if (!from->command && !from->has_argv && !s->file.command && !s->file.has_argv)
        options_argv_take_back(from);
    if (!from->command && !from->has_argv)
        from = &s->file;
    if (from->command && !from->command[strspn(from->command, " \t\n")])
        return err_set(err, EXIT_USAGE, "the command is empty");
    if (from->has_argv && !from->argv.items[0][0])
        return err_set(err, EXIT_USAGE, "the first word of the command is empty");
    o->command = from->command;
    from->command = NULL;
    o->argv = from->argv;
    from->argv = (struct strv){0};
    return 0;
}

/* Refuses options about samplers that would have no effect. */
static int check_samplers(const struct options *o, struct err *err)
{
    if (o->sampler_cmd && !o->sampler_cmd[strspn(o->sampler_cmd, " \t\n")])
        return err_set(err, EXIT_USAGE, "--sampler_cmd is empty");
    if (o->sampler_cmd && !o->num_samplers)
        return err_set(err, EXIT_USAGE,
                       "--sampler_cmd has nothing to start: give --num_samplers, the number of "
                       "samplers of each trainer");
    if (o->sampler_cmd && !o->num_servers)
        return err_set(err, EXIT_USAGE,
                       "--sampler_cmd needs servers to sample from: give --num_servers 1 or more");
    if (o->sampler_env.n && !o->sampler_cmd)
        return err_set(err, EXIT_USAGE,
                       "--sampler_env is for the samplers of --sampler_cmd, which is not given; "
                       "samplers that a trainer starts have its environment (--trainer_env)");
    return 0;
}

static int check_show(const struct options *o, struct err *err)
{
    return o->show ? show_check(o->show, err) : 0;
}

static int check_stall(const struct options *o, struct err *err)
{
    if (o->stall_timeout_ms && !o->sample_interval_ms)
        return err_set(err, EXIT_USAGE,
                       "--stall_timeout needs samples: leave --sample_interval 0 out");
    if (o->stall_timeout_ms && o->stall_timeout_ms < o->sample_interval_ms)
        return err_set(err, EXIT_USAGE,
                       "--stall_timeout (%g s) must not be shorter than --sample_interval (%g s)",
                       (double)o->stall_timeout_ms / 1000, (double)o->sample_interval_ms / 1000);
    return 0;
}

static int check_required(const struct options *o, const struct sources *s, struct err *err)
{
    char missing[512] = "";
    size_t used = 0;
    bool alone = is_given(s, spec_of("num_servers")) && o->num_servers == 0;

    if (o->print_hostfile)
        return o->ip_config ? 0 : err_set(err, EXIT_USAGE, "--print_hostfile needs --ip_config");
    for (size_t i = 0; i < options_table_size; i++) {
        const struct option_spec *spec = &options_table[i];

        if (!spec->required || is_given(s, spec) || (alone && spec == spec_of("part_config")))
            continue;
        used += (size_t)snprintf(missing + used, sizeof(missing) - used, "%s--%s", used ? ", " : "",
                                 spec->name);
    }
    if (used)
        return err_set(err, EXIT_USAGE,
                       "missing: %s; give it as an option, as " GIVEN_ENVIRONMENT_PREFIX
                       "NAME in the environment or in --config's file (see --help)",
                       missing);
    if (!o->command && !o->argv.n)
        return err_set(err, EXIT_USAGE,
                       "there is no command; put it last, as one quoted word or after --");
    if (o->quiet && o->verbose)
        return err_set(err, EXIT_USAGE, "--quiet and --verbose exclude each other; leave one out");
    return check_samplers(o, err) || check_show(o, err) || check_stall(o, err) ? -1 : 0;
}

/* Brings all sources together, where neither --help nor --version is given. */
static int merge(struct options *o, struct sources *s, char **envp, struct err *err)
{
    const char *path;

    if (given_read_environment(&s->environment, envp, err))
        return -1;
    path = config_path(s);
    if (path && configfile_read(&s->file, path, err))
        return -1;
    if (take_command(o, s, err))
        return -1;
    store_defaults(o);
    if (given_store(&s->file, o, err) || given_store(&s->environment, o, err) ||
        given_store(&s->argv, o, err))
        return -1;
    return check_required(o, s, err);
}

int options_parse(struct options *o, int argc, char **argv, char **envp, struct err *err)
{
    struct sources s = {.file.source = GIVEN_FILE,
                        .environment.source = GIVEN_ENVIRONMENT,
                        .argv.source = GIVEN_ARGV};
    int rc;

    *o = (struct options){0};
    rc = options_argv_read(&s.argv, argc, argv, err);
    o->only_prints = only_prints(&s);
    if (wants_help_or_version(&s, o))
        rc = 0;
    else if (!rc)
        rc = merge(o, &s, envp, err);
    given_free(&s.file);
    given_free(&s.environment);
    given_free(&s.argv);
    return rc;
}

void options_free(struct options *o)
{
    free(o->workspace);
    free(o->part_config);
    free(o->ip_config);
    free(o->machines);
    free(o->graph_format);
    free(o->run_dir);
    free(o->show);
    free(o->sampler_cmd);
    free(o->command);
    strv_free(&o->extra_envs);
    strv_free(&o->pass_env);
    strv_free(&o->server_env);
    strv_free(&o->trainer_env);
    strv_free(&o->sampler_env);
    strv_free(&o->argv);
    *o = (struct options){0};
}
