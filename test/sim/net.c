/* net: messages between the ranks, and how they end; the collectives are rounds'. */
#include "net.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "judge.h"
#include "rounds.h"

enum {
    EAGER = 4096,     /* bytes of a fragment that leaves without its receiver */
    ABORT_US = 30000, /* until MPI_Abort has ended another rank, at most */
    PIPES_LEAST = 64  /* places */
};

/* What is under way from one rank to another on one lane. It is delivered in order: each arrival
 * takes the oldest. */
struct pipe {
    int64_t key; /* 0: a free place */
    struct node *from, *to;
    enum lane lane;
    struct parcel {
        struct fragment *fragment; /* the sender's, which is told when it has come; NULL: a copy */
        struct fragment *copy;
        struct parcel *next;
    } * first, **tail;
};

struct sim_peers {
    struct peers peers;
    struct node *node;
    struct comm *comm;
    struct outgoing *outgoing;
    struct incoming *incoming;
    struct pipe **pipes; /* hashed by receiver and lane */
    size_t places, n_pipes;
};

static struct sim_peers *of(struct peers *p)
{
    return (struct sim_peers *)p;
}

/* ---- pipes ---- */

static size_t place_of(const struct sim_peers *s, int64_t key)
{
    size_t at = (size_t)key * 0x9E3779B97F4A7C15 >> 20 & (s->places - 1);

    while (s->pipes[at] && s->pipes[at]->key != key)
        at = (at + 1) & (s->places - 1);
    return at;
}

static void grow(struct sim_peers *s)
{
    struct pipe **old = s->pipes;
    size_t n = s->places;

    s->places = n ? 2 * n : PIPES_LEAST;
    s->pipes = mem_calloc(s->places, sizeof(*s->pipes));
    for (size_t i = 0; i < n; i++)
        if (old[i])
            s->pipes[place_of(s, old[i]->key)] = old[i];
    free(old);
}

static bool has_pipe(const struct sim_peers *s, const struct node *to)
{
    for (int lane = 0; lane < LANES && s->places; lane++)
        if (s->pipes[place_of(s, (int64_t)to->index * LANES + lane + 1)])
            return true;
    return false;
}

static void count_peer(struct node *from, struct node *to)
{
    if (has_pipe(from->peers, to) || has_pipe(to->peers, from))
        return;
    from->counts.peers++;
    to->counts.peers++;
}

static struct pipe *pipe_to(struct sim_peers *s, struct node *to, enum lane lane)
{
    int64_t key = (int64_t)to->index * LANES + lane + 1;
    size_t at;
    struct pipe *pipe;

    if (2 * s->n_pipes >= s->places)
        grow(s);
    at = place_of(s, key);
    if (s->pipes[at])
        return s->pipes[at];
    count_peer(s->node, to);
    pipe = s->pipes[at] = mem_calloc(1, sizeof(*pipe));
    s->n_pipes++;
    *pipe = (struct pipe){.key = key, .from = s->node, .to = to, .lane = lane};
    pipe->tail = &pipe->first;
    return pipe;
}

/* ---- messages ---- */

static void deliver(struct pipe *pipe)
{
    struct parcel *parcel = pipe->first;
    struct fragment *f = parcel->fragment ? parcel->fragment : parcel->copy;
    struct sim_peers *to = pipe->to->peers;
    struct fragment *come =
        incoming_expect(to->incoming, pipe->from->peers->peers.rank, pipe->lane, f->len);

    pipe->first = parcel->next;
    if (!pipe->first)
        pipe->tail = &pipe->first;
    if (!come)
        violated("rank %d sends a fragment of %zu bytes", pipe->from->index, f->len);
    memcpy(come->bytes, f->bytes, f->len);
    incoming_came(to->incoming, come);
    if (parcel->fragment && node_runs(pipe->from))
        outgoing_left(pipe->from->peers->outgoing, parcel->fragment);
    free(parcel->copy);
    free(parcel);
}

