/* sample: two jobs' ends for the tests of the report, one good and one bad, with hostile texts. */
#ifndef SAMPLE_H
#define SAMPLE_H

#include "report/report.h"

static char *sample_lines[] = {
    "Traceback (most recent call last):", "  File \"train.py\", line 3, in <module>",
    "    raise ValueError(\"a<b\")", "ValueError: a<b & \x1b[31mred\x1b[0m \xFF", NULL};

static struct cause sample_cause = {.how = HOW_SIGNALED,
                                    .machine = 1,
                                    .host = "vm1",
                                    .role = ROLE_TRAINER,
                                    .id = 1,
                                    .pid = 4711,
                                    .value = 9,
                                    .code = 137,
                                    .age_ms = 2345,
                                    .log = "/run/logs/vm1.trainer-1.log",
                                    .last_lines = {.items = sample_lines, .n = 4}};

/* role, id, pid; ms of start, ready, end; exit code, signal, stopped; KiB; ms of user, sys; peak;
 * log */
static struct process_outcome sample_on_vm0[] = {
    {ROLE_SERVER,
     0,
     11,
     0,
     2500,
     73100,
     -1,
     15,
     1,
     524288,
     1500,
     250,
     {600000, 500000, 9, 40, 1},
     "/run/logs/vm0.server-0.log",
     NULL},
    {ROLE_TRAINER, 0, 12, 3000, -1, 73050, 0, 0, 0, 1048576, 60123, 4000, {0}, NULL, NULL},
};

static struct process_outcome sample_on_vm1[] = {
    {ROLE_SERVER, 1, 21, 1, 2700, 73100, 0, 0, 0, 500000, 1, 0, {0}, NULL, NULL},
    {ROLE_TRAINER,
     1,
     4711,
     3001,
     -1,
     71000,
     -1,
     9,
     0,
     900000,
     50000,
     100,
     {0},
     "/run/logs/vm1.trainer-1.log",
     NULL},
};

static struct moment sample_moments[] = {{2000, 1500, 1000000, 4000000, 500000},
                                         {4000, 250, 900000, 3900000, 500000}};

static char *sample_unkilled[] = {"trainer 1 (pid 4711, state D)", NULL};
static struct warning sample_warnings[] = {
    {.text = (char *)"the log file <vm1> is \"not\" writable \xC0\xAF", .age_ms = 40}};

static struct outcome sample_outcomes[] = {
    {.machine = 0,
     .rank = 0,
     .host = "vm0",
     .ip = "10.0.0.1",
     .port = 30050,
     .cpus = 2,
     .memory_kb = 8000000,
     .shm_kb = 4000000,
     .curve = {.moments = sample_moments, .n = 2},
     .processes = sample_on_vm0,
     .n_processes = 2},
    {.machine = 1,
     .rank = 1,
     .host = "vm1",
     .ip = "10.0.0.2",
     .port = 30050,
     .cpus = 2,
     .processes = sample_on_vm1,
     .n_processes = 2,
     .unkilled = {.items = sample_unkilled, .n = 1},
     .warnings = {.items = sample_warnings, .n = 1}},
    {.machine = 2, .rank = -1, .host = "vm2", .ip = NULL},
};

static const struct phase sample_phases[] = {
    {"servers", 0, 2900}, {"trainers", 2900, 71000}, {"drain", -1, -1}, {"stop", 71000, 73190}};

static const struct report sample_bad = {.version = "0.1.0",
                                         .job_id = "20261124T104937Z-77-ab12",
                                         .command = "python3 train.py --name '<b>&\"' \xE2\x82",
                                         .started_at = "2026-11-24T10:49:37Z",
                                         .wall_ms = 73200,
                                         .complete = false,
                                         .exit_code = 137,
                                         .phases = sample_phases,
                                         .n_phases = 4,
                                         .outcomes = sample_outcomes,
                                         .n_outcomes = 3,
                                         .cause = &sample_cause};

static const struct report sample_good = {.version = "0.1.0",
                                          .job_id = "20261124T104937Z-78-ab13",
                                          .command = "python3 train.py",
                                          .started_at = "2026-11-24T10:49:37Z",
                                          .wall_ms = 73200,
                                          .complete = true,
                                          .phases = sample_phases,
                                          .n_phases = 4,
                                          .outcomes = sample_outcomes,
                                          .n_outcomes = 1};

#endif
