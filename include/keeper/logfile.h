/* logfile: one file that is appended to, and rotated when it has become too long. May block for as
 * long as its file system does.
 */
#ifndef KEEPER_LOGFILE_H
#define KEEPER_LOGFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct logfile {
    char *path;
    int fd; /* -1: not open, or not writable any more */
    int64_t size, limit;
    bool mid_line; /* its last line has not ended */
};

/* LOG_DIR/HOST.NAME.log, with host made fit for a file name. The caller frees. */
char *logfile_path(const char *log_dir, const char *host, const char *name);

/* Opens it to be appended to. A FIFO that stands there is an error, and nobody waits for its
 * reader. Neither a link there is followed, nor one that another user has made of its folder.
 * limit: the file is renamed to PATH.1, over an older one, and begun anew before the line with
 * which it would become longer than that; 0: never. 0, or -1 with errno. */
int logfile_open(struct logfile *file, const char *path, int64_t limit);

/* All of data, or -1 with errno. */
int logfile_write(struct logfile *file, const char *data, size_t len);

void logfile_close(struct logfile *file);

#endif
