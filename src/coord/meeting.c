/* meeting: from a world of ranks to one coordinator a machine. No child lives yet, so that the
 * collectives may wait.
 */
#include "coord/meeting.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "coord/hello.h"

/* What rank 0 tells each rank besides a code; travels as bytes. */
struct assignment {
    int32_t machine;
    int32_t sleeps;
    int32_t n_sleepers;   /* of this machine, for the elected rank */
    int32_t root_machine; /* rank 0's */
    int32_t extra_ranks;  /* how many sleep, in the whole job */
    int32_t spare_ranks;  /* how many of them on machines without a line */
};

_Static_assert(sizeof(struct seat) <= sizeof(((struct hello *)0)->more), "room for a seat");
_Static_assert(sizeof(struct assignment) <= sizeof(((struct answer *)0)->more), "room for it");

/* Rank 0's announcement. -1 with err->code to leave with. *same: it is of this rank's build, and
 * was read. */
static int announce_to_all(struct meeting *meeting, struct peers *peers, const struct job *job,
                           int code, const struct build *own, bool *same, struct err *err)
{
    struct announce *announce = &meeting->announce;
    struct buf data = {0};
    int rc;

    announce_free(announce);
    if (job)
        announce_make(announce, job);
    hello_sign(&data, own, code);
    if (!peers->rank && !code)
        announce_pack(&data, announce);
    rc = peers_broadcast(peers, &data, err);
    *same = !rc && hello_verify(&data, own, &code);
    if (!rc && code)
        rc = err_set(err, code, "%s", "");
    if (!rc && *same && peers->rank)
        rc = announce_unpack(announce, &data, err);
    buf_free(&data);
    return rc;
}

/* Rank 0: the assignments of all ranks from their seats. */
static void assign_all(const struct meeting *meeting, const struct seat *seats, size_t n,
                       const int *machine_of, struct answer *all)
{
    int *counts = mem_calloc(meeting->announce.hosts.n, sizeof(*counts));
    int extra = 0, spare = 0;

    for (size_t r = 0; r < n; r++) {
        if (machine_of[r] >= 0)
            continue;
        if (seats[r].line >= 0)
            counts[seats[r].line]++;
        else
            spare++;
        extra++;
    }
    for (size_t r = 0; r < n; r++) {
        struct assignment assignment = {.machine = seats[r].line,
                                        .sleeps = machine_of[r] < 0,
                                        .n_sleepers = seats[r].line < 0 ? 0 : counts[seats[r].line],
                                        .root_machine = seats[0].line,
                                        .extra_ranks = extra,
                                        .spare_ranks = spare};

        memcpy(all[r].more, &assignment, sizeof(assignment));
    }
    free(counts);
}

/* Rank 0 keeps seat and machine of those who stay, by their new ranks, in the same order. */
static void keep_elected(struct meeting *meeting, const struct seat *seats, size_t n,
                         const int *machine_of)
{
    size_t kept = 0;

    meeting->seats = mem_calloc(meeting->announce.hosts.n, sizeof(*meeting->seats));
    meeting->machine_of = mem_calloc(meeting->announce.hosts.n, sizeof(*meeting->machine_of));
    meeting->numbers = mem_calloc(meeting->announce.hosts.n, sizeof(*meeting->numbers));
    for (size_t r = 0; r < n; r++) {
        if (machine_of[r] < 0)
            continue;
        meeting->seats[kept] = seats[r];
        meeting->numbers[kept] = (int)r;
        meeting->machine_of[kept++] = machine_of[r];
    }
    meeting->extra_ranks = (int)(n - kept);
}

/* Rank 0: "vm2, vm3 and 4 more". The same name often comes in a row. */
static void name_spare(struct meeting *meeting, const struct seat *seats, size_t n)
{
    enum { SHOWN_MAX = 8 };
    const char *last = "";
    int shown = 0, more = 0;

    for (size_t r = 0; r < n; r++) {
        if (seats[r].line >= 0)
            continue;
        meeting->spare_ranks++;
        if (!strncmp(seats[r].host, last, sizeof(seats[r].host)))
            continue;
        last = seats[r].host;
        if (shown < SHOWN_MAX)
            buf_addf(&meeting->spare_hosts, "%s%.64s", shown++ ? ", " : "", last);
        else
            more++;
    }
    if (more)
        buf_addf(&meeting->spare_hosts, " and %d more", more);
}

/* Rank 0 keeps one rank of each machine that may take another's place: the lowest. */
static void keep_spares(struct meeting *meeting, const struct seat *seats, size_t n)
{
    size_t machines = meeting->announce.spares.n;
    bool *known = mem_calloc(machines + 1, sizeof(*known));

    meeting->spares = mem_calloc(machines + 1, sizeof(*meeting->spares));
    for (size_t r = 0; r < n; r++) {
        int spare = seats[r].spare;

        if (seats[r].line >= 0 || spare < 0 || (size_t)spare >= machines || known[spare])
            continue;
        known[spare] = true;
        meeting->spares[meeting->n_spares++] = (struct spare){.number = (int)r, .seat = seats[r]};
    }
    free(known);
}

