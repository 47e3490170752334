/* peers_mpi: MPI and bytes, nothing of the job. Only the files of this name include mpi.h.
 *
 * Messages are received by MPI_Improbe, so that no receive is ever posted that would have to be
 * cancelled (MPICH's Finalize was seen to hang on those). fragments.c cuts messages, bounds them
 * and puts them in order. Nothing here waits in an MPI call while the job runs: requests are
 * tested.
 */
#include "coord/peers_mpi.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/watchdog.h"
#include "coord/fragments.h"
#include "coord/tree.h"

enum {
    TAG_OPENING = 0,
    TAG_FIRST = 1, /* of the lanes */
    BLOCK = 8192   /* the first of a broadcast; MPICH takes a tree up to 12 KiB */
};

static struct mpi *of(struct peers *p)
{
    return (struct mpi *)p;
}

int peers_mpi_error(struct err *err, const char *call, int rc)
{
    char text[MPI_MAX_ERROR_STRING] = "unknown error";
    int len;

    MPI_Error_string(rc, text, &len);
    return err_set(err, EXIT_LAUNCHER, "%s failed: %s", call, text);
}

static size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* ---- opening ---- */

enum { LAST_PAUSE_NS = 2000000 };

void peers_mpi_pause(long *ns)
{
    nanosleep(&(struct timespec){.tv_nsec = *ns}, NULL);
    *ns = *ns < LAST_PAUSE_NS / 2 ? 2 * *ns : LAST_PAUSE_NS;
}

int peers_mpi_finish(const struct mpi *m, MPI_Request *request, const char *call, int rc,
                     struct err *err)
{
    int64_t deadline = clock_ms() + PEERS_OPEN_TIMEOUT_MS;
    long pause = PEERS_MPI_FIRST_PAUSE_NS;
    int done = 0;

    while (rc == MPI_SUCCESS) {
        rc = MPI_Test(request, &done, MPI_STATUS_IGNORE);
        if (rc == MPI_SUCCESS && done)
            return 0;
        if (clock_ms() > deadline)
            return err_set(err, EXIT_LAUNCHER, PEERS_NO_ANSWER, PEERS_OPEN_TIMEOUT_MS / 1000, call,
                           m->peers.network);
        peers_mpi_pause(&pause);
    }
    return peers_mpi_error(err, call, rc);
}

static int broadcast_bytes(struct mpi *m, void *bytes, size_t len, struct err *err)
{
    MPI_Request request = MPI_REQUEST_NULL;
    int rc = MPI_Ibcast(bytes, (int)len, MPI_BYTE, 0, m->comm, &request);

    return peers_mpi_finish(m, &request, "MPI_Ibcast", rc, err);
}

/* The first block tells the length, and has the first bytes: mostly they are all. */
static int mpi_broadcast(struct peers *p, struct buf *data, struct err *err)
{
    struct {
        int64_t len;
        char bytes[BLOCK - sizeof(int64_t)];
    } first = {.len = (int64_t)data->len};
    size_t now = min(data->len, sizeof(first.bytes));

    if (now)
        memcpy(first.bytes, data->data, now);
    if (broadcast_bytes(of(p), &first, sizeof(first), err))
        return -1;
    if (p->rank) {
        data->len = 0;
        buf_reserve(data, (size_t)first.len);
        data->len = (size_t)first.len;
        now = min(data->len, sizeof(first.bytes));
        memcpy(data->data, first.bytes, now);
    }
    return now == data->len ? 0 : broadcast_bytes(of(p), data->data + now, data->len - now, err);
}

static int receive_bytes(struct mpi *m, void *bytes, size_t len, int from, struct err *err)
{
    MPI_Request request = MPI_REQUEST_NULL;
    int rc = MPI_Irecv(bytes, (int)len, MPI_BYTE, from, TAG_OPENING, m->comm, &request);

    return peers_mpi_finish(m, &request, "MPI_Irecv", rc, err);
}

static int send_bytes(struct mpi *m, const void *bytes, size_t len, int to, struct err *err)
{
    MPI_Request request = MPI_REQUEST_NULL;
    int rc = MPI_Isend(bytes, (int)len, MPI_BYTE, to, TAG_OPENING, m->comm, &request);

    return peers_mpi_finish(m, &request, "MPI_Isend", rc, err);
}

/* Carries size bytes of each rank between it and rank 0, up or down the tree. The ranks below one
 * follow it without a gap, and so do their bytes. MPI_Igather and MPI_Iscatter would give rank 0 a
 * connection to each rank (Open MPI, libnbc) [measured]. bytes: of this rank and all below it. */
