/* rundir: the run folder on this machine's file system. What is in it holds command lines, and so
 * is for its user alone, unless the user has made the folder and says otherwise by its mode.
 */
#ifndef COORD_RUNDIR_H
#define COORD_RUNDIR_H

#include "base/err.h"

/* Makes the folder with mode 0700 where there is none, and what is missing above it with what the
 * umask leaves. One that is there keeps its mode; a link that another user has made is refused. 0,
 * or -1 with err (EXIT_MACHINE). */
int rundir_make(const char *path, struct err *err);

/* The same for the folder LOGS in it. */
int rundir_make_logs(const char *logs, struct err *err);

#endif
