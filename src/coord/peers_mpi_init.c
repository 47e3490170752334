/* peers_mpi_init: how MPI is started, and which library it is. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "coord/mapped.h"
#include "coord/peers_mpi.h"

static const struct library {
    const char *word; /* in its version */
    enum mpi_kind kind;
    const char *network;
} libraries[] = {
    {"Open MPI", KIND_OPEN_MPI, "'mpirun --mca btl_tcp_if_include NETWORK'"},
    {"Intel", KIND_MPICH, "FI_TCP_IFACE=INTERFACE in the environment"},
    {"", KIND_MPICH, "UCX_NET_DEVICES=INTERFACE (or FI_TCP_IFACE) in the environment"},
};

/* Asked at run time, since MPICH, Intel MPI and MVAPICH share an ABI. */
static void know_library(struct mpi *m)
{
    const struct library *of_this = libraries;

    m->version[strcspn(m->version, "\n,")] = '\0';
    for (char *c = m->version; *c; c++)
        if (*c == '\t')
            *c = ' ';
    while (!strstr(m->version, of_this->word))
        of_this++;
    m->kind = of_this->kind;
    m->peers.name = m->version;
    m->peers.network = of_this->network;
}

static const int our_signals[] = {SIGTERM, SIGINT, SIGHUP, SIGALRM, SIGPIPE, SIGUSR1, SIGUSR2};
enum { OUR_SIGNALS = sizeof(our_signals) / sizeof(our_signals[0]) };

/* Intel MPI puts handlers of its own in the place of ours for TERM and INT, after which a rank that
 * is told to stop exits with 1 and names no cause [measured]. So ours are set again.
 * funneled: the watchdog is a thread too, which calls no MPI */
static int init_with_our_handlers(void)
{
    struct sigaction ours[OUR_SIGNALS];
    int provided, rc;

    for (int i = 0; i < OUR_SIGNALS; i++)
        sigaction(our_signals[i], NULL, &ours[i]);
    rc = MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
    for (int i = 0; i < OUR_SIGNALS; i++)
        sigaction(our_signals[i], &ours[i], NULL);
    return rc;
}

/* MPICH 5 keeps a segment that only Finalize removes, and MPICH's ranks leave without it (see
 * peers_mpi_leave). When MPI_Init returns, all ranks of this machine have it mapped (posix_init.c
 * of 5.0 waits for them), and nobody opens it by its name again. */
#define MPICH_SEGMENTS "/dev/shm/mpich_"

struct peers *peers_mpi_open(const struct launch *launch, struct err *err)
{
    struct mpi *m = mem_calloc(1, sizeof(*m));
    const char *local_ranks;
    int rc, len;

    MPI_Get_library_version(m->version, &len); /* may be called before MPI_Init */
    if (launch_check_pmi(launch, m->version, environ, err)) {
        free(m);
        return NULL;
    }
    rc = init_with_our_handlers();
    if (rc != MPI_SUCCESS) {
        free(m);
        err_set(err, EXIT_LAUNCHER, "MPI_Init failed with %d", rc);
        return NULL;
    }
    m->peers.ops = &peers_mpi_ops;
    m->comm = MPI_COMM_WORLD;
    m->spares = MPI_COMM_NULL;
    m->wake = MPI_REQUEST_NULL;
    peers_mpi_forget_gate(m);
    m->by_srun = !strcmp(launch->by, "srun");
    m->outgoing = outgoing_new();
    m->incoming = incoming_new();
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &m->peers.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &m->peers.size);
    local_ranks = getenv("MPI_LOCALNRANKS"); /* hydra's; until narrow knows */
    m->several = local_ranks && strcmp(local_ranks, "1") != 0;
    know_library(m);
    if (m->kind == KIND_MPICH)
        mapped_unlink(MPICH_SEGMENTS);
    return &m->peers;
}
