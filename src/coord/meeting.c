/* meeting: from a world of ranks to one coordinator a machine. No child lives yet, so that the
 * collectives may wait.
 */
#include "coord/meeting.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "coord/hello.h"

/* What rank 0 tells each rank; travels as bytes. */
struct assignment {
    int32_t code; /* not 0: leave with it, rank 0 has said why */
    int32_t machine;
    int32_t sleeps;
    int32_t n_sleepers;   /* of this machine, for the elected rank */
    int32_t root_machine; /* rank 0's */
    int32_t extra_ranks;  /* how many sleep, in the whole job */
};

/* Tells rank 0 this rank's build. Where another build is, rank 0 says so, and *code is for all. */
static int greet(struct peers *peers, const struct hello *own, int *code, struct err *err)
{
    struct hello *all = NULL;
    struct err why = {0};
    int rc;

    if (peers->rank == 0)
        all = mem_calloc((size_t)peers->size, sizeof(*all));
    rc = peers_collect(peers, own, sizeof(*own), all, err);
    if (!rc && all && hello_check(all, (size_t)peers->size, &why)) {
        log_error("%s", why.text);
        *code = why.code;
    }
    free(all);
    return rc;
}

static int announce_to_all(struct meeting *meeting, struct peers *peers, const struct job *job,
                           int code, struct err *err)
{
    struct buf data = {0};
    struct hello own;
    int rc;

    hello_make(&own, sizeof(struct seat), sizeof(struct assignment));
    if (greet(peers, &own, &code, err))
        return -1;

    if (job)
        announce_make(&meeting->announce, job);
    meeting->announce.code = code;
    hello_sign(&data, &own.build);
    if (peers->rank == 0)
        announce_pack(&data, &meeting->announce);
    rc = peers_broadcast(peers, &data, err);
    if (!rc && peers->rank)
        rc = hello_verify(&data, &own.build, err) || announce_unpack(&meeting->announce, &data, err)
                 ? -1
                 : 0;
    buf_free(&data);
    if (!rc && meeting->announce.code)
        rc = err_set(err, meeting->announce.code, "%s", "");
    return rc;
}

/* Rank 0: the assignments of all ranks from their seats. */
static void assign_all(const struct meeting *meeting, const struct seat *seats, size_t n,
                       const int *machine_of, struct assignment *all)
{
    int *counts = mem_calloc(meeting->announce.hosts.n, sizeof(*counts));
    int extra = 0;

    for (size_t r = 0; r < n; r++) {
        if (machine_of[r] >= 0)
            continue;
        counts[seats[r].line]++;
        extra++;
    }
    for (size_t r = 0; r < n; r++)
        all[r] = (struct assignment){.machine = seats[r].line,
                                     .sleeps = machine_of[r] < 0,
                                     .n_sleepers = counts[seats[r].line],
                                     .root_machine = seats[0].line,
                                     .extra_ranks = extra};
    free(counts);
}

/* Rank 0 keeps seat and machine of those who stay, by their new ranks, in the same order. */
static void keep_elected(struct meeting *meeting, const struct seat *seats, size_t n,
                         const int *machine_of)
{
    size_t kept = 0;

    meeting->seats = mem_calloc(meeting->announce.hosts.n, sizeof(*meeting->seats));
    meeting->machine_of = mem_calloc(meeting->announce.hosts.n, sizeof(*meeting->machine_of));
    for (size_t r = 0; r < n; r++) {
        if (machine_of[r] < 0)
            continue;
        meeting->seats[kept] = seats[r];
        meeting->machine_of[kept++] = machine_of[r];
    }
    meeting->extra_ranks = (int)(n - kept);
}

/* Rank 0: elects, or tells everybody to leave. all: peers->size assignments. */
static void decide(struct meeting *meeting, const struct seat *seats, size_t n,
                   const struct launch *launch, struct assignment *all, struct err *err)
{
    int *machine_of = mem_calloc(n, sizeof(*machine_of));

    if (placement_elect(&meeting->announce.hosts, seats, n, launch->by, machine_of, err)) {
        for (size_t r = 0; r < n; r++)
            all[r].code = err->code;
    } else {
        assign_all(meeting, seats, n, machine_of, all);
        keep_elected(meeting, seats, n, machine_of);
    }
    free(machine_of);
}

static int take_seats(struct meeting *meeting, struct peers *peers, const struct launch *launch,
                      struct assignment *mine, struct err *err)
{
    size_t n = (size_t)peers->size;
    struct seat seat, *seats = NULL;
    struct assignment *all = NULL;
    struct err why = {0};
    int rc;

    placement_look(&seat, &meeting->announce.hosts);
    seat.cpus = launch->cpus;
    memcpy(meeting->host, seat.host, sizeof(meeting->host));
    if (peers->rank == 0) {
        seats = mem_calloc(n, sizeof(*seats));
        all = mem_calloc(n, sizeof(*all));
    }
    rc = peers_collect(peers, &seat, sizeof(seat), seats, err);
    if (!rc && seats && all)
        decide(meeting, seats, n, launch, all, &why);
    if (!rc)
        rc = peers_deal(peers, all, sizeof(*all), mine, err);
    free(seats);
    free(all);
    if (!rc && mine->code)
        rc = err_set(err, mine->code, "%s", why.text);
    return rc;
}

/* A rank does here what it alone can fail at. Then all agree on the worst, so that nobody leaves
 * the others in a collective. */
static int prepare(struct meeting *meeting, struct peers *peers, const struct assignment *mine,
                   struct err *err)
{
    struct err own = {0};

    if (!mine->sleeps && mine->n_sleepers)
        meeting->sleepers =
            sleepers_open(meeting->announce.key, mine->machine, mine->n_sleepers, &own);
    if (peers_agree(peers, own.code, err))
        return -1;
    return err->code ? err_set(err, err->code, "%s", own.text) : 0;
}

int meeting_hold(struct meeting *meeting, struct peers *peers, const struct job *job, int code,
                 const struct launch *launch, struct err *err)
{
    struct assignment mine = {0};

    *meeting = (struct meeting){.one_each = launch->one_each};
    if (announce_to_all(meeting, peers, job, code, err) ||
        take_seats(meeting, peers, launch, &mine, err))
        return -1;
    log_set_level(meeting->announce.log_level);
    meeting->machine = mine.machine;
    meeting->sleeps = mine.sleeps;
    meeting->root_machine = mine.root_machine;
    if (!mine.extra_ranks)
        return peers_stay(peers), 0;
    if (prepare(meeting, peers, &mine, err))
        return -1;
    return peers_narrow(peers, !mine.sleeps, err);
}

void meeting_free(struct meeting *meeting)
{
    announce_free(&meeting->announce);
    free(meeting->seats);
    free(meeting->machine_of);
    *meeting = (struct meeting){0};
}
