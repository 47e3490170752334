/* tell: what one coordinator sends to others. Nothing here waits, and nothing fails: silence tells
 * of a rank that cannot be reached.
 */
#ifndef COORD_TELL_H
#define COORD_TELL_H

#include "coord/state.h"

/* Queues a message; data may be NULL. */
void coord_send(struct coord *c, int to, enum message_type type, const struct buf *data);

/* The same to all neighbours but `except` (-1: to all). */
void coord_send_to_links(struct coord *c, enum message_type type, const struct buf *data,
                         int except);

/* Sends every neighbour a sign of life. */
void coord_send_beat(struct coord *c);

/* Answers a rank that has asked for a sign of life. */
void coord_answer_here(struct coord *c, int to);

/* The log's sink on ranks other than 0: the line travels to rank 0, which prints it. arg: the
 * coord. */
void coord_say_through_root(void *arg, const char *line);

#endif
