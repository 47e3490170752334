/* peers_mpi: the only file that includes mpi.h. Knows MPI and bytes, nothing of the job.
 *
 * Messages are received by MPI_Improbe, so that no receive is ever posted that would have to be
 * cancelled (MPICH's Finalize was seen to hang on those). fragments.c cuts messages, bounds them
 * and puts them in order. Nothing here waits in an MPI call while the job runs: requests are
 * tested.
 */
#include <fcntl.h>
#include <mpi.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/watchdog.h"
#include "coord/fragments.h"
#include "coord/peers.h"

enum {
    TAG_FIRST = 1,    /* of the lanes */
    LEAVE_MS = 10000, /* for Finalize, or until rank 0's MPI_Abort ends another rank */
    ABORT_MS = 50,    /* for MPI_Abort, which by then has told all that can be reached */
    FOLLOW_MS = 80    /* Open MPI: until rank 0's MPI_Abort ends another rank */
};

enum mpi_kind { KIND_OPEN_MPI, KIND_MPICH /* and its kin: Intel MPI, MVAPICH */ };

/* Requests under way; the arrays are as long as MPI_Testsome wants them. */
struct requests {
    MPI_Request *request;
    struct fragment **fragment; /* what each is about */
    int *done;
    MPI_Status *status;
    int n, room;
};

struct mpi {
    struct peers peers;
    MPI_Comm comm;
    enum mpi_kind kind;
    bool several; /* ranks on a machine */
    struct outgoing *outgoing;
    struct incoming *incoming;
    struct requests sends, receives;
    MPI_Request gate;
    int64_t gate_value[2], gate_result[2];
    char version[MPI_MAX_LIBRARY_VERSION_STRING];
};

static struct mpi *of(struct peers *p)
{
    return (struct mpi *)p;
}

static int mpi_error(struct err *err, const char *call, int rc)
{
    char text[MPI_MAX_ERROR_STRING] = "unknown error";
    int len;

    MPI_Error_string(rc, text, &len);
    return err_set(err, EXIT_LAUNCHER, "%s failed: %s", call, text);
}

/* ---- opening ---- */

/* Waits for an opening collective; polls with pauses that grow to 5 ms. */
static int finish(MPI_Request *request, const char *call, int rc, struct err *err)
{
    int64_t deadline = clock_ms() + PEERS_OPEN_TIMEOUT_MS;
    int done = 0, pause = 0;

    while (rc == MPI_SUCCESS) {
        rc = MPI_Test(request, &done, MPI_STATUS_IGNORE);
        if (rc == MPI_SUCCESS && done)
            return 0;
        if (clock_ms() > deadline)
            return err_set(err, EXIT_LAUNCHER, PEERS_NO_ANSWER, PEERS_OPEN_TIMEOUT_MS / 1000, call);
        poll(NULL, 0, pause);
        pause = pause < 5 ? pause + 1 : 5;
    }
    return mpi_error(err, call, rc);
}

static int mpi_broadcast(struct peers *p, struct buf *data, struct err *err)
{
    struct mpi *m = of(p);
    MPI_Request request = MPI_REQUEST_NULL;
    int64_t len = (int64_t)data->len;
    int rc;

    rc = MPI_Ibcast(&len, sizeof(len), MPI_BYTE, 0, m->comm, &request);
    if (finish(&request, "MPI_Ibcast", rc, err))
        return -1;
    if (p->rank) {
        data->len = 0;
        buf_reserve(data, (size_t)len);
        data->len = (size_t)len;
    }
    rc = MPI_Ibcast(data->data, (int)len, MPI_BYTE, 0, m->comm, &request);
    return finish(&request, "MPI_Ibcast", rc, err);
}

static int mpi_collect(struct peers *p, const void *mine, size_t size, void *all, struct err *err)
{
    MPI_Request request = MPI_REQUEST_NULL;
    int rc =
        MPI_Igather(mine, (int)size, MPI_BYTE, all, (int)size, MPI_BYTE, 0, of(p)->comm, &request);

    return finish(&request, "MPI_Igather", rc, err);
}

static int mpi_deal(struct peers *p, const void *all, size_t size, void *mine, struct err *err)
{
    MPI_Request request = MPI_REQUEST_NULL;
    int rc =
        MPI_Iscatter(all, (int)size, MPI_BYTE, mine, (int)size, MPI_BYTE, 0, of(p)->comm, &request);

    return finish(&request, "MPI_Iscatter", rc, err);
}

static void mpi_stay(struct peers *p)
{
    of(p)->several = false;
}

