/* regroup: numbers stay what they were, since the spare rank gets the lost one's: rank, machine,
 * and the place in the tree. All are over when it happens, so that MPI may be waited for.
 */
#include "coord/regroup.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "coord/alarm.h"
#include "coord/attempt.h"
#include "coord/departure.h"
#include "coord/relay.h"
#include "coord/report_files.h"
#include "coord/tell.h"
#include "wire/regrouping.h"

const struct spare *coord_find_spare(const struct coord *c)
{
    const struct meeting *meeting = c->setup->meeting;
    int lost = c->run.lost_machine;
    bool told = c->order && c->order->how != HOW_LOST;

    if (c->run.ends != ENDS_PEER_LOST || lost < 0 || lost == meeting->root_machine || told ||
        !meeting->n_spares || !root_complete(c->root, lost) || !peers_may_regroup(c->peers))
        return NULL;
    return &meeting->spares[0];
}

static int rank_of(const struct meeting *meeting, int machine, int size)
{
    for (int rank = 0; rank < size; rank++)
        if (meeting->machine_of[rank] == machine)
            return rank;
    return -1;
}

char *coord_describe_spare(const struct coord *c)
{
    const struct meeting *meeting = c->setup->meeting;
    const struct spare *spare = coord_find_spare(c);

    if (!spare)
        return NULL;
    return mem_printf("%s, which was spare, takes the place of %s", spare->seat.host,
                      meeting->seats[rank_of(meeting, c->run.lost_machine, c->peers->size)].host);
}

bool coord_take_silent_for_lost(struct coord *c)
{
    const struct meeting *meeting = c->setup->meeting;
    int n;
    const int *missing = root_missing(c->root, &n);

    if (n != 1 || !missing[0] || c->run.ends != ENDS_FAILED || !meeting->n_spares ||
        !peers_may_regroup(c->peers))
        return false;
    log_warning("%s gives no sign of life, and is taken for lost", meeting->seats[missing[0]].host);
    c->run.lost_machine = meeting->machine_of[missing[0]];
    coord_raise(c, ENDS_PEER_LOST);
    return true;
}

/* ---- on all ranks ---- */

static void know_hosts(struct announce *announce, const struct regrouping *r)
{
    for (int i = 0; i < r->n; i++) {
        hosts_set_address(&announce->hosts.items[i], r->places[i].address);
        announce->hosts.items[i].port = r->places[i].port;
    }
}

/* Who was silent, asked or lost is forgotten; what neighbours tell comes with their next beats. */
static void meet_again(struct coord *c)
{
    int64_t now = clock_ms();

    for (int i = 0; i < c->pulse.n; i++)
        free(c->neighbours[i].host);
    memset(c->neighbours, 0, sizeof(c->neighbours));
    free(c->foreign.hosts);
    c->foreign.hosts = NULL;
    pulse_start(&c->pulse, c->peers->rank, c->peers->size, c->pulse.timeout_ms, now);
    c->uplink = tree_parent(c->peers->rank);
    c->seeks_again = c->answered = false;
    c->sought = c->asked = 0;
    c->root_heard = c->heard = now;
    coord_send_beat(c);
}

/* A loss ends the job unless it goes on so. Any other order ends the next attempt. */
static void forget_order(struct coord *c)
{
    if (!c->order || c->order->how != HOW_LOST)
        return;
    cause_free(c->order);
    c->order = NULL;
}

static void go_on(struct coord *c, const struct regrouping *r)
{
    const char *lost = coord_known_cause(c) ? coord_known_cause(c)->host : "the lost machine";
    struct err err = {0};

    know_hosts(&c->setup->meeting->announce, r);
    if (peers_regroup(c->peers, r->members, r->n, &err)) {
        log_set_sink(NULL, NULL);
        log_error("%s was to take the place of %s, but some machine does not answer: %s",
                  c->setup->meeting->announce.hosts.items[r->machine].ip, lost, err.text);
        coord_leave(c, EXIT_LAUNCHER, LEAVE_ALONE);
    }
    forget_order(c);
    coord_begin_next(c);
    meet_again(c);
}

void coord_on_regroup(struct coord *c, const struct buf *payload)
{
    struct regrouping r;
    bool good = !message_unpack_regrouping(payload->data, payload->len, &r) &&
                r.n == c->peers->size && r.attempt == c->attempt + 1 &&
                c->run.stage >= STAGE_SENT && !c->root;

    if (good && r.rank == c->peers->rank) /* it stood still, and was given up */
        coord_leave(c, EXIT_LAUNCHER, LEAVE_AT_ONCE);
    if (good) {
        coord_send_to_children(c, MESSAGE_REGROUP, payload);
        coord_await_sent(c);
        go_on(c, &r);
    }
    regrouping_clear(&r);
}

int coord_join(struct coord_setup *setup, const struct buf *data, struct err *err)
{
    struct meeting *meeting = setup->meeting;
    int own = setup->peers->rank; /* it has kept its number in the whole world */
    struct regrouping r;
    int rc = message_unpack_regrouping(data->data, data->len, &r);

    if (rc || (size_t)r.n != meeting->announce.hosts.n || r.members[r.rank] != own) {
        rc = err_set(err, EXIT_LAUNCHER, "rank 0's call to this spare machine cannot be read");
    } else {
        know_hosts(&meeting->announce, &r);
        meeting->machine = r.machine;
        meeting->is_spare = false;
        setup->attempt = r.attempt;
        rc = peers_regroup(setup->peers, r.members, r.n, err);
    }
    regrouping_clear(&r);
    return rc;
}

/* ---- on rank 0 ---- */

/* Gives the spare rank the lost one's place in what rank 0 knows, and drops it from the spares. */
static void take_in(struct coord *c, const struct spare *spare, int rank)
{
    struct meeting *meeting = c->setup->meeting;
    int machine = meeting->machine_of[rank];

    job_replace(c->setup->job, (size_t)machine, &meeting->announce.spares.items[spare->seat.spare]);
    meeting->numbers[rank] = spare->number;
    meeting->seats[rank] = placement_moved(&spare->seat, machine);
    meeting->n_spares--;
    memmove(meeting->spares, meeting->spares + 1,
            (size_t)meeting->n_spares * sizeof(*meeting->spares));
    root_write_list(c->root);
}

void coord_regroup(struct coord *c)
{
    struct meeting *meeting = c->setup->meeting;
    int size = c->peers->size, rank = rank_of(meeting, c->run.lost_machine, size);
    struct regrouping r = {
        .attempt = c->attempt + 1, .n = size, .rank = rank, .machine = c->run.lost_machine};
    struct buf data = {0};

    take_in(c, &meeting->spares[0], rank);
    r.members = mem_calloc((size_t)size, sizeof(*r.members));
    r.places = mem_calloc((size_t)size, sizeof(*r.places));
    for (int i = 0; i < size; i++) {
        const struct host *host = &c->setup->job->hosts.items[i];

        r.members[i] = meeting->numbers[i];
        r.places[i] = (struct place){.address = host->address, .port = host->port};
    }
    message_pack_regrouping(&data, &r);
    peers_call(c->peers, r.members[rank], &data);
    coord_tell_survivors(c, MESSAGE_REGROUP, &data);
    coord_await_sent(c);
    buf_free(&data);
    go_on(c, &r);
    regrouping_clear(&r);
}
