/* holders: which files below a folder a process maps or has open, as /proc shows it. */
#ifndef KEEPER_HOLDERS_H
#define KEEPER_HOLDERS_H

#include <sys/types.h>

/* Calls found for each file, once for each map and descriptor. folder is a real path without a
 * slash at its end. 0, or -1 when the process has gone or may not be looked into. */
int holders_look(pid_t pid, const char *folder, void (*found)(void *arg, dev_t dev, ino_t ino),
                 void *arg);

#endif
