/* excerpt: what error texts show of foreign bytes. */
#ifndef JOB_EXCERPT_H
#define JOB_EXCERPT_H

#include <stddef.h>

enum {
    EXCERPT_SOURCE = 60,                   /* bytes that are shown at most */
    EXCERPT_SIZE = 4 * EXCERPT_SOURCE + 4, /* all of them as \xNN, "..." and the NUL */
};

/* Writes at most EXCERPT_SOURCE bytes of text into out, the non-printable ones as \xNN; "..."
 * follows where something was left out. Returns out. */
char *excerpt(char out[EXCERPT_SIZE], const char *text, size_t len);

#endif
