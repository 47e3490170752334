/* rounds: a list of them for each set of members. */
#include "rounds.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "coord/peers.h"
#include "coord/tree.h"

enum { GIVE_UP_US = 5000000 }; /* earlier than that nobody gives a collective up */

struct comm {
    int n;
    struct node **members;
    struct round **now; /* of each member */
    struct round *first, *last;
    bool is_given_up; /* somebody has waited in vain, and goes on with another one */
};

/* A member's place in a round. */
struct place {
    struct round *round;
    int member;
};

/* ---- sets of members ---- */

static struct comm *comm_new(int n)
{
    struct comm *comm = mem_calloc(1, sizeof(*comm));

    comm->n = n;
    comm->members = mem_calloc((size_t)n, sizeof(struct node *));
    comm->now = mem_calloc((size_t)n, sizeof(struct round *));
    return comm;
}

struct comm *comm_world(void)
{
    static struct comm *all;

    if (all)
        return all;
    all = comm_new(world.size);
    for (int i = 0; i < all->n; i++)
        all->members[i] = world_node(i);
    return all;
}

int comm_size(const struct comm *comm)
{
    return comm->n;
}

struct node *comm_member(const struct comm *comm, int rank)
{
    return comm->members[rank];
}

struct comm *comm_narrow(struct comm *comm, struct round *round, int *rank)
{
    int before = 0, all = 0;

    for (int i = 0; i < comm->n; i++) {
        before += i < *rank && round->data.data[i];
        all += round->data.data[i];
    }
    if (!round->narrowed) {
        round->narrowed = comm_new(all);
        for (int i = 0, kept = 0; i < comm->n; i++)
            if (round->data.data[i])
                round->narrowed->members[kept++] = comm->members[i];
    }
    *rank = before;
    return round->narrowed;
}

struct round *comm_now(const struct comm *comm, int rank)
{
    return comm->now[rank];
}

/* ---- the tree ---- */

/* Parent first, unless the member is the top: then there are children alone. */
static int links_of(const struct round *round, int member, int links[TREE_LINKS_MAX])
{
    int n = round->comm->n, turned = (member - round->top + n) % n;
    int found = tree_links(turned, n, links);

    for (int i = 0; i < found; i++)
        links[i] = (links[i] + round->top) % n;
    return found;
}

static bool goes_up(const struct round *round)
{
    return round->kind == ROUND_COLLECT || round->kind == ROUND_NARROW || round->kind == ROUND_GATE;
}

static bool goes_down(const struct round *round)
{
    return round->kind != ROUND_COLLECT;
}

static struct round *round_new(struct comm *comm, enum round_kind kind)
{
    struct round *round = mem_calloc(1, sizeof(*round));
    int links[TREE_LINKS_MAX];

    round->comm = comm;
    round->kind = kind;
    round->number = comm->last ? comm->last->number + 1 : 0;
    round->top = kind == ROUND_GATE && world_chance(2) ? world_chance(comm->n) : 0;
    round->parts = mem_calloc((size_t)comm->n, sizeof(*round->parts));
    for (int i = 0; i < comm->n; i++)
        round->parts[i].awaited = links_of(round, i, links) - (i != round->top);
    *(comm->last ? &comm->last->next : &comm->first) = round;
    comm->last = round;
    return round;
}

static void advance(struct round *round, int member);
static void come_up(void *arg, int64_t n);
static void come_down(void *arg, int64_t n);

static void pass(struct round *round, int to, void (*come)(void *arg, int64_t n))
{
    struct place *place = mem_calloc(1, sizeof(*place));

    *place = (struct place){round, to};
    world_in(world_latency(), come, place, 0);
}

/* Something has come for a member. False: not now, or never. */
static bool takes(struct place *place, void (*again)(void *arg, int64_t n))
{
    const struct node *node = place->round->comm->members[place->member];
    int64_t until = node->frozen_until > node->cut_until ? node->frozen_until : node->cut_until;

    if (!node_runs(node) || until == WORLD_FOREVER) {
        free(place);
        return false;
    }
    if (until > world.now)
        world_in(until - world.now, again, place, 0);
    return until <= world.now;
}

