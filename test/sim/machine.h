/* machine: the simulated keeper of one rank. It takes and sends the real messages, and its
 * processes are times: servers that listen, trainers that end, what stops.
 */
#ifndef SIM_MACHINE_H
#define SIM_MACHINE_H

#include <stddef.h>

#include "schedule.h"
#include "wire/message.h"
#include "world.h"

struct sim_keeper *machine_open(struct node *node);

/* ---- the rank's end of the socket ---- */

void machine_tell(struct sim_keeper *k, enum message_type type, const void *data, size_t len);

/* 1: the oldest message that has come is in *type and *payload, for the caller to free. 0: none. */
int machine_take(struct sim_keeper *k, enum message_type *type, struct buf *payload);
bool machine_has_message(const struct sim_keeper *k);
bool machine_is_gone(const struct sim_keeper *k);

/* The rank closes its end, or has died. */
void machine_let_go(struct sim_keeper *k);

/* SIGKILL. */
void machine_kill(struct sim_keeper *k);

/* After its death: does any of its processes still live? Each call brings their end nearer. */
bool machine_cleans(struct sim_keeper *k);

/* When the end of an attempt last came nearer; ms, 0: never. */
int64_t machine_progressed(const struct sim_keeper *k);

/* Nothing that it has started lives. */
bool machine_is_over(const struct sim_keeper *k);

/* It has died, left, or been killed. */
bool machine_is_seen_off(const struct sim_keeper *k);

/* ---- what goes wrong ---- */

void machine_suffer(struct sim_keeper *k, const struct incident *incident);

/* The rank's last will, and its execution when the rank dies (standin_doorbell). */
void machine_take_will(struct node *node, const struct buf *data);
void machine_carry_out_will(struct node *node);

#endif
