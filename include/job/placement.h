/* placement: which rank owns which line of ip_config. The address decides, never the rank's number:
 * DGL itself compares its interfaces' addresses with the file (dgl/distributed/rpc.py
 * get_local_machine_id), and silently takes machine 0 where none matches.
 */
#ifndef JOB_PLACEMENT_H
#define JOB_PLACEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "job/hosts.h"

enum { PLACEMENT_ADDRESSES = 16 };

/* What one rank tells about its machine. It travels as bytes, so that it holds no pointer. */
struct seat {
    char host[65];                           /* host name, NUL-terminated */
    char interface[16];                      /* that has the matched address; "" without one */
    uint32_t addresses[PLACEMENT_ADDRESSES]; /* primary IPv4 of each interface, host byte order */
    int32_t n_addresses;
    int32_t line;         /* index into hosts, or -1: none */
    int32_t other_line;   /* a second index that matches too, or -1 */
    int32_t by_secondary; /* an index that only a secondary address matches, or -1 */
    int32_t is_down;      /* the interface is down: DGL sees its address, but nothing reaches it */
    int32_t spare;        /* without a line: an index into spares, or -1 */
    int32_t cpus;         /* that the job's processes may use (cpus_count) */
};

/* Fills *seat but for cpus: reads the host name and the interfaces (SIOCGIFADDR gives the primary
 * address, which DGL looks at; getifaddrs gives the others). spares: machines that may stay idle.
 */
void placement_look(struct seat *seat, const struct hosts *hosts, const struct hosts *spares);

/* The seat of a spare machine that has taken the place of that line. */
struct seat placement_moved(const struct seat *seat, int line);

/* Elects the lowest rank of each machine. Pure. seats[r] is rank r's, of n ranks. machine_of[r]
 * becomes the line that rank r is elected for, or -1 for a rank that is to sleep. 0, or -1 with err
 * (EXIT_USAGE): lines without a rank and ranks without a line, two lines on one machine, or a match
 * by a secondary address. Where spare, ranks without a line may be, but for rank 0. remedy: what
 * the error says at its end. */
int placement_elect(const struct hosts *hosts, const struct seat *seats, size_t n, bool spare,
                    const char *remedy, int *machine_of, struct err *err);

#endif
