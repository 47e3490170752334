/* link: messages between a keeper and its rank. The keeper's own. */
#ifndef KEEPER_LINK_H
#define KEEPER_LINK_H

#include "keeper/machine.h"

void link_send(struct machine *m, enum message_type type, const void *data, size_t len);
void link_send_u32(struct machine *m, enum message_type type, uint32_t value);
void link_send_cause(struct machine *m, enum message_type type, struct cause *cause, int64_t since);
void link_send_outcome(struct machine *m);
/* The rank is to remove it when this process is killed: told at once, before anything is in it. */
void link_send_folder(struct machine *m, const struct folder *folder);
void link_say(struct machine *m, const char *text); /* a sentence for the user, at once */
/* Where no rank says it: a line to stderr, and at the end to the folder of the log files. Takes
 * line over. */
void link_say_alone(struct machine *m, char *line);
/* When nothing is left to be ended: the folder of the log files may hang. */
void link_write_last_words(const struct machine *m);
void link_read(struct machine *m);  /* reads and obeys; at EOF says that the rank has died */
void link_write(struct machine *m); /* writes what can be written */

#endif
