/* hello: what ranks say first, before anything else is read that another machine has sent: by which
 * build each was made. Structs travel as bytes, and another build would misread them. The place and
 * the size of what is here never change.
 */
#ifndef COORD_HELLO_H
#define COORD_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct build {
    char text[64];     /* "0.1.0, messages 2", zero-padded */
    uint32_t sizes[4]; /* of the structs that travel as bytes */
};

enum { OPENING_CODE_LEAST = -1 };

/* Rank 0's first bytes to all. */
struct opening {
    struct build build;
    int32_t code; /* not 0: all leave with it, rank 0 has said why, and nothing follows; -1: nothing
                   * is to be run (MEETING_DONE) */
};

/* Each rank's first bytes to rank 0. */
struct hello {
    struct build build;
    char host[64];  /* zero-padded */
    char more[368]; /* what the build wants to tell besides */
};

/* Rank 0's answer to each. */
struct answer {
    int32_t code; /* not 0: leave with it, rank 0 has said why */
    char more[60];
};

/* This rank's. sizes: two of structs that travel. */
void hello_make(struct hello *hello, size_t one_size, size_t other_size);

/* Rank 0: are all n of the same build as the first? -1 with err (EXIT_MACHINE) that names one. */
int hello_check(const struct hello *all, size_t n, struct err *err);

/* Appends rank 0's opening. */
void hello_sign(struct buf *out, const struct build *own, int code);

/* Drops the opening and gives its code. False: it is another build's, which rank 0 will hear and
 * tell. */
bool hello_verify(struct buf *in, const struct build *own, int *code);

#endif
