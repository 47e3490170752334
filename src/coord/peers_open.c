/* peers_open: which implementation serves, by how the process was launched. A file of its own, so
 * that programs without MPI can use the rest of peers.
 */
#include "base/log.h"
#include "config.h"
#include "coord/peers.h"

struct peers *peers_open(const struct launch *launch, struct err *err)
{
#ifdef HAVE_MPI
    struct peers *peers = launch->use_mpi ? peers_mpi_open(launch, err) : peers_solo_open();
#else
    struct peers *peers = peers_solo_open();
#endif

    if (!peers && err->code == EXIT_USAGE && launch->rank) /* rank 0 says it for all; with a code */
        launch_leave_early(EXIT_OK);                       /* srun -K would end it before */
    if (!peers || !launch_check(launch, peers->size, peers->name, err))
        return peers;
    if (launch->rank == 0) /* N singletons would all say it */
        log_error("%s", err->text);
    peers_abort(peers, err->code);
}
