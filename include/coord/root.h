/* root: what rank 0 alone does while the job runs: console, what is waited for, outcomes of all
 * machines, report and exit code. Is told everything; sends nothing itself but credit, through a
 * callback.
 */
#ifndef COORD_ROOT_H
#define COORD_ROOT_H

#include <stdbool.h>
#include <stdint.h>

#include "coord/console.h"
#include "coord/meeting.h"
#include "job/job.h"
#include "keeper/scribe.h"
#include "wire/outcome.h"
#include "wire/stage.h"
#include "wire/waiting.h"

struct root;

/* size: coordinators. job and meeting stay the caller's and must live longer. credit is called when
 * len console bytes of a rank have left. Makes the run folder; one that cannot be made is dropped:
 * a default one with a warning, an explicit one with err (EXIT_USAGE). scribe writes the report; it
 * stays the caller's; NULL only where nothing is written. Never NULL. */
struct root *root_open(struct job *job, const struct meeting *meeting, int size,
                       struct scribe *scribe, void (*credit)(void *arg, int from, size_t len),
                       void *arg, struct err *err);

struct console *root_console(struct root *root);

/* Rank `from` waits for these. */
void root_waiting(struct root *root, int from, const struct waiting *waiting);

/* The file that the command's first word means on the machine of `from`: one warning when two
 * machines differ. */
void root_program(struct root *root, int from, const char *path);

/* There is a connection from that address to a server's port on the machine of `from`, and
 * ip_config does not name the address: a warning, once for each, unless some machine of the job has
 * it. */
void root_foreign(struct root *root, int from, uint32_t address, uint32_t port);

/* SERVERS, TRAINERS, DRAIN or STOP has begun; the one before ends. */
void root_phase(struct root *root, enum stage stage);

/* All servers of `from` have left with 0 while trainers run; takes cause over. */
void root_left(struct root *root, int from, struct cause *cause);

/* Prints whom the job waits for, when it is due: servers that do not listen yet each 10 s;
 * trainers, once others have ended, after 10 s and then each minute. Returns a cause that has
 * become due (some machines' servers left early, the others' not), for the caller to raise and
 * free; NULL mostly. */
struct cause *root_tick(struct root *root, int64_t now);

/* The outcome of rank `from`; takes its contents over. cause->age_ms refers to now. */
void root_outcome(struct root *root, int from, struct outcome *outcome);

/* Something has come from rank `from`. */
void root_heard(struct root *root, int from, int64_t now);

/* When something last came from rank `from`, if its outcome is still to come; CLOCK_NEVER: it has
 * come. */
int64_t root_lacks(const struct root *root, int from);

/* Have all outcomes come, except that of machine `lost` (-1: none)? */
bool root_complete(const struct root *root, int lost);

/* Writes a report.json that says "complete": false, for the case that nobody is left to do so. */
void root_begin_report(struct root *root);

/* Chooses the cause (known: one that is in no outcome, may be NULL; it must live as long as this
 * attempt) and hands the reports to the scribe. From then on outcomes are not taken any more. */
void root_conclude(struct root *root, const struct cause *known, bool may_restart);

/* The scribe has answered (why->text empty: written), or is gone (why NULL): a report that is not
 * written is a warning. */
void root_scribe_answers(struct root *root, const struct err *why, enum scribe_how how);

/* Are they written, or has the scribe not got on for some seconds? Then there is a warning. */
bool root_files_settled(struct root *root, int64_t now);

/* Queues the closing lines on the console. Returns the job's exit code. *restart: whether this
 * attempt's end is one that --max_restarts is for; only when root_conclude was told may_restart. */
int root_say_end(struct root *root, bool *restart);

/* The report was written of a good end, and then the job was told to stop after all. */
void root_amend(struct root *root, const struct cause *cause);

/* The first failure, all ages brought to this moment: borrowed from an outcome, or known, which is
 * what rank 0 knows itself; NULL: there was none. */
const struct cause *root_first_cause(struct root *root, const struct cause *known);

/* Warns of the machines that have not sent their outcome, but for the one that cause says is lost;
 * of none where that is rank 0's own. */
void root_say_silent(struct root *root, const struct cause *cause);

/* Another attempt begins, and the job's number of it: what was known of the last one is kept for
 * the report. Returns how many milliseconds it should wait. */
int64_t root_next_attempt(struct root *root);

void root_close(struct root *root);

#endif
