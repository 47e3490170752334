/* peers_mpi: the only file that includes mpi.h. Knows MPI and bytes, nothing of the job.
 *
 * Messages are received by MPI_Improbe, so that no receive is ever posted that would have to be
 * cancelled (MPICH's Finalize was seen to hang on those). Long ones travel in fragments, joined by
 * source. Nothing here waits in an MPI call while the job runs: requests are tested.
 */
#include <mpi.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "coord/peers.h"

enum {
    TAG_MESSAGE = 1,
    LEAVE_MS = 10000, /* in Finalize; or for the end that rank 0's MPI_Abort brings */
    ABORT_MS = 50,    /* in MPI_Abort: by then it has told whoever can be told */
    FOLLOW_MS = 80    /* Open MPI: after it, of the other ranks */
};

enum mpi_kind { KIND_OPEN_MPI, KIND_MPICH /* and its kin: Intel MPI, MVAPICH */ };

struct fragment {
    uint32_t type;
    uint32_t more; /* 1: another fragment of the same message follows */
};

/* One message fragment under way. */
struct sending {
    MPI_Request request;
    char *bytes;
    struct sending *next;
};

/* A message of which not all fragments have come. */
struct joining {
    int from;
    struct buf data;
    struct joining *next;
};

struct mpi {
    struct peers peers;
    MPI_Comm comm;
    enum mpi_kind kind;
    bool several;            /* ranks on a machine */
    struct sending *sending; /* oldest first */
    struct sending **sending_tail;
    struct joining *joining;
    MPI_Request receiving; /* a fragment that has been announced, into fragment */
    int receiving_from, receiving_len;
    char fragment[PEERS_FRAGMENT];
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
            return err_set(err, EXIT_LAUNCHER,
                           "not all ranks answered within %d s at start (%s); is the network "
                           "between the machines open to MPI, and the right one? 'mpirun --mca "
                           "btl_tcp_if_include NETWORK' (Open MPI) and UCX_NET_DEVICES (MPICH) "
                           "name it",
                           PEERS_OPEN_TIMEOUT_MS / 1000, call);
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

static int mpi_narrow(struct peers *p, bool stay, struct err *err)
{
    struct mpi *m = of(p);
    MPI_Comm comm;
    int size, rc = MPI_Comm_split(m->comm, stay ? 0 : MPI_UNDEFINED, p->rank, &comm);

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

static int send_fragment(struct mpi *m, int to, struct fragment head, const char *data, size_t len)
{
    struct sending *s = mem_calloc(1, sizeof(*s));
    int rc;

    s->bytes = mem_calloc(1, sizeof(head) + len);
    memcpy(s->bytes, &head, sizeof(head));
    if (len)
        memcpy(s->bytes + sizeof(head), data, len);
    rc = MPI_Isend(s->bytes, (int)(sizeof(head) + len), MPI_BYTE, to, TAG_MESSAGE, m->comm,
                   &s->request);
    if (rc != MPI_SUCCESS) {
        free(s->bytes);
        free(s);
        return -1;
    }
    *m->sending_tail = s;
    m->sending_tail = &s->next;
    return 0;
}

static int mpi_send(struct peers *p, int to, enum message_type type, const void *data, size_t len)
{
    const size_t room = PEERS_FRAGMENT - sizeof(struct fragment);
    const char *at = data;

    for (;;) {
        size_t now = len < room ? len : room;
        struct fragment head = {.type = type, .more = now < len};

        if (send_fragment(of(p), to, head, at, now))
            return -1;
        if (!head.more)
            return 0;
        at += now;
        len -= now;
    }
}

static bool mpi_all_sent(struct peers *p)
{
    struct mpi *m = of(p);
    struct sending **link = &m->sending;

    while (*link) {
        struct sending *s = *link;
        int done = 0;

        if (MPI_Test(&s->request, &done, MPI_STATUS_IGNORE) == MPI_SUCCESS && !done) {
            link = &s->next;
            continue;
        }
        *link = s->next;
        free(s->bytes);
        free(s);
    }
    m->sending_tail = link;
    return !m->sending;
}

static struct joining *joining_from(struct mpi *m, int from)
{
    struct joining *j = m->joining;

    while (j && j->from != from)
        j = j->next;
    if (!j) {
        j = mem_calloc(1, sizeof(*j));
        j->from = from;
        j->next = m->joining;
        m->joining = j;
    }
    return j;
}

static void joining_drop(struct mpi *m, struct joining *old)
{
    struct joining **link = &m->joining;

    while (*link != old)
        link = &(*link)->next;
    *link = old->next;
    free(old);
}

/* Adds one fragment. 1: its message is whole and in *message. 0: more must come. -1: malformed. */
static int join(struct mpi *m, int from, const char *bytes, size_t len,
                struct peers_message *message)
{
    struct fragment head;
    struct joining *j;

    if (len < sizeof(head))
        return -1;
    memcpy(&head, bytes, sizeof(head));
    j = joining_from(m, from);
    buf_add(&j->data, bytes + sizeof(head), len - sizeof(head));
    if (j->data.len > MESSAGE_MAX || head.type >= MESSAGE_COUNT)
        return -1;
    if (head.more)
        return 0;
    *message = (struct peers_message){.from = from, .type = head.type, .data = j->data};
    joining_drop(m, j);
    return 1;
}

/* Begins to receive the next fragment that has been announced. 1: begun, 0: none, -1: error. */
static int receive_begin(struct mpi *m)
{
    MPI_Message handle;
    MPI_Status status;
    int there = 0, len = 0;

    if (MPI_Improbe(MPI_ANY_SOURCE, TAG_MESSAGE, m->comm, &there, &handle, &status))
        return -1;
    if (!there)
        return 0;
    MPI_Get_count(&status, MPI_BYTE, &len);
    if (len < 0 || len > PEERS_FRAGMENT)
        return -1;
    m->receiving_from = status.MPI_SOURCE;
    m->receiving_len = len;
    return MPI_Imrecv(m->fragment, len, MPI_BYTE, &handle, &m->receiving) == MPI_SUCCESS ? 1 : -1;
}

/* The bytes of an announced fragment may come later, or never when its sender dies: tested too. */
static int mpi_receive(struct peers *p, struct peers_message *message)
{
    struct mpi *m = of(p);
    int result = 0;

    while (!result) {
        int done = 0;

        if (m->receiving == MPI_REQUEST_NULL && (result = receive_begin(m)) <= 0)
            return result;
        if (MPI_Test(&m->receiving, &done, MPI_STATUS_IGNORE) != MPI_SUCCESS)
            return -1;
        if (!done)
            return 0;
        result = join(m, m->receiving_from, m->fragment, (size_t)m->receiving_len, message);
    }
    return result;
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

/* At the latest after so many milliseconds this rank ends with code, whatever it is in. */
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
    be_gone_within(ABORT_MS, code); /* a machine that is cut off waits in it for ever */
    MPI_Abort(MPI_COMM_WORLD, code);
    _exit(code);
}

/* Rank 0 aborts, the others wait for their end. */
static _Noreturn void leave_by_one_abort(struct peers *p, int world_rank, int code)
{
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
    if (of(p)->kind == KIND_MPICH)
        _exit(code);
    be_gone_within(LEAVE_MS, world_rank ? 0 : code);
    MPI_Finalize();
    exit(world_rank ? 0 : code);
}

/* ---- open ---- */

static const struct peers_ops mpi_ops = {
    .broadcast = mpi_broadcast,
    .collect = mpi_collect,
    .deal = mpi_deal,
    .narrow = mpi_narrow,
    .send = mpi_send,
    .receive = mpi_receive,
    .all_sent = mpi_all_sent,
    .gate_enter = mpi_gate_enter,
    .gate_passed = mpi_gate_passed,
    .leave = mpi_leave,
    .abort = mpi_abort,
};

/* The first line of the version, and whose it is: asked at run time, since MPICH, Intel MPI and
 * MVAPICH share an ABI. */
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

    rc = MPI_Init_thread(NULL, NULL, MPI_THREAD_SINGLE, &provided);
    if (rc != MPI_SUCCESS) {
        free(m);
        err_set(err, EXIT_LAUNCHER, "MPI_Init failed with %d", rc);
        return NULL;
    }
    m->peers.ops = &mpi_ops;
    m->comm = MPI_COMM_WORLD;
    m->gate = MPI_REQUEST_NULL;
    m->receiving = MPI_REQUEST_NULL;
    m->sending_tail = &m->sending;
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &m->peers.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &m->peers.size);
    local_ranks = getenv("MPI_LOCALNRANKS"); /* hydra's; until narrow knows */
    m->several = local_ranks && strcmp(local_ranks, "1") != 0;
    know_library(m);
    return &m->peers;
}
