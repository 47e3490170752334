/* message: all kinds of messages, between coordinator and keeper (a stream socket, framed) and
 * between coordinators (MPI, one message a frame), and the frames. Bytes come from other processes
 * and machines: every decoder of this room checks every length and refuses what is odd.
 */
#ifndef WIRE_MESSAGE_H
#define WIRE_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/folder.h"
#include "wire/stage.h"

/* Raise it with each change of what travels between machines: announcement, seats, slices, causes,
 * outcomes, and the messages below. Ranks of different versions refuse each other; hello needs
 * the number as text. */
#define MESSAGE_VERSION 6

enum message_type {
    /* coordinator -> keeper */
    MESSAGE_PLAN = 1, /* slice */
    MESSAGE_GO,       /* u32 enum stage: enter SERVERS, TRAINERS or DRAIN; u32 master_port */
    MESSAGE_STOP,     /* u32 hurry: 1 skips the grace */
    MESSAGE_CREDIT,   /* u32: so many bytes more may go to the console (also rank 0 -> rank) */
    MESSAGE_PREEMPT,  /* u32 signal: for the trainers (between coordinators: cause) */
    MESSAGE_PING,     /* empty: PONG answers it; a side that falls silent is stopped or stuck */
    MESSAGE_LEAVE, /* exit; only after REACHED OVER (rank 0 -> rank: u32 code: leave without a gate
                      when your machine is over) */
    /* keeper -> coordinator */
    MESSAGE_REACHED, /* u32 enum stage: LISTENING, ENDED, or OVER, which comes behind OUTCOME */
    MESSAGE_WAITING, /* waiting (also -> rank 0) */
    MESSAGE_FAILED,  /* cause */
    MESSAGE_LEFT,    /* cause HOW_LEFT_EARLY: all servers of this machine have left with 0 */
    MESSAGE_OUTPUT,  /* whole prefixed lines, raw bytes (also rank -> rank 0) */
    MESSAGE_OUTCOME, /* outcome (rank -> rank 0: u32 attempt before it) */
    MESSAGE_PONG,    /* empty */
    MESSAGE_NOTICE,  /* raw text: for the user (rank -> rank 0: a whole line as it is printed) */
    /* between coordinators */
    MESSAGE_PROGRAM, /* rank -> rank 0: raw text, the file that is the command's first word there */
    MESSAGE_COMMON,  /* rank 0 -> all: the part of the slices that all have in common */
    MESSAGE_SLICE,   /* rank 0 -> rank: the rest of its slice */
    MESSAGE_ALARM,   /* u32 attempt, cause without last_lines: stop */
    MESSAGE_HURRY,   /* u32 attempt: end the grace */
    MESSAGE_HERE,    /* asks for a sign of life: BEAT answers it */
    MESSAGE_BEAT,    /* u32 machine, u32 port of its doorbell, i64 its last word, text host: a sign
                        of life */
    MESSAGE_FOREIGN, /* rank -> rank 0: u32 address of a stranger, u32 port of the server it uses */
    MESSAGE_UP,      /* towards rank 0: u32 rank whose it is, u32 type, payload */
    MESSAGE_DOWN,    /* away from rank 0: u32 rank that it is for, u32 type, payload */
    MESSAGE_ROLL,    /* from rank 0 to all: whose outcome is missing? ALARM's payload, or empty */
    MESSAGE_SIGN,    /* towards rank 0: u32 rank that lives */
    MESSAGE_SEEK,    /* towards rank 0: does it live? */
    MESSAGE_ROOT_LIVES, /* away from rank 0: it does */
    MESSAGE_REGROUP,    /* rank 0 -> all: regrouping: go on without a lost machine */
    /* keeper -> coordinator */
    MESSAGE_FOLDER, /* folder: the coordinator removes it if the keeper is killed */
    MESSAGE_STATE, /* u32 number of the question, outcome without cause: how it is now (also rank ->
                      rank 0) */
    MESSAGE_STILL, /* u32 attempt, u32: 1: nothing has moved for --stall_timeout; 0: something does
                      again (also rank -> rank 0) */
    /* coordinator -> keeper */
    MESSAGE_ASK, /* u32 number: STATE answers it (rank 0 -> all: pass it on, and answer; rank ->
                    rank 0, empty: ask all, and show the user) */
    MESSAGE_MACHINES, /* u32 n, n u32 addresses: all machines; behind PLAN, for --connect_timeout */
    MESSAGE_WILL, /* i64 key, i64 word, u32 rank (a ringing), then for each doorbell u32 address,
                     u32 port: rings there when the rank has died; the next one replaces it */
    MESSAGE_COUNT
};

enum {
    MESSAGE_MAX = 64 << 20, /* bytes of a frame's payload */
    MESSAGE_HEADER = 8,     /* bytes before it */
};

/* Appends a frame: u32 type, u32 length, payload. */
void message_frame(struct buf *out, enum message_type type, const void *data, size_t len);

/* Looks at the bytes received so far. 1: a whole frame is at the front: sets type, data (inside in)
 * and len; buf_consume(in, MESSAGE_HEADER + len) drops the frame. 0: it is not whole yet. -1: it is
 * no frame of ours. */
int message_next(const struct buf *in, enum message_type *type, const char **data, size_t *len);

void message_pack_folder(struct buf *out, const struct folder *folder);
int message_unpack_folder(const char *data, size_t len, struct folder *folder); /* 0 or -1 */

#endif
