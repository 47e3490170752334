/* test_options: parser, --help, man page, environment and file against one another and against
 * wrong words.
 */
#include "options_case.h"

#include <signal.h>

#include "base/mem.h"
#include "job/hostfile.h"

#include "unit.h"

START_TEST(defaults)
{
    OK(BASE, "python3 train.py");
    ck_assert_str_eq(o.workspace, "/w");
    ck_assert_int_eq(o.num_trainers, 2);
    ck_assert_int_eq(o.num_samplers, 0);
    ck_assert_int_eq(o.num_servers, 1);
    ck_assert_int_eq(o.num_server_threads, 1);
    ck_assert_int_eq(o.num_omp_threads, 0);
    ck_assert_str_eq(o.graph_format, "csc");
    ck_assert_int_eq(o.start_timeout_ms, 0);
    ck_assert_int_eq(o.connect_timeout_ms, 0);
    ck_assert_int_eq(o.sample_interval_ms, 2000);
    ck_assert_int_eq(o.max_same_failures, 3);
    ck_assert_int_eq(o.exit_timeout_ms, 60000);
    ck_assert_int_eq(o.kill_grace_ms, 5000);
    ck_assert_int_eq(o.lost_timeout_ms, 60000);
    ck_assert_ptr_null(o.run_dir);
    ck_assert(!o.dry_run && !o.quiet && !o.verbose && !o.ssh_given && !o.pass_none);
    ck_assert_str_eq(o.command, "python3 train.py");
    ck_assert_uint_eq(o.argv.n, 0);
    options_free(&o);
}
END_TEST

START_TEST(spellings)
{
    OK("--num-trainers=3", "--workspace=/w", "cmd", "--num_servers=0", "--ip-config", "i",
       "--kill-grace", "0.5", "--exit_timeout=.25", "--lost_timeout=0", "--start=7");
    ck_assert_int_eq(o.num_trainers, 3);
    ck_assert_int_eq(o.kill_grace_ms, 500);
    ck_assert_int_eq(o.exit_timeout_ms, 250);
    ck_assert_int_eq(o.lost_timeout_ms, 0);
    ck_assert_int_eq(o.start_timeout_ms, 7000);
    ck_assert_str_eq(o.command, "cmd");
    ck_assert_ptr_null(o.part_config);
    options_free(&o);
    OK(BASE, "c", "--shm_size=8g", "--log-size=500M", "--private-shm=ON", "--preempt_signal",
       "usr1", "--watch_samplers", "off");
    ck_assert_int_eq(o.shm_size, INT64_C(8) << 30);
    ck_assert_int_eq(o.log_size, INT64_C(500) << 20);
    ck_assert_int_eq(o.private_shm, PRIVATE_SHM_ON);
    ck_assert_int_eq(o.preempt_signal, SIGUSR1);
    ck_assert_int_eq(o.watch_samplers, 0);
    ck_assert_int_eq(o.python_hook, 1);
    options_free(&o);
    ck_assert(!o.print_hostfile && !o.only_prints);
    OK("--print-hostfile", "MPICH", "--ip_config=i"); /* nothing else is needed */
    ck_assert(o.print_hostfile == HOSTFILE_MPICH && o.only_prints);
    options_free(&o);
    OK(BASE, "c", "--kill_grace=0.0001");
    ck_assert_int_eq(o.kill_grace_ms, 1); /* not "off" */
    options_free(&o);
    OK(BASE, "c", "--num_trainers", "5", "--num-trainers", "6"); /* the last one counts */
    ck_assert_int_eq(o.num_trainers, 6);
    options_free(&o);
}
END_TEST

