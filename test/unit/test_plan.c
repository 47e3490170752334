/* test_plan: slices made from a job in memory, and --dry_run's print against golden files. A golden
 * file that is missing fails; UPDATE_GOLDEN=1 writes them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "job/plan.h"
#include "job/plan_print.h"

#include "unit.h"

#define PART(k)                                                                                    \
    "{\"part_graph\": \"part" k "/graph.dgl\", \"node_feats\": \"part" k "/node_feat.dgl\", "      \
    "\"edge_feats\": \"/far/part" k "/edge_feat.dgl\"}"
#define TWO_PARTS                                                                                  \
    "{\"graph_name\": \"g\", \"num_parts\": 2, \"part-0\": " PART("0") ", \"part-1\": " PART(      \
        "1") "}"

static struct job job;
static struct err err;
static char *no_environment[] = {NULL};

/* A job as job_load would leave it, without a file system. */
static void make_job(const char *const *more)
{
    char *argv[32] = {(char *)"p", (char *)"--workspace=/w", (char *)"--num_trainers=2",
                      (char *)"--ip_config=ip.txt"};
    static const char ip_config[] = "10.0.0.1\n10.0.0.2 40000\n";
    int argc = 4;

    while (*more)
        argv[argc++] = (char *)*more++;
    job = (struct job){.id = "20261124T104937Z-7-ab12"};
    ck_assert_msg(options_parse(&job.options, argc, argv, no_environment, &err) == 0, "%s",
                  err.text);
    job.workspace = mem_strdup("/w");
    job.run_dir = mem_printf("/w/dgl-mpilaunch-runs/%s", job.id);
    ck_assert_int_eq(hosts_parse(&job.hosts, "ip.txt", ip_config, sizeof(ip_config) - 1,
                                 job.options.num_servers, &err),
                     0);
    if (job.options.part_config)
        ck_assert_int_eq(partconf_parse(&job.partconf, "g", TWO_PARTS, strlen(TWO_PARTS), &err), 0);
    strv_add(&job.passed, "PYTHONPATH=/secret");
    strv_add(&job.passed, "PATH=/secret/bin");
}

#define MAKE(...) make_job((const char *const[]){__VA_ARGS__, NULL})
#define DGL       "--num_servers=2", "--part_config=data/g.json"

START_TEST(the_credit_is_shared)
{
    ck_assert_int_eq(plan_credit(1), 1 << 20);
    ck_assert_int_eq(plan_credit(40), 1 << 20);
    ck_assert_int_eq(plan_credit(10000), 4194);
    ck_assert_int_eq(plan_credit(HOSTS_MAX), 640);
}
END_TEST

START_TEST(slice)
{
    struct seat seat = {.host = "node2", .interface = "eth1", .line = 1, .cpus = 16};
    struct slice *s;

    MAKE(DGL, "--kill_grace=1.5", "python3 {ip_config}");
    s = plan_slice(&job, 1, &seat);
    ck_assert_int_eq(s->machine, 1);
    ck_assert_int_eq(s->machines, 2);
    ck_assert_str_eq(s->job_id, job.id);
    ck_assert_str_eq(s->host, "node2");
    ck_assert_str_eq(s->ip, "10.0.0.2");
    ck_assert_int_eq(s->port, 40000);
    ck_assert_int_eq(s->cpus, 16);
    ck_assert_str_eq(s->ip_config, "ip.txt");
    ck_assert_str_eq(s->part_config, "data/g.json");
    ck_assert_uint_eq(s->part_files.n, 3);
    ck_assert_str_eq(s->part_files.items[0], "data/part1/graph.dgl");
    ck_assert_str_eq(s->part_files.items[2], "/far/part1/edge_feat.dgl");
    ck_assert_str_eq(s->command, "python3 {ip_config}"); /* a shell's text is not touched */
    ck_assert_str_eq(strv_env_get(&s->set, "PYTHONPATH"), "/secret");
    ck_assert_str_eq(strv_env_get(&s->defaults, "PYTHONUNBUFFERED"), "1");
    ck_assert_str_eq(strv_env_get(&s->defaults, "GLOO_SOCKET_IFNAME"), "eth1");
    ck_assert_str_eq(strv_env_get(&s->defaults, "TP_SOCKET_IFNAME"), "eth1");
    ck_assert_str_eq(s->log_dir, "/w/dgl-mpilaunch-runs/20261124T104937Z-7-ab12/logs");
    ck_assert_int_eq(s->log_required, 0);
    ck_assert_int_eq(s->kill_grace_ms, 1500);
    ck_assert_int_eq(s->exit_timeout_ms, 60000);
    slice_free(s);
    job_free(&job);
}
END_TEST

START_TEST(processes)
{
    struct slice *s;

    MAKE(DGL, "c");
    s = plan_slice(&job, 1, NULL);
    ck_assert_str_eq(s->host, "10.0.0.2");
    ck_assert_int_eq(s->cpus, 0);
    ck_assert_int_eq(s->n_processes, 4);
    for (int i = 0; i < 4; i++) {
        const struct process_plan *p = &s->processes[i];

        ck_assert_int_eq(p->role, i < 2 ? ROLE_SERVER : ROLE_TRAINER);
        ck_assert_int_eq(p->local, i % 2);
        ck_assert_int_eq(p->id, 2 + i % 2);
        ck_assert_int_eq(p->port, i < 2 ? 40000 + i : 0);
    }
    ck_assert_str_eq(strv_env_get(&s->processes[1].env, "DGL_SERVER_ID"), "3");
    ck_assert_str_eq(strv_env_get(&s->processes[3].env, "RANK"), "3");
    slice_free(s);
    job_free(&job);
}
END_TEST

