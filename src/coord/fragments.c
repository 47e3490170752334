/* fragments: see the header. A route is one lane to one receiver, a stream is one lane from one
 * sender. Those that can go on stand in a queue, so that nothing here looks through all ranks.
 */
#include "coord/fragments.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct header {
    uint32_t type;
    uint32_t more; /* 1: another fragment of the same message follows */
};

enum { ROOM = FRAGMENT_SIZE - sizeof(struct header) };

enum lane fragments_lane(enum message_type type)
{
    switch (type) {
    case MESSAGE_BEAT:
    case MESSAGE_HERE:
    case MESSAGE_ALARM:
    case MESSAGE_HURRY:
    case MESSAGE_PREEMPT:
    case MESSAGE_ROLL:
    case MESSAGE_SIGN:
    case MESSAGE_SEEK:
    case MESSAGE_ROOT_LIVES:
    case MESSAGE_LEAVE: return LANE_URGENT;
    default: return LANE_BULK;
    }
}

static struct fragment *fragment_new(int peer, enum lane lane, size_t len)
{
    struct fragment *f = mem_realloc(NULL, 1, sizeof(*f) + len); /* its bytes need not be zero */

    *f = (struct fragment){.peer = peer, .lane = lane, .len = len};
    return f;
}

/* The pointer for a peer in a table that grows; what is new is NULL. */
static void **place_of(void ***table, size_t *size, int peer)
{
    size_t wanted = (size_t)peer + 1;

    if (wanted > *size) {
        wanted = wanted < 2 * *size ? 2 * *size : wanted;
        *table = mem_realloc(*table, wanted, sizeof(**table));
        memset(*table + *size, 0, (wanted - *size) * sizeof(**table));
        *size = wanted;
    }
    return &(*table)[peer];
}

/* ---- outgoing ---- */

struct letter {
    enum message_type type;
    struct buf data;
    size_t at; /* bytes of it that have been cut off */
    struct letter *next;
};

struct route {
    int to;
    enum lane lane;
    struct letter *first, **tail;
    int under_way;
    bool queued;
    struct route *next;
};

struct queue {
    struct route *first, **tail;
};

struct outgoing {
    void **routes[LANES]; /* by rank */
    size_t size[LANES];
    struct queue ready[LANES]; /* routes of which a fragment may leave */
    size_t pending;            /* letters, and fragments under way */
};

struct outgoing *outgoing_new(void)
{
    struct outgoing *o = mem_calloc(1, sizeof(*o));

    for (int lane = 0; lane < LANES; lane++)
        o->ready[lane].tail = &o->ready[lane].first;
    return o;
}

static struct route *route_to(struct outgoing *o, int to, enum lane lane)
{
    void **place = place_of(&o->routes[lane], &o->size[lane], to);
    struct route *r = *place;

    if (r)
        return r;
    r = *place = mem_calloc(1, sizeof(*r));
    r->to = to;
    r->lane = lane;
    r->tail = &r->first;
    return r;
}

static void enqueue(struct outgoing *o, struct route *r)
{
    struct queue *queue = &o->ready[r->lane];

    if (r->queued || !r->first || r->under_way >= FRAGMENTS_UNDER_WAY)
        return;
    r->queued = true;
    r->next = NULL;
    *queue->tail = r;
    queue->tail = &r->next;
}

void outgoing_add(struct outgoing *o, int to, enum message_type type, const void *data, size_t len)
{
    struct route *r = route_to(o, to, fragments_lane(type));
    struct letter *letter = mem_calloc(1, sizeof(*letter));

    letter->type = type;
    buf_add(&letter->data, data, len);
    *r->tail = letter;
    r->tail = &letter->next;
    o->pending++;
    enqueue(o, r);
}

static void letter_drop(struct outgoing *o, struct route *r)
{
    struct letter *letter = r->first;

    r->first = letter->next;
    if (!r->first)
        r->tail = &r->first;
    buf_free(&letter->data);
    free(letter);
    o->pending--;
}

static struct fragment *cut(struct outgoing *o, struct route *r)
{
    struct letter *letter = r->first;
    size_t left = letter->data.len - letter->at, now = left < ROOM ? left : ROOM;
    struct header header = {.type = letter->type, .more = now < left};
    struct fragment *f = fragment_new(r->to, r->lane, sizeof(header) + now);

