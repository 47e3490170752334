/* tail: the last lines of a stream of bytes. */
#ifndef KEEPER_TAIL_H
#define KEEPER_TAIL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/strv.h"

enum {
    TAIL_LINES = 20,
    TAIL_CUT = 1000, /* bytes kept of a line */
    TAIL_SLOTS = TAIL_LINES + 1
};

/* All zero is empty. The line at `at` grows until its newline comes. Of a line that is rewritten by
 * carriage returns the last state is kept. */
struct tail {
    struct tail_line {
        char *text; /* TAIL_CUT bytes, allocated when first used */
        size_t len;
        bool returned;   /* its last byte was \r: what comes next takes its place */
    } lines[TAIL_SLOTS]; /* and the one that grows */
    size_t at, whole;    /* whole lines kept */
};

void tail_add(struct tail *tail, const char *data, size_t len);

/* Appends the lines, oldest first; a last one without newline counts. A NUL byte becomes '?'. */
void tail_lines(const struct tail *tail, struct strv *v);

void tail_free(struct tail *tail);

#endif
