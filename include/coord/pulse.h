/* pulse: the heartbeat between neighbours. Neither MPI says anything when a machine's network is
 * gone or a rank is stopped [measured], so silence itself is the sign. Pure: is told the time.
 */
#ifndef COORD_PULSE_H
#define COORD_PULSE_H

#include <stdbool.h>
#include <stdint.h>

#include "coord/peers.h"

struct pulse {
    int links[PEERS_LINKS_MAX];
    int64_t heard[PEERS_LINKS_MAX]; /* when something last came from that neighbour */
    int n;
    int64_t timeout_ms; /* 0: off */
    int64_t next_beat;
    int64_t last_look;
};

/* For rank among size, at time now. timeout_ms: silence that means lost; 0 turns it off. */
void pulse_start(struct pulse *pulse, int rank, int size, int64_t timeout_ms, int64_t now);

/* Something came from that rank. */
void pulse_heard(struct pulse *pulse, int from, int64_t now);

/* Is it time to send every neighbour a BEAT? True once each quarter of the timeout, at most 5 s. */
bool pulse_beat_due(struct pulse *pulse, int64_t now);

/* The rank of a neighbour that has been silent for the timeout, or -1. When this process itself did
 * not look for half the timeout (it was stopped, the machine slept), all are given a new start. */
int pulse_lost(struct pulse *pulse, int64_t now);

#endif