    memcpy(f->bytes, &header, sizeof(header));
    if (now)
        memcpy(f->bytes + sizeof(header), letter->data.data + letter->at, now);
    letter->at += now;
    r->under_way++;
    o->pending++;
    if (!header.more)
        letter_drop(o, r);
    return f;
}

struct fragment *outgoing_next(struct outgoing *o)
{
    for (int lane = 0; lane < LANES; lane++) {
        struct queue *queue = &o->ready[lane];
        struct route *r = queue->first;
        struct fragment *f;

        if (!r)
            continue;
        queue->first = r->next;
        if (!queue->first)
            queue->tail = &queue->first;
        r->queued = false;
        f = cut(o, r);
        enqueue(o, r);
        return f;
    }
    return NULL;
}

void outgoing_left(struct outgoing *o, struct fragment *fragment)
{
    struct route *r = route_to(o, fragment->peer, fragment->lane);

    r->under_way--;
    o->pending--;
    free(fragment);
    enqueue(o, r);
}

bool outgoing_is_empty(const struct outgoing *o)
{
    return !o->pending;
}

/* ---- incoming ---- */

struct stream {
    int from;
    struct fragment *first, **tail; /* announced and not joined yet */
    struct buf joined;              /* of a message that is not whole */
    bool queued;
    struct stream *next;
};

struct incoming {
    void **streams[LANES]; /* by rank */
    size_t size[LANES];
    struct stream *ready, **ready_tail; /* streams whose first fragment has come */
};

struct incoming *incoming_new(void)
{
    struct incoming *in = mem_calloc(1, sizeof(*in));

    in->ready_tail = &in->ready;
    return in;
}

static struct stream *stream_from(struct incoming *in, int from, enum lane lane)
{
    void **place = place_of(&in->streams[lane], &in->size[lane], from);
    struct stream *s = *place;

    if (s)
        return s;
    s = *place = mem_calloc(1, sizeof(*s));
    s->from = from;
    s->tail = &s->first;
    return s;
}

static void get_ready(struct incoming *in, struct stream *s)
{
    if (s->queued || !s->first || !s->first->came)
        return;
    s->queued = true;
    s->next = NULL;
    *in->ready_tail = s;
    in->ready_tail = &s->next;
}

struct fragment *incoming_expect(struct incoming *in, int from, enum lane lane, size_t len)
{
    struct stream *s;
    struct fragment *f;

    if (len < sizeof(struct header) || len > FRAGMENT_SIZE)
        return NULL;
    s = stream_from(in, from, lane);
    f = fragment_new(from, lane, len);
    *s->tail = f;
    s->tail = &f->next;
    return f;
}

void incoming_came(struct incoming *in, struct fragment *fragment)
{
    fragment->came = true;
    get_ready(in, stream_from(in, fragment->peer, fragment->lane));
}

/* Joins the first fragment. 1: its message is whole, in *message. 0: more must come. -1: the bytes
 * are malformed. */
static int join(struct stream *s, struct peers_message *message)
{
    struct fragment *f = s->first;
    struct header header;

    memcpy(&header, f->bytes, sizeof(header));
    buf_add(&s->joined, f->bytes + sizeof(header), f->len - sizeof(header));
    s->first = f->next;
    if (!s->first)
        s->tail = &s->first;
    free(f);
    if (s->joined.len > MESSAGE_MAX || header.type >= MESSAGE_COUNT) {
        buf_free(&s->joined);
        return -1;
    }
    if (header.more)
        return 0;
    *message = (struct peers_message){.from = s->from, .type = header.type, .data = s->joined};
    s->joined = (struct buf){0};
    return 1;
}

int incoming_next(struct incoming *in, struct peers_message *message)
{
    while (in->ready) {
        struct stream *s = in->ready;
        int rc;

        in->ready = s->next;
        if (!in->ready)
            in->ready_tail = &in->ready;
        s->queued = false;
        rc = join(s, message);
        get_ready(in, s);
        if (rc)
            return rc;
    }
    return 0;
}
