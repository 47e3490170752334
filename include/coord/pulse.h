/* pulse: the heartbeat between neighbours. Neither MPI says anything when a machine's network is
 * gone or a rank is stopped [measured], so silence itself is the sign. Pure: is told the time.
 */
#ifndef COORD_PULSE_H
#define COORD_PULSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/silence.h"
#include "coord/tree.h"

struct pulse {
    int links[TREE_LINKS_MAX];
    struct silence silence[TREE_LINKS_MAX]; /* of each neighbour */
    int n;
    int64_t timeout_ms; /* 0: off */
    int64_t next_beat;
};

/* For rank among size, at time now. timeout_ms: silence that means lost; 0 turns it off. */
void pulse_start(struct pulse *pulse, int rank, int size, int64_t timeout_ms, int64_t now);

/* The link that leads to that rank; -1: it is no neighbour. */
int pulse_link(const struct pulse *pulse, int rank);

/* Something came from that rank. */
void pulse_heard(struct pulse *pulse, int from, int64_t now);

/* Is it time to send every neighbour a BEAT? True as often as silence.h says. */
bool pulse_beat_due(struct pulse *pulse, int64_t now);

/* The first link whose neighbour has been silent for the timeout, or -1. */
int pulse_lost(struct pulse *pulse, int64_t now);

/* When one is lost: all links whose neighbours have been silent for more than half the timeout.
 * They fell silent at the same time, since beats come four times as often. Returns how many. */
int pulse_silent(const struct pulse *pulse, int64_t now, int silent[TREE_LINKS_MAX]);

#endif
