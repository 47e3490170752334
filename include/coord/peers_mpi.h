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
    bool several; /* ranks on a machine */
    bool by_srun; /* has Slurm started the ranks itself? */
    struct outgoing *outgoing;
    struct incoming *incoming;
    struct requests sends, receives;
    MPI_Request gate;
    int64_t gate_value[2], gate_result[2];
    char version[MPI_MAX_LIBRARY_VERSION_STRING];
};

extern const struct peers_ops peers_mpi_ops;

/* Two of struct peers_ops; see peers.h. */
_Noreturn void peers_mpi_leave(struct peers *p, int code, enum parting parting);
_Noreturn void peers_mpi_abort(struct peers *p, int code);

#endif
