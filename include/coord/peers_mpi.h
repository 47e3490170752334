/* peers_mpi: what peers_mpi, peers_mpi_init and peers_mpi_leave share. */
#ifndef COORD_PEERS_MPI_H
#define COORD_PEERS_MPI_H

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

#include "coord/fragments.h"
#include "coord/peers.h"

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
    MPI_Comm spares; /* rank 0 and the spare ranks; MPI_COMM_NULL: this is none of them */
    MPI_Request wake;
    int wake_with[2]; /* code, enum parting */
    enum mpi_kind kind;
    bool several;   /* ranks on a machine */
    bool by_srun;   /* has Slurm started the ranks itself? */
    bool regrouped; /* some rank of the world is lost */
    struct outgoing *outgoing;
    struct incoming *incoming;
    struct requests sends, receives;
    MPI_Request gate;
    int64_t *gate_value, *gate_result; /* two each; MPI's while a gate is under way */
    char version[MPI_MAX_LIBRARY_VERSION_STRING];
};

extern const struct peers_ops peers_mpi_ops;

/* ---- what peers_mpi has for the others ---- */

enum { PEERS_MPI_FIRST_PAUSE_NS = 50000 };

/* There is no gate under way, or one that will never open. Its memory is MPI's from then on. */
void peers_mpi_forget_gate(struct mpi *m);

/* Always -1, with err: that call has returned rc. */
int peers_mpi_error(struct err *err, const char *call, int rc);

/* Sleeps for so long, and doubles it, up to 2 ms. */
void peers_mpi_pause(long *ns);

/* Waits for a request of that call, which has returned rc; polls with these pauses. */
int peers_mpi_finish(const struct mpi *m, MPI_Request *request, const char *call, int rc,
                     struct err *err);

/* All ranks of comm call it. Those with a color of 0 or more get a communicator. */
int peers_mpi_split(const struct peers *p, MPI_Comm comm, int color, int key, MPI_Comm *new,
                    struct err *err);

/* ---- of struct peers_ops; see peers.h ---- */

int peers_mpi_spare(struct peers *p, bool is_spare, struct err *err);
void peers_mpi_wake(struct peers *p, int code, enum parting parting);
bool peers_mpi_woken(struct peers *p, int *code, enum parting *parting);
bool peers_mpi_may_regroup(const struct peers *p);
void peers_mpi_call(struct peers *p, int number, const struct buf *data);
bool peers_mpi_called(struct peers *p, struct buf *data);
int peers_mpi_regroup(struct peers *p, const int *members, int n, struct err *err);
_Noreturn void peers_mpi_leave(struct peers *p, int code, enum parting parting);
_Noreturn void peers_mpi_abort(struct peers *p, int code);

#endif
