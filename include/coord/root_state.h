/* root_state: what rank 0 alone knows. It belongs to root, root_end, root_phases, root_report,
 * stall and report_files.
 */
#ifndef COORD_ROOT_STATE_H
#define COORD_ROOT_STATE_H

#include "coord/attempts.h"
#include "coord/notices.h"
#include "coord/root.h"
#include "report/report.h"

enum {
    ROOT_PHASES = 4,
    ROOT_FOREIGN_MOST = 8,
    ROOT_WAITING_FIRST_MS =
        10000 /* until it says whom it waits for; then twice as long each time */
};

struct root {
    struct job *job;
    const struct meeting *meeting;
    int size;
    struct console *console;
    void (*credit)(void *arg, int from, size_t len);
    void *credit_arg;
    size_t *owed; /* by rank: bytes that have left the console, and no credit was given for */
    struct outcome *outcomes; /* by rank; of the ranks that have_come */
    int64_t *came;            /* when */
    bool *has_come;
    bool *has_told; /* by rank: has answered the last question; then the outcome is its answer */
    int n_told;
    bool is_asked; /* in this attempt */
    int *missing;  /* ranks whose outcome has not come, in any order: n_missing of them */
    int n_missing;
    int *missing_at;         /* by rank: where in missing */
    int64_t *heard;          /* when something last came from the rank */
    struct waiting *waiting; /* by rank */
    int64_t *waiting_came;   /* when */
    int64_t next_waiting;    /* CLOCK_NEVER: no trainer has ended yet */
    int64_t waiting_pause;   /* before it */
    bool waiting_changed;
    char *program; /* of the first rank that told; NULL: none has */
    int program_from;
    bool program_warned;
    struct notices notices;
    uint32_t foreign[ROOT_FOREIGN_MOST]; /* addresses that were warned of */
    int n_foreign;
    bool *has_left;
    int n_left;
    struct cause *left; /* of the first that left */
    int64_t left_came, left_deadline;
    struct phase phases[ROOT_PHASES]; /* one a stage that root_phase knows, in this order */
    int64_t start, attempt_start;
    struct attempts attempts;  /* those before this one */
    const struct cause *cause; /* this one's, once concluded; borrowed */
    char started_at[32];
    bool *still; /* by rank: nothing moves there: n_still of them */
    int n_still;
    int64_t last_ended; /* when a trainer last ended well while others ran; 0: none has */
    bool stall_told;
    char *command;
    char *ask;           /* as in the report */
    bool report_written; /* as the last try has it */
    bool report_warned;
    struct scribe *scribe;   /* writes the report; borrowed */
    bool last_words_written; /* into the launcher's log, as far as is known */
    char *instead;           /* who takes the lost machine's place then, in words; NULL: none */
    bool complete, restart;  /* as concluded */
    int64_t settle_from;     /* when it was concluded; 0: not yet */
};

#endif