static int carry(struct mpi *m, bool up, char *bytes, size_t size, struct err *err)
{
    int rank = m->peers.rank, world = m->peers.size, links[TREE_LINKS_MAX];
    int n = tree_links(rank, world, links), first = rank ? 1 : 0, rc = 0;
    size_t own = (size_t)tree_size(rank, world) * size;

    if (!up && rank)
        rc = receive_bytes(m, bytes, own, links[0], err);
    for (int i = n; i-- > first && !rc;) {
        char *part = bytes + (size_t)(links[i] - rank) * size;
        size_t len = (size_t)tree_size(links[i], world) * size;

        rc = up ? receive_bytes(m, part, len, links[i], err)
                : send_bytes(m, part, len, links[i], err);
    }
    if (up && rank && !rc)
        rc = send_bytes(m, bytes, own, links[0], err);
    return rc;
}

static int mpi_collect(struct peers *p, const void *mine, size_t size, void *all, struct err *err)
{
    char *bytes = all ? all : mem_calloc((size_t)tree_size(p->rank, p->size), size);
    int rc;

    memcpy(bytes, mine, size);
    rc = carry(of(p), true, bytes, size, err);
    if (!all)
        free(bytes);
    return rc;
}

static int mpi_deal(struct peers *p, const void *all, size_t size, void *mine, struct err *err)
{
    size_t n = (size_t)tree_size(p->rank, p->size);
    char *bytes = mem_calloc(n, size);
    int rc;

    if (all)
        memcpy(bytes, all, n * size);
    rc = carry(of(p), false, bytes, size, err);
    memcpy(mine, bytes, size);
    free(bytes);
    return rc;
}

static void mpi_stay(struct peers *p)
{
    of(p)->several = false;
}

/* MPI has no split that could be polled, so that a watchdog gives it a deadline. */
int peers_mpi_split(const struct peers *p, MPI_Comm comm, int color, int key, MPI_Comm *new,
                    struct err *err)
{
    int rc;

    watchdog_begin(PEERS_OPEN_TIMEOUT_MS, EXIT_LAUNCHER, PEERS_NO_ANSWER,
                   PEERS_OPEN_TIMEOUT_MS / 1000, "MPI_Comm_split", p->network);
    rc = MPI_Comm_split(comm, color, key, new);
    watchdog_end();
    if (rc != MPI_SUCCESS)
        return peers_mpi_error(err, "MPI_Comm_split", rc);
    if (*new != MPI_COMM_NULL)
        MPI_Comm_set_errhandler(*new, MPI_ERRORS_RETURN);
    return 0;
}

static int mpi_narrow(struct peers *p, bool stay, struct err *err)
{
    struct mpi *m = of(p);
    MPI_Comm comm;
    int size;

    if (peers_mpi_split(p, m->comm, stay ? 0 : MPI_UNDEFINED, p->rank, &comm, err))
        return -1;
    m->comm = comm;
    m->several = true;
    if (!stay)
        return 0;
    MPI_Comm_rank(comm, &p->rank);
    MPI_Comm_size(comm, &size);
    m->several = size != p->size;
    p->size = size;
    return 0;
}

/* ---- messages ---- */

static void requests_add(struct requests *r, MPI_Request request, struct fragment *fragment)
{
    if (r->n == r->room) {
        r->room = r->room ? 2 * r->room : 16;
        r->request = mem_realloc(r->request, (size_t)r->room, sizeof(*r->request));
        r->fragment = mem_realloc(r->fragment, (size_t)r->room, sizeof(*r->fragment));
        r->done = mem_realloc(r->done, (size_t)r->room, sizeof(*r->done));
        r->status = mem_realloc(r->status, (size_t)r->room, sizeof(*r->status));
    }
    r->request[r->n] = request;
    r->fragment[r->n++] = fragment;
}

/* Closes the gaps that completed requests have left; the order does not matter. */
static void requests_close_up(struct requests *r)
{
    int kept = 0;

    for (int i = 0; i < r->n; i++) {
        if (!r->fragment[i])
            continue;
        r->request[kept] = r->request[i];
        r->fragment[kept++] = r->fragment[i];
    }
    r->n = kept;
}

/* Hands each completed request to done, a failed one too. -1: MPI reports an error. */
static int requests_test(struct requests *r, struct mpi *m,
                         void (*done)(struct mpi *m, struct fragment *fragment))
{
    int count = 0, rc;

    if (!r->n)
        return 0;
    rc = MPI_Testsome(r->n, r->request, &count, r->done, r->status);
    if ((rc != MPI_SUCCESS && rc != MPI_ERR_IN_STATUS) || count == MPI_UNDEFINED)
        return -1;
    for (int i = 0; i < count; i++) {
        done(m, r->fragment[r->done[i]]);
        r->fragment[r->done[i]] = NULL;
    }
    if (count)
        requests_close_up(r);
    return rc == MPI_SUCCESS ? 0 : -1;
}

static int tag_of(enum lane lane)
{
    return TAG_FIRST + (int)lane;
}

