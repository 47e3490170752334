/* tell: what one coordinator sends to others. Nothing here waits, and nothing fails: silence tells
 * of a rank that cannot be reached.
 */
#ifndef COORD_TELL_H
#define COORD_TELL_H

#include "coord/state.h"

/* Queues a message for that very rank, which is to be a neighbour unless the tree does not carry
 * any more; data may be NULL. Rings at a neighbour, unless it is a mere sign of life. */
void coord_send(struct coord *c, int to, enum message_type type, const struct buf *data);

/* The same to all neighbours but `except` (-1: to all). */
void coord_send_to_links(struct coord *c, enum message_type type, const struct buf *data,
                         int except);

/* The same to those neighbours that are further from rank 0. */
void coord_send_to_children(struct coord *c, enum message_type type, const struct buf *data);

/* Rings at the neighbour behind that link, so that it looks for messages now. */
void coord_ring(struct coord *c, int link);

/* Rings at all neighbours but the one behind that link (-1: at all), since a gate has been entered:
 * MPI's own messages of the gate do not ring, and all ranks must take their part in them. */
void coord_ring_for_gate(struct coord *c, int except);

/* Tells the keeper whom it is to tell, should this rank die: the neighbours whose doorbells are
 * known by now. */
void coord_write_will(struct coord *c);

/* Another rank than 0 tells rank 0, along the tree (relay). */
void coord_tell_root(struct coord *c, enum message_type type, const struct buf *data);

/* Rank 0 tells another rank, along the tree. */
void coord_tell_rank(struct coord *c, int to, enum message_type type, const struct buf *data);

/* Sends every neighbour a sign of life. */
void coord_send_beat(struct coord *c);

/* Answers a rank that has asked for a sign of life. */
void coord_answer_here(struct coord *c, int to);

/* The log's sink on ranks other than 0: the line travels to rank 0, which prints it. arg: the
 * coord. */
void coord_say_through_root(void *arg, const char *line);

#endif
