/* test_console: rank 0's console before readers that read, pause, are gone, or have no room. */
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "coord/console.h"
#include "unit.h"

static void say_on_console(void *arg, const char *line)
{
    console_say(arg, line);
}

static void count_written(void *arg, int from, size_t len)
{
    *(size_t *)arg += from == 5 ? len : 0;
}

START_TEST(console_never_blocks_and_gives_credit_when_read)
{
    enum { LINE = 1000, LINES = 500 };
    char line[LINE], *read_back = mem_calloc(LINE, LINES);
    int pipes[2], saved = dup(STDOUT_FILENO);
    size_t written = 0, got = 0;
    struct pollfd entries[CONSOLE_STREAMS];
    struct console *c;

    ck_assert_int_eq(pipe(pipes), 0);
    dup2(pipes[1], STDOUT_FILENO);
    c = console_open(count_written, &written);
    memset(line, 'x', LINE - 1);
    line[LINE - 1] = '\n';
    for (int i = 0; i < LINES; i++)
        console_output(c, 5, line, LINE);
    console_pump(c); /* returns although nobody reads */
    ck_assert(console_pending(c));
    ck_assert_uint_lt(written, LINE * LINES);
    while (got < LINE * LINES) {
        ssize_t n = read(pipes[0], read_back + got, LINE * LINES - got);

        ck_assert_int_gt(n, 0);
        got += (size_t)n;
        console_pump(c);
    }
    dup2(saved, STDOUT_FILENO);
    ck_assert(!console_pending(c));
    ck_assert_uint_eq(written, LINE * LINES);
    for (int i = 0; i < LINES; i++)
        ck_assert_mem_eq(read_back + i * LINE, line, LINE);
    console_poll(c, entries);
    ck_assert_int_eq(entries[0].fd, -1);
    ck_assert_int_eq(entries[1].fd, -1);
    console_close(c);
    free(read_back);
}
END_TEST