/* Rank 0: elects, or tells everybody to leave. */
static void decide(struct meeting *meeting, const struct hello *hellos, size_t n,
                   const struct launch *launch, struct answer *answers, struct err *err)
{
    int *machine_of = mem_calloc(n, sizeof(*machine_of));
    struct seat *seats = mem_calloc(n, sizeof(*seats));

    for (size_t r = 0; r < n; r++)
        memcpy(&seats[r], hellos[r].more, sizeof(seats[r]));
    if (hello_check(hellos, n, err) ||
        placement_elect(&meeting->announce.hosts, seats, n, meeting->may_spare, launch->remedy,
                        machine_of, err)) {
        for (size_t r = 0; r < n; r++)
            answers[r].code = err->code;
    } else {
        assign_all(meeting, seats, n, machine_of, answers);
        keep_elected(meeting, seats, n, machine_of);
        name_spare(meeting, seats, n);
        keep_spares(meeting, seats, n);
    }
    free(machine_of);
    free(seats);
}

typedef void decider(struct meeting *meeting, const struct hello *hellos, size_t n,
                     const struct launch *launch, struct answer *answers, struct err *err);

/* Rank 0 hears each rank's hello; fill writes the answers, and why where it refuses. */
static int ask_root(struct meeting *meeting, struct peers *peers, const struct launch *launch,
                    const struct hello *own, decider *fill, struct answer *answer, struct err *err)
{
    size_t n = (size_t)peers->size;
    struct answer *answers = NULL;
    struct hello *hellos = NULL;
    struct err why = {0};
    int rc;

    if (!peers->rank) {
        hellos = mem_calloc(n, sizeof(*hellos));
        answers = mem_calloc(n, sizeof(*answers));
    }
    rc = peers_collect(peers, own, sizeof(*own), hellos, err);
    if (!rc && hellos && answers)
        fill(meeting, hellos, n, launch, answers, &why);
    if (!rc)
        rc = peers_deal(peers, answers, sizeof(*answers), answer, err);
    free(hellos);
    free(answers);
    if (!rc && answer->code)
        rc = err_set(err, answer->code, "%s", why.text);
    return rc;
}

static void compare_builds(struct meeting *meeting, const struct hello *hellos, size_t n,
                           const struct launch *launch, struct answer *answers, struct err *err)
{
    (void)meeting, (void)launch;
    if (hello_check(hellos, n, err))
        for (size_t r = 0; r < n; r++)
            answers[r].code = err->code;
}

/* What rank 0 learns goes into the job, and into a second announcement. */
static int survey(struct meeting *meeting, struct peers *peers, struct job *job,
                  const struct hello *own, struct err *err)
{
    struct answer answer = {0};
    struct err why = {0};
    bool same;

    /* before anything else of this build travels: are all ranks of one? */
    if (ask_root(meeting, peers, NULL, own, compare_builds, &answer, err))
        return -1;
    if (survey_hold(peers, meeting->announce.survey, job, &meeting->ports, &why) && peers->rank) {
        *err = why;
        return -1;
    }
    if (!announce_to_all(meeting, peers, job, why.code, &own->build, &same, err))
        return 0;
    if (why.code)
        *err = why;
    return -1;
}

static void take_seat(struct meeting *meeting, const struct launch *launch, struct hello *own)
{
    struct seat seat;

    placement_look(&seat, &meeting->announce.hosts, &meeting->announce.spares);
    meeting->may_be_called = seat.spare >= 0;
    seat.cpus = launch->cpus;
    memcpy(meeting->host, seat.host, sizeof(meeting->host));
    memcpy(own->more, &seat, sizeof(seat));
}

static int get_role(struct meeting *meeting, struct peers *peers, const struct launch *launch,
                    const struct hello *own, struct assignment *mine, struct err *err)
{
    struct answer answer = {0};
    int rc = ask_root(meeting, peers, launch, own, decide, &answer, err);

    memcpy(mine, answer.more, sizeof(*mine));
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

int meeting_hold(struct meeting *meeting, struct peers *peers, struct job *job, int code,
                 const struct launch *launch, struct err *err)
{
    struct assignment mine = {0};
    struct hello own;
    bool same;

    *meeting =
        (struct meeting){.one_each = launch->one_each, .may_spare = job && job->options.spare};
    hello_make(&own, sizeof(struct seat), sizeof(struct assignment));
    if (announce_to_all(meeting, peers, job, code, &own.build, &same, err))
        return -1;
    if (same && meeting->announce.survey && survey(meeting, peers, job, &own, err))
        return -1;
    if (same)
        take_seat(meeting, launch, &own);
    if (get_role(meeting, peers, launch, &own, &mine, err))
        return -1;
    log_set_level(meeting->announce.log_level);
    meeting->machine = mine.machine;
    meeting->sleeps = mine.sleeps;
    meeting->is_spare = mine.machine < 0;
    meeting->root_machine = mine.root_machine;
    if (!mine.extra_ranks)
        return peers_stay(peers), 0;
    if (prepare(meeting, peers, &mine, err))
        return -1;
    if (peers_narrow(peers, !mine.sleeps, err))
        return -1;
    return mine.spare_ranks ? peers_spare(peers, meeting->is_spare, err) : 0;
}

void meeting_free(struct meeting *meeting)
{
    announce_free(&meeting->announce);
    ports_release(&meeting->ports);
    buf_free(&meeting->spare_hosts);
    free(meeting->seats);
    free(meeting->machine_of);
    free(meeting->numbers);
    free(meeting->spares);
    *meeting = (struct meeting){0};
}
