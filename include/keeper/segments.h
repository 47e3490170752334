/* segments: notes which shared memory the job's processes hold while they live, and removes it
 * when they are gone. Never touches what was there before, what no process of the job was seen to
 * hold, or what a living process still holds.
 */
#ifndef KEEPER_SEGMENTS_H
#define KEEPER_SEGMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SEGMENTS_MAX = 65536 }; /* names in the folder; with more nothing is noted */

struct segments;

/* Begins to note: what is in the folder now is not the job's. NULL when the folder cannot be
 * listed or is too full. */
struct segments *segments_open(const char *folder);
void segments_close(struct segments *s); /* NULL is fine */

/* Readable when something has been made in the folder; -1: nothing to wait for. */
int segments_fd(const struct segments *s);

/* Call when it was readable. */
void segments_heard(struct segments *s, int64_t now);

/* When the next look is due, or CLOCK_NEVER. */
int64_t segments_deadline(const struct segments *s);

/* Looks at this process's descendants, unless everything in the folder is accounted for. all: also
 * for what former looks took for strangers'. True when more is noted than before. */
bool segments_look(struct segments *s, int64_t now, bool all);

/* Call when all processes of the job are gone. Removes each noted file that is still the same,
 * ours, and held by no process that may be looked into. Returns how many. */
size_t segments_remove(struct segments *s);

/* Writes the noted ones into a file of that name in an open folder, for whoever cleans up when
 * this process is killed. 0 or -1. */
int segments_save(const struct segments *s, int saved_in, const char *name);

/* Reads what segments_save has written about the folder. A file that others may have written
 * counts as empty. NULL: the folder cannot be opened. */
struct segments *segments_load(const char *folder, int saved_in, const char *name);

#endif
