/* placement: which rank owns which line of ip_config: by address, never by rank order, because DGL
 * itself compares its interfaces' addresses with the file (dgl/distributed/rpc.py
 * get_local_machine_id; where none matches it silently takes machine 0).
 */
#ifndef JOB_PLACEMENT_H
#define JOB_PLACEMENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "job/hosts.h"

#define PLACEMENT_ADDRESSES 16

/* What one rank tells about where it runs. Fixed size and free of pointers: it travels as bytes. */
struct seat {
    char host[65];                           /* host name, NUL-terminated */
    char interface[16];                      /* that has the matched address; "" without one */
    uint32_t addresses[PLACEMENT_ADDRESSES]; /* primary IPv4 of each interface, host byte order */
    int32_t n_addresses;
    int32_t line;         /* index into hosts, or -1: none */
    int32_t other_line;   /* a second index that matches too, or -1 */
    int32_t by_secondary; /* an index that only a secondary address matches, or -1 */
    int32_t is_down;      /* the interface of line: DGL sees its address, nothing reaches it */
    int32_t cpus;         /* that the cgroup's cpuset and quota allow, whatever mask MPI pinned */
};

/* Fills *seat for this machine: reads interfaces (SIOCGIFADDR gives the primary address, which is
 * what DGL looks at; getifaddrs gives the secondary ones), host name, cpus. */
void placement_look(struct seat *seat, const struct hosts *hosts);

/* Pure. seats[r] is rank r's, n ranks. Writes machine_of[r] = the line that rank r is elected for,
 * or -1 (it sleeps: a lower rank of the same machine was elected). Elected is the lowest rank of
 * each machine. 0, or -1 with err (EXIT_USAGE): with both lists (lines without a rank, ranks
 * without a line), two lines on one machine, a match by a secondary address; with a remedy that
 * fits launched_by ("mpirun", "srun" or ""). */
int placement_elect(const struct hosts *hosts, const struct seat *seats, size_t n,
                    const char *launched_by, int *machine_of, struct err *err);

#endif
