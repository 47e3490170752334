/* notices: lines for the user that come from other machines. Of those that say the same but for the
 * machine and numbers the first KINDS_SAID are printed, and then, from time to time, one more with
 * how many there were. Rank 0's.
 */
#ifndef COORD_NOTICES_H
#define COORD_NOTICES_H

#include <stdbool.h>
#include <stdint.h>

#include "report/kinds.h"

/* All zero is empty. */
struct notices {
    struct kinds kinds;
    size_t more[KINDS_MOST]; /* not printed yet */
    char *next[KINDS_MOST];  /* the first of those */
    int64_t due;             /* when they are told; 0: there are none */
};

/* line: a whole one, from a machine. True: it is to be printed. */
bool notices_take(struct notices *notices, const char *host, const char *line, int64_t now);

/* Tells of what was not printed, where that is due now. */
void notices_tell(struct notices *notices, int64_t now, void (*say)(void *arg, const char *line),
                  void *arg);

/* Frees; notices are empty and usable again. */
void notices_free(struct notices *notices);

#endif