/* Replaces stdout and stderr, so that a failure of the test itself is said nowhere: restore. */
static void redirect(int out, int err, int saved[2])
{
    fflush(NULL);
    saved[0] = dup(STDOUT_FILENO);
    saved[1] = dup(STDERR_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
}

static void restore(const int saved[2])
{
    dup2(saved[0], STDOUT_FILENO);
    dup2(saved[1], STDERR_FILENO);
    close(saved[0]);
    close(saved[1]);
}

static size_t read_some(int fd, char *into, size_t room)
{
    ssize_t n = read(fd, into, room - 1);

    into[n < 0 ? 0 : n] = '\0';
    return n < 0 ? 0 : (size_t)n;
}

START_TEST(our_own_lines_do_not_wait_for_the_reader_of_the_output)
{
    enum { LINE = 1000, LINES = 500 };
    char line[LINE + 1], said[100], *output = mem_calloc(LINE, LINES);
    int out[2], err[2], saved[2];
    size_t written = 0, dropped, got;
    struct console *c;

    ck_assert_int_eq(pipe(out), 0);
    ck_assert_int_eq(pipe(err), 0);
    redirect(out[1], err[1], saved);
    c = console_open(count_written, &written);
    memset(line, 'x', LINE - 1);
    memcpy(line + LINE - 1, "\n", 2);
    for (int i = 0; i < LINES; i += 2) { /* two lines a chunk, so that one is begun */
        console_output(c, 5, line, LINE);
        console_output(c, 5, line, LINE);
    }
    console_say(c, "ours\n");
    console_pump(c);
    restore(saved);
    ck_assert(console_output_pending(c));
    ck_assert_uint_eq(read_some(err[0], said, sizeof(said)), strlen("ours\n"));
    ck_assert_str_eq(said, "ours\n");
    dropped = console_drop_output(c); /* and the line that has begun to leave is still whole */
    got = read_some(out[0], output, LINE * LINES);
    console_pump(c);
    ck_assert(!console_pending(c));
    got += got % LINE ? read_some(out[0], output + got, LINE * LINES - got) : 0;
    ck_assert_uint_eq(got % LINE, 0);
    ck_assert_uint_eq(got / LINE + dropped, LINES);
    console_close(c);
    free(output);
}
END_TEST

START_TEST(output_that_a_full_disk_refuses_is_told_once)
{
    int full = open("/dev/full", O_WRONLY), err[2], saved[2];
    char said[300];
    size_t written = 0;
    struct console *c;

    ck_assert_int_ge(full, 0);
    ck_assert_int_eq(pipe(err), 0);
    redirect(full, err[1], saved);
    c = console_open(count_written, &written);
    log_set_sink(say_on_console, c);
    for (int i = 0; i < 3; i++)
        console_output(c, 5, "a\n", 2);
    console_pump(c);
    log_set_sink(NULL, NULL);
    restore(saved);
    ck_assert(!console_pending(c));
    ck_assert_uint_eq(written, 6);
    read_some(err[0], said, sizeof(said));
    ck_assert_str_eq(said, "dgl-mpilaunch: warning: standard output cannot be written: No space "
                           "left on device; the job goes on, and what does not fit there is "
                           "lost\n");
    console_close(c);
}
END_TEST

START_TEST(console_survives_a_reader_that_is_gone)
{
    int pipes[2], saved = dup(STDOUT_FILENO);
    size_t written = 0;
    struct console *c;

    signal(SIGPIPE, SIG_IGN);
    ck_assert_int_eq(pipe(pipes), 0);
    dup2(pipes[1], STDOUT_FILENO);
    c = console_open(count_written, &written);
    close(pipes[0]);
    console_output(c, 5, "a\n", 2);
    console_pump(c);
    dup2(saved, STDOUT_FILENO);
    ck_assert(!console_pending(c));
    ck_assert_uint_eq(written, 2);
    console_close(c);
}
END_TEST

static void count_by_sender(void *arg, int from, size_t len)
{
    ((size_t *)arg)[from] += len;
}

static size_t memory_in_use(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

/* Two machines print lines of a few bytes, and nobody reads: what is queued takes no more than
 * twice its bytes. Then it is read, and each machine gets its own back. */
START_TEST(short_lines_cost_little_and_are_given_back)
{
    enum { LINES = 100000, LINE = 13 };
    static const char line[2][LINE + 1] = {"[a trainer 0\n", "[b trainer 1\n"};
    int out[2], saved = dup(STDOUT_FILENO);
    size_t written[2] = {0, 0}, got = 0, before;
    char *read_back = mem_calloc(LINES, LINE);
    struct console *c;

    ck_assert_int_eq(pipe(out), 0);
    fflush(NULL);
    dup2(out[1], STDOUT_FILENO);
    c = console_open(count_by_sender, written);
    before = memory_in_use();
    for (int i = 0; i < LINES; i++)
        console_output(c, i % 2, line[i % 2], LINE);
    dup2(saved, STDOUT_FILENO);
    ck_assert_uint_lt(memory_in_use() - before, 2 * LINES * LINE);
    while (got < LINES * LINE) {
        ssize_t n;

        console_pump(c);
        n = read(out[0], read_back + got, LINES * LINE - got);
        ck_assert_int_gt(n, 0);
        got += (size_t)n;
    }
    ck_assert(!console_pending(c));
    ck_assert_uint_eq(written[0], LINES / 2 * LINE);
    ck_assert_uint_eq(written[1], LINES / 2 * LINE);
    for (int i = 0; i < LINES; i++)
        ck_assert_mem_eq(read_back + i * LINE, line[i % 2], LINE);
    console_close(c);
    free(read_back);
}
END_TEST

/* What is dropped is given back to nobody, what comes after it is. */
START_TEST(output_that_comes_after_a_drop_is_given_back)
{
    enum { LINES = 20000, LINE = 13 };
    int out[2], saved = dup(STDOUT_FILENO);
    size_t written[2] = {0, 0}, got = 0, dropped, before;
    char *read_back = mem_calloc(LINES, LINE);
    struct console *c;

    ck_assert_int_eq(pipe2(out, O_NONBLOCK), 0);
    fflush(NULL);
    dup2(out[1], STDOUT_FILENO);
    c = console_open(count_by_sender, written);
    dup2(saved, STDOUT_FILENO);
    for (int i = 0; i < LINES; i++)
        console_output(c, 0, "[a trainer 0\n", LINE);
    console_pump(c);
    dropped = console_drop_output(c);
    before = written[0];
    console_output(c, 1, "[b trainer 1\n", LINE);
    for (ssize_t n; (n = read(out[0], read_back + got, LINES * LINE - got)) > 0; console_pump(c))
        got += (size_t)n;
    ck_assert(!console_pending(c));
    ck_assert_uint_eq(got, (LINES - dropped + 1) * LINE);
    ck_assert_mem_eq(read_back + got - LINE, "[b trainer 1\n", LINE);
    ck_assert_uint_eq(written[1], LINE);
    ck_assert_uint_ge(written[0], before);
    ck_assert_uint_le(written[0], got - LINE);
    console_close(c);
    free(read_back);
}
END_TEST

UNIT_MAIN("console", short_lines_cost_little_and_are_given_back,
          output_that_comes_after_a_drop_is_given_back,
          console_never_blocks_and_gives_credit_when_read, console_survives_a_reader_that_is_gone,
          our_own_lines_do_not_wait_for_the_reader_of_the_output,
          output_that_a_full_disk_refuses_is_told_once)
