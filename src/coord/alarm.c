/* alarm: how the coordinators stop as one. The first failure of a machine becomes its cause and an
 * alarm, which overtakes the gates along the links of a binomial tree.
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "coord/state.h"
#include "wire/pack.h"

void coord_send(struct coord *c, int to, enum message_type type, const struct buf *data)
{
    if (peers_send(c->peers, to, type, data ? data->data : NULL, data ? data->len : 0))
        return; /* silence will tell */
}

void coord_send_to_links(struct coord *c, enum message_type type, const struct buf *data,
                         int except)
{
    for (int i = 0; i < c->pulse.n; i++)
        if (c->pulse.links[i] != except)
            coord_send(c, c->pulse.links[i], type, data);
}

/* Lines of a rank other than 0 travel to rank 0, which alone prints. */
void coord_say_through_root(void *arg, const char *line)
{
    struct buf text = {0};

    buf_addf(&text, "%s", line);
    coord_send(arg, 0, MESSAGE_NOTICE, &text);
    buf_free(&text);
}

/* ---- stopping ---- */

/* This machine has nothing that a keeper could end. */
void coord_be_over(struct coord *c)
{
    if (c->over)
        return;
    c->over = true;
    if (c->keeper_has_plan)
        return;
    c->outcome = (struct outcome){.machine = c->setup->meeting->machine,
                                  .rank = c->peers->rank,
                                  .host = mem_strdup(c->setup->meeting->host),
                                  .ip = c->slice ? mem_strdup(c->slice->ip) : NULL,
                                  .port = c->slice ? c->slice->port : 0,
                                  .cpus = c->slice ? c->slice->cpus : 0};
}

void coord_stop(struct coord *c, bool hurry)
{
    struct buf data = {0};

    if (!c->stopping) {
        c->stopping = true;
        c->stop_time = clock_ms();
        if (c->root)
            root_phase(c->root, PHASE_STOP);
    }
    if (c->over)
        return;
    if (!c->keeper_has_plan) {
        coord_be_over(c);
        return;
    }
    pack_u32(&data, hurry);
    keeper_link_send(&c->keeper, MESSAGE_STOP, data.data, data.len);
    buf_free(&data);
}

static void send_alarm(struct coord *c, const struct cause *cause, int except)
{
    struct cause *brief = cause_copy(cause);
    struct buf data = {0};

    strv_free(&brief->last_lines);
    message_pack_cause(&data, brief);
    coord_send_to_links(c, MESSAGE_ALARM, &data, except);
    buf_free(&data);
    cause_free(brief);
}

/* What an alarm means for this rank, wherever it was raised. true: it brings something new. */
static bool heed(struct coord *c, const struct cause *cause)
{
    bool news = !c->stopping;

    if (cause->how == HOW_LOST && !c->lost) {
        c->lost = true;
        c->lost_machine = cause->machine;
        c->lost_root = cause->machine == c->setup->meeting->root_machine;
        news = true;
    }
    if (cause->how == HOW_TOLD_TO_STOP || cause->how == HOW_PARENT_GONE)
        c->outside = true;
    coord_stop(c, false);
    return news;
}

/* Something failed here. Takes cause over. */
void coord_fail(struct coord *c, struct cause *cause)
{
    bool news = heed(c, cause);

    if (news)
        send_alarm(c, cause, -1);
    if (c->cause) {
        cause_free(cause);
        return;
    }
    c->cause = cause;
    c->cause_time = clock_ms();
}

/* A cause of our own making about this machine. text may be NULL. */
struct cause *coord_own_cause(const struct coord *c, enum how how, int value, int code,
                              const char *text)
{
    struct cause *cause = mem_calloc(1, sizeof(*cause));

    *cause = (struct cause){.how = how,
                            .machine = c->setup->meeting->machine,
                            .host = mem_strdup(c->setup->meeting->host),
                            .role = ROLE_LAUNCHER,
                            .id = -1,
                            .pid = (int)getpid(),
                            .value = value,
                            .code = code,
                            .text = mem_strdup(text)};
    return cause;
}

void coord_on_mpi_error(struct coord *c)
{
    struct cause *cause = coord_own_cause(
        c, HOW_LOST, 0, EXIT_LAUNCHER, "MPI reports an error on its connection to another machine");

    cause->machine = -1; /* it still has an outcome to send, but no gate can be relied on */
    cause->pid = 0;
    coord_fail(c, cause);
}

void coord_on_alarm(struct coord *c, int from, const struct buf *payload)
{
    struct cause *cause = message_unpack_cause(payload->data, payload->len);

    if (!cause)
        return;
    if (heed(c, cause))
        send_alarm(c, cause, from);
    if (c->alarm) {
        cause_free(cause);
        return;
    }
    c->alarm = cause;
    c->alarm_time = clock_ms();
}
