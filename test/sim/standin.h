/* standin: what the stand-ins for the system share: made-up descriptors, by which a rank's poll
 * asks about its own world.
 */
#ifndef SIM_STANDIN_H
#define SIM_STANDIN_H

#include "world.h"

enum standin_fd {
    FD_KEEPER,
    FD_SIGNALS,
    FD_PARENT,
    FD_CONSOLE,
    FD_SLEEPER,
    FD_SCRIBE,
    FD_DOORBELL,
    FD_KINDS
};

int standin_fd(const struct node *node, enum standin_fd kind);

/* The rank whose turn it is. */
struct node *standin_node(void);

#endif
