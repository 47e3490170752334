/* standin_doorbell: in the place of coord/doorbell. Some ranks have none, and some ringings are
 * lost.
 */
#include "coord/doorbell.h"
#include "standin.h"

enum {
    NONE_OF = 8, /* one rank of so many has no doorbell */
    LOST_OF = 8, /* one ringing of so many is lost */
    PORT = 4711,
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

void doorbell_ring(const struct doorbell *bell, uint32_t address, int port, int rank, bool gate)
{
    struct node *to;

    if (bell->fd < 0 || port != PORT || node_is_cut(standin_node()) || !world_chance(LOST_OF))
        return;
    to = world_node((int)(address - MACHINES_BEHIND))->at_the_door;
    world_in(world_latency(), on_ringing, to, 2 * (int64_t)rank + gate);
}

bool doorbell_hear(struct doorbell *bell, int64_t now, struct ringing *ringing)
{
    struct node *node = standin_node();
    int64_t one;

    (void)now;
    if (bell->fd < 0 || node->n_rung == 0)
        return false;
    one = node->rung[--node->n_rung];
    *ringing = (struct ringing){.rank = (uint32_t)(one / 2), .gate = one % 2};
    return true;
}

void doorbell_be_deaf(struct doorbell *bell, int64_t now)
{
    bell->deaf_until = now;
}
