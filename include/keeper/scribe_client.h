/* scribe_client: what travels between the rank and its scribe: a text in memory that has a
 * descriptor, so that however long it is, it is handed over at once. Private to scribe.c and
 * scribe_client.c.
 */
#ifndef KEEPER_SCRIBE_CLIENT_H
#define KEEPER_SCRIBE_CLIENT_H

#include <limits.h>

#include "keeper/scribe.h"

/* SCRIBE_REMOVE: the memory holds what the folder at path is. SCRIBE_SEE_OFF: it is a pidfd, and
 * path has the pid and how many daemons. */
struct scribe_folder {
    uint64_t dev, ino;
};

struct scribe_text {
    enum scribe_how how;
    char path[PATH_MAX];
};

struct scribe_reply {
    enum scribe_how how;
    struct err why; /* text empty: done */
};

/* The next text, and the memory that it is in, which the caller closes. 1; 0: none is there; -1:
 * the rank is gone. Never blocks. */
int scribe_client_next(int fd, struct scribe_text *text, int *memory);

#endif
