/* test_output: whole prefixed lines, complete logs, credit with and without log files, long lines,
 * an unwritable log, and the last lines.
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "job/plan.h"
#include "keeper/output.h"
#include "scribe_rig.h"

static struct buf shown;
static int warnings;
static size_t largest;

static void on_send(void *arg, const char *lines, size_t len)
{
    (void)arg;
    ck_assert_uint_gt(len, 0);
    ck_assert_int_eq(lines[len - 1], '\n');
    largest = len > largest ? len : largest;
    buf_add(&shown, lines, len);
}

static void on_warn(void *arg, const char *sentence)
{
    (void)arg;
    ck_assert_ptr_nonnull(strstr(sentence, "trainer 1"));
    warnings++;
}

static const struct output_sink sink = {
    .send = on_send, .warn = on_warn, .logs = &logs, .credit = PLAN_CREDIT_MOST};

/* What was handed to the scribe is written. */
static void settle(struct output *o)
{
    while (!output_settle(o, clock_ms()))
        poll(NULL, 0, 1);
}

/* Adds a stream and returns the end to write to. */
static int add(struct output *o, int id)
{
    int ends[2];

    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    output_add(o, ROLE_TRAINER, id, ends[0]);
    return ends[1];
}

static void pump(struct output *o)
{
    struct pollfd entries[4];
    size_t n = output_poll(o, entries);

    while (logs_under_way(&logs) > RING_SIZE / 4) /* the disk may be slow */
        poll(NULL, 0, 1);
    poll(entries, n, 0);
    output_pump(o, entries, n);
}

static void print(struct output *o, int fd, const char *text)
{
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    pump(o);
}

static void shown_is(const char *want)
{
    buf_add(&shown, "", 1);
    ck_assert_str_eq(shown.data, want);
    shown.len = 0;
}

START_TEST(test_lines)
{
    struct output *o = output_open("vm0", NULL, 0, &sink);
    int one = add(o, 1), two = add(o, 2);

    print(o, one, "a\nhal");
    print(o, two, "b\n");
    shown_is("[vm0 trainer 1] a\n[vm0 trainer 2] b\n");
    print(o, one, "f\n\nend");
    shown_is("[vm0 trainer 1] half\n[vm0 trainer 1] \n");
    close(one);
    pump(o);
    shown_is("[vm0 trainer 1] end\n");
    close(two);
    ck_assert(output_finish(o, false));
    ck_assert_uint_eq(shown.len, 0);
    output_close(o);
}
END_TEST

START_TEST(test_long_line_is_cut)
{
    struct output *o = output_open("vm0", NULL, 0, &sink);
    char *text = mem_calloc(OUTPUT_LINE * 2 + 2, 1);
    int fd = add(o, 1);

    memset(text, 'x', OUTPUT_LINE);
    text[OUTPUT_LINE] = '\n'; /* exactly as long as allowed: one line, no empty one behind it */
    print(o, fd, text);
    ck_assert_uint_eq(shown.len, strlen("[vm0 trainer 1] ") + OUTPUT_LINE + 1);
    shown.len = 0;
    text[OUTPUT_LINE] = 'y';
    text[OUTPUT_LINE + 1] = '\n';
    print(o, fd, text);
    ck_assert_uint_eq(shown.len, 2 * (strlen("[vm0 trainer 1] ") + 1) + OUTPUT_LINE + 1);
    shown.len = 0;
    close(fd);
    ck_assert(output_finish(o, false));
    free(text);
    output_close(o);
}
END_TEST

enum { LINE = 200 /* bytes of a line of a flood, at most */ };

/* As many bytes as the pipe takes, in numbered lines; returns how many lines went in. */
static int flood(int fd, int from)
{
    char line[101];

    for (int i = from;; i++) {
        int len = snprintf(line, sizeof(line), "%099d\n", i);

        if (write(fd, line, (size_t)len) != len)
            return i;
    }
}

