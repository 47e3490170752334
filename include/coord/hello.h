/* hello: what each rank says first, before anything else is read that another machine has sent: by
 * which build it was made. Structs travel as bytes, and another build would misread them. The place
 * and the size of what is here never change.
 */
#ifndef COORD_HELLO_H
#define COORD_HELLO_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct build {
    char text[64];     /* "0.1.0, messages 2", zero-padded */
    uint32_t sizes[4]; /* of the structs that travel as bytes */
};

struct hello {
    struct build build;
    char host[64]; /* zero-padded */
};

/* This rank's. sizes: two of structs that travel. */
void hello_make(struct hello *hello, size_t one_size, size_t other_size);

/* Rank 0: are all n of the same build as the first? -1 with err (EXIT_MACHINE) that names one. */
int hello_check(const struct hello *all, size_t n, struct err *err);

/* Rank 0's first bytes to all begin with its build. */
void hello_sign(struct buf *out, const struct build *own);

/* Drops these. -1 with err (EXIT_MACHINE, no text: rank 0 says it): they are another build's. */
int hello_verify(struct buf *in, const struct build *own, struct err *err);

#endif
