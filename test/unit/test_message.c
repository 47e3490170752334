/* message: frames on a stream, and slices as bytes. */
#include <string.h>

#include "base/mem.h"
#include "random.h"
#include "unit.h"
#include "wire/message.h"
#include "wire/pack.h"
#include "wire/slice.h"

START_TEST(frames_are_found_whole_or_not_at_all)
{
    struct buf in = {0}, part = {0};
    enum message_type type = MESSAGE_COUNT;
    const char *data;
    size_t len;

    message_frame(&in, MESSAGE_OUTPUT, "hello\n", 6);
    message_frame(&in, MESSAGE_LEAVE, NULL, 0);
    for (size_t n = 0; n < MESSAGE_HEADER + 6; n++) {
        buf_add(&part, in.data, n);
        ck_assert_int_eq(message_next(&part, &type, &data, &len), 0);
        buf_free(&part);
    }
    ck_assert_int_eq(message_next(&in, &type, &data, &len), 1);
    ck_assert_int_eq(type, MESSAGE_OUTPUT);
    ck_assert_uint_eq(len, 6);
    ck_assert_mem_eq(data, "hello\n", 6);
    buf_consume(&in, MESSAGE_HEADER + len);
    ck_assert_int_eq(message_next(&in, &type, &data, &len), 1);
    ck_assert_int_eq(type, MESSAGE_LEAVE);
    ck_assert_uint_eq(len, 0);
    buf_consume(&in, MESSAGE_HEADER + len);
    ck_assert_int_eq(message_next(&in, &type, &data, &len), 0);
    buf_free(&in);
}
END_TEST

static int next_of_header(uint32_t number, uint32_t size)
{
    struct buf in = {0};
    enum message_type type;
    const char *data;
    size_t len;
    int rc;

    pack_u32(&in, number);
    pack_u32(&in, size);
    rc = message_next(&in, &type, &data, &len);
    buf_free(&in);
    return rc;
}

START_TEST(foreign_headers_are_refused_at_once)
{
    ck_assert_int_eq(next_of_header(0, 0), -1);
    ck_assert_int_eq(next_of_header(MESSAGE_COUNT, 0), -1);
    ck_assert_int_eq(next_of_header(UINT32_MAX, 0), -1);
    ck_assert_int_eq(next_of_header(MESSAGE_PLAN, MESSAGE_MAX + 1), -1);
    ck_assert_int_eq(next_of_header(MESSAGE_PLAN, UINT32_MAX), -1);
    ck_assert_int_eq(next_of_header(MESSAGE_PLAN, MESSAGE_MAX), 0);
    ck_assert_int_eq(next_of_header(MESSAGE_COUNT - 1, 0), 1);
}
END_TEST

START_TEST(a_payload_that_is_too_long_is_refused_by_the_receiver)
{
    struct buf in = {0};
    enum message_type type;
    const char *data;
    size_t len;

    message_frame(&in, MESSAGE_OUTPUT, "", (size_t)MESSAGE_MAX + 1);
    ck_assert_uint_eq(in.len, MESSAGE_HEADER);
    ck_assert_int_eq(message_next(&in, &type, &data, &len), -1);
    buf_free(&in);
}
END_TEST

static void random_process(uint64_t *seed, struct slice *s, struct process_plan *process)
{
    process->role = (enum role)random_below(seed, ROLE_LAUNCHER);
    if (process->role == ROLE_SAMPLER && !s->sampler_command)
        s->sampler_command = mem_strdup("sample");
    process->id = random_below(seed, 1000);
    process->local = random_below(seed, 1000);
    process->port = random_below(seed, 65536);
    random_env(seed, &process->env, 4);
}

static struct slice *random_slice(uint64_t *seed)
{
    struct slice *s = mem_calloc(1, sizeof(*s));

