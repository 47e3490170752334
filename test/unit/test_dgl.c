/* test_dgl: the environment of servers and trainers, name by name. */
#include <stdlib.h>
#include <string.h>

#include "job/dgl.h"
#include "job/plan.h"

#include "unit.h"

static struct job job;
static struct strv env;
static struct err err;

/* Three machines, two trainers and two servers on each. */
static void set_up(void)
{
    static const char text[] = "10.0.0.1\n10.0.0.2 40000\n10.0.0.3\n";

    job = (struct job){.options = {.num_trainers = 2,
                                   .num_servers = 2,
                                   .num_samplers = 3,
                                   .num_server_threads = 4,
                                   .part_config = (char *)"data/g.json",
                                   .ip_config = (char *)"ip.txt",
                                   .graph_format = (char *)"csc,coo"},
                       .id = "20261124T104937Z-7-ab12"};
    ck_assert_int_eq(hosts_parse(&job.hosts, "f", text, sizeof(text) - 1, 2, &err), 0);
}

static void tear_down(void)
{
    hosts_free(&job.hosts);
    strv_free(&env);
}

static void expect(const char *const *names_values)
{
    for (size_t i = 0; names_values[i]; i++) {
        ck_assert_msg(i < env.n, "%s is missing", names_values[i]);
        ck_assert_str_eq(env.items[i], names_values[i]);
    }
}

#define EXPECT(...)                                                                                \
    do {                                                                                           \
        const char *const want[] = {__VA_ARGS__, NULL};                                            \
        expect(want);                                                                              \
        ck_assert_uint_eq(env.n, sizeof(want) / sizeof(want[0]) - 1);                              \
    } while (0)

START_TEST(server)
{
    dgl_env_make(&env, &job, 1, 16, ROLE_SERVER, 1);
    EXPECT("DGL_ROLE=server", "DGL_SERVER_ID=3", "DGL_NUM_SAMPLER=3", "DGL_NUM_CLIENT=24",
           "DGL_NUM_SERVER=2", "DGL_CONF_PATH=data/g.json", "DGL_IP_CONFIG=ip.txt",
           "DGL_GRAPH_FORMAT=csc,coo", "OMP_NUM_THREADS=4", "DGL_JOB_ID=20261124T104937Z-7-ab12",
           "DGL_JOB_DIR={job_dir}", "DGL_JOB_RESTART_COUNT=0");
    ck_assert_int_eq(dgl_env_clients(&env), 24);
    strv_env_set(&env, "DGL_NUM_CLIENT=many");
    ck_assert_int_eq(dgl_env_clients(&env), 0);
}
END_TEST

START_TEST(trainer)
{
    dgl_env_make(&env, &job, 2, 16, ROLE_TRAINER, 1);
    EXPECT(
        "DGL_ROLE=client", "DGL_DIST_MODE=distributed", "DGL_GROUP_ID=0", "DGL_NUM_SAMPLER=3",
        "DGL_NUM_CLIENT=24", "DGL_NUM_SERVER=2", "DGL_CONF_PATH=data/g.json",
        "DGL_IP_CONFIG=ip.txt", "DGL_GRAPH_FORMAT=csc,coo", "OMP_NUM_THREADS=4", "RANK=5",
        "WORLD_SIZE=6", "LOCAL_RANK=1", "LOCAL_WORLD_SIZE=2", "GROUP_RANK=2", "GROUP_WORLD_SIZE=3",
        "ROLE_NAME=default", "ROLE_RANK=5", "ROLE_WORLD_SIZE=6", "MASTER_ADDR=10.0.0.1",
        "MASTER_PORT={master_port}", "TORCHELASTIC_RESTART_COUNT=0", "TORCHELASTIC_MAX_RESTARTS=0",
        "TORCHELASTIC_RUN_ID=20261124T104937Z-7-ab12", "TORCHELASTIC_USE_AGENT_STORE=False",
        "TORCHELASTIC_ERROR_FILE={job_dir}/error-trainer-5.json",
        "DGL_JOB_ID=20261124T104937Z-7-ab12", "DGL_JOB_DIR={job_dir}", "DGL_JOB_RESTART_COUNT=0");
}
END_TEST

