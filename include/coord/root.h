/* root: what rank 0 alone does while the job runs: console, and what is waited for. It is told
 * everything, and sends nothing itself but credit, through a callback.
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

/* size: coordinators. credit is called when len console bytes of a rank have left, at least one of
 * the PLAN_CREDIT_PARTS of its credit. Makes the run folder; one that cannot be made is dropped: a
 * default one with a warning, an explicit one with err (EXIT_USAGE). job, meeting and scribe stay
 * the caller's and must live longer; scribe, which writes the report, may be NULL where nothing is
 * written. Never NULL. */
struct root *root_open(struct job *job, const struct meeting *meeting, int size,
                       struct scribe *scribe, void (*credit)(void *arg, int from, size_t len),
                       void *arg, struct err *err);
void root_close(struct root *root);

struct console *root_console(struct root *root);

/* SERVERS, TRAINERS, DRAIN or STOP has begun; the phase before it ends. */
void root_phase(struct root *root, enum stage stage);

/* Prints whom the job waits for, when it is due: servers that do not listen yet;
 * trainers, once others have ended: after 10 s, 30 s, 70 s, ever more seldom. Returns a cause that
 * has become due (some machines' servers left early, the others' not), for the caller to raise and
 * free; NULL mostly. */
struct cause *root_tick(struct root *root, int64_t now);

/* ---- what rank `from` has told ---- */

/* It waits for these. */
void root_waiting(struct root *root, int from, const struct waiting *waiting);

/* The command's first word means that file there: one warning when two machines differ. */
void root_program(struct root *root, int from, const char *path);

/* There is a connection from that address to a server's port there, and ip_config does not name the
 * address: a warning, once for each, unless some machine of the job has it. */
void root_foreign(struct root *root, int from, uint32_t address, uint32_t port);

/* A whole line for the user, as it is to be printed. Not printed at once where others have said the
 * same (notices.h). */
void root_notice(struct root *root, int from, const char *line);

/* All its servers have left with 0 while trainers run. Takes the cause over. */
void root_left(struct root *root, int from, struct cause *cause);

/* Its outcome. Takes the contents over. cause->age_ms refers to now. */
void root_outcome(struct root *root, int from, struct outcome *outcome);

/* Anything. */
void root_heard(struct root *root, int from, int64_t now);

/* When it was last heard, if its outcome is still to come; else CLOCK_NEVER. */
int64_t root_lacks(const struct root *root, int from);

/* The ranks whose outcome is still to come, in any order: *n of them. Borrowed, until the next
 * outcome. */
const int *root_missing(const struct root *root, int *n);

/* Have all outcomes come, except that of machine `lost` (-1: none)? */
bool root_complete(const struct root *root, int lost);

/* ---- for root_end and report_files ---- */

/* A path in the run folder. The caller frees. */
char *root_in_run_dir(const struct root *root, const char *name);

/* Sets the clocks of a new attempt. */
void root_begin_attempt(struct root *root);

/* Prints what root_notice has kept back. */
void root_tell_notices(struct root *root);

#endif
