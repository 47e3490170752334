/* call: what a process waits in. Reads /proc alone; knows nothing of the job. */
#ifndef KEEPER_CALL_H
#define KEEPER_CALL_H

#include <stddef.h>
#include <sys/types.h>

/* The name of the system call in which the first thread of a process waits, or its number as text
 * where it has no name here; the caller frees. NULL: it runs, or may not be looked into (the kernel
 * lets us look into what is below us and of our user), or could make us wait (kernel_is(5, 7)).
 * Where the call is about one socket, *socket is its inode; else 0. */
char *call_of(pid_t pid, unsigned long *socket);

/* Sets those of the n peers to "ADDRESS:PORT" whose socket is TCP and connected: its other end.
 * Reads the kernel's tables once. peers is all NULL before; the caller frees each. */
void call_peers(const unsigned long *sockets, char **peers, size_t n);

#endif
