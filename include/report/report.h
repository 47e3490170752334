/* report: what the room's writers are given: all that rank 0 knows. They write into buffers, and
 * read no clock and no file.
 */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/outcome.h"

struct phase {
    const char *name;         /* servers, trainers, drain, stop */
    int64_t start_ms, end_ms; /* since the attempt's start; -1: never */
};

/* Everything that rank 0 knows at the end of an attempt. Borrowed pointers. */
struct report {
    const char *version;
    const char *job_id;
    const char *command;    /* as text; an argv is joined with blanks, quoted where needed */
    const char *started_at; /* UTC, ISO 8601 */
    int64_t wall_ms;
    bool complete; /* false: some machine's outcome never came */
    int exit_code; /* -1: of a job that runs */
    bool runs;
    const char *ask; /* "ADDRESS PORT KEY": where dgl-mpilaunch-top asks; NULL: nowhere */
    const struct phase *phases;
    int n_phases;
    const struct outcome *outcomes; /* one a machine; rank < 0: nothing came from it */
    int n_outcomes;
    const struct cause *cause;    /* NULL: the job ended well */
    int attempt;                  /* from 0; more after restarts */
    int64_t start_ms;             /* of this attempt, since the job's start */
    const struct report *earlier; /* the attempts before it, as they ended; oldest first */
    int n_earlier;
};

#endif
