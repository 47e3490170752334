/* scribe_rig: a real scribe, and logs that hand over to it, around each test. */
#ifndef TEST_SCRIBE_RIG_H
#define TEST_SCRIBE_RIG_H

#include <sys/wait.h>

#include "keeper/logs.h"
#include "keeper/scribe.h"
#include "unit.h"

enum { PATIENCE_MS = 30000 };

static char folder[UNIT_PATH];
static struct scribe scribe;
static struct logs logs;

static void setup(void)
{
    struct err err;

    unit_folder(folder, "/tmp");
    ck_assert_int_eq(scribe_fork(&scribe, &err), 0);
    logs_begin(&logs, scribe.keeper_fd, scribe.ring);
}

static void teardown(void)
{
    if (logs.fd >= 0)
        close(logs.fd);
    scribe_leave(&scribe, PATIENCE_MS);
    ck_assert_int_eq(waitpid(scribe.pid, NULL, WNOHANG), -1); /* it has ended and was reaped */
}

static inline void content_is(const char *name, const char *want)
{
    char *text = unit_content(folder, name);

    ck_assert_str_eq(text, want);
    free(text);
}

#endif
