/* deaths: samplers and other descendants, from TRAINERS to DRAIN. The keeper's own. */
#ifndef KEEPER_DEATHS_H
#define KEEPER_DEATHS_H

#include "keeper/state.h"

/* A descriptor that becomes readable when a descendant has died; then call deaths_pump. -1: none
 * now. It is opened and closed as the stage asks for. */
int deaths_fd(const struct machine *m);
void deaths_pump(struct machine *m);
void deaths_tick(struct machine *m, int64_t now);
int64_t deaths_deadline(const struct machine *m);
void deaths_reaped(struct machine *m, pid_t pid, int status); /* the keeper has reaped an orphan */
void deaths_report(struct machine *m);                        /* its lines become warnings */

#endif
