/* test_job: loading from a real folder: paths, counts, identity, environment, notices. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "job/batch.h"
#include "job/job.h"

#include "unit.h"

#define PART "{\"part_graph\": \"g\", \"node_feats\": \"n\", \"edge_feats\": \"e\"}"

static struct job job;
static struct err err;
static char *envp[16];
static char folder[UNIT_PATH];

static void write_text(const char *name, const char *text)
{
    ck_assert_int_eq(file_write(name, text, strlen(text), &err), 0);
}

static void set_up(void)
{
    unit_folder(folder, "/tmp");
    ck_assert_int_eq(chdir(folder), 0);
    ck_assert_int_eq(mkdir("w", 0700), 0);
    ck_assert_int_eq(mkdir("w/data", 0700), 0);
    write_text("w/ip.txt", "10.0.0.1\n10.0.0.2\n");
    write_text("w/data/g.json", "{\"graph_name\": \"g\", \"num_parts\": 2, \"part-0\": " PART
                                ", \"part-1\": " PART "}");
}

static void tear_down(void)
{
    ck_assert_int_eq(chdir("/"), 0);
    memset(envp, 0, sizeof(envp));
}

static int load(char *const *more)
{
    char *argv[32] = {(char *)"dgl-mpilaunch",
                      (char *)"c",
                      (char *)"--workspace=w",
                      (char *)"--num_trainers=1",
                      (char *)"--num_servers=1",
                      (char *)"--ip_config=ip.txt",
                      (char *)"--part_config=data/g.json"};
    struct options options;
    int argc = 7;

    while (*more)
        argv[argc++] = *more++;
    err = (struct err){0};
    ck_assert_msg(options_parse(&options, argc, argv, envp, &err) == 0, "%s", err.text);
    return job_load(&job, &options, envp, &err);
}

#define LOAD(...)  load((char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})
#define OK(...)    ck_assert_msg(LOAD(__VA_ARGS__) == 0, "%s", err.text)
#define SAYS(what) ck_assert_msg(strstr(err.text, what), "'%s' is not in: %s", what, err.text)
#define WRONG(want, what, ...)                                                                     \
    do {                                                                                           \
        ck_assert_int_eq(LOAD(__VA_ARGS__), -1);                                                   \
        ck_assert_int_eq(err.code, want);                                                          \
        SAYS(what);                                                                                \
        job_free(&job);                                                                            \
    } while (0)

START_TEST(good)
{
    char *workspace = mem_printf("%s/w", folder);
    char *run_dir;

    OK();
    run_dir = mem_printf("%s/dgl-mpilaunch-runs/%s", workspace, job.id);
    ck_assert_str_eq(job.workspace, workspace);
    ck_assert_str_eq(job.run_dir, run_dir);
    ck_assert_uint_eq(job.hosts.n, 2);
    ck_assert_int_eq(job.partconf.num_parts, 2);
    ck_assert_uint_eq(job.ip_config.len, 18);
    ck_assert_uint_gt(job.part_config.len, 100);
    ck_assert_uint_eq(job.notices.n, 0);
    job_free(&job);
    free(run_dir);
    free(workspace);
}
END_TEST

START_TEST(ports)
{
    OK((char *)"--port=40000");
    ck_assert(job.writes_ip_config && !job.finds_port);
    ck_assert_str_eq(job_ip_config(&job), "{job_dir}/ip_config.txt");
    ck_assert_int_eq(job.hosts.items[1].port, 40000);
    ck_assert_uint_eq(job.ip_config.len, 30);
    ck_assert_mem_eq(job.ip_config.data, "10.0.0.1 40000\n10.0.0.2 40000\n", 30);
    ck_assert_uint_eq(job.notices.n, 1);
    job_free(&job);
    OK((char *)"--port=auto");
    ck_assert(job.writes_ip_config && job.finds_port);
    ck_assert_int_eq(job_use_port(&job, 30052, &err), 0);
    ck_assert_mem_eq(job.ip_config.data, "10.0.0.1 30052\n10.0.0.2 30052\n", 30);
    job_free(&job);
    write_text("w/ports.txt", "10.0.0.1 5000\nlocalhost 5000\n");
    WRONG(EXIT_USAGE, "ports.txt:2: 'localhost': rank 0's machine resolves this name to loopback",
          (char *)"--ip_config=ports.txt");
    write_text("w/ports.txt", "10.0.0.1 5000\n10.0.0.2\n");
    OK((char *)"--ip_config=ports.txt", (char *)"--port=40000");
    ck_assert_int_eq(job.hosts.items[0].port, 5000);
    ck_assert_int_eq(job.hosts.items[1].port, 40000);
    job_free(&job);
    write_text("w/ports.txt", "10.0.0.1 5000\n10.0.0.2 5000\n");
    OK((char *)"--ip_config=ports.txt", (char *)"--port=auto"); /* nothing is left to choose */
    ck_assert(!job.writes_ip_config && !job.finds_port);
    job_free(&job);
    WRONG(EXIT_USAGE, "--port 65535: the last of 2 servers", (char *)"--port=65535",
          (char *)"--num_servers=2");
}
END_TEST