    s->machine = random_below(seed, 5);
    s->machines = s->machine + 1 + random_below(seed, 5);
    s->job_id = random_text(seed);
    s->host = random_text(seed);
    s->ip = random_text(seed);
    s->port = random_below(seed, 65536);
    s->cpus = random_below(seed, 256);
    s->workspace = random_text(seed);
    s->ip_config = random_text(seed);
    s->own_ip_config = random_text_or_null(seed);
    s->part_config = random_text_or_null(seed);
    random_strv(seed, &s->part_files, 4);
    s->command = random_text_or_null(seed);
    s->sampler_command = random_text_or_null(seed);
    random_strv(seed, &s->argv, 4);
    strv_add(&s->argv, "python3");
    random_env(seed, &s->set, 5);
    random_env(seed, &s->defaults, 2);
    s->log_dir = random_text_or_null(seed);
    s->show = random_text_or_null(seed);
    s->timestamps = random_below(seed, 2);
    s->log_required = random_below(seed, 2);
    s->start_timeout_ms = random_below(seed, 100000);
    s->connect_timeout_ms = random_below(seed, 100000);
    s->sample_ms = random_below(seed, 100000);
    s->stall_timeout_ms = random_below(seed, 100000);
    s->exit_timeout_ms = random_below(seed, 100000);
    s->kill_grace_ms = random_below(seed, 100000);
    s->lost_timeout_ms = (int64_t)1 << 53;
    s->attempt = random_below(seed, 100);
    s->watch_samplers = random_below(seed, 9);
    s->python_hook = random_below(seed, 2);
    s->preempt_signal = random_below(seed, 32);
    s->private_shm = random_below(seed, 3);
    s->log_size = (int64_t)random_below(seed, 1000) << 20;
    s->shm_size = (int64_t)random_below(seed, 1000) << 30;
    s->n_processes = random_below(seed, 6);
    s->processes = mem_calloc((size_t)s->n_processes, sizeof(*s->processes));
    for (int i = 0; i < s->n_processes; i++)
        random_process(seed, s, &s->processes[i]);
    return s;
}

static struct slice *slice_with_processes(uint64_t seed)
{
    struct slice *s = random_slice(&seed);

    while (s->n_processes == 0) {
        slice_free(s);
        s = random_slice(&seed);
    }
    return s;
}

static struct buf random_slice_bytes(uint64_t *seed)
{
    struct slice *slice = random_slice(seed);
    struct buf bytes = {0};

    message_pack_slice(&bytes, slice);
    slice_free(slice);
    return bytes;
}

/* Packs got, which it frees, to the same bytes. */
static void check_bytes(struct slice *got, const struct buf *bytes)
{
    struct buf again = {0};

    message_pack_slice(&again, got);
    ck_assert_uint_eq(again.len, bytes->len);
    ck_assert_mem_eq(again.data, bytes->data, bytes->len);
    slice_free(got);
    buf_free(&again);
}

START_TEST(slices_of_all_shapes_come_back)
{
    uint64_t seed = 4711;

    for (int i = 0; i < 500; i++) {
        struct buf bytes = random_slice_bytes(&seed);
        struct slice *got = message_unpack_slice(bytes.data, bytes.len);

        ck_assert_ptr_nonnull(got);
        check_bytes(got, &bytes);
        buf_free(&bytes);
    }
}
END_TEST

/* Makes slice another machine's of the same job: what is its own becomes other's. */
static void become_another(struct slice *slice, uint64_t *seed)
{
    slice->port++;
    free(slice->host);
    slice->host = random_text(seed);
    random_strv(seed, &slice->part_files, 3);
    random_env(seed, &slice->defaults, 2);
    for (int i = 0; i < slice->n_processes; i++) {
        slice->processes[i].id += 7;
        random_env(seed, &slice->processes[i].env, 2);
    }
}

START_TEST(a_slice_comes_in_two_parts)
{
    uint64_t seed = 31;

    for (int i = 0; i < 100; i++) {
        struct slice *s = random_slice(&seed), *got;
        struct buf common = {0}, whole = {0}, parts = {0};

        s->port /= 2;
        message_pack_slice(&whole, s);
        got = message_unpack_slice(whole.data, whole.len); /* a copy */
        message_pack_common(&common, got);
        become_another(s, &seed);
        buf_add(&parts, common.data, common.len);
        message_pack_own(&parts, s, got);
        slice_free(got);
        buf_free(&whole);
        message_pack_slice(&whole, s);
        got = message_unpack_slice(parts.data, parts.len);
        ck_assert_ptr_nonnull(got);
        check_bytes(got, &whole);
        got = message_unpack_slice(whole.data, whole.len);
        got->attempt++; /* the next attempt's does not fit to this common part */
        parts.len = common.len;
        message_pack_own(&parts, got, s);
        ck_assert_ptr_null(message_unpack_slice(parts.data, parts.len));
        slice_free(got);
        slice_free(s);
        buf_free(&common);
        buf_free(&whole);
        buf_free(&parts);
    }
}
END_TEST

