/* excerpt: shortens foreign bytes for an error text and hands no control character to a terminal.
 */
#include "job/excerpt.h"

#include <stdio.h>
#include <string.h>

char *excerpt(char out[EXCERPT_SIZE], const char *text, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len && i < EXCERPT_SOURCE; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c >= ' ' && c < 0x7f)
            out[n++] = (char)c;
        else
            n += (size_t)snprintf(out + n, 5, "\\x%02x", c);
    }
    memcpy(out + n, len > EXCERPT_SOURCE ? "..." : "", len > EXCERPT_SOURCE ? 4 : 1);
    return out;
}
