/* check_text: compares what a function appends to a buffer. */
#ifndef CHECK_TEXT_H
#define CHECK_TEXT_H

#include <check.h>
#include <stdlib.h>

#include "base/buf.h"

/* Takes the bytes over as a string; the caller frees. */
static inline char *as_text(struct buf *b)
{
    buf_add(b, "", 1);
    return b->data;
}

#define CHECK_TEXT(expected, call)                                                                 \
    do {                                                                                           \
        struct buf out = {0};                                                                      \
        char *text;                                                                                \
                                                                                                   \
        call;                                                                                      \
        text = as_text(&out);                                                                      \
        ck_assert_str_eq(text, expected);                                                          \
        free(text);                                                                                \
    } while (0)

#endif
