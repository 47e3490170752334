/* message_seeds: writes messages of all kinds as files into a folder: inputs of fuzz_message that
 * are of today's format. The same on every run.
 */
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "coord/announce.h"
#include "fuzz.h"
#include "random.h"
#include "sample.h"
#include "wire/message.h"
#include "wire/outcome.h"
#include "wire/pack.h"
#include "wire/regrouping.h"
#include "wire/slice.h"
#include "wire/waiting.h"

static const char *folder;

/* Writes the bytes to a file, and empties them. */
static void write_seed(const char *name, struct buf *bytes)
{
    char *path = file_join(folder, name);
    struct err err;

    if (file_write(path, bytes->data, bytes->len, &err)) {
        fprintf(stderr, "%s\n", err.text);
        exit(EXIT_FAILURE);
    }
    free(path);
    buf_free(bytes);
}

static void add_frame(struct buf *out, enum message_type type, struct buf *payload)
{
    message_frame(out, type, payload->data, payload->len);
    buf_free(payload);
}

static void write_frame(const char *name, enum message_type type, struct buf *payload)
{
    struct buf out = {0};

    add_frame(&out, type, payload);
    write_seed(name, &out);
}

static void write_numbers(const char *name, enum message_type type, uint32_t first, uint32_t second)
{
    struct buf payload = {0};

    pack_u32(&payload, first);
    if (type == MESSAGE_GO)
        pack_u32(&payload, second);
    write_frame(name, type, &payload);
}

static void write_text(const char *name, enum message_type type, const char *text)
{
    struct buf payload = {0};

    buf_add(&payload, text, strlen(text));
    write_frame(name, type, &payload);
}

/* ---- slices ---- */

static struct slice make_slice(struct process_plan *processes, int n)
{
    return (struct slice){.machine = 1,
                          .machines = 4,
                          .job_id = (char *)"20261124T104937Z-77-ab12",
                          .host = (char *)"vm1",
                          .ip = (char *)"10.0.0.2",
                          .port = 30050,
                          .cpus = 8,
                          .workspace = (char *)"/home/u/w",
                          .ip_config = (char *)"ip_config.txt",
                          .part_config = (char *)"data/graph.json",
                          .log_dir = (char *)"/home/u/w/dgl-mpilaunch-runs/j/logs",
                          .watch_samplers = 1,
                          .python_hook = 1,
                          .log_size = 500 << 20,
                          .private_shm = PRIVATE_SHM_AUTO,
                          .exit_timeout_ms = 60000,
                          .kill_grace_ms = 5000,
                          .lost_timeout_ms = 60000,
                          .processes = processes,
                          .n_processes = n};
}

static void write_slices(void)
{
    struct process_plan processes[] = {{.role = ROLE_SERVER, .id = 1, .port = 30050},
                                       {.role = ROLE_TRAINER, .id = 1},
                                       {.role = ROLE_SAMPLER, .id = 1}};
    struct slice slice = make_slice(processes, 3), bare = make_slice(NULL, 0);
    struct buf payload = {0};

    slice.sampler_command = (char *)"python3 sample.py";
    strv_add(&slice.argv, "python3");
    strv_add(&slice.argv, "train.py");
    strv_add(&slice.part_files, "data/part1/graph.dgl");
    strv_add(&slice.set, "PATH=/usr/bin");
    strv_add(&slice.defaults, "PYTHONUNBUFFERED=1");
    strv_add(&processes[0].env, "DGL_ROLE=server");
    strv_add(&processes[1].env, "RANK=1");
    message_pack_slice(&payload, &slice);
    write_frame("slice-argv", MESSAGE_SLICE, &payload);
    strv_free(&slice.argv);
    strv_free(&slice.part_files);
    strv_free(&slice.set);
    strv_free(&slice.defaults);
    strv_free(&processes[0].env);
    strv_free(&processes[1].env);
    bare.command = (char *)"python3 train.py";
    bare.part_config = bare.log_dir = NULL;
    message_pack_slice(&payload, &bare);
    write_frame("plan-command-without-processes", MESSAGE_PLAN, &payload);
}

/* ---- causes, outcomes, announcements ---- */

static void write_causes(void)
{
    struct buf payload = {0};

    for (int how = HOW_NONE; how < HOW_COUNT; how++) {
        struct cause cause = sample_cause;
        char name[64];

        cause.how = (enum how)how;
        cause.role = (enum role)(how % ROLE_COUNT);
        cause.text = (char *)"a sentence\nand a list";
        cause.exception = how % 2 ? (char *)"ValueError: a<b \x1b[31m" : NULL;
        message_pack_cause(&payload, &cause);
        snprintf(name, sizeof(name), "failed-how-%02d", how);
        write_frame(name, MESSAGE_FAILED, &payload);
    }
    pack_u32(&payload, 3);
    message_pack_cause(&payload, &(struct cause){.how = HOW_LOST, .machine = -1, .id = -1});
    write_frame("alarm-third-attempt", MESSAGE_ALARM, &payload);
}

static void write_outcomes(void)
{
    struct buf payload = {0};

    for (int i = 0; i < 3; i++) {
        struct outcome outcome = sample_outcomes[i];
        char name[64];

        if (i == 1)
            outcome.cause = &sample_cause;
        message_pack_outcome(&payload, &outcome);
        snprintf(name, sizeof(name), "outcome-machine-%d", i);
        write_frame(name, MESSAGE_OUTCOME, &payload);
    }
}

