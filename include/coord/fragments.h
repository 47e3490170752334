/* fragments: messages cut into pieces for the network, and joined again at the other side. Knows no
 * MPI: whoever carries the fragments says when one has left or come.
 *
 * Each pair of ranks has two lanes. Order is kept within a lane, and only there: what is urgent
 * need not wait for output that is under way. At most FRAGMENTS_UNDER_WAY fragments of a lane have
 * been handed out to one receiver and have not left yet; the rest wait here, at the sender. So a
 * sender that stalls in the middle of a message costs its receiver that many buffers, and nobody
 * else waits for it.
 */
#ifndef COORD_FRAGMENTS_H
#define COORD_FRAGMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "wire/message.h"

enum {
    FRAGMENT_SIZE = 65536, /* bytes at most on the network, the fragment's own header with them */
    FRAGMENTS_UNDER_WAY = 8
};

enum lane { LANE_URGENT, LANE_BULK, LANES };

/* Ranks need urgent messages to judge and to stop each other. */
enum lane fragments_lane(enum message_type type);

/* A message that has come. The receiver frees data. */
struct peers_message {
    int from;
    enum message_type type;
    struct buf data;
};

/* The whole of one fragment, as it travels. */
struct fragment {
    int peer; /* the other rank */
    enum lane lane;
    bool came; /* incoming alone */
    struct fragment *next;
    size_t len;
    char bytes[];
};

struct outgoing;

struct outgoing *outgoing_new(void);

/* Queues a message; the data is copied. */
void outgoing_add(struct outgoing *o, int to, enum message_type type, const void *data, size_t len);

/* The next fragment that may leave now, to be given back by outgoing_left; NULL: none may. What is
 * urgent comes first, then each receiver in its turn. */
struct fragment *outgoing_next(struct outgoing *o);

/* The fragment has left, or never will. Frees it. */
void outgoing_left(struct outgoing *o, struct fragment *fragment);

/* Has everything that was added left? */
bool outgoing_is_empty(const struct outgoing *o);

struct incoming;

struct incoming *incoming_new(void);

/* A fragment of so many bytes has been announced, behind those of the same sender and lane: its
 * bytes are for the caller to fill. NULL: no fragment is as long. */
struct fragment *incoming_expect(struct incoming *in, int from, enum lane lane, size_t len);

/* The fragment's bytes are there. */
void incoming_came(struct incoming *in, struct fragment *fragment);

/* 1: *message holds one whose fragments have all come. 0: there is none now. -1: malformed bytes
 * came. */
int incoming_next(struct incoming *in, struct peers_message *message);

#endif
