/* hostfile: the machines of ip_config as the list that mpirun or srun takes. */
#ifndef JOB_HOSTFILE_H
#define JOB_HOSTFILE_H

#include <stdio.h>

#include "base/err.h"
#include "job/hosts.h"

enum hostfile_kind { HOSTFILE_NONE, HOSTFILE_OPENMPI, HOSTFILE_MPICH, HOSTFILE_SLURM };

/* Prints a line for each machine, in ip_config's order: for one rank there. For Slurm it is the
 * machine's name, since srun takes no address [measured, 22.05]; it may wait for DNS. 0, or -1 with
 * err (EXIT_USAGE): an address has no name. Nothing is printed then. path: ip_config's, for err. */
int hostfile_print(const struct hosts *hosts, enum hostfile_kind kind, const char *path, FILE *out,
                   struct err *err);

#endif