START_TEST(spare)
{
    write_text("w/ip.txt", "10.0.0.1 5000\n10.0.0.2\n10.0.0.3\n");
    WRONG(EXIT_USAGE, "or let the last lines' stay idle by --spare", (char *)"--port=6000");
    OK((char *)"--spare", (char *)"--port=6000");
    ck_assert(job.writes_ip_config && job.cut && !job.finds_port);
    ck_assert_uint_eq(job.hosts.n, 2);
    ck_assert_uint_eq(job.ip_config.len, 28);
    ck_assert_mem_eq(job.ip_config.data, "10.0.0.1 5000\n10.0.0.2 6000\n", 28);
    ck_assert_uint_eq(job.spares.n, 1);
    job_replace(&job, 0, &job.spares.items[0]); /* its line names no port */
    ck_assert_uint_eq(job.ip_config.len, 28);
    ck_assert_mem_eq(job.ip_config.data, "10.0.0.3 5000\n10.0.0.2 6000\n", 28);
    job_free(&job);
    write_text("w/ip.txt", "10.0.0.1\n10.0.0.2\n10.0.0.3 7000\n");
    OK((char *)"--spare");
    job_replace(&job, 1, &job.spares.items[0]);
    ck_assert_mem_eq(job.ip_config.data, "10.0.0.1 30050\n10.0.0.3 7000\n", 29);
    job_free(&job);
    write_text("w/ip.txt", "10.0.0.1\n");
    WRONG(EXIT_USAGE, "'data/g.json' has 2 partitions, but 'ip.txt' names 1 machine",
          (char *)"--spare");
}
END_TEST

START_TEST(gathered)
{
    struct hosts hosts = {.items = mem_calloc(2, sizeof(*hosts.items)), .n = 2};

    OK((char *)"--ip_config=auto:eth1", (char *)"--machines=a,b");
    ck_assert(job.finds_machines && job.finds_port && job.writes_ip_config);
    ck_assert_str_eq(job.wanted.interface, "eth1");
    ck_assert_uint_eq(job.hosts.n, 0);
    hosts_set_address(&hosts.items[0], 0x0a000002);
    hosts_set_address(&hosts.items[1], 0x0a000001);
    ck_assert_int_eq(job_take_hosts(&job, &hosts, &err), 0);
    ck_assert_uint_eq(job.ip_config.len, 30);
    ck_assert_mem_eq(job.ip_config.data, "10.0.0.2 30050\n10.0.0.1 30050\n", 30);
    job_free(&job);
    OK((char *)"--ip_config=auto", (char *)"--dry_run");
    ck_assert(!job.finds_machines && !job.finds_port);
    ck_assert_uint_eq(job.hosts.n, 2);
    ck_assert_str_eq(job.hosts.items[1].ip, "{machine 1}");
    job_free(&job);
    WRONG(EXIT_USAGE, "--machines is for --ip_config auto", (char *)"--machines=a,b");
    WRONG(EXIT_USAGE, "auto:x/y: not a network", (char *)"--ip_config=auto:x/y");
}
END_TEST

START_TEST(workspace)
{
    char *with_slash = mem_printf("--workspace=%s/w//", folder);
    char *plain = mem_printf("%s/w", folder);

    OK(with_slash);
    ck_assert_str_eq(job.workspace, plain);
    job_free(&job);
    OK((char *)"--workspace=./w/");
    ck_assert_str_eq(job.workspace, plain);
    job_free(&job);
    ck_assert_int_eq(chdir("w"), 0);
    OK((char *)"--workspace=.");
    ck_assert_str_eq(job.workspace, plain);
    job_free(&job);
    ck_assert_int_eq(chdir(".."), 0);
    WRONG(EXIT_MACHINE, "nowhere' cannot be reached: No such file", (char *)"--workspace=nowhere");
    WRONG(EXIT_MACHINE, "ip.txt' is not a folder", (char *)"--workspace=w/ip.txt");
    free(plain);
    free(with_slash);
}
END_TEST

