/* sleepers: the ranks beyond one a machine. They block in poll(2) on an abstract Unix socket to the
 * elected rank of their machine, cost nothing, and leave with the code that it sends.
 */
#ifndef COORD_SLEEPERS_H
#define COORD_SLEEPERS_H

#include <poll.h>
#include <stdint.h>

#include "base/err.h"
#include "coord/launch.h"

struct sleepers; /* the elected rank's side */

/* Elected: listens for n sleepers of machine `machine` of the job with that key (random, from rank
 * 0). Call before the ranks narrow. NULL with err on failure. */
struct sleepers *sleepers_open(uint64_t key, int machine, int n, struct err *err);

/* The entries for poll(2): returns how many of room were filled. */
int sleepers_poll(const struct sleepers *s, struct pollfd *entries, int room);

/* Accepts and reads. A signal number that a sleeper got, -1 when one has died, 0 for nothing new.
 */
int sleepers_event(struct sleepers *s);

/* Sends the exit code to all and forgets them. */
void sleepers_dismiss(struct sleepers *s, int code);

/* Sleeper: connects to the elected rank; call after the ranks have narrowed. Returns a descriptor,
 * or -1 with err. */
int sleepers_connect(uint64_t key, int machine, struct err *err);

/* Sleeper: sleeps until the elected rank sends the code; passes signals on to it. Returns the code;
 * EXIT_LAUNCHER when the parent has died. If the elected rank goes without a word, as after a
 * signal in the opening, or cannot be reached (fd -1), this rank is alone. A code of its own would
 * be another than the job's, and whoever has ended that rank ends this one too in a moment: it
 * waits for that, and returns a signal's code, or EXIT_LAUNCHER after SLEEPERS_ALONE_MS. */
enum { SLEEPERS_ALONE_MS = 1000 };
int sleepers_sleep(int fd, int signals_fd, const struct parent *parent);

#endif
