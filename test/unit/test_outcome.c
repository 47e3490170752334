/* outcome: causes and outcomes as owned data and as bytes. */
#include <string.h>

#include "base/mem.h"
#include "random.h"
#include "unit.h"
#include "wire/message.h"
#include "wire/outcome.h"
#include "wire/pack.h"
#include "wire/regrouping.h"
#include "wire/waiting.h"

static struct cause *random_cause(uint64_t *seed)
{
    struct cause *c = mem_calloc(1, sizeof(*c));

    c->how = (enum how)random_below(seed, HOW_COUNT);
    c->machine = random_below(seed, 10) - 1;
    c->host = random_text_or_null(seed);
    c->role = (enum role)random_below(seed, ROLE_COUNT);
    c->id = random_below(seed, 10) - 1;
    c->pid = random_below(seed, 32768);
    c->value = random_below(seed, 512) - 256;
    c->code = random_below(seed, 256);
    c->age_ms = random_below(seed, 100000);
    c->text = random_text_or_null(seed);
    c->exception = random_text_or_null(seed);
    c->log = random_text_or_null(seed);
    random_strv(seed, &c->last_lines, 20);
    return c;
}

static void random_process(uint64_t *seed, struct process_outcome *p)
{
    p->role = (enum role)random_below(seed, ROLE_LAUNCHER);
    p->id = random_below(seed, 100);
    p->pid = random_below(seed, 32768);
    p->start_ms = random_below(seed, 1000) - 1;
    p->ready_ms = random_below(seed, 1000) - 1;
    p->end_ms = random_below(seed, 1000) - 1;
    p->exit_code = random_below(seed, 257) - 1;
    p->signal = random_below(seed, 65);
    p->stopped = random_below(seed, 2);
    p->max_rss_kb = random_below(seed, 1 << 30);
    p->user_ms = random_below(seed, 1 << 30);
    p->sys_ms = random_below(seed, 1 << 30);
    p->peak =
        (struct usage){random_below(seed, 1 << 30), random_below(seed, 1 << 30),
                       random_below(seed, 100), random_below(seed, 100), random_below(seed, 100)};
    p->log = random_text_or_null(seed);
    if (!random_below(seed, 2))
        return;
    p->now = mem_calloc(1, sizeof(*p->now));
    p->now->state[0] = random_below(seed, 2) ? 'S' : '\0';
    p->now->call = random_text_or_null(seed);
    p->now->peer = random_text_or_null(seed);
    p->now->below = random_text_or_null(seed);
    p->now->line = random_text_or_null(seed);
    p->now->silent_ms = random_below(seed, 100000);
    p->now->cpu_permille = random_below(seed, 100000);
    p->now->used = p->peak;
}

static struct outcome random_outcome(uint64_t *seed)
{
    struct outcome o = {0};

    o.machine = random_below(seed, 10) - 1;
    o.rank = random_below(seed, 10) - 1;
    o.host = random_text_or_null(seed);
    o.ip = random_text_or_null(seed);
    o.port = random_below(seed, 65536);
    o.cpus = random_below(seed, 256);
    o.n_processes = random_below(seed, 6);
    o.processes = mem_calloc((size_t)o.n_processes, sizeof(*o.processes));
    for (int i = 0; i < o.n_processes; i++)
        random_process(seed, &o.processes[i]);
    o.memory_kb = random_below(seed, 1 << 30);
    o.shm_kb = random_below(seed, 1 << 30);
    for (int i = random_below(seed, 200); i > 0; i--)
        curve_add(&o.curve, &(struct moment){.at_ms = 200 - i, .cpu_permille = i});
    random_strv(seed, &o.unkilled, 3);
    for (int i = random_below(seed, 4); i > 0; i--)
        warnings_add(&o.warnings, "the log file is full", random_below(seed, 100000) - 50000);
    o.cause = random_below(seed, 2) ? random_cause(seed) : NULL;
    return o;
}

static struct buf random_outcome_bytes(uint64_t *seed)
{
    struct outcome outcome = random_outcome(seed);
    struct buf bytes = {0};

    message_pack_outcome(&bytes, &outcome);
    outcome_clear(&outcome);
    return bytes;
}

/* Packs got, which it clears, to the same bytes. */
static void check_bytes(struct outcome *got, const struct buf *bytes)
{
    struct buf again = {0};

    message_pack_outcome(&again, got);
    ck_assert_uint_eq(again.len, bytes->len);
    ck_assert_mem_eq(again.data, bytes->data, bytes->len);
    outcome_clear(got);
    buf_free(&again);
}

