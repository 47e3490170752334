/* fuzz: for all targets: the entry that libFuzzer and replay.c call, and the checks of properties.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"

/* One input; returns 0. A property that does not hold aborts. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);         \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* Checks a text for people: it holds no control character (a byte, or U+0080 to U+009F) but tabs
 * and the line breaks of a list. */
static inline void fuzz_check_text(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        FUZZ_CHECK((c >= ' ' && c != 0x7f) || c == '\n' || c == '\t');
        FUZZ_CHECK(c != 0xc2 || i + 1 == len || (unsigned char)text[i + 1] >= 0xa0 ||
                   (unsigned char)text[i + 1] < 0x80);
    }
}

/* Checks an error: exit code 2, and a harmless text that names what is wrong. */
void fuzz_check_error(const struct err *err, const char *named);

#endif
