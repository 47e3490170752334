/* base: err, mem, strv, buf, clock, log and file. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strv.h"
#include "base/text.h"
#include "unit.h"

START_TEST(err_keeps_code_and_wraps_text)
{
    struct err err = {0};

    ck_assert_int_eq(err_set(&err, EXIT_USAGE, "no '%s'", "x"), -1);
    ck_assert_int_eq(err_wrap(&err, "while reading %d", 7), -1);
    ck_assert_int_eq(err.code, EXIT_USAGE);
    ck_assert_str_eq(err.text, "while reading 7: no 'x'");
}
END_TEST

static void check_cut(const struct err *err)
{
    size_t len = strlen(err->text);

    ck_assert_uint_lt(len, sizeof(err->text));
    ck_assert_uint_gt(len, sizeof(err->text) - 20);
    ck_assert_str_eq(err->text + len - 3, "...");
}

START_TEST(err_never_overflows)
{
    static const char *const fillers[] = {"a",        "\x1b",     "\xff",
                                          "\xC3\xA9", "\xC2\x9B", "\xF0\x9F\x98\x80"};

    for (size_t i = 0; i < sizeof(fillers) / sizeof(fillers[0]); i++) {
        struct buf text = {0};
        struct err err = {0};

        while (text.len <= sizeof(err.text))
            buf_add(&text, fillers[i], strlen(fillers[i]));
        buf_add(&text, "", 1);
        err_set(&err, 1, "%s", text.data);
        check_cut(&err);
        err_wrap(&err, "%s", text.data);
        check_cut(&err);
        buf_free(&text);
    }
}
END_TEST

START_TEST(err_holds_no_control_characters)
{
    struct err err = {0};

    err_set(&err, EXIT_USAGE, "no '%s'\n  a list", "\x1b[31m\r\x7f\xC2\x9B \xff \xC3\xA9");
    ck_assert_str_eq(err.text, "no '\\x1b[31m\\r\\x7f\\u009b \\xff \xC3\xA9'\n  a list");
    err_wrap(&err, "in '%s'", "\a");
    ck_assert_str_eq(err.text,
                     "in '\\x07': no '\\x1b[31m\\r\\x7f\\u009b \\xff \xC3\xA9'\n  a list");
}
END_TEST

START_TEST(mem_refuses_overflow)
{
    mem_realloc(NULL, SIZE_MAX / 2, 4);
}
END_TEST

START_TEST(strv_is_null_terminated)
{
    struct strv v = {0};

    for (int i = 0; i < 100; i++)
        strv_addf(&v, "%d", i);
    ck_assert_ptr_null(v.items[100]);
    strv_free(&v);
    ck_assert_uint_eq(v.n, 0);
}
END_TEST

START_TEST(strv_as_environment)
{
    struct strv v = {0};

    strv_env_set(&v, "A=1");
    strv_env_set(&v, "AB=2");
    strv_env_setf(&v, "A=%d", 3);
    ck_assert_uint_eq(v.n, 2);
    ck_assert_str_eq(strv_env_get(&v, "A"), "3");
    ck_assert_str_eq(strv_env_get(&v, "AB"), "2");
    ck_assert_ptr_null(strv_env_get(&v, "B"));
    strv_env_set(&v, "E=");
    ck_assert_str_eq(strv_env_get(&v, "E"), "");
    strv_free(&v);
}
END_TEST

START_TEST(buf_grows_and_consumes)
{
    struct buf b = {0};

    for (int i = 0; i < 1000; i++)
        buf_addf(&b, "%03d,", i);
    ck_assert_uint_eq(b.len, 4000);
    buf_consume(&b, 3996);
    ck_assert_mem_eq(b.data, "999,", 4);
    buf_add(&b, NULL, 0);
    buf_consume(&b, 4);
    ck_assert_uint_eq(b.len, 0);
    buf_free(&b);
}
END_TEST

START_TEST(text_numbers)
{
    static const struct {
        const char *text;
        long max, want;
    } cases[] = {
        {"0", 0, 0},
        {"007", 9, 7},
        {"65535", 65535, 65535},
        {"65536", 65535, -1},
        {"", 9, -1},
        {"-1", 9, -1},
        {"+1", 9, -1},
        {" 1", 9, -1},
        {"1x", 9, -1},
        {"0x1", 9, -1},
        {"99999999999999999999999", 1L << 56, -1},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        ck_assert_int_eq(text_number(cases[i].text, strlen(cases[i].text), cases[i].max),
                         cases[i].want);
    ck_assert_int_eq(text_number("123", 2, 99), 12);
}
END_TEST

START_TEST(clock_timeouts)
{
    char text[32];

    ck_assert_int_eq(clock_poll_timeout(100, 90), 0);
    ck_assert_int_eq(clock_poll_timeout(100, 100), 0);
    ck_assert_int_eq(clock_poll_timeout(100, 350), 250);
    ck_assert_int_eq(clock_poll_timeout(100, CLOCK_NEVER), -1);
    ck_assert_int_eq(clock_poll_timeout(0, CLOCK_NEVER - 1), INT_MAX);
    ck_assert_uint_eq(strlen(clock_utc_extended(text, sizeof(text))), 20);
    ck_assert_int_eq(text[19], 'Z');
    ck_assert_uint_eq(strlen(clock_utc_basic(text, sizeof(text))), 16);
    ck_assert_str_eq(clock_utc_basic(text, 3), "");
    ck_assert_int_le(clock_ms(), clock_ms());
}
END_TEST

static void keep_line(void *arg, const char *line)
{
    buf_add(arg, line, strlen(line));
}

START_TEST(log_levels_and_sink)
{
    struct buf said = {0};

    log_set_sink(keep_line, &said);
    log_verbose("v");
    log_notice("n");
    log_set_level(LOG_QUIET);
    log_warning("w");
    log_error("e%d", 1);
    log_set_level(LOG_VERBOSE);
    log_verbose("v2\x1b");
    buf_add(&said, "", 1);
    ck_assert_str_eq(said.data,
                     "dgl-mpilaunch: n\ndgl-mpilaunch: error: e1\ndgl-mpilaunch: v2\\x1b\n");
    log_set_sink(NULL, NULL);
    buf_free(&said);
}
END_TEST

static char *folder_of_test(void)
{
    char path[UNIT_PATH];

    unit_folder(path, "/tmp");
    return mem_strdup(path);
}

START_TEST(file_reads_what_it_wrote)
{
    char *folder = folder_of_test(), *path = file_join(folder, "a/b/c"), *parent;
    struct buf data = {0};
    struct err err = {0};

    parent = file_join(folder, "a/b");
    ck_assert_int_eq(file_make_folders(parent, 0755, &err), 0);
    ck_assert_int_eq(file_make_folders(parent, 0755, &err), 0);
    ck_assert_int_eq(file_write(path, "old", 3, &err), 0);
    ck_assert_int_eq(file_write(path, "new\0x", 5, &err), 0);
    ck_assert_int_eq(file_read(path, 5, &data, &err), 0);
    ck_assert_uint_eq(data.len, 5);
    ck_assert_mem_eq(data.data, "new\0x", 5);
    data.len = 0;
    ck_assert_int_eq(file_read(path, 4, &data, &err), -1);
    ck_assert_int_eq(err.code, EXIT_USAGE);
    ck_assert_ptr_nonnull(strstr(err.text, "more than 4 bytes"));
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(rmdir(parent), 0); /* so that no temporary file is left */
    buf_free(&data);
    free(parent);
    parent = file_join(folder, "a");
    ck_assert_int_eq(rmdir(parent), 0);
    ck_assert_int_eq(rmdir(folder), 0);
    free(parent);
    free(path);
    free(folder);
}
END_TEST

