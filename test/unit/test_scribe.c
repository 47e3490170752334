/* test_scribe: log files and texts by way of a real scribe: rotation, a scribe that does not get on
 * (it is stopped, as by a file system that hangs), one that is killed, and its end.
 */
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "keeper/logfile.h"
#include "scribe_rig.h"

static char *in_folder(const char *name)
{
    return file_join(folder, name);
}

static void until_written(void)
{
    int64_t end = clock_ms() + PATIENCE_MS;

    while (logs_under_way(&logs) > 0) {
        ck_assert_int_lt(clock_ms(), end);
        poll(NULL, 0, 1);
    }
}

static void open_log(struct logs_file *file, const char *name, int64_t limit)
{
    char *path = in_folder(name);

    logs_open(&logs, file, path, limit);
    free(path);
}

static void put(struct logs_file *file, const char *text)
{
    logs_write(&logs, file, text, strlen(text));
}

START_TEST(a_log_is_appended_to)
{
    struct logs_file one, two;

    open_log(&one, "one.log", 0);
    open_log(&two, "two.log", 0);
    put(&one, "a\nb");
    put(&two, "x\n");
    put(&one, "c\n");
    logs_close(&logs, &one);
    open_log(&one, "one.log", 0);
    put(&one, "d\n");
    until_written();
    content_is("one.log", "a\nbc\nd\n");
    content_is("two.log", "x\n");
    logs_close(&logs, &one);
    logs_close(&logs, &two);
}
END_TEST

/* Between two lines, and the last ones are kept. */
START_TEST(a_log_is_rotated)
{
    struct logs_file log;

    open_log(&log, "a.log", 10);
    put(&log, "1234\n");
    put(&log, "567");
    put(&log, "8\n");
    until_written();
    content_is("a.log", "1234\n5678\n");
    put(&log, "b\nc");
    until_written();
    content_is("a.log.1", "1234\n5678\n");
    content_is("a.log", "b\nc");
    put(&log, "------------\nd\n");
    until_written();
    content_is("a.log.1", "b\nc------------\n");
    content_is("a.log", "d\n");
    put(&log, "2345678\nabcdefghi\nABCDEFGHI\nlast");
    until_written();
    content_is("a.log.1", "ABCDEFGHI\n");
    content_is("a.log", "last");
    logs_close(&logs, &log);
}
END_TEST

START_TEST(a_log_that_cannot_be_opened)
{
    struct logs_file log;
    struct pollfd entry = {.fd = logs.fd, .events = POLLIN};
    int number = -1, error = 0;

    open_log(&log, "none/a.log", 0);
    put(&log, "a\n");
    ck_assert_int_eq(poll(&entry, 1, PATIENCE_MS), 1);
    ck_assert_int_eq(logs_next(&logs, &number, &error), 1);
    ck_assert_int_eq(number, log.number);
    ck_assert_int_eq(error, ENOENT);
    ck_assert_int_eq(logs_next(&logs, &number, &error), 0);
    logs_close(&logs, &log);
}
END_TEST

static int lines_of(const char *name)
{
    char *text = unit_content(folder, name);
    int n = 0;

    for (const char *at = text; (at = strchr(at, '\n')); at++)
        n++;
    free(text);
    return n;
}

/* Writes numbered lines of 100 bytes while the scribe is stopped; returns how many. Whoever prints
 * is held up for the patience at most. */
static int flood_a_stopped_scribe(struct logs_file *log)
{
    char line[101];
    int n = 0;

    ck_assert_int_eq(kill(scribe.pid, SIGSTOP), 0);
    while (log->missing == 0) {
        if (!logs_may_write(&logs, log)) {
            poll(NULL, 0, 10);
            continue;
        }
        snprintf(line, sizeof(line), "%099d\n", n++);
        put(log, line);
    }
    ck_assert_uint_le(logs_under_way(&logs), RING_SIZE);
    ck_assert_int_gt(n, 30000);
    for (int i = 0; i < 10000; i++) {
        snprintf(line, sizeof(line), "%099d\n", n++);
        logs_write(&logs, log, line, 50);
        logs_write(&logs, log, line + 50, 50);
    }
    return n;
}