/* The shell's own name of the directory counts, not where a link leads. */
START_TEST(logical_directory)
{
    char *link = mem_printf("%s/link", folder), *pwd = mem_printf("PWD=%s", link);
    char *want = mem_printf("%s/w", link);

    ck_assert_int_eq(symlink(folder, link), 0);
    ck_assert_int_eq(chdir(link), 0);
    envp[0] = pwd;
    OK();
    ck_assert_str_eq(job.workspace, want);
    job_free(&job);
    envp[0] = (char *)"PWD=/usr"; /* a stale one */
    OK();
    ck_assert_str_eq(job.workspace + strlen(job.workspace) - 2, "/w");
    ck_assert(strncmp(job.workspace, "/usr", 4));
    job_free(&job);
    unlink(link);
    free(want);
    free(pwd);
    free(link);
}
END_TEST

START_TEST(configs)
{
    WRONG(EXIT_USAGE, "--ip_config (relative to --workspace, or absolute): cannot read",
          (char *)"--ip_config=x");
    WRONG(EXIT_USAGE, "--part_config (relative to --workspace, or absolute): cannot read",
          (char *)"--part_config=x");
    WRONG(EXIT_USAGE, "is not a regular file", (char *)"--part_config=data");
    WRONG(EXIT_USAGE, "is not a regular file", (char *)"--ip_config=/dev/zero");
    write_text("w/ip.txt", "10.0.0.1\n10.0.0.2\n10.0.0.3\n");
    WRONG(EXIT_USAGE, "'data/g.json' has 2 partitions, but 'ip.txt' names 3 machines");
    write_text("w/ip.txt", "10.0.0.1\nnode2.invalid\n");
    WRONG(EXIT_USAGE, "ip.txt:2: 'node2.invalid': no IPv4 address, and no host name that");
    write_text("w/data/g.json", "{");
    write_text("w/ip.txt", "10.0.0.1\n10.0.0.2\n");
    WRONG(EXIT_USAGE, "data/g.json:1: this is no JSON text");
}
END_TEST

START_TEST(too_many_clients)
{
    struct buf text = {0};

    for (int i = 0; i < 1000; i++)
        buf_addf(&text, "10.0.%d.%d\n", i / 250, i % 250 + 1);
    ck_assert_int_eq(file_write("w/ip.txt", text.data, text.len, &err), 0);
    buf_free(&text);
    unlink("w/data/g.json");
    write_text("w/data/g.json", "{\"graph_name\": \"g\", \"num_parts\": 2, \"part-0\": " PART
                                ", \"part-1\": " PART "}");
    WRONG(EXIT_USAGE, "has 2 partitions");
    {
        char *argv[] = {(char *)"p",
                        (char *)"c",
                        (char *)"--workspace=w",
                        (char *)"--num_trainers=4096",
                        (char *)"--num_servers=0",
                        (char *)"--num_samplers=4096",
                        (char *)"--ip_config=ip.txt",
                        NULL};
        struct options options;

        ck_assert_int_eq(options_parse(&options, 7, argv, envp, &err), 0);
        ck_assert_int_eq(job_load(&job, &options, envp, &err), -1);
        SAYS("more than DGL can number");
        job_free(&job);
    }
}
END_TEST

START_TEST(identity)
{
    char first[sizeof(job.id)];
    unsigned date, time, salt;
    int pid;

    OK();
    ck_assert_int_eq(sscanf(job.id, "%8uT%6uZ-%d-%4x", &date, &time, &pid, &salt), 4);
    ck_assert_int_eq(pid, getpid());
    strcpy(first, job.id);
    job_free(&job);
    envp[0] = (char *)"SLURM_JOB_ID=4711";
    OK();
    ck_assert_ptr_nonnull(strstr(job.id, "Z-4711-"));
    ck_assert_str_ne(job.id, first);
    job_free(&job);
    envp[0] = (char *)"SLURM_JOB_ID=../../x";
    OK();
    ck_assert_ptr_null(strchr(job.id, '/'));
    job_free(&job);
}
END_TEST

START_TEST(ids_of_batch_systems)
{
    static const struct {
        char *variable;
        const char *id;
    } cases[] = {
        {"SLURM_JOB_ID=4711", "4711"},
        {"PBS_JOBID=12.server.site", "12"},
        {"PBS_JOBID=12[3].server", "12_3"},
        {"FLUX_JOB_ID=\xc6\x92"
         "2BTM",
         "2BTM"},
        {"LSB_JOBID=77", "77"},
        {"SLURM_JOB_ID=\x1b[31m/../..", "31m"},
        {"PBS_JOBID=", NULL},
        {"PBS_JOBID=.12", NULL},
        {"SLURM_JOB_ID=123456789", "1234567"}, /* as much as there is room for */
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *variables[] = {cases[i].variable, NULL}, id[9];
        bool found = batch_job_id(variables, id, sizeof(id));

        ck_assert_msg(found == (cases[i].id != NULL), "%zu", i);
        ck_assert(!found || !strcmp(id, cases[i].id));
    }
}
END_TEST

