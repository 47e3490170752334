/* folder: a private folder that this program has made, and its end. It is known by what it is
 * (device and inode), not by its path: where others may write too, a path may lead elsewhere later.
 */
#ifndef BASE_FOLDER_H
#define BASE_FOLDER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* All zero: none. */
struct folder {
    char *path;
    uint64_t dev, ino;
};

#define FOLDER_RANDOM 32 /* hex digits: 128 bits, so that nobody can make it before us */

/* Makes PARENT/PREFIX followed by random digits, mode 0700. A parent in which others could replace
 * it is refused. Returns its descriptor, which the caller closes, or -1 with err (EXIT_MACHINE).
 * One thread, since it sets the umask. */
int folder_make(struct folder *folder, const char *parent, const char *prefix, struct err *err);

/* mkdirat with mode 0700 whatever the umask is. One thread. 0, or -1 with errno. */
int folder_make_private(int parent, const char *name);

/* Opens it again. -1: what its path leads to now is another one, not ours, or open to others. */
int folder_open(const struct folder *folder);

/* The same of a folder that another process of this user has made: NAME in the open folder parent.
 * path is for folder->path. The descriptor, or -1; then *folder is all zero. */
int folder_find(struct folder *folder, int parent, const char *name, const char *path);

/* Removes it with all that is in it: by descriptors alone, follows no symbolic link, leaves no
 * mount. True: nothing of it is left. None, or one that folder_open refuses: nothing is done. */
bool folder_remove(const struct folder *folder);

/* The same, but the file of that name in it goes last, once there is nothing else: where this is
 * not to be, or is interrupted, the file still says whose the folder is. */
bool folder_remove_last(const struct folder *folder, const char *last);

/* A regular file in it that this user alone can have written: the descriptor, for reading, or -1.
 */
int folder_open_file(int folder, const char *name);

void folder_clear(struct folder *folder);

#endif