/* Starts a process that appends bytes to the file, one by one, until it is killed. */
static pid_t append_for_ever(const char *path)
{
    int fd = open(path, O_WRONLY | O_APPEND);
    pid_t pid = fork();

    while (!pid)
        if (fd < 0 || write(fd, " ", 1) != 1)
            _exit(1);
    close(fd);
    return pid;
}

START_TEST(file_refuses_what_changes_while_it_is_read)
{
    char *folder = folder_of_test(), *path = file_join(folder, "f");
    int64_t deadline = clock_ms() + 60000;
    struct err err = {0};
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    pid_t pid;

    ck_assert_int_eq(ftruncate(fd, 16 << 20), 0);
    close(fd);
    pid = append_for_ever(path);
    ck_assert_int_gt(pid, 0);
    while (!strstr(err.text, "changed while it was read") && clock_ms() < deadline) {
        struct buf data = {0};

        file_read(path, 256 << 20, &data, &err);
        buf_free(&data);
    }
    kill(pid, SIGKILL);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    ck_assert_ptr_nonnull(strstr(err.text, "changed while it was read"));
    ck_assert_ptr_nonnull(strstr(err.text, path));
    ck_assert_int_eq(err.code, EXIT_USAGE);
    unlink(path);
    ck_assert_int_eq(rmdir(folder), 0);
    free(path);
    free(folder);
}
END_TEST

