/* folder: a private folder that this program makes and removes. Device and inode tell which it is:
 * where others may write too, its path may lead elsewhere later.
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

enum { FOLDER_RANDOM = 32 }; /* hex digits: 128 bits, so that nobody can make it before us */

/* Makes PARENT/PREFIX followed by random digits, mode 0700. Refuses a parent in which others could
 * replace the folder. Returns its descriptor, which the caller closes, or -1 with err
 * (EXIT_MACHINE). Sets the umask meanwhile, so that there must be no other thread. */
int folder_make(struct folder *folder, const char *parent, const char *prefix, struct err *err);

/* mkdirat with mode 0700 whatever the umask is. No other thread. 0, or -1 with errno. */
int folder_make_private(int parent, const char *name);

/* Opens the folder again. -1: its path now leads to another one, to none, or to one that is not
 * private. */
int folder_open(const struct folder *folder);

/* Opens the private folder `name`, which another process of this user has made, in the open folder
 * parent, and describes it in *folder with this path. The descriptor, or -1 with *folder all zero.
 */
int folder_find(struct folder *folder, int parent, const char *name, const char *path);

/* Removes the folder with all that is in it: by descriptors alone, without following symbolic links
 * or entering mounts. Does nothing to a folder that folder_open refuses. True: nothing is left. */
bool folder_remove(const struct folder *folder);

/* The same, but removes the file `last` in it only when nothing else is left in it. If the removal
 * fails or is interrupted, that file still says whose the folder is. */
bool folder_remove_last(const struct folder *folder, const char *last);

/* Opens for reading a regular file in the open folder that only this user can have written. The
 * descriptor, or -1. */
int folder_open_file(int folder, const char *name);

void folder_clear(struct folder *folder);

#endif