START_TEST(test_log_is_complete_and_console_counts)
{
    struct output *o = output_open("vm/0", folder, 0, &sink);
    struct buf log = {0};
    struct err err = {0};
    int fd = add(o, 1), n = 0, lines = 0, hidden = 0;

    while (n < 40000) {
        n = flood(fd, n);
        pump(o);
    }
    close(fd);
    pump(o);
    ck_assert_uint_lt(shown.len, PLAN_CREDIT_MOST + LINE);
    ck_assert_uint_le(largest, OUTPUT_BATCH);
    ck_assert(output_finish(o, false));
    settle(o);
    ck_assert_int_eq(file_read(output_log(o, 0), 1 << 28, &log, &err), 0);
    ck_assert_uint_eq(log.len, (size_t)n * 100);

    buf_add(&shown, "", 1);
    for (char *at = shown.data; (at = strchr(at, '\n')); at++)
        lines++;
    ck_assert_ptr_nonnull(strstr(shown.data, " lines not shown here, see vm/0:"));
    ck_assert_ptr_nonnull(strstr(shown.data, "/vm_0.trainer-1.log\n"));
    sscanf(strstr(shown.data, "... "), "... %d", &hidden);
    ck_assert_int_eq(lines - 1 + hidden, n);
    buf_free(&log);
    output_close(o);
}
END_TEST

START_TEST(test_credit_comes_back)
{
    struct output *o = output_open("vm_0", folder, 0, &sink);
    int fd = add(o, 1), n = 0;

    while (n < 20000) {
        n = flood(fd, n);
        pump(o);
    }
    buf_add(&shown, "", 1);
    ck_assert_ptr_null(strstr(shown.data, "not shown"));
    shown.len = 0;
    output_credit(o, 1000); /* too little to make a new start */
    ck_assert_uint_eq(shown.len, 0);
    output_credit(o, PLAN_CREDIT_MOST / 2);
    buf_add(&shown, "", 1);
    ck_assert_ptr_nonnull(strstr(shown.data, "not shown here, see vm_0:"));
    shown.len = 0;
    print(o, fd, "again\n");
    shown_is("[vm_0 trainer 1] again\n");
    close(fd);
    ck_assert(output_finish(o, false));
    output_close(o);
}
END_TEST

/* With a log file too, but only for a while. */
START_TEST(test_patience)
{
    struct output_sink patient = {.send = on_send,
                                  .warn = on_warn,
                                  .patience_ms = 200,
                                  .logs = &logs,
                                  .credit = PLAN_CREDIT_MOST};
    struct output *o = output_open("vm0", folder, 0, &patient);
    struct pollfd entries[1];
    int fd = add(o, 1), n = 0;

    for (int i = 0; i < 200; i++) {
        n = flood(fd, n);
        pump(o);
    }
    ck_assert_uint_eq(output_poll(o, entries), 0);
    ck_assert(output_deadline(o) != CLOCK_NEVER);
    output_credit(o, PLAN_CREDIT_MOST);
    ck_assert_uint_eq(output_poll(o, entries), 1);
    for (int i = 0; i < 200; i++) {
        n = flood(fd, n);
        pump(o);
    }
    ck_assert_uint_eq(output_poll(o, entries), 0);
    output_tick(o, output_deadline(o) - 1);
    ck_assert_uint_eq(output_poll(o, entries), 0);
    poll(NULL, 0, clock_poll_timeout(clock_ms(), output_deadline(o)));
    output_tick(o, clock_ms());
    ck_assert_uint_eq(output_poll(o, entries), 1);
    ck_assert(output_deadline(o) == CLOCK_NEVER);
    close(fd);
    output_close(o);
}
END_TEST

/* Nothing is lost: the writer waits, and what was held comes with new credit. */
START_TEST(test_back_pressure)
{
    struct output *o = output_open("vm0", NULL, 0, &sink);
    struct pollfd entries[1];
    size_t before;
    int fd = add(o, 1), n = 0, lines = 0;

    for (int i = 0; i < 200; i++) {
        n = flood(fd, n);
        pump(o);
    }
    ck_assert_int_lt(n, 13000);
    ck_assert_uint_eq(output_poll(o, entries), 0);
    close(fd);
    ck_assert(!output_finish(o, false));
    before = shown.len;
    ck_assert_uint_lt(before, PLAN_CREDIT_MOST + LINE);
    for (int i = 0; i < 100 && !output_finish(o, false); i++)
        output_credit(o, 10000);
    for (size_t i = 0; i < shown.len; i++)
        lines += shown.data[i] == '\n';
    ck_assert_int_eq(lines, n);
    output_close(o);
}
END_TEST

