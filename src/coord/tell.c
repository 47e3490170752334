/* tell: what one coordinator sends to others. */
#include "coord/tell.h"

#include "base/clock.h"
#include "wire/pack.h"

static void ring(struct coord *c, int link, enum ringing_what what)
{
    struct neighbour *neighbour = &c->neighbours[link];
    int64_t now = clock_ms();

    if (now == neighbour->rung && what == RINGING_MESSAGE)
        return; /* it is awake; but those behind it may not be */
    neighbour->rung = now;
    doorbell_ring(&c->doorbell, neighbour->address, neighbour->doorbell, c->peers->rank, what);
}

void coord_ring(struct coord *c, int link)
{
    ring(c, link, RINGING_MESSAGE);
}

/* A sign of life can wait until it is looked for. */
void coord_send(struct coord *c, int to, enum message_type type, const struct buf *data)
{
    int link = pulse_link(&c->pulse, to);

    if (peers_send(c->peers, to, type, data ? data->data : NULL, data ? data->len : 0))
        return; /* the heartbeat finds it */
    if (link >= 0 && type != MESSAGE_BEAT)
        coord_ring(c, link);
}

void coord_ring_for_gate(struct coord *c, int except)
{
    c->rung_for_gate = clock_ms();
    for (int i = 0; i < c->pulse.n; i++)
        if (i != except)
            ring(c, i, RINGING_GATE);
}

void coord_send_to_links(struct coord *c, enum message_type type, const struct buf *data,
                         int except)
{
    for (int i = 0; i < c->pulse.n; i++)
        if (c->pulse.links[i] != except)
            coord_send(c, c->pulse.links[i], type, data);
}

void coord_send_to_children(struct coord *c, enum message_type type, const struct buf *data)
{
    coord_send_to_links(c, type, data, c->peers->rank ? tree_parent(c->peers->rank) : -1);
}

/* Sends by rank `by`: whose or for whom it is stands before it. */
static void send_wrapped(struct coord *c, int by, enum message_type how, int rank,
                         enum message_type type, const struct buf *data)
{
    struct buf wrapped = {0};

    pack_u32(&wrapped, (uint32_t)rank);
    pack_u32(&wrapped, type);
    if (data)
        buf_add(&wrapped, data->data, data->len);
    coord_send(c, by, how, &wrapped);
    buf_free(&wrapped);
}

void coord_tell_root(struct coord *c, enum message_type type, const struct buf *data)
{
    if (!c->uplink)
        coord_send(c, 0, type, data);
    else
        send_wrapped(c, c->uplink, MESSAGE_UP, c->peers->rank, type, data);
}

void coord_tell_rank(struct coord *c, int to, enum message_type type, const struct buf *data)
{
    int next = tree_next(0, to);

    if (next == to)
        coord_send(c, to, type, data);
    else
        send_wrapped(c, next, MESSAGE_DOWN, to, type, data);
}

void coord_say_through_root(void *arg, const char *line)
{
    struct buf text = {0};

    buf_addf(&text, "%s", line);
    coord_tell_root(arg, MESSAGE_NOTICE, &text);
    buf_free(&text);
}

void coord_write_will(struct coord *c)
{
    struct buf data = {0};

    pack_i64(&data, (int64_t)c->doorbell.key);
    pack_i64(&data, (int64_t)c->last_word);
    pack_u32(&data, (uint32_t)c->peers->rank);
    for (int i = 0; i < c->pulse.n; i++) {
        if (!c->neighbours[i].doorbell)
            continue;
        pack_u32(&data, c->neighbours[i].address);
        pack_u32(&data, (uint32_t)c->neighbours[i].doorbell);
    }
    if (c->keeper.keeper.fd >= 0)
        keeper_link_send(&c->keeper, MESSAGE_WILL, data.data, data.len);
    buf_free(&data);
}

/* word: for neighbours alone; else 0. */
static void pack_beat(const struct coord *c, uint64_t word, struct buf *data)
{
    pack_u32(data, (uint32_t)c->setup->meeting->machine);
    pack_u32(data, (uint32_t)c->doorbell.port);
    pack_i64(data, (int64_t)word);
    pack_text(data, c->setup->meeting->host);
}

void coord_answer_here(struct coord *c, int to)
{
    struct buf data = {0};

    pack_beat(c, pulse_link(&c->pulse, to) < 0 ? 0 : c->last_word, &data);
    coord_send(c, to, MESSAGE_BEAT, &data);
    buf_free(&data);
}

void coord_send_beat(struct coord *c)
{
    struct buf data = {0};

    pack_beat(c, c->last_word, &data);
    coord_send_to_links(c, MESSAGE_BEAT, &data, -1);
    buf_free(&data);
}