static void come_up(void *arg, int64_t n)
{
    struct place place = *(struct place *)arg;

    (void)n;
    if (!takes(arg, come_up))
        return;
    free(arg);
    place.round->parts[place.member].awaited--;
    advance(place.round, place.member);
}

static void come_down(void *arg, int64_t n)
{
    struct place place = *(struct place *)arg;

    (void)n;
    if (!takes(arg, come_down))
        return;
    free(arg);
    place.round->parts[place.member].down_come = true;
    advance(place.round, place.member);
}

/* A cut member sends when it is no longer cut. */
static void pass_from(struct round *round, int member, int to, void (*come)(void *, int64_t))
{
    const struct node *node = round->comm->members[member];

    if (node->cut_until == WORLD_FOREVER)
        return;
    if (!node_is_cut(node)) {
        pass(round, to, come);
    } else {
        struct place *place = mem_calloc(1, sizeof(*place));

        *place = (struct place){round, to};
        world_in(node->cut_until - world.now + world_latency(), come, place, 0);
    }
}

/* The member passes on what it can. */
static void advance(struct round *round, int member)
{
    struct part *part = &round->parts[member];
    int links[TREE_LINKS_MAX], n = links_of(round, member, links);
    bool is_top = member == round->top, up = goes_up(round);

    if (!part->entered)
        return;
    if (up && !part->sent_up && !part->awaited) {
        part->sent_up = true;
        if (!is_top)
            pass_from(round, member, links[0], come_up);
    }
    if (is_top && (!up || part->sent_up))
        part->down_come = true;
    if (!goes_down(round) || !part->down_come || part->sent_down)
        return;
    part->sent_down = true;
    for (int i = is_top ? 0 : 1; i < n; i++)
        pass_from(round, member, links[i], come_down);
}

/* ---- what net calls ---- */

struct round *round_enter(struct comm *comm, int rank, enum round_kind kind)
{
    struct round *now = comm->now[rank], *next = now ? now->next : comm->first;

    if (now && !round_is_done(now, rank)) {
        comm->is_given_up = true;
        if (world.now - now->parts[rank].since < GIVE_UP_US)
            violated("rank %d enters another collective before number %d is done", rank,
                     now->number);
    }
    if (!next)
        next = round_new(comm, kind);
    if (next->kind != kind && comm->is_given_up)
        next = round_new(comm, kind); /* in which nobody else will be */
    if (next->kind != kind)
        violated("rank %d is in collective %d of kind %d, others in one of kind %d", rank,
                 next->number, (int)kind, (int)next->kind);
    comm->now[rank] = next;
    return next;
}

void round_give(struct round *round, const void *data, size_t len)
{
    buf_add(&round->data, data, len);
}

void round_put(struct round *round, int rank, const void *data, size_t len)
{
    size_t all = len * (size_t)round->comm->n;

    if (!round->data.len) {
        memset(buf_reserve(&round->data, all), 0, all);
        round->data.len = all;
    }
    if (round->data.len != all)
        violated("rank %d collects %zu bytes, others another number", rank, len);
    memcpy(round->data.data + len * (size_t)rank, data, len);
}

void round_go(struct round *round, int rank)
{
    round->parts[rank].entered = true;
    round->parts[rank].since = world.now;
    advance(round, rank);
}

bool round_is_done(const struct round *round, int rank)
{
    const struct part *part = &round->parts[rank];

    if (round->kind == ROUND_COLLECT)
        return rank == round->top ? part->sent_up : part->entered;
    return part->entered && part->down_come;
}

int round_finish(struct round *round, int rank, const char *call, struct err *err)
{
    int64_t deadline = clock_ms() + PEERS_OPEN_TIMEOUT_MS;
    int pause = 1;

    round_go(round, rank);
    while (!round_is_done(round, rank)) {
        if (clock_ms() > deadline)
            return err_set(err, EXIT_LAUNCHER, PEERS_NO_ANSWER, PEERS_OPEN_TIMEOUT_MS / 1000, call,
                           "nothing");
        poll(NULL, 0, pause);
        pause = pause < 5 ? pause + 1 : 5;
    }
    return 0;
}