/* With many machines there is less credit than the longest line needs. All lines come whole, and
 * none waits for ever. */
START_TEST(test_a_line_longer_than_the_credit)
{
    enum { CREDIT = 100, LONG = 300 };
    struct output_sink small = sink;
    struct output *o;
    char line[LONG + 2] = "";
    int fd;

    small.credit = CREDIT;
    o = output_open("vm0", NULL, 0, &small);
    fd = add(o, 1);
    print(o, fd, "short\n");
    shown_is("[vm0 trainer 1] short\n");
    memset(line, 'x', LONG);
    line[LONG] = '\n';
    print(o, fd, line);
    ck_assert_uint_eq(shown.len, strlen("[vm0 trainer 1] ") + LONG + 1);
    shown.len = 0;
    print(o, fd, "behind it\n");
    output_credit(o, 22 + 16 + LONG + 1 - CREDIT); /* as much as is owed */
    shown_is("");
    output_credit(o, 1);
    shown_is("[vm0 trainer 1] behind it\n");
    output_credit(o, 1000); /* more than there was */
    print(o, fd, line);
    print(o, fd, "waits\n");
    ck_assert_uint_eq(shown.len, strlen("[vm0 trainer 1] ") + LONG + 1);
    shown.len = 0;
    close(fd);
    output_close(o);
}
END_TEST

START_TEST(test_given_up)
{
    struct output *o = output_open("vm0", NULL, 0, &sink);
    int fd = add(o, 1), n = 0, lines = 0, hidden = 0;

    for (int i = 0; i < 200; i++) {
        n = flood(fd, n);
        pump(o);
    }
    close(fd);
    ck_assert(output_finish(o, true));
    buf_add(&shown, "", 1);
    for (char *at = shown.data; (at = strchr(at, '\n')); at++)
        lines++;
    ck_assert_ptr_nonnull(strstr(shown.data, "lines not shown here\n"));
    sscanf(strstr(shown.data, "... "), "... %d", &hidden);
    ck_assert_int_eq(lines - 1 + hidden, n);
    output_close(o);
}
END_TEST

START_TEST(test_log_not_writable)
{
    struct output *o;
    int fd;

    o = output_open("vm_0", "/nonexistent/folder", 0, &sink);
    fd = add(o, 1);
    while (warnings == 0)
        output_read_news(o);
    print(o, fd, "still here\n");
    shown_is("[vm_0 trainer 1] still here\n");
    close(fd);
    ck_assert(output_finish(o, false));
    ck_assert_int_eq(warnings, 1);
    output_close(o);
}
END_TEST

START_TEST(test_disk_full)
{
    struct output *o;
    char *path = mem_printf("%s/vm_0.trainer-1.log", folder);
    int fd;

    ck_assert_int_eq(symlink("/dev/full", path), 0);
    o = output_open("vm_0", folder, 0, &sink);
    fd = add(o, 1);
    print(o, fd, "one\n");
    print(o, fd, "two\n");
    shown_is("[vm_0 trainer 1] one\n[vm_0 trainer 1] two\n");
    close(fd);
    ck_assert(output_finish(o, false));
    settle(o);
    ck_assert_int_eq(warnings, 1);
    output_close(o);
    free(path);
}
END_TEST

START_TEST(test_last_lines)
{
    struct output *o = output_open("vm0", NULL, 0, &sink);
    struct strv last = {0};
    char text[3000];
    int fd = add(o, 1);

    for (int i = 0; i < 30; i++) {
        snprintf(text, sizeof(text), "line %d\n", i);
        ck_assert_int_gt(write(fd, text, strlen(text)), 0);
        if (i % 7 == 0)
            pump(o);
    }
    memset(text, 'z', sizeof(text));
    ck_assert_int_eq(write(fd, text, sizeof(text)), sizeof(text));
    output_last_lines(o, 0, &last); /* of what is still in the pipe too */
    ck_assert_uint_eq(last.n, 20);
    ck_assert_str_eq(last.items[0], "line 11");
    ck_assert_str_eq(last.items[18], "line 29");
    ck_assert_uint_eq(strlen(last.items[19]), 1000);
    strv_free(&last);
    ck_assert_int_eq(write(fd, "\n", 1), 1);
    output_last_lines(o, 0, &last);
    ck_assert_uint_eq(last.n, 20);
    ck_assert_str_eq(last.items[18], "line 29");
    strv_free(&last);
    close(fd);
    output_close(o);
}
END_TEST