/* One fragment of the pipe has had its time on the way. What is cut waits, as TCP repeats it. What
 * is large needs a receiver that takes it. */
static void arrive(void *arg, int64_t n)
{
    struct pipe *pipe = arg;
    const struct node *from = pipe->from, *to = pipe->to;
    int64_t until = from->cut_until > to->cut_until ? from->cut_until : to->cut_until;

    (void)n;
    if (!node_runs(to) || (pipe->first->fragment && !node_runs(from)))
        return;
    if (pipe->first->fragment && to->frozen_until > until)
        until = to->frozen_until;
    if (until == WORLD_FOREVER)
        return;
    if (until > world.now)
        world_in(until - world.now, arrive, pipe, 0);
    else
        deliver(pipe);
}

static void dispatch(struct sim_peers *s, struct fragment *f)
{
    struct pipe *pipe = pipe_to(s, comm_member(s->comm, f->peer), f->lane);
    struct parcel *parcel = mem_calloc(1, sizeof(*parcel));

    if (f->len > EAGER) {
        parcel->fragment = f;
    } else {
        parcel->copy = mem_calloc(1, sizeof(*f) + f->len);
        memcpy(parcel->copy, f, sizeof(*f) + f->len);
        outgoing_left(s->outgoing, f);
    }
    *pipe->tail = parcel;
    pipe->tail = &parcel->next;
    world_in(world_latency(), arrive, pipe, 0);
}

static void dispatch_all(struct sim_peers *s)
{
    struct fragment *f;

    while ((f = outgoing_next(s->outgoing)))
        dispatch(s, f);
}

static int net_send(struct peers *p, int to, enum message_type type, const void *data, size_t len)
{
    struct sim_peers *s = of(p);

    if (to < 0 || to >= p->size || to == p->rank)
        violated("rank %d sends to rank %d of %d", p->rank, to, p->size);
    s->node->counts.sent++;
    trace(s->node, "sends message %d of %zu bytes to %d", (int)type, len, to);
    outgoing_add(s->outgoing, to, type, data, len);
    dispatch_all(s);
    return 0;
}

static void count(struct node *node, const struct peers_message *message)
{
    size_t *largest = &node->counts.largest[fragments_lane(message->type)];

    node->counts.received++;
    node->counts.bytes_received += (int64_t)message->data.len;
    if (message->data.len > *largest)
        *largest = message->data.len;
}

static int net_receive(struct peers *p, struct peers_message *message)
{
    struct sim_peers *s = of(p);
    int rc = incoming_next(s->incoming, message);

    if (rc < 0)
        violated("rank %d gets a message that is malformed", p->rank);
    if (rc > 0)
        count(s->node, message);
    return rc;
}

static bool net_all_sent(struct peers *p)
{
    dispatch_all(of(p));
    return outgoing_is_empty(of(p)->outgoing);
}

/* ---- collectives and gates ---- */

static int net_broadcast(struct peers *p, struct buf *data, struct err *err)
{
    struct sim_peers *s = of(p);
    struct round *round = round_enter(s->comm, p->rank, ROUND_BROADCAST);

    if (!p->rank)
        round_give(round, data->data, data->len);
    if (round_finish(round, p->rank, "MPI_Ibcast", err))
        return -1;
    if (!p->rank)
        return 0;
    data->len = 0;
    buf_add(data, round->data.data, round->data.len);
    return 0;
}

static int net_collect(struct peers *p, const void *mine, size_t size, void *all, struct err *err)
{
    struct sim_peers *s = of(p);
    struct round *round = round_enter(s->comm, p->rank, ROUND_COLLECT);

    round_put(round, p->rank, mine, size);
    if (round_finish(round, p->rank, "MPI_Igather", err))
        return -1;
    if (!p->rank)
        memcpy(all, round->data.data, round->data.len);
    return 0;
}

