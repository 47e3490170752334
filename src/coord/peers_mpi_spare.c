/* peers_mpi_spare: spare ranks. They begin a broadcast at once, which rank 0 begins at the end; and
 * they look for a call of rank 0's, by which one takes the place of a rank that is lost.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/watchdog.h"
#include "coord/peers_mpi.h"

enum {
    WAKE_MS = 1000,
    REGROUP_MS = 30000,
    TAG_CALL = 1 + LANES, /* those before it are the opening's and the lanes' */
    TAG_REGROUP
};

static struct mpi *of(struct peers *p)
{
    return (struct mpi *)p;
}

/* ---- until the end ---- */

static void begin_wake(struct mpi *m)
{
    if (MPI_Ibcast(m->wake_with, 2, MPI_INT, 0, m->spares, &m->wake) != MPI_SUCCESS) {
        m->wake = MPI_REQUEST_NULL;
        m->wake_with[0] = EXIT_LAUNCHER;
    }
}

int peers_mpi_spare(struct peers *p, bool is_spare, struct err *err)
{
    struct mpi *m = of(p);
    int world_rank, color;

    MPI_Comm_rank(MPI_COMM_WORLD, &world_rank);
    color = is_spare || !world_rank ? 0 : MPI_UNDEFINED;
    if (peers_mpi_split(p, MPI_COMM_WORLD, color, world_rank, &m->spares, err))
        return -1;
    if (is_spare)
        begin_wake(m);
    return 0;
}

bool peers_mpi_woken(struct peers *p, int *code, enum parting *parting)
{
    struct mpi *m = of(p);
    int done = 0;

    if (MPI_Test(&m->wake, &done, MPI_STATUS_IGNORE) != MPI_SUCCESS)
        m->wake_with[0] = EXIT_LAUNCHER;
    else if (!done)
        return false;
    *code = m->wake_with[0];
    *parting = (enum parting)m->wake_with[1];
    return true;
}

/* A rank that was called has begun its part of the broadcast long ago, and passes it on. */
void peers_mpi_wake(struct peers *p, int code, enum parting parting)
{
    struct mpi *m = of(p);
    int64_t deadline = clock_ms() + WAKE_MS;
    long pause = PEERS_MPI_FIRST_PAUSE_NS;

    if (m->spares == MPI_COMM_NULL)
        return;
    if (!p->rank) {
        m->wake_with[0] = code;
        m->wake_with[1] = (int)parting;
        begin_wake(m);
    }
    while (!peers_mpi_woken(p, &code, &parting) && clock_ms() < deadline)
        peers_mpi_pause(&pause);
}

/* ---- when a machine is lost ---- */

/* Measured with one of four ranks killed, and with its machine cut off: the others can still send,
 * make a communicator and reduce in it, with MPICH 4.0 and 5.0 (mpirun -disable-auto-cleanup) and
 * with Open MPI 4.1 and MPICH 4.0 under srun --no-kill. Open MPI's own mpirun ends the job; with
 * -enable-recovery it does not, but returns 0 whatever the ranks do, or never. */
bool peers_mpi_may_regroup(const struct peers *p)
{
    const struct mpi *m = (const struct mpi *)p;

    return m->kind == KIND_MPICH || m->by_srun;
}

/* The bytes are kept, since nobody waits until they have left. */
void peers_mpi_call(struct peers *p, int number, const struct buf *data)
{
    struct buf kept = {0};
    MPI_Request request;

    (void)p;
    buf_add(&kept, data->data, data->len);
    MPI_Isend(kept.data, (int)kept.len, MPI_BYTE, number, TAG_CALL, MPI_COMM_WORLD, &request);
}

bool peers_mpi_called(struct peers *p, struct buf *data)
{
    MPI_Message handle;
    MPI_Request request;
    MPI_Status status;
    struct err err = {0};
    int there = 0, len = 0, rc;

    if (MPI_Improbe(0, TAG_CALL, MPI_COMM_WORLD, &there, &handle, &status) != MPI_SUCCESS || !there)
        return false;
    MPI_Get_count(&status, MPI_BYTE, &len);
    *data = (struct buf){0};
    buf_reserve(data, (size_t)len);
    data->len = (size_t)len;
    rc = MPI_Imrecv(data->data, len, MPI_BYTE, &handle, &request);
    return !peers_mpi_finish(of(p), &request, "MPI_Imrecv", rc, &err);
}

/* What is under way to or from the lost rank never ends, so that its memory is left to MPI. */
static void forget_messages(struct mpi *m)
{
    m->sends = m->receives = (struct requests){0};
    m->outgoing = outgoing_new();
    m->incoming = incoming_new();
    peers_mpi_forget_gate(m);
}

int peers_mpi_regroup(struct peers *p, const int *members, int n, struct err *err)
{
    struct mpi *m = of(p);
    MPI_Group world, group;
    MPI_Comm comm;
    int rc;

    MPI_Comm_group(MPI_COMM_WORLD, &world);
    MPI_Group_incl(world, n, members, &group);
    watchdog_begin(REGROUP_MS, EXIT_LAUNCHER,
                   "after the loss of a machine the others were to go on with a spare one, but not "
                   "all have answered within %d s",
                   REGROUP_MS / 1000);
    rc = MPI_Comm_create_group(MPI_COMM_WORLD, group, TAG_REGROUP, &comm);
    watchdog_end();
    MPI_Group_free(&group);
    MPI_Group_free(&world);
    if (rc != MPI_SUCCESS || comm == MPI_COMM_NULL)
        return peers_mpi_error(err, "MPI_Comm_create_group", rc);
    MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
    m->comm = comm;
    MPI_Comm_rank(comm, &p->rank);
    MPI_Comm_size(comm, &p->size);
    m->regrouped = true;
    forget_messages(m);
    return 0;
}