START_TEST(forked_sampler)
{
    job.options.sampler_cmd = (char *)"sample";
    dgl_env_make(&env, &job, 1, 16, ROLE_SAMPLER, 4);
    EXPECT("DGL_ROLE=sampler", "DGL_DIST_MODE=distributed", "DGL_GROUP_ID=0", "DGL_NUM_SAMPLER=0",
           "DGL_NUM_CLIENT=24", "DGL_NUM_SERVER=2", "DGL_CONF_PATH=data/g.json",
           "DGL_IP_CONFIG=ip.txt", "DGL_GRAPH_FORMAT=csc,coo", "DGL_JOB_NUM_SAMPLERS=3",
           "OMP_NUM_THREADS=1", "DGL_JOB_TRAINER_RANK=3", "DGL_JOB_SAMPLER_ID=10",
           "TORCHELASTIC_ERROR_FILE={job_dir}/error-sampler-10.json",
           "DGL_JOB_ID=20261124T104937Z-7-ab12", "DGL_JOB_DIR={job_dir}",
           "DGL_JOB_RESTART_COUNT=0");
    strv_free(&env);
    dgl_env_make(&env, &job, 1, 16, ROLE_TRAINER, 0);
    ck_assert_str_eq(strv_env_get(&env, "DGL_NUM_SAMPLER"), "0");
    ck_assert_str_eq(strv_env_get(&env, "DGL_NUM_CLIENT"), "24");
    ck_assert_str_eq(strv_env_get(&env, "DGL_JOB_NUM_SAMPLERS"), "3");
    ck_assert_ptr_null(strv_env_get(&env, "DGL_JOB_SAMPLER_ID"));
}
END_TEST

START_TEST(trainers_alone)
{
    job.options.num_servers = 0;
    job.options.part_config = NULL;
    dgl_env_make(&env, &job, 0, 1, ROLE_TRAINER, 0);
    for (size_t i = 0; i < env.n; i++)
        ck_assert_msg(!strncmp(env.items[i], "DGL_", 4) ==
                          (!strncmp(env.items[i], "DGL_JOB_", 8) ||
                           !strcmp(env.items[i], "DGL_IP_CONFIG=ip.txt")),
                      "%s", env.items[i]);
    ck_assert_str_eq(strv_env_get(&env, "RANK"), "0");
    ck_assert_str_eq(strv_env_get(&env, "DGL_IP_CONFIG"), "ip.txt");
    ck_assert_ptr_null(strv_env_get(&env, "DGL_CONF_PATH"));
    job.options.part_config = (char *)"g.json";
    dgl_env_make(&env, &job, 0, 1, ROLE_TRAINER, 0);
    ck_assert_str_eq(strv_env_get(&env, "DGL_CONF_PATH"), "g.json");
}
END_TEST

static const char *threads(int cpus)
{
    strv_free(&env);
    dgl_env_make(&env, &job, 0, cpus, ROLE_TRAINER, 0);
    return strv_env_get(&env, "OMP_NUM_THREADS");
}

START_TEST(omp_threads)
{
    ck_assert_str_eq(threads(16), "4");
    ck_assert_str_eq(threads(7), "1");
    ck_assert_str_eq(threads(1), "1");
    ck_assert_str_eq(threads(0), "{max(cpus / 2 / 2, 1)}");
    job.omp_num_threads = (char *)"9";
    ck_assert_str_eq(threads(16), "9");
    job.options.num_omp_threads = 3;
    ck_assert_str_eq(threads(16), "3");
}
END_TEST

START_TEST(overrides)
{
    strv_add(&job.options.server_env, "OMP_NUM_THREADS=5");
    strv_add(&job.options.server_env, "A=server");
    strv_add(&job.options.trainer_env, "RANK=77");
    strv_add(&job.options.trainer_env, "A=trainer");
    strv_add(&job.options.sampler_env, "A=sampler");
    strv_add(&job.options.sampler_env, "OMP_NUM_THREADS=6");
    strv_add(&job.options.extra_envs, "A=extra");
    strv_add(&job.options.extra_envs, "DGL_GRAPH_FORMAT=");
    dgl_env_make(&env, &job, 0, 16, ROLE_SERVER, 0);
    ck_assert_str_eq(strv_env_get(&env, "OMP_NUM_THREADS"), "5");
    ck_assert_str_eq(strv_env_get(&env, "A"), "extra");
    ck_assert_str_eq(strv_env_get(&env, "DGL_GRAPH_FORMAT"), "");
    ck_assert_ptr_null(strv_env_get(&env, "RANK"));
    strv_free(&env);
    dgl_env_make(&env, &job, 0, 16, ROLE_TRAINER, 0);
    ck_assert_str_eq(strv_env_get(&env, "RANK"), "77");
    ck_assert_str_eq(strv_env_get(&env, "A"), "extra");
    strv_free(&env);
    job.options.sampler_cmd = (char *)"sample";
    dgl_env_make(&env, &job, 0, 16, ROLE_SAMPLER, 0);
    ck_assert_str_eq(strv_env_get(&env, "OMP_NUM_THREADS"), "6");
    ck_assert_str_eq(strv_env_get(&env, "A"), "extra");
    strv_free(&job.options.sampler_env);
    strv_free(&job.options.server_env);
    strv_free(&job.options.trainer_env);
    strv_free(&job.options.extra_envs);
}
END_TEST