/* mid_line: what is left out ends in the middle of a line. */
static void lose_lines(bool mid_line)
{
    struct logs_file log;
    int missing = 0, n;
    char *text, *note;

    open_log(&log, "a.log", 0);
    n = flood_a_stopped_scribe(&log);
    ck_assert_uint_gt(log.missing, 0);
    if (mid_line)
        put(&log, "cut");
    kill(scribe.pid, SIGCONT);
    until_written();
    put(&log, mid_line ? "off\nlast\n" : "left out too\nlast\n");
    logs_end(&logs, &log);
    until_written();
    text = unit_content(folder, "a.log");
    note = strstr(text, "\n... ");
    ck_assert_ptr_nonnull(note);
    ck_assert_int_eq(sscanf(note, "\n... %d lines are missing here", &missing), 1);
    ck_assert_uint_eq((uint64_t)missing, log.missing);
    ck_assert_ptr_nonnull(strstr(note, " in time\nlast\n"));
    /* one was begun and is cut */
    ck_assert_int_le(abs(n + 1 - (lines_of("a.log") - 2 + missing)), 1);
    free(text);
    logs_close(&logs, &log);
}

START_TEST(a_scribe_that_does_not_get_on_costs_lines)
{
    lose_lines(false);
}
END_TEST

START_TEST(a_scribe_that_stops_in_a_line)
{
    lose_lines(true);
}
END_TEST

/* One that prints a lot costs nobody else's lines. */
START_TEST(each_log_has_a_share)
{
    struct logs_file much, little;

    open_log(&much, "much.log", 0);
    open_log(&little, "little.log", 0);
    flood_a_stopped_scribe(&much);
    for (int i = 0; i < 1000; i++)
        put(&little, "a line\n");
    ck_assert_uint_eq(little.missing, 0);
    ck_assert(logs_may_write(&logs, &little));
    ck_assert_uint_gt(much.missing, 0);
    kill(scribe.pid, SIGCONT);
    until_written();
    ck_assert_int_eq(lines_of("little.log"), 1000);
    logs_close(&logs, &much);
    logs_close(&logs, &little);
}
END_TEST

static void answer_is(enum scribe_how want, const char *why_has)
{
    int64_t end = clock_ms() + PATIENCE_MS;
    enum scribe_how how;
    struct err why;
    int rc;

    while ((rc = scribe_answer(&scribe, &how, &why)) == 0 && clock_ms() < end)
        poll(NULL, 0, 1);
    ck_assert_int_eq(rc, 1);
    ck_assert_int_eq(how, want);
    if (!why_has)
        ck_assert_str_eq(why.text, "");
    else
        ck_assert_ptr_nonnull(strstr(why.text, why_has));
}

START_TEST(texts_are_written_and_answered)
{
    char *report = in_folder("report"), *words = in_folder("words"), *none = in_folder("no/file");
    char *large = mem_calloc((5 << 20) + 1, 1);
    struct err err;

    memset(large, 'x', 5 << 20);
    ck_assert_int_eq(scribe_hand(&scribe, SCRIBE_REPLACE, report, "old", 3, &err), 0);
    ck_assert_int_eq(scribe_hand(&scribe, SCRIBE_REPLACE, report, large, 5 << 20, &err), 0);
    ck_assert_int_eq(scribe_hand(&scribe, SCRIBE_APPEND, words, "a", 1, &err), 0);
    ck_assert_int_eq(scribe_hand(&scribe, SCRIBE_APPEND, words, "b", 1, &err), 0);
    ck_assert_int_eq(scribe_hand(&scribe, SCRIBE_REPLACE, none, "", 0, &err), 0);
    ck_assert_int_eq(scribe.under_way, 5);
    answer_is(SCRIBE_REPLACE, NULL);
    answer_is(SCRIBE_REPLACE, NULL);
    answer_is(SCRIBE_APPEND, NULL);
    answer_is(SCRIBE_APPEND, NULL);
    answer_is(SCRIBE_REPLACE, "No such file");
    ck_assert_int_eq(scribe.under_way, 0);
    content_is("report", large);
    content_is("words", "ab");
    free(large);
    free(report);
    free(words);
    free(none);
}
END_TEST

