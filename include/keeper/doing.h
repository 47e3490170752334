/* doing: what the keeper is at, where it may hang: in memory that it shares with its rank, which
 * tells the user when the keeper does not answer.
 */
#ifndef KEEPER_DOING_H
#define KEEPER_DOING_H

#include <stdint.h>

/* Before the keeper is forked. Without memory for it nothing is known. */
void doing_open(void);

/* "reading the error file '…'": by the keeper, around each thing that a file system can hold up. */
enum doing { DOING_START /* --start_timeout holds for it too */, DOING_WORK };
void doing_begin(enum doing kind, const char *format, ...) __attribute__((format(printf, 2, 3)));
void doing_end(void);

/* By the keeper: what it waits for at the end of an attempt has come nearer. By the rank: when that
 * was last, clock_ms; 0: never. */
void doing_progress(void);
int64_t doing_progressed(void);

/* By the rank: the words, borrowed, and for how long, ms; NULL: nothing is being done. */
const char *doing_what(enum doing *kind, int64_t *for_ms);

#endif
