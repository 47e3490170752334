/* alarm: how the coordinators stop as one. The first failure of a machine becomes its cause and an
 * alarm, which overtakes the gates along the links of a binomial tree.
 */
#ifndef COORD_ALARM_H
#define COORD_ALARM_H

#include "coord/state.h"

/* Stops this machine's processes for that reason; hurry: without grace. */
void coord_stop(struct coord *c, enum ends reason, bool hurry);

/* Something has failed here: stops, tells all ranks, and keeps the cause if it is the first. Takes
 * the cause over. */
void coord_fail(struct coord *c, struct cause *cause);

/* Makes a cause of the launcher's own about this machine. text may be NULL. The caller frees. */
struct cause *coord_own_cause(const struct coord *c, enum how how, int value, int code,
                              const char *text);

/* MPI reports an error: some machine, nobody knows which, is taken for lost. */
void coord_on_mpi_error(struct coord *c);

/* Returns the first failure that this rank knows of, its own or an alarm, with its age as of now.
 * NULL: there is none. Borrowed. */
const struct cause *coord_known_cause(struct coord *c);

/* Keeps a copy of a cause that is about the job as a whole, if it is the first. */
void coord_keep_order(struct coord *c, const struct cause *cause);

/* Fails because of the cause that coord_keep_order has kept, which is as old as it is. */
void coord_fail_by_order(struct coord *c);

/* Stops because of a cause that rank `from` (-1: none) has told; tells the others if they cannot
 * know it yet. Takes the cause over. */
void coord_heed(struct coord *c, struct cause *cause, int from);

/* Rank `from` has sent an alarm: heeds it, or keeps it for the next attempt. */
void coord_on_alarm(struct coord *c, int from, const struct buf *payload);

/* Appends the payload of an alarm about this attempt. */
void coord_pack_alarm(const struct coord *c, const struct cause *cause, struct buf *data);

/* Ends the grace here and everywhere, because rank `from` (-1: this one) says so. */
void coord_hurry(struct coord *c, int from);

#endif