START_TEST(outcomes_of_all_shapes_come_back)
{
    uint64_t seed = 1;

    for (int i = 0; i < 500; i++) {
        struct buf bytes = random_outcome_bytes(&seed);
        struct outcome got;

        ck_assert_int_eq(message_unpack_outcome(bytes.data, bytes.len, &got), 0);
        check_bytes(&got, &bytes);
        buf_free(&bytes);
    }
}
END_TEST

START_TEST(causes_and_their_copies_come_back)
{
    uint64_t seed = 2;

    for (int i = 0; i < 500; i++) {
        struct cause *cause = random_cause(&seed), *copy = cause_copy(cause), *got;
        struct buf bytes = {0}, again = {0};

        message_pack_cause(&bytes, cause);
        cause_free(cause);
        message_pack_cause(&again, copy);
        cause_free(copy);
        ck_assert_uint_eq(again.len, bytes.len);
        ck_assert_mem_eq(again.data, bytes.data, bytes.len);
        got = message_unpack_cause(bytes.data, bytes.len);
        ck_assert_ptr_nonnull(got);
        buf_free(&again);
        message_pack_cause(&again, got);
        ck_assert_mem_eq(again.data, bytes.data, bytes.len);
        cause_free(got);
        buf_free(&bytes);
        buf_free(&again);
    }
    cause_free(NULL);
}
END_TEST

static bool waiting_is_accepted(const struct waiting *waiting)
{
    struct buf bytes = {0};
    struct waiting got;
    int rc;

    message_pack_waiting(&bytes, waiting);
    rc = message_unpack_waiting(bytes.data, bytes.len, &got);
    if (!rc) {
        ck_assert_int_eq(got.role, waiting->role);
        ck_assert_int_eq(got.of, waiting->of);
        ck_assert_int_eq(got.left, waiting->left);
        ck_assert_int_eq(got.n, waiting->n);
        ck_assert_mem_eq(got.items, waiting->items, sizeof(got.items[0]) * (size_t)got.n);
    }
    ck_assert_int_eq(message_unpack_waiting(bytes.data, bytes.len - 1, &got), -1);
    ck_assert_int_eq(got.n, 0);
    buf_free(&bytes);
    return !rc;
}

static bool regrouping_is_accepted(const struct regrouping *r)
{
    struct buf bytes = {0};
    struct regrouping got;
    int rc;

    message_pack_regrouping(&bytes, r);
    rc = message_unpack_regrouping(bytes.data, bytes.len, &got);
    if (!rc) {
        ck_assert_int_eq(got.attempt, r->attempt);
        ck_assert_int_eq(got.rank, r->rank);
        ck_assert_int_eq(got.machine, r->machine);
        ck_assert_int_eq(got.n, r->n);
        ck_assert_mem_eq(got.places, r->places, sizeof(struct place) * (size_t)r->n);
        ck_assert_mem_eq(got.members, r->members, sizeof(int) * (size_t)r->n);
    }
    regrouping_clear(&got);
    ck_assert_int_eq(message_unpack_regrouping(bytes.data, bytes.len - 1, &got), -1);
    regrouping_clear(&got);
    buf_free(&bytes);
    return !rc;
}

START_TEST(a_regrouping_comes_back_within_bounds)
{
    int members[] = {0, 7, 2};
    struct place places[] = {{1, 1}, {0xffffffff, 65535}, {3, 30050}};
    struct regrouping r = {
        .attempt = 1, .n = 3, .members = members, .places = places, .rank = 1, .machine = 2};

    ck_assert(regrouping_is_accepted(&r));
    r.rank = 3;
    ck_assert(!regrouping_is_accepted(&r));
    r.rank = 1;
    r.machine = 3;
    ck_assert(!regrouping_is_accepted(&r));
    r.machine = 2;
    places[2].port = 0;
    ck_assert(!regrouping_is_accepted(&r));
    places[2].port = 65536;
    ck_assert(!regrouping_is_accepted(&r));
    places[2].port = 1;
    members[1] = -1;
    ck_assert(!regrouping_is_accepted(&r));
}
END_TEST

START_TEST(whom_a_machine_waits_for_comes_back_within_bounds)
{
    struct waiting w = {.role = ROLE_TRAINER, .of = 9, .left = 9, .n = WAITING_MOST};

    for (int i = 0; i < w.n; i++)
        w.items[i] = (struct awaited){.id = i, .pid = 1 + i, .silent_ms = i - 1};
    ck_assert(waiting_is_accepted(&w));
    ck_assert(waiting_is_accepted(&(struct waiting){.role = ROLE_SERVER}));
    w.left = w.n - 1; /* fewer than are named */
    ck_assert(!waiting_is_accepted(&w));
    w.left = w.of + 1;
    ck_assert(!waiting_is_accepted(&w));
    w.left = w.of;
    w.role = ROLE_LAUNCHER;
    ck_assert(!waiting_is_accepted(&w));
    w.role = ROLE_TRAINER;
    w.items[7].port = 65536;
    ck_assert(!waiting_is_accepted(&w));
}
END_TEST

