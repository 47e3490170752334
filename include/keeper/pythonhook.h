/* pythonhook: a sitecustomize.py for trainers and our samplers, which makes a Python that fails end
 * although DGL waits at exit (src/keeper/sitecustomize.py, doc/decisions/0004-python-hook.md).
 */
#ifndef KEEPER_PYTHONHOOK_H
#define KEEPER_PYTHONHOOK_H

#include <stdbool.h>

#include "base/err.h"
#include "base/strv.h"
#include "job/plan.h"
#include "keeper/jobdir.h"

/* Is there anyone on this machine who gets it? */
bool pythonhook_wanted(const struct slice *slice);

/* Writes it below the job's folder, in a folder of its own. Returns that folder's path,
 * which the caller frees, or NULL with err, a warning: then trainers run without it. */
char *pythonhook_write(const struct jobdir *job_dir, struct err *err);

/* The file in that folder by which the hook tells the keeper something, opened for reading; -1:
 * there is none. */
int pythonhook_listen(const char *folder);

/* Puts the folder in front of the environment's PYTHONPATH. */
void pythonhook_enter(struct strv *env, const char *folder);

/* The file's text: made from sitecustomize.py by the Makefile. */
extern const char pythonhook_text[];

#endif
