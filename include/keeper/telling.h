/* telling: answers the question what this machine's processes do now. */
#ifndef KEEPER_TELLING_H
#define KEEPER_TELLING_H

#include "keeper/state.h"
#include "wire/pack.h"

/* MESSAGE_ASK: sends STATE. 0, or -1 when the payload is malformed. */
int telling_answer(struct machine *m, struct unpack *payload);

#endif