/* MPI has no split that could be polled, so that a watchdog gives it a deadline. */
static int mpi_narrow(struct peers *p, bool stay, struct err *err)
{
    struct mpi *m = of(p);
    MPI_Comm comm;
    int size, rc;

    watchdog_begin(PEERS_OPEN_TIMEOUT_MS, EXIT_LAUNCHER, PEERS_NO_ANSWER,
                   PEERS_OPEN_TIMEOUT_MS / 1000, "MPI_Comm_split");
    rc = MPI_Comm_split(m->comm, stay ? 0 : MPI_UNDEFINED, p->rank, &comm);
    watchdog_end();
    if (rc != MPI_SUCCESS)
        return mpi_error(err, "MPI_Comm_split", rc);
    m->comm = comm;
    m->several = true;
    if (!stay)
        return 0;
    MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
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

static void mpi_gate_enter(struct peers *p, const int64_t value[2])
{
    struct mpi *m = of(p);

    memcpy(m->gate_value, value, sizeof(m->gate_value));
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
        memcpy(result, m->gate_result, sizeof(m->gate_result));
    return done;
}

/* ---- the end ---- */

static volatile sig_atomic_t leave_code;

static void leave_late(int signal)
{
    (void)signal;
    _exit(leave_code);
}

/* Ends this rank with code after so many milliseconds, whatever call it is in. */
static void be_gone_within(int ms, int code)
{
    struct itimerval timer = {.it_value = {ms / 1000, ms % 1000 * 1000L}};

    leave_code = code;
    signal(SIGALRM, leave_late);
    setitimer(ITIMER_REAL, &timer, NULL);
}

static _Noreturn void mpi_abort(struct peers *p, int code)
{
    (void)p;
    launch_await_output();
    be_gone_within(ABORT_MS, code); /* a machine that is cut off waits in it for ever */
    MPI_Abort(MPI_COMM_WORLD, code);
    _exit(code);
}

/* MPICH says "Abort(0) on node 0" on stderr even after a good end. All of ours has been said. */
static void let_go_of_stderr(void)
{
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

    if (null >= 0)
        dup2(null, STDERR_FILENO);
}

/* Rank 0 aborts, the others wait for their end. */
static _Noreturn void leave_by_one_abort(struct peers *p, int world_rank, int code)
{
    if (of(p)->kind == KIND_MPICH)
        let_go_of_stderr();
    if (world_rank == 0)
        mpi_abort(p, code);
    be_gone_within(of(p)->kind == KIND_MPICH ? LEAVE_MS : FOLLOW_MS, code);
    for (;;)
        pause();
}

/* After a signal from outside MPICH's mpirun returns the code if all ranks abort with it
 * [measured]. Open MPI's was seen to hang after several aborts at once (2 of 11 runs with
 * odls_base_sigkill_timeout 0; 0 of 10 when rank 0 alone does). */
static _Noreturn void leave_after_signal(struct peers *p, int world_rank, int code)
{
    if (of(p)->kind == KIND_MPICH)
        mpi_abort(p, code);
    leave_by_one_abort(p, world_rank, code);
}

/* Open MPI must be finalized (its mpirun takes a rank that left without it for a failure), and its
 * mpirun returns sooner when rank 0 alone carries a code out: 2.4-3.1 s instead of 3.8-4.6 s with
 * version 4.1. MPICH 4.0.2's Finalize hangs after collectives on three machines or more, so that
 * its ranks leave without it, each with the code, since its mpirun combines them. But where it runs
 * several ranks on a machine, the first that leaves so has the others killed (255 or 9 in 12 of 12
 * runs, 5 ranks on each of 4 machines), and MPI_Abort gives the code, 0 included (12 of 12).
 * [measured]
 */
static _Noreturn void mpi_leave(struct peers *p, int code, bool outside)
{
    int world_rank = 0;

    MPI_Comm_rank(MPI_COMM_WORLD, &world_rank);
    if (outside && code)
        leave_after_signal(p, world_rank, code);
    if (of(p)->kind == KIND_MPICH && of(p)->several)
        leave_by_one_abort(p, world_rank, code);
    if (of(p)->kind == KIND_MPICH) {
        launch_finalize();
        _exit(code);
    }
    be_gone_within(LEAVE_MS, world_rank ? 0 : code);
    MPI_Finalize();
    exit(world_rank ? 0 : code);
}

/* ---- open ---- */

static const struct peers_ops mpi_ops = {
    .broadcast = mpi_broadcast,
    .collect = mpi_collect,
    .deal = mpi_deal,
    .stay = mpi_stay,
    .narrow = mpi_narrow,
    .send = mpi_send,
    .receive = mpi_receive,
    .all_sent = mpi_all_sent,
    .gate_enter = mpi_gate_enter,
    .gate_passed = mpi_gate_passed,
    .leave = mpi_leave,
    .abort = mpi_abort,
};

/* Asked at run time, since MPICH, Intel MPI and MVAPICH share an ABI. */
static void know_library(struct mpi *m)
{
    int len = 0;

    MPI_Get_library_version(m->version, &len);
    m->version[strcspn(m->version, "\n,")] = '\0';
    for (char *c = m->version; *c; c++)
        if (*c == '\t')
            *c = ' ';
    m->kind = strstr(m->version, "Open MPI") ? KIND_OPEN_MPI : KIND_MPICH;
    m->peers.name = m->version;
}

struct peers *peers_mpi_open(struct err *err)
{
    struct mpi *m = mem_calloc(1, sizeof(*m));
    const char *local_ranks;
    int provided, rc;

    /* funneled: the watchdog is a thread too, which calls no MPI */
    rc = MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
    if (rc != MPI_SUCCESS) {
        free(m);
        err_set(err, EXIT_LAUNCHER, "MPI_Init failed with %d", rc);
        return NULL;
    }
    m->peers.ops = &mpi_ops;
    m->comm = MPI_COMM_WORLD;
    m->gate = MPI_REQUEST_NULL;
    m->outgoing = outgoing_new();
    m->incoming = incoming_new();
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &m->peers.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &m->peers.size);
    local_ranks = getenv("MPI_LOCALNRANKS"); /* hydra's; until narrow knows */
    m->several = local_ranks && strcmp(local_ranks, "1") != 0;
    know_library(m);
    return &m->peers;
}
