/* file: whole files, read with a bound and written without halves. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/* Reads a regular file of at most max bytes into out (appended). A FIFO, a device or a folder is
 * refused without blocking, and so is a file that changes meanwhile. 0, or -1 with err (EXIT_USAGE)
 * naming the path. */
int file_read(const char *path, size_t max, struct buf *out, struct err *err);

/* The same of a file that is open already; path is for the text alone. */
int file_read_open(int fd, const char *path, size_t max, struct buf *out, struct err *err);

/* Writes data to PATH.tmp.RANDOM, which it makes itself, then renames it to PATH: a link of either
 * name is not followed. 0, or -1 with err (EXIT_LAUNCHER). */
int file_write(const char *path, const void *data, size_t len, struct err *err);

/* The same with a mode (cut by the umask), and path relative to an open folder. */
int file_write_in(int folder, const char *path, unsigned mode, const void *data, size_t len,
                  struct err *err);

/* mkdir -p with the given mode for what is missing. 0, or -1 with err (EXIT_MACHINE). */
int file_make_folders(const char *path, unsigned mode, struct err *err);

/* Opens a folder as a base of paths (O_PATH); a link that another user has made is not followed. -1
 * with errno. */
int file_open_folder(const char *path);

/* Opens /dev/null as each of 0, 1 and 2 that is closed, so that no descriptor that is opened later
 * is taken for one of them. */
void file_open_standard(void);

/* path as errors show it: the end of one that is very long, which is inside path. */
const char *file_shown(const char *path);

/* base/path, or path itself when it is absolute. The caller frees. */
char *file_join(const char *base, const char *path);

/* Raises the soft limit of open files to the hard one, but not beyond FILE_LIMIT; lowers nothing.
 * Returns the soft limit then. The children of a process that has done so get the same. */
#define FILE_LIMIT 65536 /* a DGL server has two or more a connection */
unsigned long file_raise_limit(void);

/* Closes all descriptors from this one on. Async-signal-safe. */
void file_close_from(unsigned first);

#endif
