/* link: what a keeper sends to its rank. The keeper's own. */
#ifndef KEEPER_LINK_H
#define KEEPER_LINK_H

#include "keeper/state.h"

void link_send(struct machine *m, enum message_type type, const void *data, size_t len);
void link_send_u32(struct machine *m, enum message_type type, uint32_t value);
void link_send_cause(struct machine *m, enum message_type type, struct cause *cause, int64_t since);
void link_send_outcome(struct machine *m);

/* How this machine's part is now, without a cause. Its texts are borrowed; free it with
 * link_outcome_free. */
struct outcome link_outcome(const struct machine *m);
void link_outcome_free(struct outcome *outcome);

/* Tells the rank of the folder at once, before anything is in it: the rank removes it when this
 * process is killed. */
void link_send_folder(struct machine *m, const struct folder *folder);
void link_say(struct machine *m, const char *text); /* a sentence for the user, at once */
/* A sentence for the report, with the outcome. */
void link_warn(struct machine *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* For what no rank can say any more: writes the line to stderr, and at the end into the folder of
 * the log files. Takes ownership of line. */
void link_say_alone(struct machine *m, char *line);
/* Call when nothing is left to be ended, since the folder of the log files may hang. */
void link_write_last_words(struct machine *m);
/* Writes what can be written. */
void link_write(struct machine *m);
/* Handles the rank's end: says it on stderr, and adds EVENT_FAIL or EVENT_HURRY. */
void link_lost(struct machine *m);

#endif