/* The log keeps every byte; the console the last state, at once and then once in OUTPUT_BAR_MS. */
START_TEST(test_progress_bar)
{
    struct output *o = output_open("vm0", folder, 0, &sink);
    int fd = add(o, 1);
    struct buf log = {0};
    struct err err;

    print(o, fd, "begin\n\r10%");
    shown_is("[vm0 trainer 1] begin\n[vm0 trainer 1] 10%\n");
    print(o, fd, "\r20%\r");
    print(o, fd, "\r30%");
    shown_is("");
    ck_assert_int_le(output_deadline(o), clock_ms() + OUTPUT_BAR_MS);
    output_tick(o, output_deadline(o) - 1);
    shown_is("");
    output_tick(o, output_deadline(o));
    shown_is("[vm0 trainer 1] 30%\n");
    ck_assert(output_deadline(o) == CLOCK_NEVER); /* it is shown */
    print(o, fd, "\n");
    shown_is("");
    print(o, fd, "40%\r50%\r\n");
    shown_is("[vm0 trainer 1] 50%\n");
    print(o, fd, "60%\rTraceback\nno bar");
    shown_is("[vm0 trainer 1] Traceback\n");
    ck_assert(output_deadline(o) == CLOCK_NEVER);
    print(o, fd, "\r70%");
    close(fd);
    pump(o);
    shown_is("[vm0 trainer 1] 70%\n");
    ck_assert(output_finish(o, false));
    settle(o);
    ck_assert_int_eq(file_read(output_log(o, 0), 1000, &log, &err), 0);
    buf_add(&log, "", 1);
    ck_assert_str_eq(log.data, "begin\n\r10%\r20%\r\r30%\n40%\r50%\r\n60%\rTraceback\nno bar\r70%");
    buf_free(&log);
    output_close(o);
}
END_TEST

/* More than a line may hold, in one piece and in many: nothing but its last state. */
START_TEST(test_long_progress_bar)
{
    struct output *o = output_open("vm0", NULL, 0, &sink);
    int fd = add(o, 1);
    struct buf text = {0};
    struct strv last = {0};

    for (int i = 0; i < 2 * OUTPUT_LINE; i += 4)
        buf_addf(&text, "\r%03d", i % 1000);
    buf_add(&text, "", 1);
    print(o, fd, text.data);
    shown_is("[vm0 trainer 1] 380\n");
    for (int i = 0; i < 200; i++)
        print(o, fd, "\r 99% of a bar that is as long as a terminal is wide");
    shown_is("");
    print(o, fd, "Traceback (most recent call last):\n");
    shown_is("[vm0 trainer 1]  99% of a bar that is as long as a terminal is wide"
             "Traceback (most recent call last):\n");
    output_last_lines(o, 0, &last);
    ck_assert_uint_eq(last.n, 1);
    ck_assert_str_eq(last.items[0], " 99% of a bar that is as long as a terminal is wide"
                                    "Traceback (most recent call last):");
    strv_free(&last);
    close(fd);
    buf_free(&text);
    output_close(o);
}
END_TEST

START_TEST(test_mute)
{
    struct output *o = output_open("vm0", NULL, 0, &sink);
    int fd = add(o, 1), n = 0;

    output_mute(o);
    while (n < 30000) {
        n = flood(fd, n);
        pump(o);
    }
    ck_assert_uint_eq(shown.len, 0);
    close(fd);
    ck_assert(output_finish(o, false));
    output_close(o);
}
END_TEST

UNIT_MAIN_WITH("output", setup, teardown, UNIT(test_lines), UNIT(test_long_line_is_cut),
               UNIT(test_log_is_complete_and_console_counts), UNIT(test_credit_comes_back),
               UNIT(test_patience), UNIT(test_back_pressure),
               UNIT(test_a_line_longer_than_the_credit), UNIT(test_given_up),
               UNIT(test_log_not_writable), UNIT(test_disk_full), UNIT(test_last_lines),
               UNIT(test_progress_bar), UNIT(test_long_progress_bar), UNIT(test_mute))
