/* networks_text: the words of networks: what was chosen and why, and tables of what there is.
 * Private to the two.
 */
#ifndef JOB_NETWORKS_TEXT_H
#define JOB_NETWORKS_TEXT_H

#include "job/networks.h"

/* Writes "10.0.0.0/8" and returns text. */
char *networks_range(char text[24], uint32_t address, int prefix);

/* Appends the interfaces of a machine, and what is wrong with them. */
void networks_add_site(struct buf *text, const struct site *site);

/* -1 with err: that machine has no interface as wanted. */
int networks_fail_wanted(const struct machines *machines, const struct wanted *wanted, int machine,
                         struct err *err);

/* -1 with err: no network joins all machines, and what each has. cuts: what was tried in vain, as
 * networks_add_cut has it. */
int networks_fail_all(const struct machines *machines, const char *cuts, struct err *err);

/* Appends a line "  not NETWORK: ...". */
void networks_add_cut(struct buf *cuts, const struct networks *networks, int network, int machine,
                      const struct verdict *verdict);

void networks_add_choice(struct buf *why, const struct networks *networks, int network,
                         const char *cuts);

#endif