START_TEST(file_shows_the_end_of_a_long_path)
{
    char *path = mem_calloc(100001, 1);
    struct buf data = {0};
    struct err err = {0};

    memset(path, 'd', 99995);
    memcpy(path + 99995, "/file", 5);
    ck_assert_str_eq(file_shown("short"), "short");
    ck_assert_int_eq(file_read(path, 1, &data, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "d/file': File name too long"));
    buf_free(&data);
    free(path);
}
END_TEST

/* A reader that takes its time, and one that takes nothing. */
START_TEST(file_awaits_a_reader)
{
    int fds[2], sockets[2], *pairs[] = {fds, sockets};
    int64_t start;
    char text[4];

    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(write(pairs[i][1], "text", 4), 4);
        start = clock_ms();
        file_await_reader(pairs[i][1], 50);
        ck_assert_int_ge(clock_ms() - start, 50);
        if (!fork()) {
            poll(NULL, 0, 20);
            _exit(read(pairs[i][0], text, 4) != 4);
        }
        file_await_reader(pairs[i][1], 60000);
        ck_assert_int_lt(clock_ms() - start, 60000);
        wait(NULL);
    }
    start = clock_ms();
    file_await_reader(open("/dev/zero", O_RDONLY), 60000);
    ck_assert_int_lt(clock_ms() - start, 60000);
}
END_TEST

START_TEST(file_refuses_what_is_no_file)
{
    char *folder = folder_of_test(), *fifo = file_join(folder, "fifo");
    const char *paths[] = {folder, fifo, "/dev/zero", "/nonexistent/x"};
    struct buf data = {0};
    struct err err = {0};

    ck_assert_int_eq(mkfifo(fifo, 0600), 0);
    for (size_t i = 0; i < 4; i++) {
        err = (struct err){0};
        ck_assert_int_eq(file_read(paths[i], 1000, &data, &err), -1);
        ck_assert_int_eq(err.code, EXIT_USAGE);
        ck_assert_ptr_nonnull(strstr(err.text, paths[i]));
    }
    ck_assert_int_eq(file_write("/nonexistent/x", "", 0, &err), -1);
    ck_assert_int_eq(file_make_folders("/dev/null/x", 0755, &err), -1);
    unlink(fifo);
    rmdir(folder);
    buf_free(&data);
    free(fifo);
    free(folder);
}
END_TEST

UNIT_MAIN_WITH("base", NULL, NULL, UNIT(err_keeps_code_and_wraps_text), UNIT(err_never_overflows),
               UNIT(err_holds_no_control_characters), UNIT(strv_is_null_terminated),
               UNIT(strv_as_environment), UNIT(buf_grows_and_consumes), UNIT(text_numbers),
               UNIT(clock_timeouts), UNIT(log_levels_and_sink), UNIT(file_reads_what_it_wrote),
               UNIT(file_awaits_a_reader), UNIT(file_refuses_what_changes_while_it_is_read),
               UNIT(file_shows_the_end_of_a_long_path), UNIT(file_refuses_what_is_no_file),
               {mem_refuses_overflow, 1, SIGABRT})
