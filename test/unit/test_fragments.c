/* fragments: what may leave, in what order what has come is joined, and who waits for whom. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "coord/fragments.h"
#include "unit.h"

enum { STALLED = 7, WELL = 8, LONG = 3 * FRAGMENT_SIZE };

static struct outgoing *out;
static struct incoming *in;

static void begin(void)
{
    out = outgoing_new();
    in = incoming_new();
}

static void add(int to, enum message_type type, size_t len)
{
    char *data = mem_calloc(1, len + 1);

    for (size_t i = 0; i < len; i++)
        data[i] = (char)(i % 251);
    outgoing_add(out, to, type, data, len);
    free(data);
}

/* What the network does with a fragment; the sender keeps its own until outgoing_left. */
static struct fragment *announce(const struct fragment *f, int from)
{
    struct fragment *there = incoming_expect(in, from, f->lane, f->len);

    ck_assert_ptr_nonnull(there);
    memcpy(there->bytes, f->bytes, f->len);
    return there;
}

static void carry(int from)
{
    struct fragment *f;

    while ((f = outgoing_next(out))) {
        incoming_came(in, announce(f, from));
        outgoing_left(out, f);
    }
}

static void next_is(int from, enum message_type type, size_t len)
{
    struct peers_message message;

    ck_assert_int_eq(incoming_next(in, &message), 1);
    ck_assert_int_eq(message.from, from);
    ck_assert_int_eq(message.type, type);
    ck_assert_uint_eq(message.data.len, len);
    for (size_t i = 0; i < len; i++)
        ck_assert_int_eq(message.data.data[i], (char)(i % 251));
    buf_free(&message.data);
}

static void nothing_is_next(void)
{
    struct peers_message message;

    ck_assert_int_eq(incoming_next(in, &message), 0);
}

START_TEST(messages_of_all_lengths_arrive_in_order)
{
    static const size_t lengths[] = {0, 1, FRAGMENT_SIZE - 8, FRAGMENT_SIZE - 7, LONG};

    begin();
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
        add(0, MESSAGE_OUTPUT, lengths[i]);
    carry(WELL);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
        next_is(WELL, MESSAGE_OUTPUT, lengths[i]);
    nothing_is_next();
    ck_assert(outgoing_is_empty(out));
}
END_TEST

START_TEST(a_stalled_sender_keeps_nobody_else_waiting)
{
    struct fragment *first, *second, *sent[2];

    begin();
    add(0, MESSAGE_OUTPUT, LONG);
    sent[0] = outgoing_next(out);
    sent[1] = outgoing_next(out);
    first = announce(sent[0], STALLED);
    second = announce(sent[1], STALLED);
    outgoing_left(out, sent[0]);
    outgoing_left(out, sent[1]);
    incoming_came(in, second); /* not before the first */
    nothing_is_next();
    add(0, MESSAGE_OUTCOME, LONG);
    for (struct fragment *f; (f = outgoing_next(out));)
        outgoing_left(out, f); /* of the stalled one: never announced */
    add(0, MESSAGE_OUTCOME, LONG);
    carry(WELL);
    next_is(WELL, MESSAGE_OUTCOME, LONG);
    nothing_is_next();
    incoming_came(in, first);
    nothing_is_next();
}
END_TEST

START_TEST(an_urgent_message_overtakes_output_of_the_same_sender)
{
    struct fragment *f;

    begin();
    add(0, MESSAGE_OUTPUT, LONG);
    f = outgoing_next(out);
    announce(f, STALLED); /* its bytes do not come */
    outgoing_left(out, f);
    add(0, MESSAGE_ALARM, 10);
    f = outgoing_next(out);
    ck_assert_int_eq(f->lane, LANE_URGENT);
    incoming_came(in, announce(f, STALLED));
    outgoing_left(out, f);
    next_is(STALLED, MESSAGE_ALARM, 10);
    nothing_is_next();
}
END_TEST

START_TEST(so_many_fragments_are_under_way_to_one_receiver_and_no_more)
{
    static struct fragment *under_way[FRAGMENTS_UNDER_WAY];
    struct fragment *other;

    begin();
    for (int i = 0; i < FRAGMENTS_UNDER_WAY; i++)
        add(STALLED, MESSAGE_OUTPUT, LONG);
    for (int i = 0; i < FRAGMENTS_UNDER_WAY; i++)
        ck_assert_ptr_nonnull(under_way[i] = outgoing_next(out));
    ck_assert_ptr_null(outgoing_next(out));
    add(WELL, MESSAGE_SLICE, 1);
    add(STALLED, MESSAGE_BEAT, 1);
    other = outgoing_next(out);
    ck_assert(other->peer == STALLED && other->lane == LANE_URGENT);
    outgoing_left(out, other);
    other = outgoing_next(out);
    ck_assert_int_eq(other->peer, WELL);
    outgoing_left(out, other);
    ck_assert_ptr_null(outgoing_next(out));
    outgoing_left(out, under_way[0]);
    ck_assert_ptr_nonnull(under_way[0] = outgoing_next(out));
    ck_assert_ptr_null(outgoing_next(out));
    ck_assert(!outgoing_is_empty(out));
}
END_TEST

START_TEST(receivers_take_turns)
{
    int seen[2] = {0, 0};

    begin();
    add(STALLED, MESSAGE_OUTPUT, LONG);
    add(WELL, MESSAGE_OUTPUT, LONG);
    for (int i = 0; i < 4; i++) {
        struct fragment *f = outgoing_next(out);

        seen[f->peer == WELL]++;
        outgoing_left(out, f);
    }
    ck_assert(seen[0] == 2 && seen[1] == 2);
}
END_TEST

START_TEST(malformed_fragments_are_refused)
{
    struct peers_message message;
    struct fragment *f;
    unsigned type = MESSAGE_COUNT;

    begin();
    ck_assert_ptr_null(incoming_expect(in, 1, LANE_BULK, 7));
    ck_assert_ptr_null(incoming_expect(in, 1, LANE_BULK, FRAGMENT_SIZE + 1));
    f = incoming_expect(in, 1, LANE_BULK, 8);
    memcpy(f->bytes, &type, sizeof(type));
    incoming_came(in, f);
    ck_assert_int_eq(incoming_next(in, &message), -1);
}
END_TEST

UNIT_MAIN("fragments", messages_of_all_lengths_arrive_in_order,
          a_stalled_sender_keeps_nobody_else_waiting,
          an_urgent_message_overtakes_output_of_the_same_sender,
          so_many_fragments_are_under_way_to_one_receiver_and_no_more, receivers_take_turns,
          malformed_fragments_are_refused)