static int net_deal(struct peers *p, const void *all, size_t size, void *mine, struct err *err)
{
    struct sim_peers *s = of(p);
    struct round *round = round_enter(s->comm, p->rank, ROUND_DEAL);

    if (!p->rank)
        round_give(round, all, size * (size_t)p->size);
    if (round_finish(round, p->rank, "MPI_Iscatter", err))
        return -1;
    memcpy(mine, round->data.data + size * (size_t)p->rank, size);
    return 0;
}

static void net_stay(struct peers *p)
{
    (void)p;
}

static int net_narrow(struct peers *p, bool stay, struct err *err)
{
    struct sim_peers *s = of(p);
    struct round *round = round_enter(s->comm, p->rank, ROUND_NARROW);
    char stays = stay;

    round_put(round, p->rank, &stays, 1);
    if (round_finish(round, p->rank, "MPI_Comm_split", err))
        return -1;
    if (!stay)
        return 0;
    s->comm = comm_narrow(s->comm, round, &p->rank);
    p->size = comm_size(s->comm);
    return 0;
}

static void net_gate_enter(struct peers *p, const int64_t value[2])
{
    struct sim_peers *s = of(p);
    struct round *round = round_enter(s->comm, p->rank, ROUND_GATE);

    trace(s->node, "enters gate %d with %lld, %lld", round->number, (long long)value[0],
          (long long)value[1]);
    for (int i = 0; i < 2; i++)
        if (value[i] > round->value[i])
            round->value[i] = value[i];
    round_go(round, p->rank);
}

static int net_gate_passed(struct peers *p, int64_t result[2])
{
    struct sim_peers *s = of(p);
    const struct round *round = comm_now(s->comm, p->rank);

    if (!round_is_done(round, p->rank))
        return 0;
    memcpy(result, round->value, sizeof(round->value));
    s->node->gate_passed = world.now;
    trace(s->node, "passes gate %d: %lld, %lld", round->number, (long long)result[0],
          (long long)result[1]);
    return 1;
}

/* ---- the end ---- */

static _Noreturn void net_leave(struct peers *p, int code, enum parting parting)
{
    (void)parting;
    judge_leaving(of(p)->node);
    node_end(of(p)->node, FATE_LEFT, code);
    abort();
}

static void end_by_abort(void *arg, int64_t code)
{
    struct node *node = arg;

    if (!node_runs(node) || node_is_cut(node))
        return;
    node->was_ended = true;
    node_end(node, FATE_ABORTED, (int)code);
}

void net_abort_others(const struct node *node, int code)
{
    if (node_is_cut(node))
        return;
    if (world.job_code < 0) /* what mpirun returns; it ends each rank once */
        world.job_code = code;
    for (int i = 0; i < world.size; i++)
        if (i != node->index)
            world_in(world_chance(ABORT_US), end_by_abort, world_node(i), world.job_code);
}

static _Noreturn void net_abort(struct peers *p, int code)
{
    struct node *node = of(p)->node;

    judge_leaving(node);
    if (!world.schedule->abort_is_deaf)
        net_abort_others(node, code);
    node_end(node, FATE_ABORTED, code);
    abort();
}

static const struct peers_ops ops = {
    .broadcast = net_broadcast,
    .collect = net_collect,
    .deal = net_deal,
    .stay = net_stay,
    .narrow = net_narrow,
    .send = net_send,
    .receive = net_receive,
    .all_sent = net_all_sent,
    .gate_enter = net_gate_enter,
    .gate_passed = net_gate_passed,
    .leave = net_leave,
    .abort = net_abort,
};

struct peers *net_open(struct node *node)
{
    struct sim_peers *s = mem_calloc(1, sizeof(*s));

    s->peers = (struct peers){.ops = &ops,
                              .rank = node->index,
                              .size = world.size,
                              .name = "a simulated network",
                              .network = "nothing"};
    s->node = node;
    s->comm = comm_world();
    s->outgoing = outgoing_new();
    s->incoming = incoming_new();
    node->peers = s;
    return &s->peers;
}
