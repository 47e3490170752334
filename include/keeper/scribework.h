/* scribework: what travels between the rank and its scribe: a text in memory that has a descriptor,
 * so that however long it is, it is handed over at once. Private to scribe.c and scribework.c.
 */
#ifndef KEEPER_SCRIBEWORK_H
#define KEEPER_SCRIBEWORK_H

#include <limits.h>

#include "keeper/scribe.h"

/* SCRIBE_REMOVE: the memory holds what the folder at path is. */
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
int scribework_receive(int fd, struct scribe_text *text, int *memory);

#endif
