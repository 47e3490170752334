/* peers_solo: a job on one machine that nobody's mpirun started. Every gate opens at once; a rank
 * sends messages to nobody but itself.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "coord/peers.h"

struct solo {
    struct peers peers;
    int64_t gate[2];
};

static int solo_broadcast(struct peers *p, struct buf *data, struct err *err)
{
    (void)p, (void)data, (void)err;
    return 0;
}

static int solo_collect(struct peers *p, const void *mine, size_t size, void *all, struct err *err)
{
    (void)p, (void)err;
    memcpy(all, mine, size);
    return 0;
}

static int solo_deal(struct peers *p, const void *all, size_t size, void *mine, struct err *err)
{
    (void)p, (void)err;
    memcpy(mine, all, size);
    return 0;
}

static void solo_stay(struct peers *p)
{
    (void)p;
}

static int solo_narrow(struct peers *p, bool stay, struct err *err)
{
    (void)p, (void)stay, (void)err;
    return 0;
}

static int solo_send(struct peers *p, int to, enum message_type type, const void *data, size_t len)
{
    (void)p, (void)to, (void)type, (void)data, (void)len;
    return -1; /* there is nobody else */
}

static int solo_receive(struct peers *p, struct peers_message *message)
{
    (void)p, (void)message;
    return 0;
}

static bool solo_all_sent(struct peers *p)
{
    (void)p;
    return true;
}

static void solo_gate_enter(struct peers *p, const int64_t value[2])
{
    memcpy(((struct solo *)p)->gate, value, sizeof(((struct solo *)p)->gate));
}

static int solo_gate_passed(struct peers *p, int64_t result[2])
{
    memcpy(result, ((struct solo *)p)->gate, sizeof(((struct solo *)p)->gate));
    return 1;
}

static _Noreturn void solo_leave(struct peers *p, int code, enum parting parting)
{
    (void)parting;
    free(p);
    exit(code);
}

static _Noreturn void solo_abort(struct peers *p, int code)
{
    (void)p;
    _exit(code);
}

struct peers *peers_solo_open(void)
{
    static const struct peers_ops ops = {
        .broadcast = solo_broadcast,
        .collect = solo_collect,
        .deal = solo_deal,
        .stay = solo_stay,
        .narrow = solo_narrow,
        .send = solo_send,
        .receive = solo_receive,
        .all_sent = solo_all_sent,
        .gate_enter = solo_gate_enter,
        .gate_passed = solo_gate_passed,
        .leave = solo_leave,
        .abort = solo_abort,
    };
    struct solo *solo = mem_calloc(1, sizeof(*solo));

    solo->peers =
        (struct peers){.ops = &ops, .rank = 0, .size = 1, .name = "no MPI", .network = ""};
    return &solo->peers;
}