START_TEST(threads_that_pbs_has_chosen_do_not_count)
{
    char *pbs[] = {"PBS_JOBID=1", "NCPUS=16", "OMP_NUM_THREADS=16", NULL};
    char *own[] = {"PBS_JOBID=1", "NCPUS=16", "OMP_NUM_THREADS=4", NULL};
    char *none[] = {"PBS_JOBID=1", "NCPUS=16", NULL};

    ck_assert(batch_sets_threads(pbs));
    ck_assert(!batch_sets_threads(pbs + 1));
    ck_assert(!batch_sets_threads(own) && !batch_sets_threads(none));
}
END_TEST

START_TEST(run_dir)
{
    char *want = mem_printf("%s/runs/a", folder);

    OK((char *)"--run_dir=none");
    ck_assert_ptr_null(job.run_dir);
    job_free(&job);
    OK((char *)"--run_dir=runs/a/");
    ck_assert_str_eq(job.run_dir, want);
    job_free(&job);
    OK((char *)"--run_dir=/x/y");
    ck_assert_str_eq(job.run_dir, "/x/y");
    job_free(&job);
    free(want);
}
END_TEST

static void set_environment(void)
{
    static const char *const names[] = {"PATH=/a:/b",
                                        "HOME=/h",
                                        "OMPI_X=1",
                                        "MY_A=1",
                                        "MY_B=2",
                                        "DGLBACKEND=pytorch",
                                        "OMP_NUM_THREADS=7",
                                        "broken",
                                        "DGL_ROLE=server",
                                        "MY=3",
                                        "NCCL_SOCKET_IFNAME=ib0",
                                        "CUDA_VISIBLE_DEVICES=0",
                                        "SLURM_PROCID=0"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        envp[i] = (char *)names[i];
}

START_TEST(passed)
{
    set_environment();
    OK();
    ck_assert_uint_eq(job.passed.n, 3);
    ck_assert_str_eq(strv_env_get(&job.passed, "PATH"), "/a:/b");
    ck_assert_str_eq(job.omp_num_threads, "7");
    job_free(&job);
    OK((char *)"--pass_env=MY_*,HOME,OMPI_X,NOT_THERE");
    ck_assert_uint_eq(job.passed.n, 6);
    ck_assert_str_eq(strv_env_get(&job.passed, "MY_B"), "2");
    ck_assert_ptr_null(strv_env_get(&job.passed, "MY"));
    ck_assert_ptr_null(strv_env_get(&job.passed, "OMPI_X"));
    ck_assert_uint_eq(job.passed_unless_set.n, 1);
    ck_assert_str_eq(strv_env_get(&job.passed_unless_set, "NCCL_SOCKET_IFNAME"), "ib0");
    job_free(&job);
    OK((char *)"--pass_env=none");
    ck_assert_uint_eq(job.passed_unless_set.n, 0);
    ck_assert_uint_eq(job.passed.n, 0);
    ck_assert_str_eq(job.omp_num_threads, "7");
    job_free(&job);
}
END_TEST

START_TEST(notices)
{
    OK((char *)"--ssh_port=22", (char *)"--extra_envs", (char *)"RANK=1", (char *)"A=2",
       (char *)"OMP_NUM_THREADS=1");
    ck_assert_uint_eq(job.notices.n, 2);
    ck_assert_ptr_nonnull(strstr(job.notices.items[0], "--ssh_port"));
    ck_assert_ptr_nonnull(strstr(job.notices.items[1], "--extra_envs overrides RANK,"));
    job_free(&job);
    write_text("w/ip.txt", "172.31.0.1\n8.8.8.8\n");
    OK();
    ck_assert_uint_eq(job.notices.n, 1);
    ck_assert_ptr_nonnull(strstr(job.notices.items[0], "8.8.8.8 is a public address"));
    job_free(&job);
}
END_TEST

UNIT_MAIN_WITH("job", set_up, tear_down, UNIT(good), UNIT(ports), UNIT(spare), UNIT(gathered),
               UNIT(workspace), UNIT(logical_directory), UNIT(configs), UNIT(too_many_clients),
               UNIT(identity), UNIT(ids_of_batch_systems),
               UNIT(threads_that_pbs_has_chosen_do_not_count), UNIT(run_dir), UNIT(passed),
               UNIT(notices))
