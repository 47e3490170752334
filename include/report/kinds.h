/* kinds: sentences that differ only in the machine and in numbers, as a thousand machines say them.
 */
#ifndef REPORT_KINDS_H
#define REPORT_KINDS_H

#include <stddef.h>
#include <stdint.h>

enum {
    KINDS_MOST = 256, /* all further sentences count as one kind */
    KINDS_SAID = 4    /* sentences of a kind that are said in full */
};

/* All zero is empty. */
struct kinds {
    uint64_t number[KINDS_MOST];
    size_t n[KINDS_MOST]; /* how many sentences of this kind have come */
    int count;            /* of kinds */
};

/* Counts a sentence from a machine (host may be NULL). Returns the index of its kind. */
int kinds_add(struct kinds *kinds, const char *sentence, const char *host);

#endif
