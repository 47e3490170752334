/* peers: what both implementations share: the calls through the table. */
#include "coord/peers.h"

#include <poll.h>

#include "base/clock.h"

enum { ASSEMBLE_MS = 5000, ASSEMBLE_STEP_MS = 2 };

int peers_broadcast(struct peers *p, struct buf *data, struct err *err)
{
    return p->ops->broadcast(p, data, err);
}

int peers_collect(struct peers *p, const void *mine, size_t size, void *all, struct err *err)
{
    return p->ops->collect(p, mine, size, all, err);
}

int peers_deal(struct peers *p, const void *all, size_t size, void *mine, struct err *err)
{
    return p->ops->deal(p, all, size, mine, err);
}

int peers_agree(struct peers *p, int code, struct err *err)
{
    int64_t deadline = clock_ms() + PEERS_OPEN_TIMEOUT_MS;
    int64_t value[2] = {code, 0};
    int passed;

    peers_gate_enter(p, value);
    while (!(passed = peers_gate_passed(p, value)) && clock_ms() < deadline)
        poll(NULL, 0, ASSEMBLE_STEP_MS);
    if (passed <= 0)
        return err_set(err, EXIT_LAUNCHER, PEERS_NO_ANSWER, PEERS_OPEN_TIMEOUT_MS / 1000,
                       "what they agree on", p->network);
    err->code = (int)value[0];
    return 0;
}

void peers_stay(struct peers *p)
{
    p->ops->stay(p);
}

int peers_narrow(struct peers *p, bool stay, struct err *err)
{
    return p->ops->narrow(p, stay, err);
}

int peers_spare(struct peers *p, bool is_spare, struct err *err)
{
    if (!p->ops->spare)
        return err_set(err, EXIT_LAUNCHER, "no rank can be spare here");
    return p->ops->spare(p, is_spare, err);
}

void peers_wake(struct peers *p, int code, enum parting parting)
{
    if (p->ops->wake)
        p->ops->wake(p, code, parting);
}

bool peers_woken(struct peers *p, int *code, enum parting *parting)
{
    return p->ops->woken && p->ops->woken(p, code, parting);
}

bool peers_may_regroup(const struct peers *p)
{
    return p->ops->may_regroup && p->ops->may_regroup(p);
}

void peers_call(struct peers *p, int number, const struct buf *data)
{
    p->ops->call(p, number, data);
}

bool peers_called(struct peers *p, struct buf *data)
{
    return p->ops->called && p->ops->called(p, data);
}

int peers_regroup(struct peers *p, const int *members, int n, struct err *err)
{
    return p->ops->regroup(p, members, n, err);
}

void peers_assemble(struct peers *p)
{
    int64_t deadline = clock_ms() + ASSEMBLE_MS;
    int64_t value[2] = {0, 0};

    peers_gate_enter(p, value);
    while (!peers_gate_passed(p, value) && clock_ms() < deadline)
        poll(NULL, 0, ASSEMBLE_STEP_MS);
}

int peers_send(struct peers *p, int to, enum message_type type, const void *data, size_t len)
{
    return p->ops->send(p, to, type, data, len);
}

int peers_receive(struct peers *p, struct peers_message *message)
{
    return p->ops->receive(p, message);
}

bool peers_all_sent(struct peers *p)
{
    return p->ops->all_sent(p);
}

void peers_gate_enter(struct peers *p, const int64_t value[2])
{
    p->ops->gate_enter(p, value);
}

int peers_gate_passed(struct peers *p, int64_t result[2])
{
    return p->ops->gate_passed(p, result);
}

_Noreturn void peers_leave(struct peers *p, int code, enum parting parting)
{
    p->ops->leave(p, code, parting);
}

_Noreturn void peers_abort(struct peers *p, int code)
{
    p->ops->abort(p, code);
}