/* Handing over never blocks, and costs no memory without end. */
START_TEST(texts_for_a_scribe_that_does_not_get_on)
{
    char *path = in_folder("report");
    struct err err;
    int n = 0;

    ck_assert_int_eq(kill(scribe.pid, SIGSTOP), 0);
    while (n < 1000 && scribe_hand(&scribe, SCRIBE_REPLACE, path, "text", 4, &err) == 0)
        n++;
    ck_assert_int_ge(n, 8);
    ck_assert_int_le(n, 64);
    ck_assert_ptr_nonnull(strstr(err.text, "does not answer"));
    ck_assert_int_eq(kill(scribe.pid, SIGCONT), 0);
    while (n-- > 0)
        answer_is(SCRIBE_REPLACE, NULL);
    free(path);
}
END_TEST

START_TEST(a_scribe_that_is_killed)
{
    struct logs_file log;
    struct err err, why;
    enum scribe_how how;
    int number, error;

    open_log(&log, "a.log", 0);
    ck_assert_int_eq(kill(scribe.pid, SIGSTOP), 0);
    ck_assert_int_eq(scribe_hand(&scribe, SCRIBE_REPLACE, "/x/y", "text", 4, &err), 0);
    ck_assert_int_eq(kill(scribe.pid, SIGKILL), 0);
    ck_assert_int_eq(waitpid(scribe.pid, NULL, 0), scribe.pid);
    ck_assert_int_eq(logs_next(&logs, &number, &error), -1);
    ck_assert_int_eq(logs_next(&logs, &number, &error), 0);
    put(&log, "lost\n");
    ck_assert(logs_may_write(&logs, &log));
    ck_assert_uint_eq(logs_under_way(&logs), 0);
    ck_assert_int_eq(scribe_answer(&scribe, &how, &why), -1);
    ck_assert_int_eq(scribe_answer(&scribe, &how, &why), 0);
    ck_assert_int_eq(scribe_hand(&scribe, SCRIBE_REPLACE, "/x/y", "text", 4, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "has died"));
    logs_close(&logs, &log);
}
END_TEST

/* What a keeper has handed over before it was killed is written. */
START_TEST(what_is_left_is_written)
{
    struct logs_file log;
    struct err err;
    char *path = in_folder("report");

    ck_assert_int_eq(kill(scribe.pid, SIGSTOP), 0);
    open_log(&log, "a.log", 0);
    put(&log, "last words\n");
    ck_assert_int_eq(scribe_hand(&scribe, SCRIBE_REPLACE, path, "text", 4, &err), 0);
    close(logs.fd);
    logs.fd = -1;
    ck_assert_int_eq(kill(scribe.pid, SIGTERM), 0); /* as the whole job gets it */
    ck_assert_int_eq(kill(scribe.pid, SIGCONT), 0);
    scribe_leave(&scribe, PATIENCE_MS);
    content_is("a.log", "last words\n");
    content_is("report", "text");
    free(log.path);
    free(path);
}
END_TEST

static void until_answered(struct err *why)
{
    enum scribe_how how;

    while (scribe_answer(&scribe, &how, why) == 0)
        poll(NULL, 0, 1);
    ck_assert_int_eq(how, SCRIBE_REMOVE);
}

START_TEST(a_folder_is_removed)
{
    struct folder left;
    struct err why;
    int fd = folder_make(&left, folder, "left-", &why);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(mkdirat(fd, "in", 0700), 0);
    close(fd);
    ck_assert_int_eq(scribe_hand_folder(&scribe, &left, &why), 0);
    ck_assert_int_eq(scribe.under_way, 0); /* no text has to wait for it */
    until_answered(&why);
    ck_assert_str_eq(why.text, "");
    ck_assert_int_eq(access(left.path, F_OK), -1);
    ck_assert_int_eq(scribe_hand_folder(&scribe, &left, &why), 0);
    until_answered(&why);
    ck_assert_str_eq(why.text, ""); /* it was not there any more */
    folder_clear(&left);
}
END_TEST

UNIT_MAIN_WITH("scribe", setup, teardown, UNIT(a_log_is_appended_to), UNIT(a_log_is_rotated),
               UNIT(a_log_that_cannot_be_opened), UNIT(a_scribe_that_does_not_get_on_costs_lines),
               UNIT(a_scribe_that_stops_in_a_line), UNIT(each_log_has_a_share),
               UNIT(texts_are_written_and_answered), UNIT(texts_for_a_scribe_that_does_not_get_on),
               UNIT(a_scribe_that_is_killed), UNIT(what_is_left_is_written),
               UNIT(a_folder_is_removed))
