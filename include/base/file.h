/* file: whole files, read with a bound and written without halves. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/* Reads a regular file of at most max bytes into out (appended). A FIFO, a device or a folder is
 * refused without blocking, and so is a file that changes meanwhile. 0, or -1 with err (EXIT_USAGE)
 * naming the path. */
int file_read(const char *path, size_t max, struct buf *out, struct err *err);

/* The same for an open file; path is for the error's text alone. */
int file_read_open(int fd, const char *path, size_t max, struct buf *out, struct err *err);

/* Writes all of data to an open file. 0, or -1 with errno. */
int file_write_all(int fd, const void *data, size_t len);

/* Writes data to a new file PATH.tmp.RANDOM, then renames that to PATH. Follows no link of either
 * name. 0, or -1 with err (EXIT_LAUNCHER). */
int file_write(const char *path, const void *data, size_t len, struct err *err);

/* The same with a mode, which the umask cuts, and path relative to an open folder. */
int file_write_in(int folder, const char *path, unsigned mode, const void *data, size_t len,
                  struct err *err);

/* Makes path and the folders above it that are missing, with this mode, as mkdir -p does. 0, or -1
 * with err (EXIT_MACHINE). */
int file_make_folders(const char *path, unsigned mode, struct err *err);

/* Opens a folder as a base of paths (O_PATH). Does not follow a link that another user has made. -1
 * with errno. */
int file_open_folder(const char *path);

/* Opens /dev/null as each of the descriptors 0, 1 and 2 that is closed; else a file that is opened
 * later would be taken for one of them. */
void file_open_standard(void);

/* Has the reader of this pipe or socket taken all that was written? True for any other file. */
bool file_is_taken(int fd);

/* Waits until it has, for timeout_ms at most. */
void file_await_reader(int fd, int timeout_ms);

/* path as errors show it: of a very long one the end, as a pointer into path. */
const char *file_shown(const char *path);

/* base/path, or path itself when it is absolute. The caller frees. */
char *file_join(const char *base, const char *path);

/* Raises the soft limit of open files to the hard one, but not beyond FILE_LIMIT; lowers nothing.
 * Returns the new soft limit, which children inherit. */
enum { FILE_LIMIT = 65536 }; /* a DGL server has two or more files a connection */
unsigned long file_raise_limit(void);

/* Closes first and all descriptors above it. Async-signal-safe. */
void file_close_from(unsigned first);

#endif