static void has_left(struct mpi *m, struct fragment *fragment)
{
    outgoing_left(m->outgoing, fragment);
}

static int send_what_may_leave(struct mpi *m)
{
    struct fragment *f;
    int rc = 0;

    while ((f = outgoing_next(m->outgoing))) {
        MPI_Request request;

        if (MPI_Isend(f->bytes, (int)f->len, MPI_BYTE, f->peer, tag_of(f->lane), m->comm,
                      &request) == MPI_SUCCESS) {
            requests_add(&m->sends, request, f);
        } else {
            outgoing_left(m->outgoing, f);
            rc = -1;
        }
    }
    return rc;
}

static int mpi_send(struct peers *p, int to, enum message_type type, const void *data, size_t len)
{
    struct mpi *m = of(p);

    outgoing_add(m->outgoing, to, type, data, len);
    return send_what_may_leave(m);
}

static bool mpi_all_sent(struct peers *p)
{
    struct mpi *m = of(p);

    requests_test(&m->sends, m, has_left);
    send_what_may_leave(m);
    return outgoing_is_empty(m->outgoing);
}

static void has_come(struct mpi *m, struct fragment *fragment)
{
    incoming_came(m->incoming, fragment);
}

/* Begins to receive one fragment that has been announced. 1: begun, 0: none, -1: error. */
static int receive_begin(struct mpi *m, enum lane lane)
{
    MPI_Message handle;
    MPI_Request request;
    MPI_Status status;
    struct fragment *f;
    int there = 0, len = 0;

    if (MPI_Improbe(MPI_ANY_SOURCE, tag_of(lane), m->comm, &there, &handle, &status))
        return -1;
    if (!there)
        return 0;
    MPI_Get_count(&status, MPI_BYTE, &len);
    f = len < 0 ? NULL : incoming_expect(m->incoming, status.MPI_SOURCE, lane, (size_t)len);
    if (!f || MPI_Imrecv(f->bytes, len, MPI_BYTE, &handle, &request) != MPI_SUCCESS)
        return -1;
    requests_add(&m->receives, request, f);
    return 1;
}

/* Begins to receive all that has been announced. Its senders bound how much that is (fragments). */
static int receive_begin_all(struct mpi *m)
{
    for (int lane = 0; lane < LANES; lane++) {
        int rc;

        while ((rc = receive_begin(m, lane)) > 0)
            ;
        if (rc)
            return rc;
    }
    return 0;
}

/* An announced fragment may still be on its way, and never arrives if its sender has been stopped.
 * So the receive is tested, and others are heard meanwhile. */
static int mpi_receive(struct peers *p, struct peers_message *message)
{
    struct mpi *m = of(p);
    int rc = incoming_next(m->incoming, message);

    if (rc)
        return rc;
    if (receive_begin_all(m) || requests_test(&m->receives, m, has_come))
        return -1;
    return incoming_next(m->incoming, message);
}

/* ---- gates ---- */

void peers_mpi_forget_gate(struct mpi *m)
{
    m->gate = MPI_REQUEST_NULL;
    m->gate_value = mem_calloc(2, sizeof(*m->gate_value));
    m->gate_result = mem_calloc(2, sizeof(*m->gate_result));
}

static void mpi_gate_enter(struct peers *p, const int64_t value[2])
{
    struct mpi *m = of(p);

    memcpy(m->gate_value, value, 2 * sizeof(*value));
    if (MPI_Iallreduce(m->gate_value, m->gate_result, 2, MPI_INT64_T, MPI_MAX, m->comm, &m->gate))
        m->gate = MPI_REQUEST_NULL;
}

static int mpi_gate_passed(struct peers *p, int64_t result[2])
{
    struct mpi *m = of(p);
    int done = 0;

    if (m->gate == MPI_REQUEST_NULL || MPI_Test(&m->gate, &done, MPI_STATUS_IGNORE) != MPI_SUCCESS)
        return -1;
    if (done)
        memcpy(result, m->gate_result, 2 * sizeof(*result));
    return done;
}

/* ---- the table ---- */

const struct peers_ops peers_mpi_ops = {
    .broadcast = mpi_broadcast,
    .collect = mpi_collect,
    .deal = mpi_deal,
    .stay = mpi_stay,
    .narrow = mpi_narrow,
    .spare = peers_mpi_spare,
    .wake = peers_mpi_wake,
    .woken = peers_mpi_woken,
    .may_regroup = peers_mpi_may_regroup,
    .call = peers_mpi_call,
    .called = peers_mpi_called,
    .regroup = peers_mpi_regroup,
    .send = mpi_send,
    .receive = mpi_receive,
    .all_sent = mpi_all_sent,
    .gate_enter = mpi_gate_enter,
    .gate_passed = mpi_gate_passed,
    .leave = peers_mpi_leave,
    .abort = peers_mpi_abort,
};
