/* test_doorbell: who rings, who is heard, and what a keeper rings when its rank has died. */
#include "coord/doorbell.h"
#include "keeper/will.h"
#include "unit.h"
#include "wire/pack.h"

enum { LOOPBACK = 0x7f000001, SOME_TIME = 5000 };

static bool is_rung(const struct doorbell *bell, int64_t now, int timeout_ms)
{
    struct pollfd entry = doorbell_poll(bell, now);

    return poll(&entry, 1, timeout_ms) == 1;
}

START_TEST(a_doorbell_is_heard)
{
    struct doorbell here, there;
    struct ringing ringing;

    doorbell_open(&here, LOOPBACK, 42);
    doorbell_open(&there, LOOPBACK, 42);
    ck_assert_int_gt(here.port, 0);
    ck_assert(!is_rung(&here, 0, 0));
    doorbell_ring(&there, LOOPBACK, here.port, 7, RINGING_MESSAGE);
    doorbell_ring(&there, LOOPBACK, here.port, 0, RINGING_GATE);
    ck_assert(is_rung(&here, 0, 30000));
    ck_assert(doorbell_hear(&here, 0, &ringing) && ringing.rank == 7 &&
              ringing.what == RINGING_MESSAGE);
    ck_assert(doorbell_hear(&here, 0, &ringing) && ringing.rank == 0 &&
              ringing.what == RINGING_GATE);
    ck_assert(!doorbell_hear(&here, 0, &ringing) && !is_rung(&here, 0, 0));
    doorbell_close(&here);
    doorbell_close(&there);
    doorbell_ring(&there, LOOPBACK, 9, 0, RINGING_MESSAGE);
    ck_assert(!doorbell_hear(&there, 0, &ringing));
}
END_TEST

/* A stranger has another key, or sends something else. */
START_TEST(a_stranger_at_the_doorbell_makes_deaf_for_a_moment)
{
    struct doorbell here, friend, stranger;
    struct ringing ringing;

    doorbell_open(&here, LOOPBACK, 42);
    doorbell_open(&friend, LOOPBACK, 42);
    doorbell_open(&stranger, LOOPBACK, 43);
    doorbell_ring(&stranger, LOOPBACK, here.port, 1, RINGING_MESSAGE);
    doorbell_ring(&friend, LOOPBACK, here.port, 2, RINGING_MESSAGE);
    ck_assert(is_rung(&here, SOME_TIME, 30000));
    ck_assert(!doorbell_hear(&here, SOME_TIME, &ringing));
    ck_assert(!is_rung(&here, SOME_TIME + 50, 0));
    ck_assert(!doorbell_hear(&here, SOME_TIME + 50, &ringing));
    ck_assert(is_rung(&here, SOME_TIME + 100, 0));
    ck_assert(doorbell_hear(&here, SOME_TIME + 100, &ringing) && ringing.rank == 2);
    doorbell_close(&here);
    doorbell_close(&friend);
    doorbell_close(&stranger);
}
END_TEST

static void has_none(uint32_t address, uint64_t key)
{
    struct doorbell none;
    struct ringing ringing;

    doorbell_open(&none, address, key);
    ck_assert(none.fd == -1 && none.port == 0 && !doorbell_hear(&none, 0, &ringing));
    doorbell_ring(&none, LOOPBACK, 9, 0, RINGING_MESSAGE);
}

START_TEST(without_its_address_or_a_key_there_is_no_doorbell)
{
    has_none(0xc0000201, 42); /* 192.0.2.1, of no machine (RFC 5737) */
    has_none(LOOPBACK, 0);
}
END_TEST

static int write_will(struct machine *m, struct buf *will)
{
    struct unpack payload = {will->data, will->len, false};

    return will_take(m, &payload);
}

START_TEST(a_keeper_rings_when_its_rank_has_died)
{
    struct machine m = {.will = {.fd = -1, .next = CLOCK_NEVER}};
    struct doorbell here;
    struct ringing ringing;
    struct buf will = {0};

    doorbell_open(&here, LOOPBACK, 42);
    pack_i64(&will, 42);
    pack_i64(&will, 4711);
    pack_u32(&will, 3);
    pack_u32(&will, LOOPBACK);
    pack_u32(&will, (uint32_t)here.port);
    ck_assert_int_eq(write_will(&m, &will), 0);
    ck_assert_int_eq(will_deadline(&m), CLOCK_NEVER);
    will_open(&m);
    ck_assert(is_rung(&here, 0, 30000));
    ck_assert(doorbell_hear(&here, 0, &ringing) && ringing.what == RINGING_DEATH);
    ck_assert(ringing.rank == 3 && ringing.word == 4711);
    for (int64_t now; (now = will_deadline(&m)) != CLOCK_NEVER;)
        will_tick(&m, now); /* again, since the first may be lost; and not for ever */
    ck_assert(doorbell_hear(&here, 0, &ringing) && ringing.what == RINGING_DEATH);
    ck_assert_int_eq(m.will.fd, -1);
    doorbell_close(&here);
    buf_free(&will);
}
END_TEST

START_TEST(a_will_that_cannot_be_read_is_refused)
{
    struct machine m = {.will = {.fd = -1, .next = CLOCK_NEVER}};
    struct buf will = {0};

    for (size_t len = 0; len < 28; len++) {
        buf_free(&will);
        will = (struct buf){0};
        for (size_t i = 0; i < len; i++)
            buf_add(&will, "\377", 1);
        ck_assert_msg((write_will(&m, &will) == 0) == (len == 20), "%zu", len);
    }
    will_free(&m);
    buf_free(&will);
}
END_TEST

UNIT_MAIN("doorbell", a_doorbell_is_heard, a_stranger_at_the_doorbell_makes_deaf_for_a_moment,
          without_its_address_or_a_key_there_is_no_doorbell, a_keeper_rings_when_its_rank_has_died,
          a_will_that_cannot_be_read_is_refused)