/* Four bytes for a process stand for a long text of the model. */
START_TEST(a_slice_that_would_grow_without_bound_is_refused)
{
    enum { LEN = 1 << 20, MANY = 100 };
    struct slice *s = slice_with_processes(7);
    struct buf bytes = {0};
    char *text = mem_calloc(LEN + 1, 1);

    memset(text, 'x', LEN);
    text[1] = '=';
    for (int i = 0; i < s->n_processes; i++)
        strv_free(&s->processes[i].env);
    free(s->processes);
    s->processes = mem_calloc(MANY, sizeof(*s->processes));
    for (s->n_processes = 0; s->n_processes < MANY; s->n_processes++) {
        s->processes[s->n_processes].role = ROLE_TRAINER;
        strv_add(&s->processes[s->n_processes].env, text);
    }
    message_pack_slice(&bytes, s);
    ck_assert_uint_lt(bytes.len, 2 * LEN);
    ck_assert_ptr_null(message_unpack_slice(bytes.data, bytes.len));
    buf_free(&bytes);
    slice_free(s);
    free(text);
}
END_TEST

static struct slice *there_and_back(const struct slice *slice)
{
    struct buf bytes = {0};
    struct slice *got;

    message_pack_slice(&bytes, slice);
    got = message_unpack_slice(bytes.data, bytes.len);
    buf_free(&bytes);
    return got;
}

/* Compares and clears a member of both. */
#define CHECK_TEXT(member)                                                                         \
    do {                                                                                           \
        ck_assert_pstr_eq(got->member, s->member);                                                 \
        free(got->member);                                                                         \
        free(s->member);                                                                           \
        got->member = s->member = NULL;                                                            \
    } while (0)

static void check_strv(struct strv *got, struct strv *expected)
{
    ck_assert_uint_eq(got->n, expected->n);
    strv_free(got);
    strv_free(expected);
}

/* What is left of two processes or slices without their texts are numbers. */
static void check_processes(struct slice *got, struct slice *s)
{
    ck_assert_int_eq(got->n_processes, s->n_processes);
    for (int i = 0; i < s->n_processes; i++)
        check_strv(&got->processes[i].env, &s->processes[i].env);
    ck_assert_mem_eq(got->processes, s->processes, sizeof(*s->processes) * (size_t)s->n_processes);
    free(got->processes);
    free(s->processes);
    got->processes = s->processes = NULL;
}

static void check_slice(struct slice *got, struct slice *s)
{
    CHECK_TEXT(job_id);
    CHECK_TEXT(host);
    CHECK_TEXT(ip);
    CHECK_TEXT(workspace);
    CHECK_TEXT(ip_config);
    CHECK_TEXT(own_ip_config);
    CHECK_TEXT(part_config);
    CHECK_TEXT(command);
    CHECK_TEXT(sampler_command);
    CHECK_TEXT(log_dir);
    CHECK_TEXT(show);
    check_strv(&got->part_files, &s->part_files);
    check_strv(&got->argv, &s->argv);
    check_strv(&got->set, &s->set);
    check_strv(&got->defaults, &s->defaults);
    check_processes(got, s);
    ck_assert_mem_eq(got, s, sizeof(*s));
    free(got);
    free(s);
}

/* A field that is in no table would come back as 0. */
START_TEST(all_fields_of_a_slice_travel)
{
    uint64_t seed = 99;

    for (int i = 0; i < 20; i++) {
        struct slice *s = random_slice(&seed), *got = there_and_back(s);

        ck_assert_ptr_nonnull(got);
        check_slice(got, s);
    }
}
END_TEST

static bool slice_is_accepted(const struct slice *slice)
{
    struct slice *got = there_and_back(slice);

    slice_free(got);
    return got;
}