static struct process_outcome one_process = {
    ROLE_TRAINER, 5, 6, 7, -1, 8, -1, 9, 1, 10, 11, 12, {13, 14, 15, 16, 17}, "/l", NULL};

static struct moment one_moment = {18, 19, 20, 21, 22};

static const struct outcome one_outcome = {.machine = 1,
                                           .rank = 2,
                                           .host = "vm1",
                                           .ip = "10.0.0.1",
                                           .port = 30050,
                                           .cpus = 4,
                                           .memory_kb = 23,
                                           .shm_kb = 24,
                                           .curve = {.moments = &one_moment, .n = 1},
                                           .processes = &one_process,
                                           .n_processes = 1};

/* A field that is in no table would come back as 0. */
START_TEST(all_fields_of_an_outcome_travel)
{
    struct outcome got;
    struct buf bytes = {0};

    message_pack_outcome(&bytes, &one_outcome);
    ck_assert_int_eq(message_unpack_outcome(bytes.data, bytes.len, &got), 0);
    ck_assert_int_eq(got.machine, 1);
    ck_assert_int_eq(got.rank, 2);
    ck_assert_str_eq(got.host, "vm1");
    ck_assert_str_eq(got.ip, "10.0.0.1");
    ck_assert_int_eq(got.port, 30050);
    ck_assert_int_eq(got.cpus, 4);
    ck_assert_int_eq(got.memory_kb, 23);
    ck_assert_int_eq(got.shm_kb, 24);
    ck_assert_int_eq(got.curve.n, 1);
    ck_assert_mem_eq(got.curve.moments, &one_moment, sizeof(one_moment));
    ck_assert_ptr_null(got.cause);
    ck_assert_str_eq(got.processes[0].log, "/l");
    free(got.processes[0].log);
    got.processes[0].log = one_process.log;
    ck_assert_mem_eq(got.processes, &one_process, sizeof(one_process)); /* padding is 0 in both */
    got.processes[0].log = NULL;
    outcome_clear(&got);
    ck_assert_ptr_null(got.processes);
    outcome_clear(&got); /* a cleared one may be cleared again */
    buf_free(&bytes);
}
END_TEST

static struct process_now one_now = {"D", "read", "10.0.0.1:5",   "pid 4", "words",
                                     1,   2,      {3, 4, 5, 6, 7}};

START_TEST(all_fields_of_now_travel)
{
    struct process_outcome process = {.now = &one_now};
    struct outcome outcome = {.processes = &process, .n_processes = 1}, got;
    const struct process_now *now;
    struct buf bytes = {0};

    message_pack_outcome(&bytes, &outcome);
    ck_assert_int_eq(message_unpack_outcome(bytes.data, bytes.len, &got), 0);
    now = got.processes[0].now;
    ck_assert_str_eq(now->state, "D");
    ck_assert_str_eq(now->call, "read");
    ck_assert_str_eq(now->peer, "10.0.0.1:5");
    ck_assert_str_eq(now->below, "pid 4");
    ck_assert_str_eq(now->line, "words");
    ck_assert_int_eq(now->silent_ms, 1);
    ck_assert_int_eq(now->cpu_permille, 2);
    ck_assert_mem_eq(&now->used, &one_now.used, sizeof(one_now.used));
    outcome_forget_now(&got);
    ck_assert_ptr_null(got.processes[0].now);
    outcome_clear(&got);
    buf_free(&bytes);
}
END_TEST

/* It would be printed. */
START_TEST(a_state_that_is_no_letter_is_refused)
{
    struct process_now now = {"\x1b", NULL, NULL, NULL, NULL, 0, 0, {0}};
    struct process_outcome process = {.now = &now};
    struct outcome outcome = {.processes = &process, .n_processes = 1}, got;
    struct buf bytes = {0};

    message_pack_outcome(&bytes, &outcome);
    ck_assert_int_eq(message_unpack_outcome(bytes.data, bytes.len, &got), -1);
    buf_free(&bytes);
}
END_TEST

