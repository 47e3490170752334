/* keeper_link: the coordinator's end of the socketpair to its keeper; frames, never blocking. */
#ifndef COORD_KEEPER_LINK_H
#define COORD_KEEPER_LINK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "keeper/keeper.h"
#include "wire/message.h"

struct keeper_link {
    struct keeper keeper;
    struct buf in, out;
    size_t at;   /* of in: what stands before it has been handed out */
    bool gone;   /* the keeper has died or closed its end */
    bool leaves; /* it was told to leave */
};

/* Queues one message and writes what can be written. Behind LEAVE nothing is said any more. */
void keeper_link_send(struct keeper_link *link, enum message_type type, const void *data,
                      size_t len);

/* Reads and writes what can be; sets gone at the end of the stream. */
void keeper_link_pump(struct keeper_link *link);

/* 1: the next message is in type and payload (the caller frees). 0: none. -1: not ours. */
int keeper_link_next(struct keeper_link *link, enum message_type *type, struct buf *payload);

/* Says LEAVE. */
void keeper_link_leave(struct keeper_link *link);

/* Has it left since? Drops what it has said. Does not block. */
bool keeper_link_has_left(struct keeper_link *link);

/* Closes the link, and reaps a keeper that has left. */
void keeper_link_close(struct keeper_link *link);

#endif
