/* signals: TERM, INT and HUP to this rank, as a descriptor for poll(2). A handler with a pipe, not
 * a signalfd, because MPI's threads do not have our mask.
 */
#ifndef COORD_SIGNALS_H
#define COORD_SIGNALS_H

#include "base/err.h"

/* First of all in a process: from now on USR1 and USR2 end it no more, and are remembered until
 * signals_watch knows what they mean. Not where they were ignored at start. */
void signals_remember(void);

/* Installs the handlers; ignores PIPE. A signal that was ignored at start (nohup, a
 * background job of a shell) stays ignored. Until signals_hold, one of them ends the process with
 * 128 + signal: nothing has been started yet, and MPI_Init may hang. ALRM ends it at any time: the
 * keeper sends it to a rank that gives no sign. 0, or -1 with err. */
int signals_open(struct err *err);

/* From now on signals are delivered through the descriptor. */
void signals_hold(void);

/* Readable when a signal has come. */
int signals_fd(void);

/* The next signal number that has come, or 0. */
int signals_take(void);

/* Watches USR1 too, unless it was ignored at start, and this signal, USR1 or USR2 (0: none): it is
 * delivered now if it has come since signals_remember. The other one is ignored. After
 * signals_hold. */
void signals_watch(int number);

#endif