enum kind { MPI, STEP, TRAVELS, DEFAULT, DEVICES, STAYS, RESERVED };

static const struct {
    const char *name;
    enum kind kind;
} names[] = {
    {"OMPI_COMM_WORLD_RANK=1", MPI},
    {"PMIX_RANK", MPI},
    {"PMI_FD=3", MPI},
    {"PRTE_MCA_x=1", MPI},
    {"ORTE_X=", MPI},
    {"MPIR_CVAR=1", MPI},
    {"HYDRA_X=", MPI},
    {"HYDI_CONTROL_FD=5", MPI},
    {"MPI_LOCALNRANKS=1", MPI},
    {"MPI_LOCALRANKID=0", MPI},
    {"DGL_MPILAUNCH_QUIET=1", MPI},
    {"PATH=/bin", TRAVELS},
    {"LD_LIBRARY_PATH=", TRAVELS},
    {"PYTHONPATH=x", TRAVELS},
    {"VIRTUAL_ENV=x", TRAVELS},
    {"CONDA_PREFIX=x", TRAVELS},
    {"DGLBACKEND=pytorch", TRAVELS},
    {"DGL_DIST_MAX_TRY_TIMES=3", TRAVELS},
    {"OMP_NUM_THREADS=4", TRAVELS},
    {"MKL_X=", TRAVELS},
    {"NCCL_DEBUG=INFO", TRAVELS},
    {"CUDA_DEVICE_ORDER=x", TRAVELS},
    {"GLOO_SOCKET_IFNAME=e", DEFAULT},
    {"UCC_SOCKET_IFNAME", DEFAULT},
    {"NCCL_IB_HCA=mlx5", DEFAULT},
    {"OMP_PLACES=cores", DEFAULT},
    {"OMP_PROC_BIND=true", DEFAULT},
    {"CUDA_MPS_PIPE_DIRECTORY=/x", DEFAULT},
    {"CUDA_VISIBLE_DEVICES=", DEVICES},
    {"ROCR_VISIBLE_DEVICES=0", DEVICES},
    {"ZE_AFFINITY_MASK=0", DEVICES},
    {"SLURM_PROCID=0", STEP},
    {"SLURM_STEP_NODELIST=x", STEP},
    {"SLURM_CPU_BIND=quiet", STEP},
    {"PALS_RANKID=0", STEP},
    {"X_SOCKET_IFNAMES=x", STAYS},
    {"HOME=/root", STAYS},
    {"PATHX=1", STAYS},
    {"PAT=1", STAYS},
    {"=x", STAYS},
    {"", STAYS},
    {"MPI4PY_X=1", STAYS},
    {"SLURM_JOB_ID=7", STAYS},
    {"XDGL=1", STAYS},
    {"RANKS=1", STAYS},
    {"RANK=1", RESERVED},
    {"WORLD_SIZE", RESERVED},
    {"MASTER_PORT=1", RESERVED},
    {"DGL_ROLE=x", RESERVED},
    {"DGL_SERVER_ID=0", RESERVED},
    {"DGL_JOB_ID=1", RESERVED},
    {"TORCHELASTIC_RUN_ID=x", RESERVED},
};

START_TEST(kinds_of_names)
{
    const char *name = names[_i].name;

    ck_assert_msg(dgl_env_is_mpi(name) == (names[_i].kind == MPI), "%s", name);
    ck_assert_msg(dgl_env_is_step(name) == (names[_i].kind == STEP), "%s", name);
    ck_assert_msg(dgl_env_is_machines(name) == (names[_i].kind == DEFAULT), "%s", name);
    ck_assert_msg(dgl_env_is_devices(name) == (names[_i].kind == DEVICES), "%s", name);
    ck_assert_msg(dgl_env_travels(name) == (names[_i].kind == TRAVELS || names[_i].kind == DEFAULT),
                  "%s", name);
    ck_assert_msg(dgl_env_is_reserved(name) == (names[_i].kind == RESERVED), "%s", name);
}
END_TEST

UNIT_MAIN_WITH("dgl", set_up, tear_down, UNIT(server), UNIT(trainer), UNIT(forked_sampler),
               UNIT(trainers_alone), UNIT(omp_threads), UNIT(overrides),
               UNIT_EACH(kinds_of_names, names))
