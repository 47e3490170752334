/* preempt: passes the signal on, and keeps it as the job's cause, however the job then ends. */
#include "coord/preempt.h"

#include "base/clock.h"
#include "base/log.h"
#include "coord/alarm.h"
#include "coord/tell.h"
#include "wire/pack.h"
#include "report/signal.h"
#include "wire/outcome.h"

static void tell_links(struct coord *c, const struct cause *cause, int except)
{
    struct buf data = {0};

    message_pack_cause(&data, cause);
    coord_send_to_links(c, MESSAGE_PREEMPT, &data, except);
    buf_free(&data);
}

static void tell_trainers(struct coord *c, int signal)
{
    struct buf data = {0};

    pack_u32(&data, (uint32_t)signal);
    keeper_link_send(&c->keeper, MESSAGE_PREEMPT, data.data, data.len);
    buf_free(&data);
}

static void start_grace(struct coord *c, const struct cause *cause)
{
    long grace = c->setup->job->options.preempt_grace_ms;

    c->preempt_ends = clock_ms() + grace;
    log_notice("pre-empted by %s on %s: the trainers have got the signal; the job is stopped in "
               "%g s unless it ends by itself",
               report_signal_name(cause->value), cause->host, (double)grace / 1000);
}

/* By this cause the exit code becomes 75. */
static void keep(struct coord *c, struct cause *cause, int from)
{
    struct cause **place = from < 0 ? &c->run.cause : &c->run.alarm;

    if (*place) {
        cause_free(cause);
        return;
    }
    *place = cause;
    *(from < 0 ? &c->run.cause_time : &c->run.alarm_time) = clock_ms();
}

void coord_preempt(struct coord *c, struct cause *cause, int from)
{
    int signal = cause->value;
    bool only_lost = c->run.ends == ENDS_PEER_LOST && c->order && c->order->how == HOW_LOST;

    /* it is known, or all trainers have ended well: gates run ahead of that only after a failure */
    if ((ends_job(c->run.ends) && !only_lost) ||
        (c->run.gate > STAGE_DRAIN && !ends_stops(c->run.ends))) {
        cause_free(cause);
        return;
    }
    coord_raise(c, ENDS_PREEMPTED);
    coord_keep_order(c, cause);
    tell_links(c, cause, from);
    if (ends_stops(c->run.ends)) {
        cause_free(cause);
        return;
    }
    if (c->run.gate <= STAGE_TRAINERS) { /* no trainer runs: there is nothing to save */
        coord_fail(c, cause);
        return;
    }
    if (c->root)
        start_grace(c, cause);
    keep(c, cause, from);
    tell_trainers(c, signal);
}

void coord_preempt_is_over(struct coord *c)
{
    c->preempt_ends = CLOCK_NEVER;
    if (ends_stops(c->run.ends))
        return;
    log_notice("the job has not ended by itself within --preempt_grace and is stopped");
    coord_fail_by_order(c); /* it names the machine that got the signal */
}
