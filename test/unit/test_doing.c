/* doing: what one process says that it is at is seen by another. */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keeper/doing.h"
#include "unit.h"

START_TEST(nothing_is_done_without_memory_or_a_word)
{
    enum doing kind;
    int64_t for_ms;

    ck_assert_ptr_null(doing_what(&kind, &for_ms));
    doing_begin(DOING_WORK, "writing '%s'", "a");
    doing_end();
    doing_open();
    ck_assert_ptr_null(doing_what(&kind, &for_ms));
}
END_TEST

static void run_child(void (*act)(void))
{
    int status;
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (!pid) {
        act();
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}

static void begin_and_die(void)
{
    doing_begin(DOING_START, "starting trainer %d", 3);
}

static void end(void)
{
    doing_end();
}

START_TEST(what_another_process_is_at_is_seen_until_it_ends)
{
    enum doing kind = DOING_WORK;
    int64_t for_ms = -1;
    const char *what;

    doing_open();
    run_child(begin_and_die);
    what = doing_what(&kind, &for_ms);
    ck_assert_ptr_nonnull(what);
    ck_assert_str_eq(what, "starting trainer 3");
    ck_assert_int_eq(kind, DOING_START);
    ck_assert_int_ge(for_ms, 0);
    run_child(end);
    ck_assert_ptr_null(doing_what(&kind, &for_ms));
}
END_TEST

UNIT_MAIN("doing", nothing_is_done_without_memory_or_a_word,
          what_another_process_is_at_is_seen_until_it_ends)
