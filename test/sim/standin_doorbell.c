/* standin_doorbell: in the place of coord/doorbell. Some ranks have none, and some ringings are
 * lost.
 */
#include "coord/doorbell.h"
#include "machine.h"
#include "standin.h"
#include "wire/pack.h"

enum {
    NONE_OF = 8, /* one rank of so many has no doorbell */
    LOST_OF = 8, /* one ringing of so many is lost */
    PORT = 4711,
    RINGINGS = RINGING_DEATH + 1,
    MACHINES_BEHIND = 0x0a000000 /* standin_system's ip_config */
};

void doorbell_open(struct doorbell *bell, uint32_t address, uint64_t key)
{
    struct node *node = standin_node();

    *bell = (struct doorbell){.fd = -1, .key = key};
    if (world_chance(NONE_OF) == 0)
        return;
    world_node((int)(address - MACHINES_BEHIND))->at_the_door = node;
    bell->fd = standin_fd(node, FD_DOORBELL);
    bell->port = PORT;
}

struct pollfd doorbell_poll(const struct doorbell *bell, int64_t now)
{
    (void)now;
    return (struct pollfd){.fd = bell->fd, .events = POLLIN};
}

static void on_ringing(void *arg, int64_t ringing)
{
    struct node *node = arg;

    if (!node_runs(node) || node_is_cut(node) || node->n_rung == NODE_RUNG_MOST)
        return;
    node->rung[node->n_rung++] = ringing;
    node_wake(node);
}

void doorbell_ring(const struct doorbell *bell, uint32_t address, int port, int rank,
                   enum ringing_what what)
{
    struct node *to;

    if (bell->fd < 0 || port != PORT || node_is_cut(standin_node()) || !world_chance(LOST_OF))
        return;
    to = world_node((int)(address - MACHINES_BEHIND))->at_the_door;
    world_in(world_latency(), on_ringing, to, RINGINGS * (int64_t)rank + what);
}

/* The ringing itself carries no word here. */
static uint64_t word_of(uint32_t rank)
{
    for (int i = 0; i < world.size; i++)
        if (world_node(i)->n_heirs && world_node(i)->will_rank == rank)
            return world_node(i)->last_word;
    return 0;
}

bool doorbell_hear(struct doorbell *bell, int64_t now, struct ringing *ringing)
{
    struct node *node = standin_node();
    int64_t one;

    (void)now;
    if (bell->fd < 0 || node->n_rung == 0)
        return false;
    one = node->rung[--node->n_rung];
    *ringing = (struct ringing){.rank = (uint32_t)(one / RINGINGS), .what = one % RINGINGS};
    if (ringing->what == RINGING_DEATH)
        ringing->word = word_of(ringing->rank);
    return true;
}

/* ---- a rank's last will ---- */

void machine_take_will(struct node *node, const struct buf *data)
{
    struct unpack u = {.at = data->data, .left = data->len};

    unpack_i64(&u);
    node->last_word = (uint64_t)unpack_i64(&u);
    node->will_rank = unpack_u32(&u);
    for (node->n_heirs = 0; u.left && !u.bad;) {
        node->heirs[node->n_heirs++] = (int)(unpack_u32(&u) - MACHINES_BEHIND);
        unpack_u32(&u);
    }
}

void machine_carry_out_will(struct node *node)
{
    for (int i = 0; i < node->n_heirs; i++) {
        struct node *to = world_node(node->heirs[i])->at_the_door;

        if (to && world_chance(LOST_OF))
            world_in(world_latency(), on_ringing, to,
                     RINGINGS * (int64_t)node->will_rank + RINGING_DEATH);
    }
}

void doorbell_be_deaf(struct doorbell *bell, int64_t now)
{
    bell->deaf_until = now;
}