START_TEST(commands)
{
    OK(BASE, "--", "python3", "x.py", "--num_trainers", "9", "--help", "--");
    ck_assert_uint_eq(o.argv.n, 6);
    ck_assert_str_eq(o.argv.items[5], "--");
    ck_assert_int_eq(o.num_trainers, 2);
    ck_assert_ptr_null(o.command);
    options_free(&o);
    OK(BASE, " a 'b'  \"$c\"\n");
    ck_assert_str_eq(o.command, " a 'b'  \"$c\"\n");
    options_free(&o);
    WRONG("quote it or put -- before it", BASE, "python3", "train.py");
    WRONG("quote the command or put -- before it", BASE, "python3", "train.py", "--lr", "0.1");
    WRONG("leave one out", BASE, "cmd", "--", "x");
    WRONG("no command stands after --", BASE, "--");
    WRONG("there is no command", BASE);
    WRONG("the command is empty", BASE, " ");
    WRONG("the command is empty", BASE, "");
    WRONG("first word of the command is empty", BASE, "--", "", "x");
}
END_TEST

START_TEST(extra_envs)
{
    OK(BASE, "--extra_envs", "A=1", "B=x y", "A=3", "python3 t.py --lr=1");
    ck_assert_uint_eq(o.extra_envs.n, 2);
    ck_assert_str_eq(o.extra_envs.items[0], "A=3");
    ck_assert_str_eq(o.extra_envs.items[1], "B=x y");
    ck_assert_str_eq(o.command, "python3 t.py --lr=1");
    options_free(&o);
    OK(BASE, "--extra_envs", "A=1", "B=2 python3 t.py");
    ck_assert_uint_eq(o.extra_envs.n, 1);
    ck_assert_str_eq(o.command, "B=2 python3 t.py");
    options_free(&o);
    OK(BASE, "--extra_envs=A=", "B=2 c", "--server_env", "S=1", "--trainer_env=T=1", "U=2", "--",
       "x");
    ck_assert_uint_eq(o.extra_envs.n, 2);
    ck_assert_str_eq(o.extra_envs.items[0], "A=");
    ck_assert_uint_eq(o.server_env.n, 1);
    ck_assert_uint_eq(o.trainer_env.n, 2);
    options_free(&o);
    WRONG("there is no command", BASE, "--extra_envs", "A=1", "B=2");
    WRONG("--extra_envs: 'foo' is not of the form NAME=VALUE", BASE, "--extra_envs", "foo", "c");
    WRONG("not of the form NAME=VALUE", BASE, "--extra_envs", "1A=2", "c d");
    WRONG("--extra_envs wants a value", BASE, "c", "--extra_envs");
}
END_TEST

START_TEST(pass_env)
{
    OK(BASE, "c", "--pass_env", "A,B_*", "--pass-env", "C");
    ck_assert_uint_eq(o.pass_env.n, 3);
    ck_assert_str_eq(o.pass_env.items[1], "B_*");
    ck_assert(!o.pass_none);
    options_free(&o);
    OK(BASE, "c", "--pass_env=none");
    ck_assert(o.pass_none);
    ck_assert_uint_eq(o.pass_env.n, 0);
    options_free(&o);
    WRONG("not a comma list of names", BASE, "c", "--pass_env", "A=1");
    WRONG("not a comma list of names", BASE, "c", "--pass_env", "A*B");
    WRONG("exclude each other", BASE, "c", "--pass_env", "A", "--pass_env", "none");
}
END_TEST

