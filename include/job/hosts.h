/* hosts: ip_config, as DGL really reads it (dgl/distributed/rpc.py read_ip_config: one machine a
 * line, "IP" or "IP PORT", default port 30050).
 */
#ifndef JOB_HOSTS_H
#define JOB_HOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum {
    HOSTS_DEFAULT_PORT = 30050, /* dgl/distributed/constants.py DEFAULT_PORT */
    HOSTS_MAX = 65536,          /* machines */
};

struct host {
    uint32_t address; /* IPv4, host byte order */
    char ip[16];      /* the same as text */
    int port;         /* of its first server, 1..65535 */
    int line;         /* in the file, from 1 */
    bool has_port;    /* the line says it; else it is DGL's default */
};

struct hosts {
    struct host *items;
    size_t n;
    bool named; /* a line had a host name, which DGL could not read */
};

/* Finds the address of a host name, host byte order. 0, or -1 with why. It may wait for a name
 * server. */
typedef int hosts_resolver(const char *name, uint32_t *address, struct err *why);

/* Parses len bytes of the file `path` (named in errors only) for num_servers servers a machine
 * (server i listens on port + i). 0, or -1 with err (EXIT_USAGE): PATH:LINE: what, and the remedy.
 */
int hosts_parse(struct hosts *hosts, const char *path, const char *bytes, size_t len,
                int num_servers, struct err *err);

/* The same, but a line may have a host name in the place of the address. */
int hosts_parse_names(struct hosts *hosts, const char *path, const char *bytes, size_t len,
                      int num_servers, hosts_resolver *resolve, struct err *err);

/* Sets address and ip. */
void hosts_set_address(struct host *host, uint32_t address);

/* Appends a copy. */
void hosts_append(struct hosts *hosts, const struct host *host);

/* Appends the list as DGL reads it. */
void hosts_text(struct buf *out, const struct hosts *hosts);

void hosts_free(struct hosts *hosts);

#endif
