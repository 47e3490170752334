/* doing: tells the rank which call the keeper is in, where that call may hang. Both share a page
 * of memory; the rank tells the user when the keeper does not answer.
 */
#ifndef KEEPER_DOING_H
#define KEEPER_DOING_H

#include <stdbool.h>
#include <stdint.h>

/* Call before the keeper is forked. Where there is no memory, the rank never learns anything. */
void doing_open(void);

/* The keeper calls both, around each call that a file system can hold up; the words are like
 * "reading the error file '…'". */
enum doing { DOING_START /* --start_timeout holds for it too */, DOING_WORK };
void doing_begin(enum doing kind, const char *format, ...) __attribute__((format(printf, 2, 3)));
void doing_end(void);

/* The keeper calls doing_progress when the end of an attempt has come nearer. The rank asks when
 * that was last: clock_ms; 0: never. */
void doing_progress(void);
int64_t doing_progressed(void);

/* The rank calls doing_rank_leaves before it ends without a word to its keeper, when it has told
 * the user why: then its end is no news for other ranks. The keeper asks whether it has. */
void doing_rank_leaves(void);
bool doing_rank_has_left(void);

/* The rank asks what the keeper is doing and for how long, ms. The words are borrowed; NULL:
 * nothing that may hang. */
const char *doing_what(enum doing *kind, int64_t *for_ms);

#endif
