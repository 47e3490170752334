/* call: what a process waits in. Reads /proc alone; knows nothing of the job. */
#ifndef KEEPER_CALL_H
#define KEEPER_CALL_H

#include <sys/types.h>

/* The name of the system call in which the first thread of a process waits, or its number as text
 * where it has no name here; NULL: it runs, or may not be looked into (the kernel lets us look into
 * what is below us and of our user). Where the call is about one TCP socket that is connected,
 * *peer is "ADDRESS:PORT" of its other end, else NULL. The caller frees both. */
char *call_of(pid_t pid, char **peer);

#endif