/* One word too much behind a good command line. */
static const struct {
    const char *word, *says;
} bad_words[] = {
    {"--num_trainer_=2", "there is no option --num_trainer_; the nearest is --num_trainers"},
    {"--workspce=/w", "--workspce; the nearest is --workspace"},
    {"--completely-else", "--help' shows all"},
    {"-n", "there is no option -n; "},
    {"--num_s", "'--num_s' is short for several options"},
    {"--num_trainers=two", "--num_trainers: 'two' is not a whole number from 1 to 4096"},
    {"--num_trainers=0", "--num_trainers: '0' is"},
    {"--num_trainers=-1", "--num_trainers: '-1' is"},
    {"--num_trainers=2x", "--num_trainers: '2x' is"},
    {"--num_trainers=", "--num_trainers: '' is"},
    {"--num_servers=99999999999999999999", "--num_servers: '99999999999999999999' is"},
    {"--num_servers=\x1b[31m", "--num_servers: '\\x1b[31m' is"},
    {"--num_omp_threads=0", "--num_omp_threads: '0' is"},
    {"--kill_grace=inf", "--kill_grace: 'inf' is not a number of seconds"},
    {"--kill_grace=-1", "--kill_grace: '-1' is"},
    {"--kill_grace=1e3", "--kill_grace: '1e3' is"},
    {"--kill_grace=99999999999999999999", "is not a number of seconds"},
    {"--kill_grace=.", "--kill_grace: '.' is"},
    {"--private_shm=maybe", "--private_shm: 'maybe' is none of auto, on, off"},
    {"--preempt_signal=KILL", "--preempt_signal: 'KILL' is none of none, USR1, USR2"},
    {"--watch_samplers=", "--watch_samplers: '' is none of off, on"},
    {"--shm_size=0", "--shm_size: '0' is not a number of bytes"},
    {"--shm_size=8X", "--shm_size: '8X' is"},
    {"--shm_size=8GB", "--shm_size: '8GB' is"},
    {"--shm_size=G", "--shm_size: 'G' is"},
    {"--shm_size=4503599627370496T", "is not a number of bytes"},
    {"--max_restarts=-1", "--max_restarts: '-1' is"},
    {"--workspace=", "--workspace: the value is empty"},
    {"--graph_format=cscx", "--graph_format: 'cscx' is not a comma list"},
    {"--graph_format=csc,", "--graph_format: 'csc,' is not a comma list"},
    {"--ip_config", "--ip_config wants a value"},
    {"--quiet=7", "--quiet: '7' is neither yes nor no"},
};

START_TEST(wrong_word)
{
    WRONG(bad_words[_i].says, BASE, "c", bad_words[_i].word);
}
END_TEST

START_TEST(samplers)
{
    OK(BASE, "--num_samplers=2", "--sampler_cmd", "python3 s.py 'a b'", "--sampler_env", "S=1",
       "T=2", "--", "python3");
    ck_assert_str_eq(o.sampler_cmd, "python3 s.py 'a b'");
    ck_assert_uint_eq(o.sampler_env.n, 2);
    options_free(&o);
    WRONG("--sampler_cmd has nothing to start: give --num_samplers", BASE, "c", "--sampler_cmd=s");
    WRONG("--sampler_cmd is empty", BASE, "c", "--num_samplers=1", "--sampler_cmd= ");
    WRONG("needs servers to sample from", BASE, "c", "--num_samplers=1", "--sampler_cmd=s",
          "--num_servers=0");
    WRONG("--sampler_env is for the samplers of --sampler_cmd", BASE, "c", "--sampler_env", "S=1");
}
END_TEST

START_TEST(wrong_lines)
{
    WRONG("--workspace wants a value, but '--num_trainers' follows", "--workspace",
          "--num_trainers", "2", "c");
    WRONG("--config wants a value, but '--' follows", "--config", "--", "x");
    WRONG("--quiet and --verbose exclude each other", BASE, "c", "--quiet", "--verbose");
    WRONG("missing: --workspace, --ip_config, --part_config, --num_trainers, --num_servers;", "c");
    WRONG("missing: --ip_config;", "--workspace=/", "--num_trainers=1", "--num_servers=0", "c");
}
END_TEST

START_TEST(help_wins)
{
    OK("--help");
    ck_assert(o.help && !o.version);
    OK("--bogus", "a", "b", "--num_trainers", "x", "--version");
    ck_assert(o.version);
    OK("--workspace", "--help");
    ck_assert(o.help);
    OK("-h", "--config", "/nowhere");
    ck_assert(o.help);
    environment[0] = (char *)"DGL_MPILAUNCH_BOGUS=1";
    OK("--help");
    environment[0] = NULL;
}
END_TEST