static void write_waiting(void)
{
    struct waiting servers = {.role = ROLE_SERVER, .of = 2, .left = 1, .n = 1};
    struct waiting trainers = {.role = ROLE_TRAINER, .of = 20, .left = 19, .n = WAITING_MOST};
    struct buf payload = {0};

    servers.items[0] = (struct awaited){.id = 1, .port = 30051, .silent_ms = -1};
    message_pack_waiting(&payload, &servers);
    write_frame("waiting-for-a-server", MESSAGE_WAITING, &payload);
    for (int i = 0; i < trainers.n; i++)
        trainers.items[i] = (struct awaited){.id = i, .pid = 4711 + i, .silent_ms = 65000};
    message_pack_waiting(&payload, &trainers);
    write_frame("waiting-for-trainers", MESSAGE_WAITING, &payload);
    trainers.left = 2; /* fewer than are named */
    message_pack_waiting(&payload, &trainers);
    write_frame("waiting-for-too-many", MESSAGE_WAITING, &payload);
}

static void write_regrouping(void)
{
    int members[] = {0, 3, 2};
    struct place places[] = {{0x0a000001, 30050}, {0x0a000004, 30050}, {0x0a000003, 30050}};
    struct regrouping r = {
        .attempt = 1, .n = 3, .members = members, .places = places, .rank = 1, .machine = 1};
    struct buf payload = {0};

    message_pack_regrouping(&payload, &r);
    write_frame("regrouping", MESSAGE_REGROUP, &payload);
    r.rank = 3;
    message_pack_regrouping(&payload, &r);
    write_frame("regrouping-of-another-job", MESSAGE_REGROUP, &payload);
}

static void write_folder(void)
{
    struct buf payload = {0};

    message_pack_folder(&payload, &(struct folder){(char *)"/tmp/dgl-mpilaunch-0", 2049, 1u << 31});
    write_frame("folder", MESSAGE_FOLDER, &payload);
}

static void write_announcements(void)
{
    struct host hosts[] = {{.address = 0x0a000001, .port = 30050},
                           {.address = 0x0a000002, .port = 31000}};
    struct announce announce = {.log_level = 1, .key = 4711, .lost_timeout_ms = 60000};
    struct buf out = {0};

    buf_add(&out, "announce", 8);
    announce_pack(&out, &announce);
    write_seed("announce-nothing", &out);
    announce.hosts = (struct hosts){.items = hosts, .n = 2};
    buf_add(&announce.ip_config, "10.0.0.1\n10.0.0.2 31000\n", 24);
    buf_add(&announce.part_config, "{}", 2);
    buf_add(&out, "announce", 8);
    announce_pack(&out, &announce);
    write_seed("announce-two-machines", &out);
    buf_free(&announce.ip_config);
    buf_free(&announce.part_config);
}

/* ---- what is wrong ---- */

static void write_wrong_frames(void)
{
    struct buf out = {0};

    write_seed("nothing", &out);
    pack_u32(&out, MESSAGE_OUTPUT);
    pack_u32(&out, UINT32_MAX);
    write_seed("frame-of-4-gib", &out);
    pack_u32(&out, 0);
    pack_u32(&out, 0);
    write_seed("frame-of-no-type", &out);
    pack_u32(&out, MESSAGE_COUNT);
    pack_u32(&out, 0);
    write_seed("frame-of-unknown-type", &out);
    pack_u32(&out, MESSAGE_OUTPUT);
    pack_u32(&out, 100);
    buf_add(&out, "cut", 3);
    write_seed("frame-cut", &out);
}

static void write_mutated(void)
{
    uint64_t seed = 4711;

    for (int i = 0; i < 12; i++) {
        struct buf payload = {0};
        char name[64];
        struct outcome outcome = sample_outcomes[1];

        if (i % 2)
            outcome.cause = &sample_cause;
        message_pack_outcome(&payload, &outcome);
        random_mutate(&seed, &payload);
        snprintf(name, sizeof(name), "outcome-mutated-%02d", i);
        write_frame(name, MESSAGE_OUTCOME, &payload);
    }
}

/* Several in a row, as they come from a keeper. */
static void write_stream(void)
{
    struct buf out = {0}, payload = {0};

    pack_u32(&payload, STAGE_LISTENING);
    add_frame(&out, MESSAGE_REACHED, &payload);
    message_pack_cause(&payload, &sample_cause);
    add_frame(&out, MESSAGE_FAILED, &payload);
    message_pack_outcome(&payload, &sample_outcomes[0]);
    add_frame(&out, MESSAGE_OUTCOME, &payload);
    pack_u32(&payload, STAGE_OVER);
    add_frame(&out, MESSAGE_REACHED, &payload);
    write_seed("stream-of-a-keeper", &out);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: message_seeds FOLDER\n");
        return EXIT_USAGE;
    }
    folder = argv[1];
    write_numbers("go-trainers", MESSAGE_GO, STAGE_TRAINERS, 29500);
    write_numbers("stop-in-a-hurry", MESSAGE_STOP, 1, 0);
    write_numbers("credit-most", MESSAGE_CREDIT, UINT32_MAX, 0);
    write_text("output-lines", MESSAGE_OUTPUT, "[vm1 trainer 1] epoch 1\n");
    write_slices();
    write_causes();
    write_outcomes();
    write_waiting();
    write_folder();
    write_regrouping();
    write_announcements();
    write_wrong_frames();
    write_mutated();
    write_stream();
    return EXIT_SUCCESS;
}