static bool cause_is_accepted(const struct cause *cause)
{
    struct buf bytes = {0};
    struct cause *got;

    message_pack_cause(&bytes, cause);
    got = message_unpack_cause(bytes.data, bytes.len);
    buf_free(&bytes);
    cause_free(got);
    return got != NULL;
}

START_TEST(causes_out_of_range_are_refused)
{
    const struct cause good = {.how = HOW_EXITED, .role = ROLE_SERVER};
    struct cause bad[8];

    for (int i = 0; i < 8; i++)
        bad[i] = good;
    bad[0].how = HOW_COUNT;
    bad[1].role = ROLE_COUNT;
    bad[2].machine = -2;
    bad[3].id = -2;
    bad[4].pid = -1;
    bad[5].code = 256;
    bad[6].age_ms = INT64_MAX;
    bad[7].age_ms = INT64_MIN;
    ck_assert(cause_is_accepted(&good));
    for (int i = 0; i < 8; i++)
        ck_assert_msg(!cause_is_accepted(&bad[i]), "bad[%d]", i);
}
END_TEST

static bool process_is_accepted(struct process_outcome process)
{
    struct outcome o = {.processes = &process, .n_processes = 1}, got;
    struct buf bytes = {0};
    int rc;

    message_pack_outcome(&bytes, &o);
    rc = message_unpack_outcome(bytes.data, bytes.len, &got);
    buf_free(&bytes);
    outcome_clear(&got); /* a refused one is empty */
    return rc == 0;
}

START_TEST(processes_out_of_range_are_refused)
{
    ck_assert(process_is_accepted((struct process_outcome){0}));
    ck_assert(!process_is_accepted((struct process_outcome){.role = ROLE_LAUNCHER}));
    ck_assert(!process_is_accepted((struct process_outcome){.exit_code = 256}));
    ck_assert(!process_is_accepted((struct process_outcome){.exit_code = -2}));
    ck_assert(!process_is_accepted((struct process_outcome){.signal = 65}));
    ck_assert(!process_is_accepted((struct process_outcome){.signal = -1}));
    ck_assert(!process_is_accepted((struct process_outcome){.start_ms = -2}));
    ck_assert(!process_is_accepted((struct process_outcome){.end_ms = INT64_MAX}));
}
END_TEST

/* Room for a count of processes that the bytes cannot hold must not be allocated. */
START_TEST(a_huge_count_is_refused)
{
    struct outcome o = {0}, got;
    struct buf bytes = {0};

    message_pack_outcome(&bytes, &o);
    memset(bytes.data + 56, 0xFF, 4); /* n_processes: behind six i64 and two NULL texts */
    ck_assert_int_eq(message_unpack_outcome(bytes.data, bytes.len, &got), -1);
    buf_free(&bytes);
}
END_TEST

START_TEST(truncated_and_longer_outcomes_are_refused)
{
    uint64_t seed = 3;
    struct outcome got;

    for (int i = 0; i < 20; i++) {
        struct buf bytes = random_outcome_bytes(&seed);

        for (size_t len = 0; len < bytes.len; len++) {
            char *copy = memcpy(mem_calloc(len, 1), bytes.data, len); /* exactly as long */

            ck_assert_int_eq(message_unpack_outcome(copy, len, &got), -1);
            ck_assert_ptr_null(message_unpack_cause(copy, len));
            free(copy);
        }
        buf_add(&bytes, "", 1);
        ck_assert_int_eq(message_unpack_outcome(bytes.data, bytes.len, &got), -1);
        buf_free(&bytes);
    }
}
END_TEST

START_TEST(mutated_outcomes_do_no_harm)
{
    uint64_t seed = 20261124;

    for (int i = 0; i < 1000; i++) {
        struct buf original = random_outcome_bytes(&seed);

        for (int k = 0; k < 100; k++) {
            struct buf bytes = {0};
            struct outcome got;

            buf_add(&bytes, original.data, original.len);
            random_mutate(&seed, &bytes);
            if (!message_unpack_outcome(bytes.data, bytes.len, &got))
                check_bytes(&got, &bytes);
            buf_free(&bytes);
        }
        buf_free(&original);
    }
}
END_TEST

UNIT_MAIN("outcome", a_regrouping_comes_back_within_bounds,
          whom_a_machine_waits_for_comes_back_within_bounds, outcomes_of_all_shapes_come_back,
          causes_and_their_copies_come_back, all_fields_of_now_travel,
          a_state_that_is_no_letter_is_refused, all_fields_of_an_outcome_travel,
          causes_out_of_range_are_refused, processes_out_of_range_are_refused,
          a_huge_count_is_refused, truncated_and_longer_outcomes_are_refused,
          mutated_outcomes_do_no_harm)