/* Every source says something; set_sources and forget_sources go around a test of precedence. */
static void set_sources(void)
{
    write_config("{\"num_trainers\": 3, \"num-servers\": 4, \"kill_grace\": 0.5, "
                 "\"extra_envs\": {\"A\": \"file\", \"N\": 7}, \"server_env\": [\"S=a b\"], "
                 "\"pass_env\": [\"X\", \"Y*\"], \"dry_run\": true, \"workspace\": \"/file\", "
                 "\"ip_config\": \"f\", \"part_config\": \"p\", \"command\": [\"a\", \"b c\"]}");
    environment[0] = mem_printf("DGL_MPILAUNCH_CONFIG=%s", config_path);
    environment[1] = (char *)"DGL_MPILAUNCH_NUM_SERVERS=5";
    environment[2] = (char *)"DGL_MPILAUNCH_WORKSPACE=/env";
    environment[3] = (char *)"DGL_MPILAUNCH_IP_CONFIG=";
    environment[4] = (char *)"DGL_MPILAUNCH_TRAINER_ENV=T=1 U=2";
}

static void forget_sources(void)
{
    options_free(&o);
    unlink(config_path);
    free(environment[0]);
    memset(environment, 0, sizeof(environment));
}

START_TEST(precedence)
{
    set_sources();
    OK("--workspace", "/argv", "--extra_envs", "B=1");
    ck_assert_int_eq(o.num_trainers, 3);
    ck_assert_int_eq(o.num_servers, 5);
    ck_assert_str_eq(o.workspace, "/argv");
    ck_assert_str_eq(o.ip_config, "f");
    ck_assert_int_eq(o.kill_grace_ms, 500);
    ck_assert_uint_eq(o.extra_envs.n, 1);
    ck_assert_str_eq(o.extra_envs.items[0], "B=1");
    ck_assert_str_eq(o.server_env.items[0], "S=a b");
    ck_assert_uint_eq(o.trainer_env.n, 2);
    ck_assert_uint_eq(o.pass_env.n, 2);
    ck_assert(o.dry_run);
    ck_assert_uint_eq(o.argv.n, 2);
    ck_assert_str_eq(o.argv.items[1], "b c");
    forget_sources();
}
END_TEST

START_TEST(precedence_of_the_command)
{
    set_sources();
    environment[4] = (char *)"DGL_MPILAUNCH_TRAINER_ENV=T=1 2\nU=3";
    OK("--dry_run=no", "other command");
    ck_assert(!o.dry_run);
    ck_assert_str_eq(o.extra_envs.items[1], "N=7");
    ck_assert_str_eq(o.trainer_env.items[0], "T=1 2");
    ck_assert_str_eq(o.command, "other command");
    ck_assert_uint_eq(o.argv.n, 0);
    options_free(&o);
    OK("--extra_envs", "A=b c"); /* the file has a command: nothing is taken back */
    ck_assert_uint_eq(o.extra_envs.n, 1);
    forget_sources();
}
END_TEST

START_TEST(wrong_environment)
{
    environment[0] = (char *)"DGL_MPILAUNCH_NUM_TRAINERS=x";
    WRONG("DGL_MPILAUNCH_NUM_TRAINERS: 'x' is not a whole number", BASE, "c");
    environment[0] = (char *)"DGL_MPILAUNCH_NUM_TRAINER=1";
    WRONG("no option DGL_MPILAUNCH_NUM_TRAINER; the nearest is --num_trainers", BASE, "c");
    environment[0] = (char *)"DGL_MPILAUNCH_HELP=1";
    WRONG("no option DGL_MPILAUNCH_HELP", BASE, "c");
    environment[0] = NULL;
}
END_TEST

