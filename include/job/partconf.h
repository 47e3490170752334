/* partconf: the partition JSON that dgl.distributed.partition_graph writes. */
#ifndef JOB_PARTCONF_H
#define JOB_PARTCONF_H

#include <stddef.h>

#include "base/err.h"
#include "base/strv.h"

struct partconf {
    char *graph_name;
    int num_parts;      /* 1..HOSTS_MAX */
    struct strv *files; /* num_parts vectors: the files of part-i, relative to the JSON's folder */
};

/* Parses len bytes of the file `path` (named in errors only). 0, or -1 with err (EXIT_USAGE) naming
 * the file, the key (or the line for bad JSON) and the remedy. */
int partconf_parse(struct partconf *conf, const char *path, const char *bytes, size_t len,
                   struct err *err);

void partconf_free(struct partconf *conf);

#endif
