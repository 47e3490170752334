/* departure: a loop of its own, in which nothing is decided any more. */
#include "coord/departure.h"

#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "coord/alarm.h"
#include "coord/events.h"
#include "coord/messages.h"
#include "coord/relay.h"
#include "coord/tell.h"
#include "wire/pack.h"

enum {
    STEP_MS = 2,
    SCRIBE_EXIT_MS = 1000 /* for a scribe whose file system may hang */
};

/* ---- keeper and scribe ---- */

/* One turn; fd: what is waited for. After the last gate the others may have gone, and MPI is left
 * alone. */
static void wait_and_answer(struct coord *c, int fd, bool answers)
{
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    int64_t now = clock_ms();

    poll(&entry, 1, STEP_MS);
    if (!answers)
        return;
    if (pulse_beat_due(&c->pulse, now))
        coord_send_beat(c);
    coord_hear_doorbell(c);
    coord_pump_peers(c);
    coord_pass_on_seeking(c, now);
}

/* The scribe must not be waited for if it waits for mpirun, which waits for this rank. */
static void see_off(struct coord *c, enum leaving how)
{
    struct scribe *scribe = c->setup->scribe;
    bool answers = how != LEAVE_TOGETHER, stays;
    int64_t end;

    while (!coord_see_keeper_off(c, clock_ms()))
        wait_and_answer(c, c->keeper.keeper.fd, answers);
    stays = c->root && how == LEAVE_ALONE && c->peers->size > 1 &&
            scribe_hand_mpirun(scribe, c->peers->size - 1 + c->setup->meeting->spare_ranks);
    end = clock_ms() + (stays ? 0 : SCRIBE_EXIT_MS);
    scribe_let_go(scribe);
    while (!scribe_has_left(scribe) && clock_ms() < end)
        wait_and_answer(c, scribe->fd, answers);
}

/* ---- the others ---- */

/* MPI_Abort does not end them in the same way everywhere. */
static void tell_to_leave(struct coord *c, int code)
{
    struct buf data = {0};

    pack_u32(&data, (uint32_t)code);
    coord_tell_survivors(c, MESSAGE_LEAVE, &data);
    buf_free(&data);
}

static enum parting parting_of(struct coord *c)
{
    const struct cause *cause = coord_known_cause(c);

    if (!ends_job(c->run.ends))
        return PARTING_DONE;
    return cause && cause->how == HOW_PARENT_GONE ? PARTING_ORPHANS : PARTING_TOLD;
}

_Noreturn void coord_leave(struct coord *c, int code, enum leaving how)
{
    if (c->root)
        console_pump(root_console(c->root));
    log_set_sink(NULL, NULL);
    see_off(c, how);
    if (!c->root && c->run.ends == ENDS_ABANDONED)
        code = c->leave_code;
    if (c->setup->meeting->sleepers)
        sleepers_dismiss(c->setup->meeting->sleepers, code);
    if (how == LEAVE_ALONE && c->root)
        tell_to_leave(c, code);
    if (how == LEAVE_AT_ONCE || how == LEAVE_ALONE)
        coord_await_sent(c);
    peers_wake(c->peers, code, parting_of(c));
    if (c->root)
        root_close(c->root);
    if (how == LEAVE_AT_ONCE)
        _exit(code);
    if (how == LEAVE_ALONE)
        peers_abort(c->peers, code);
    peers_leave(c->peers, code, parting_of(c));
}