static const struct {
    const char *text, *says;
} bad_files[] = {
    {"", "the file is empty"},
    {"{\n\n,}", ":3: this is no JSON text"},
    {"[]", "not a JSON object of options"},
    {"{\"num_trainer\": 1}", "the nearest is --num_trainers"},
    {"{\"zzzzzzzzzzzzzzzzzz\": 1}", "there is no option"},
    {"{\"num_trainers\": 1, \"num-trainers\": 1}", "\"num-trainers\" stands there twice"},
    {"{\"num_trainers\": [1]}", "has the wrong type"},
    {"{\"num_trainers\": null}", "has the wrong type"},
    {"{\"num_trainers\": true}", "has the wrong type"},
    {"{\"num_trainers\": 1.5}", "\"num_trainers\": '1.5' is not a whole number"},
    {"{\"num_trainers\": 1e300}", "'1e+300' is not a whole number"},
    {"{\"extra_envs\": {\"A\": {}}}", "write {\"NAME\": \"VALUE\"}"},
    {"{\"extra_envs\": {\"A B\": \"\"}}", "'A B=' is not of the form NAME=VALUE"},
    {"{\"extra_envs\": [7]}", "has the wrong type"},
    {"{\"config\": \"x\"}", "has no meaning in a file"},
    {"{\"help\": true}", "has no meaning in a file"},
    {"{\"command\": 7}", "neither a text for a shell nor a list"},
    {"{\"command\": []}", "neither a text for a shell nor a list"},
    {"{\"command\": [\"a\", 1]}", "neither a text for a shell nor a list"},
    {"{\"command\": \"a\", \"command\": \"b\"}", "\"command\" stands there twice"},
};

START_TEST(wrong_files)
{
    write_config(bad_files[_i].text);
    WRONG(bad_files[_i].says, BASE, "c", "--config", config_path);
    ck_assert_ptr_nonnull(strstr(err.text, config_path));
    unlink(config_path);
}
END_TEST

START_TEST(unreadable_files)
{
    WRONG("--config: cannot read '/nowhere/x'", "--config=/nowhere/x", BASE, "c");
    WRONG("is not a regular file", "--config=/dev/zero", BASE, "c");
}
END_TEST

START_TEST(random_words)
{
    char text[] = "--|-|--=|---|| |=|--num_trainers|--num_trainers=1|x y|A=1|A=1 "
                  "b|--extra_envs|--extra_envs=|--help=|--quiet|-h|-hx|--config|--workspace=/"
                  "|\xff\xfe|--ip|--num|--\x01|--pass_env|none|-W|-Wx";
    const char *words[40], *some[12];
    size_t n_words = 0;

    for (char *rest = text; rest;)
        words[n_words++] = strsep(&rest, "|");
    srand((unsigned)_i);
    for (int round = 0; round < 3000; round++) {
        size_t n = (size_t)rand() % 11;

        for (size_t i = 0; i < n; i++)
            some[i] = words[(size_t)rand() % n_words];
        some[n] = NULL;
        parse_words(some);
        options_free(&o);
    }
}
END_TEST

START_TEST(too_many_variables)
{
    struct strv words = {0};

    strv_add(&words, "dgl-mpilaunch");
    strv_add(&words, "--extra_envs");
    for (int i = 0; i <= 10000; i++)
        strv_addf(&words, "N%d=1", i);
    strv_add(&words, "c");
    ck_assert_int_eq(options_parse(&o, (int)words.n, words.items, environment, &err), -1);
    SAYS("--extra_envs: more than 10000 variables");
    options_free(&o);
    strv_free(&words);
}
END_TEST

START_TEST(huge_words)
{
    char *word = mem_calloc(5 << 20, 1);

    memset(word, 'x', (5 << 20) - 1);
    OK(BASE, word);
    options_free(&o);
    WRONG("not a whole number", BASE, "c", "--num_trainers", word);
    memcpy(word, "--", 2);
    WRONG("there is no option --xxx", BASE, "c", word);
    ck_assert_uint_lt(strlen(err.text), 400);
    free(word);
}
END_TEST

UNIT_MAIN_WITH("options", NULL, NULL, UNIT(defaults), UNIT(spellings), UNIT(commands),
               UNIT(extra_envs), UNIT(pass_env), UNIT_EACH(wrong_word, bad_words), UNIT(samplers),
               UNIT(wrong_lines), UNIT(help_wins), UNIT(precedence),
               UNIT(precedence_of_the_command), UNIT(wrong_environment),
               UNIT_EACH(wrong_files, bad_files), UNIT(unreadable_files),
               UNIT_LOOP(random_words, 4), UNIT(too_many_variables), UNIT(huge_words))