START_TEST(words)
{
    struct slice *s;

    MAKE(DGL, "--run_dir=x", "--", "a", "{ip_config}", "--x={part_config}:{workspace}", "{ip}",
         "{ip_config", "{{workspace}}", "");
    s = plan_slice(&job, 0, NULL);
    ck_assert_ptr_null(s->command);
    ck_assert_uint_eq(s->argv.n, 7);
    ck_assert_str_eq(s->argv.items[1], "ip.txt");
    ck_assert_str_eq(s->argv.items[2], "--x=data/g.json:/w");
    ck_assert_str_eq(s->argv.items[3], "{ip}");
    ck_assert_str_eq(s->argv.items[4], "{ip_config");
    ck_assert_str_eq(s->argv.items[5], "{/w}");
    ck_assert_str_eq(s->argv.items[6], "");
    ck_assert_int_eq(s->log_required, 1);
    slice_free(s);
    free(job.run_dir);
    job.run_dir = NULL;
    s = plan_slice(&job, 0, NULL);
    ck_assert_ptr_null(s->log_dir);
    ck_assert_int_eq(s->log_required, 0);
    slice_free(s);
    job_free(&job);
}
END_TEST

START_TEST(own_list)
{
    struct slice *s;

    MAKE(DGL, "--", "a", "{ip_config}:{part_config}");
    job.writes_ip_config = true;
    ck_assert_int_eq(job_use_port(&job, 30055, &err), 0);
    s = plan_slice(&job, 0, NULL);
    ck_assert_str_eq(s->own_ip_config, "10.0.0.1 30055\n10.0.0.2 40000\n");
    ck_assert_str_eq(s->argv.items[1], "{job_dir}/ip_config.txt:data/g.json");
    ck_assert_str_eq(strv_env_get(&s->processes[0].env, "DGL_IP_CONFIG"), s->ip_config);
    ck_assert_int_eq(s->processes[1].port, 30056);
    slice_free(s);
    job_free(&job);
}
END_TEST

START_TEST(alone)
{
    struct slice *s;

    MAKE("--num_servers=0", "--", "a", "{part_config}");
    s = plan_slice(&job, 0, NULL);
    ck_assert_int_eq(s->n_processes, 2);
    ck_assert_int_eq(s->processes[0].role, ROLE_TRAINER);
    ck_assert_ptr_null(s->part_config);
    ck_assert_uint_eq(s->part_files.n, 0);
    ck_assert_str_eq(s->argv.items[1], "{part_config}");
    slice_free(s);
    job_free(&job);
}
END_TEST

static void compare_golden(const char *name)
{
    const char *source = getenv("SRCDIR");
    char *path = mem_printf("%s/test/golden/%s", source ? source : ".", name);
    struct buf golden = {0};
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    plan_print(&job, out);
    fclose(out);
    if (getenv("UPDATE_GOLDEN"))
        ck_assert_int_eq(file_write(path, text, size, &err), 0);
    ck_assert_msg(file_read(path, 1 << 20, &golden, &err) == 0, "%s", err.text);
    ck_assert_msg(golden.len == size && !memcmp(golden.data, text, size), "%s differs from:\n%s",
                  path, text);
    ck_assert_ptr_null(strstr(text, "secret"));
    ck_assert_ptr_null(strstr(text, job.id));
    buf_free(&golden);
    free(text);
    free(path);
    job_free(&job);
}

START_TEST(golden_dgl)
{
    MAKE(DGL, "--num_samplers=1", "--extra_envs", "A=x y", "B=", "--", "python3", "train.py",
         "--ip_config", "{ip_config}", "it's", "two\nlines", "");
    compare_golden("plan-argv.txt");
    MAKE(DGL, "--num_omp_threads=4", "python3 train.py --graph_name 'g' | tee \"$PWD/out\"");
    compare_golden("plan-shell.txt");
}
END_TEST

START_TEST(golden_samplers)
{
    MAKE("--num_servers=1", "--part_config=data/g.json", "--num_samplers=2",
         "--sampler_cmd=python3 sample.py | cat", "--sampler_env", "S=1", "--connect_timeout=90",
         "--", "python3", "train.py");
    compare_golden("plan-samplers.txt");
}
END_TEST

START_TEST(golden_alone)
{
    MAKE("--num_servers=0", "--start_timeout=90", "--lost_timeout=0", "--server_env", "S=1",
         "--trainer_env", "T=1", "--", "python3", "pipeline.py");
    compare_golden("plan-alone.txt");
}
END_TEST

UNIT_MAIN_WITH("plan", NULL, NULL, UNIT(the_credit_is_shared), UNIT(slice), UNIT(processes),
               UNIT(words), UNIT(own_list), UNIT(alone), UNIT(golden_dgl), UNIT(golden_samplers),
               UNIT(golden_alone))
