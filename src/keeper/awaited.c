/* awaited: whom this machine still waits for. Decides nothing; rank 0 says it when it is time. */
#include "keeper/awaited.h"

#include <stdbool.h>

#include "base/clock.h"
#include "keeper/link.h"
#include "wire/waiting.h"

static enum role awaited_role(const struct machine *m)
{
    return m->stage < STAGE_TRAINERS ? ROLE_SERVER : ROLE_TRAINER;
}

static bool is_awaited(const struct machine *m, const struct child *child)
{
    if (state_is_server(child))
        return m->stage == STAGE_SERVERS && child->ready < 0;
    return m->stage == STAGE_TRAINERS && child->running;
}

struct waiting awaited_now(const struct machine *m, int64_t now)
{
    struct waiting w = {.role = awaited_role(m)};

    for (int i = 0; i < m->n; i++) {
        const struct child *child = &m->children[i];
        struct awaited *a = &w.items[w.n];
        int64_t silent;

        if (child->plan->role != w.role)
            continue;
        w.of++;
        if (!is_awaited(m, child) || w.left++ >= WAITING_MOST)
            continue;
        w.n++;
        *a = (struct awaited){.id = child->plan->id, .port = child->plan->port, .silent_ms = -1};
        if (w.role == ROLE_SERVER)
            continue;
        a->pid = child->pid;
        silent = now - output_heard(m->output, child->stream);
        if (silent >= AWAITED_SILENT_MS)
            a->silent_ms = silent;
    }
    return w;
}

/* For how long they have been silent does not count. */
static bool is_same(const struct waiting *a, const struct waiting *b)
{
    bool same = a->role == b->role && a->of == b->of && a->left == b->left && a->n == b->n;

    for (int i = 0; same && i < a->n; i++)
        same = a->items[i].id == b->items[i].id && a->items[i].pid == b->items[i].pid &&
               (a->items[i].silent_ms < 0) == (b->items[i].silent_ms < 0);
    return same;
}

/* When the next trainer will have been silent for long. */
static int64_t next_silence(const struct machine *m, int64_t now)
{
    int64_t first = CLOCK_NEVER;

    for (int i = 0; m->stage == STAGE_TRAINERS && i < m->n; i++) {
        const struct child *child = &m->children[i];
        int64_t at;

        if (child->plan->role != ROLE_TRAINER || !child->running)
            continue;
        at = output_heard(m->output, child->stream) + AWAITED_SILENT_MS;
        first = at > now && at < first ? at : first;
    }
    return first;
}

void awaited_tick(struct machine *m, int64_t now)
{
    struct waiting w;
    struct buf data = {0};

    m->timers[TIMER_SILENCE] = next_silence(m, now);
    if (m->stage < STAGE_SERVERS || m->stage >= STAGE_STOP)
        return;
    w = awaited_now(m, now);
    if (m->waiting.left >= 0 && is_same(&m->waiting, &w))
        return;
    m->waiting = w;
    message_pack_waiting(&data, &w);
    link_send(m, MESSAGE_WAITING, data.data, data.len);
    buf_free(&data);
}
