/* message: everything that travels, between coordinator and keeper (a stream socket, framed) and
 * between coordinators (MPI, one message a frame). Bytes come from other processes and machines:
 * every decoder checks every length and returns -1 on anything odd.
 */
#ifndef WIRE_MESSAGE_H
#define WIRE_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/folder.h"

/* Raised with each change of what travels between machines: announcement, seats, slices, causes,
 * outcomes, and the messages below. Ranks of different builds refuse each other (hello). */
#define MESSAGE_VERSION 1

enum message_type {
    /* coordinator -> keeper */
    MESSAGE_PLAN = 1, /* slice */
    MESSAGE_GO,       /* u32 enum go, u32 master_port */
    MESSAGE_STOP,     /* u32 hurry: 1 skips the grace */
    MESSAGE_CREDIT,   /* u32 bytes of console output that may be sent more (also rank 0 -> rank) */
    MESSAGE_PREEMPT,  /* u32 signal: for the trainers (between coordinators: cause) */
    MESSAGE_PING,  /* empty: answered by PONG; who does not send it, or does not answer, is stopped
                      or stuck */
    MESSAGE_LEAVE, /* the keeper may exit; only after REACHED_OVER (rank 0 -> rank: u32 code; leave
                      without a gate once your machine is over) */
    /* keeper -> coordinator */
    MESSAGE_REACHED, /* u32 enum reached */
    MESSAGE_WAITING, /* waiting: servers that do not listen yet, trainers that have not ended (also
                        -> rank 0) */
    MESSAGE_FAILED,  /* cause */
    MESSAGE_LEFT,    /* cause HOW_LEFT_EARLY: all servers of this machine have left with 0 */
    MESSAGE_OUTPUT,  /* whole prefixed lines, raw bytes (also rank -> rank 0) */
    MESSAGE_OUTCOME, /* outcome (also rank -> rank 0) */
    MESSAGE_PONG,    /* empty */
    MESSAGE_NOTICE,  /* raw text: for the user (rank -> rank 0: a whole line as it is printed) */
    /* between coordinators */
    MESSAGE_PROGRAM, /* rank -> rank 0: raw text, the file that the command's first word means there
                      */
    MESSAGE_SLICE,   /* rank 0 -> rank: slice */
    MESSAGE_ALARM,   /* u32 attempt, cause without last_lines: stop */
    MESSAGE_HURRY,   /* u32 attempt: end the grace */
    MESSAGE_HERE,    /* asks for a sign of life: answered by BEAT */
    MESSAGE_BEAT,    /* u32 machine, text host: I live */
    MESSAGE_FOREIGN, /* rank -> rank 0: u32 address, u32 port: a connection to a server there */
    /* keeper -> coordinator */
    MESSAGE_FOLDER, /* folder: to be removed by the coordinator when the keeper is killed */
    MESSAGE_COUNT
};

enum go { GO_SERVERS, GO_TRAINERS, GO_DRAIN };
enum reached {
    REACHED_LISTENING, /* all servers of this machine listen */
    REACHED_ENDED,     /* all trainers (and samplers) of this machine ended well */
    REACHED_OVER       /* no process of the job is left on this machine; OUTCOME came before */
};

#define MESSAGE_MAX (64u << 20) /* bytes of a frame's payload */

/* Frames on a stream: u32 type, u32 length, payload. */
void message_frame(struct buf *out, enum message_type type, const void *data, size_t len);

/* Looks at the bytes received so far. 1: one whole frame is at the front: type, payload (inside in)
 * and len are set, and buf_consume(in, MESSAGE_HEADER + len) drops it. 0: not whole yet. -1: not a
 * frame of ours. */
#define MESSAGE_HEADER 8
int message_next(const struct buf *in, enum message_type *type, const char **data, size_t *len);

void message_pack_folder(struct buf *out, const struct folder *folder);
int message_unpack_folder(const char *data, size_t len, struct folder *folder); /* 0 or -1 */

#endif