/* Gives the field a value that must be refused, and then its own again. */
#define CHECK_REFUSED(slice, field, wrong)                                                         \
    do {                                                                                           \
        __typeof__((slice)->field) kept = (slice)->field;                                          \
        (slice)->field = (wrong);                                                                  \
        ck_assert_msg(!slice_is_accepted(slice), #field " = " #wrong);                             \
        (slice)->field = kept;                                                                     \
        ck_assert(slice_is_accepted(slice));                                                       \
    } while (0)

START_TEST(values_out_of_range_are_refused)
{
    struct slice *s = slice_with_processes(7);

    CHECK_REFUSED(s, machine, -1);
    CHECK_REFUSED(s, machine, s->machines);
    CHECK_REFUSED(s, machines, 0);
    CHECK_REFUSED(s, port, 65536);
    CHECK_REFUSED(s, port, -1);
    CHECK_REFUSED(s, cpus, -1);
    CHECK_REFUSED(s, log_required, 2);
    CHECK_REFUSED(s, attempt, -1);
    CHECK_REFUSED(s, watch_samplers, -1);
    CHECK_REFUSED(s, python_hook, -1);
    CHECK_REFUSED(s, preempt_signal, 65);
    CHECK_REFUSED(s, private_shm, 3);
    CHECK_REFUSED(s, shm_size, -1);
    CHECK_REFUSED(s, log_size, -1);
    CHECK_REFUSED(s, timestamps, 2);
    CHECK_REFUSED(s, start_timeout_ms, -1);
    CHECK_REFUSED(s, connect_timeout_ms, -1);
    CHECK_REFUSED(s, sample_ms, -1);
    CHECK_REFUSED(s, stall_timeout_ms, -1);
    CHECK_REFUSED(s, kill_grace_ms, INT64_MAX);
    CHECK_REFUSED(s, workspace, NULL);
    CHECK_REFUSED(s, host, NULL);
    CHECK_REFUSED(s, processes[0].role, ROLE_LAUNCHER);
    CHECK_REFUSED(s, processes[0].role, ROLE_COUNT);
    CHECK_REFUSED(s, processes[0].id, -1);
    CHECK_REFUSED(s, processes[0].port, 65536);
    strv_add(&s->set, "NAME"); /* no value: would never be found in an environment */
    ck_assert(!slice_is_accepted(s));
    slice_free(s);
}
END_TEST

START_TEST(a_sampler_without_a_command_is_refused)
{
    struct slice *s = slice_with_processes(9);

    for (int i = 0; i < s->n_processes; i++)
        s->processes[i].role = ROLE_TRAINER;
    free(s->sampler_command);
    s->sampler_command = NULL;
    CHECK_REFUSED(s, processes[0].role, ROLE_SAMPLER);
    slice_free(s);
}
END_TEST

START_TEST(a_slice_without_a_command_is_refused)
{
    uint64_t seed = 8;
    struct slice *s = random_slice(&seed);

    free(s->command);
    s->command = NULL;
    strv_free(&s->argv);
    ck_assert(!slice_is_accepted(s));
    slice_free(s);
}
END_TEST

START_TEST(truncated_and_longer_slices_are_refused)
{
    uint64_t seed = 12;

    for (int i = 0; i < 20; i++) {
        struct buf bytes = random_slice_bytes(&seed);

        for (size_t len = 0; len < bytes.len; len++) {
            char *copy = memcpy(mem_calloc(len, 1), bytes.data, len); /* exactly as long */

            ck_assert_ptr_null(message_unpack_slice(copy, len));
            free(copy);
        }
        buf_add(&bytes, "", 1);
        ck_assert_ptr_null(message_unpack_slice(bytes.data, bytes.len));
        buf_free(&bytes);
    }
    ck_assert_ptr_null(message_unpack_slice(NULL, 0));
}
END_TEST

START_TEST(mutated_slices_do_no_harm)
{
    uint64_t seed = 20261124;

    for (int i = 0; i < 1000; i++) {
        struct buf original = random_slice_bytes(&seed);

        for (int k = 0; k < 100; k++) {
            struct buf bytes = {0};
            struct slice *got;

            buf_add(&bytes, original.data, original.len);
            random_mutate(&seed, &bytes);
            got = message_unpack_slice(bytes.data, bytes.len);
            slice_free(got);
            buf_free(&bytes);
        }
        buf_free(&original);
    }
}
END_TEST

START_TEST(a_folder_comes_back_whole_or_not_at_all)
{
    struct folder sent = {(char *)"/tmp/x", UINT64_MAX, 7}, got;
    struct buf data = {0}, relative = {0};

    message_pack_folder(&data, &sent);
    ck_assert_int_eq(message_unpack_folder(data.data, data.len, &got), 0);
    ck_assert_str_eq(got.path, "/tmp/x");
    ck_assert(got.dev == UINT64_MAX && got.ino == 7);
    folder_clear(&got);
    for (size_t len = 0; len < data.len; len++) {
        ck_assert_int_eq(message_unpack_folder(data.data, len, &got), -1);
        ck_assert_ptr_null(got.path);
    }
    buf_add(&data, "", 1);
    ck_assert_int_eq(message_unpack_folder(data.data, data.len, &got), -1);
    message_pack_folder(&relative, &(struct folder){(char *)"x", 1, 1});
    ck_assert_int_eq(message_unpack_folder(relative.data, relative.len, &got), -1);
    message_pack_folder(&relative, &(struct folder){0});
    buf_free(&data);
    buf_free(&relative);
}
END_TEST

UNIT_MAIN("message", a_slice_comes_in_two_parts, a_slice_that_would_grow_without_bound_is_refused,
          frames_are_found_whole_or_not_at_all, foreign_headers_are_refused_at_once,
          a_payload_that_is_too_long_is_refused_by_the_receiver, slices_of_all_shapes_come_back,
          all_fields_of_a_slice_travel, values_out_of_range_are_refused,
          a_sampler_without_a_command_is_refused, a_slice_without_a_command_is_refused,
          truncated_and_longer_slices_are_refused, mutated_slices_do_no_harm,
          a_folder_comes_back_whole_or_not_at_all)
