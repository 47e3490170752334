/* sentence: foreign text made harmless, sentences, hints, exceptions and the cause block. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "check_text.h"
#include "report/block.h"
#include "report/hint.h"
#include "report/sentence.h"
#include "report/signal.h"
#include "sample.h"
#include "unit.h"

START_TEST(foreign_text_is_made_harmless)
{
    CHECK_TEXT("a\tb \xC3\xA4 \\x1b[2J\\r\\n\\x7f\\u0085\\u202e\\xff\\xc0\\xaf\\xed\\xa0\\x80",
               text_harmless(&out,
                             "a\tb \xC3\xA4 \x1b[2J\r\n\x7f\xC2\x85\xE2\x80\xAE\xff\xc0\xaf"
                             "\xed\xa0\x80",
                             1000));
    CHECK_TEXT("abcd...", text_harmless(&out, "abcdefgh", 4));
    CHECK_TEXT("abcd", text_harmless(&out, "abcd", 4));
    CHECK_TEXT("", text_harmless(&out, NULL, 4));
    CHECK_TEXT("ab...gh", text_harmless_ends(&out, "abcdefgh", 4));
    CHECK_TEXT("abcd", text_harmless_ends(&out, "abcd", 4));
    CHECK_TEXT("a\xC3\xA4...cd", text_harmless_ends(&out,
                                                    "a\xC3\xA4\xC3\xA4"
                                                    "bcd",
                                                    4));
    CHECK_TEXT("\\xe2\\x82", text_harmless(&out, "\xE2\x82", 100)); /* cut at the end */
    CHECK_TEXT("one\n  two\\r", text_harmless_lines(&out, "one\ntwo\r\n", "  ", 100));
    CHECK_TEXT("a&#60;b&#62;&#38;&#34;&#39;\n\xEF\xBF\xBD\xEF\xBF\xBD\xC4\xA6\xC4\xA2",
               text_html(&out, "a<b>&\"'\n\x1b\xff\xC4\xA6\xC4\xA2"));
}
END_TEST

START_TEST(text_for_json_is_valid)
{
    static const char *const pairs[][2] = {
        {"", ""},
        {"\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80"},
        {"a\xFFz", "a\xEF\xBF\xBDz"},
        {"\xF4\x90\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"
                             "\xEF\xBF\xBD"},
        {"\xE2\x82", "\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"a\"b\\c\n\x01\x7f/", "a\\\"b\\\\c\\u000a\\u0001\x7f/"}};

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        CHECK_TEXT(pairs[i][1], text_json(&out, pairs[i][0]));
    CHECK_TEXT("", text_json(&out, NULL));
}
END_TEST

START_TEST(signals_have_names)
{
    ck_assert_str_eq(report_signal_name(9), "SIGKILL");
    ck_assert_str_eq(report_signal_name(15), "SIGTERM");
    ck_assert_str_eq(report_signal_name(31), "SIGSYS");
    ck_assert_str_eq(report_signal_name(0), "signal 0");
    ck_assert_str_eq(report_signal_name(-1), "signal -1");
    ck_assert_str_eq(report_signal_name(77), "signal 77");
    for (int i = 1; i < 32; i++)
        ck_assert_msg(!strncmp(report_signal_name(i), "SIG", 3), "%d", i);
}
END_TEST

static const struct cause trainer = {
    .machine = 2, .host = "vm2", .role = ROLE_TRAINER, .id = 3, .pid = 4711};
static const struct cause sampler = {
    .machine = 2, .host = "vm2", .role = ROLE_SAMPLER, .id = -1, .pid = 4712};
static const struct cause launcher = {
    .machine = 2, .host = "vm2", .role = ROLE_LAUNCHER, .id = -1, .pid = 99};

static const struct {
    const struct cause *who;
    enum how how;
    int value;
    char *text;
    const char *sentence;
} sentences[] = {
    {&trainer, HOW_EXITED, 3, NULL, "trainer 3 on vm2 (pid 4711) exited with code 3"},
    {&trainer, HOW_EXITED, 137, NULL,
     "trainer 3 on vm2 (pid 4711) exited with code 137, as a shell reports SIGKILL"},
    {&trainer, HOW_EXITED, 139, NULL,
     "trainer 3 on vm2 (pid 4711) exited with code 139, as a shell reports SIGSEGV"},
    {&trainer, HOW_EXITED, 255, NULL, "trainer 3 on vm2 (pid 4711) exited with code 255"},
    {&trainer, HOW_SIGNALED, 9, NULL, "trainer 3 on vm2 (pid 4711) was killed by SIGKILL"},
    {&sampler, HOW_SIGNALED, 9,
     "trainer 3 (pid 4711), whose sampler it was, would have waited 1800 s for it",
     "sampler on vm2 (pid 4712) was killed by SIGKILL: trainer 3 (pid 4711), whose sampler it was, "
     "would have waited 1800 s for it"},
    {&trainer, HOW_LEFT_EARLY, 0, NULL,
     "trainer 3 on vm2 (pid 4711) exited with code 0 before the trainers had ended"},
    {&trainer, HOW_RAISED, 1, "it waits",
     "trainer 3 on vm2 (pid 4711) has raised an exception and does not end: it waits"},
    {&trainer, HOW_EXEC_FAILED, ENOENT, "execve '/x/python3'",
     "trainer 3 on vm2 (pid 4711) could not be started: execve '/x/python3': No such file or "
     "directory"},
    {&trainer, HOW_EXEC_FAILED, EACCES, "execve '/x': Permission denied",
     "trainer 3 on vm2 (pid 4711) could not be started: execve '/x': Permission denied"},
    {&launcher, HOW_CHECK_FAILED, 0, "port 30050, wanted for server 0, is in use by process 5",
     "vm2 cannot take part: port 30050, wanted for server 0, is in use by process 5"},
    {&launcher, HOW_START_TIMEOUT, 0, "server 1 (port 30051)",
     "vm2 was not ready in time: server 1 (port 30051)"},
    {&launcher, HOW_CONNECT_TIMEOUT, 0, "server 2 (port 30050) has 3 of 4 clients after 60 s",
     "vm2 did not get all clients in time: server 2 (port 30050) has 3 of 4 clients after 60 s"},
    {&launcher, HOW_TOLD_TO_STOP, 15, NULL,
     "the launcher on vm2 (pid 99) was told to stop by SIGTERM from outside"},
    {&launcher, HOW_PREEMPTED, 10, NULL, "the launcher on vm2 (pid 99) was pre-empted by SIGUSR1"},
    {&launcher, HOW_PARENT_GONE, 0, NULL,
     "the launcher on vm2 (pid 99) lost the process that had started it"},
    {&launcher, HOW_LOST, 0, "neither the network nor the rank of vm2 answered for 60 s",
     "vm2 is lost: neither the network nor the rank of vm2 answered for 60 s"},
    {&launcher, HOW_LAUNCHER, 0, "no memory\nat all",
     "the launcher on vm2 (pid 99) failed: no memory\n    at all"},
    {&launcher, HOW_NONE, 0, NULL, "the launcher on vm2 (pid 99) failed"},
};

START_TEST(each_kind_has_its_sentence)
{
    for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++) {
        struct cause cause = *sentences[i].who;

        cause.how = sentences[i].how;
        cause.value = sentences[i].value;
        cause.text = sentences[i].text;
        CHECK_TEXT(sentences[i].sentence, report_sentence(&out, &cause));
    }
}
END_TEST

START_TEST(what_is_not_known_is_left_out)
{
    struct cause cause = {.how = HOW_LOST, .machine = -1, .role = ROLE_LAUNCHER, .id = -1};

    CHECK_TEXT("an unknown machine is lost", report_sentence(&out, &cause));
    cause.machine = 4;
    CHECK_TEXT("machine 4 is lost", report_sentence(&out, &cause));
    cause.host = "vm\x1b[0m";
    CHECK_TEXT("vm\\x1b[0m is lost", report_sentence(&out, &cause));
    cause.how = (enum how)99;
    cause.role = (enum role)99;
    CHECK_TEXT("? on vm\\x1b[0m failed", report_sentence(&out, &cause));
    ck_assert_str_eq(report_how(cause.how), "unknown");
}
END_TEST

START_TEST(hints_fit_their_kinds)
{
    static const struct {
        enum how how;
        int value;
        const char *part;
    } hints[] = {
        {HOW_SIGNALED, SIGKILL, "out-of-memory killer"},
        {HOW_EXITED, 137, "out-of-memory killer"},
        {HOW_EXITED, 139, "PYTHONFAULTHANDLER"},
        {HOW_EXITED, 127, "does not find"},
        {HOW_EXITED, 126, "executable"},
        {HOW_SIGNALED, SIGBUS, "/dev/shm"},
        {HOW_LEFT_EARLY, 0, "dgl.distributed.initialize"},
        {HOW_RAISED, 1, "PYTHONPATH"},
        {HOW_LOST, 0, "--lost_timeout"},
        {HOW_START_TIMEOUT, 0, "--start_timeout"},
        {HOW_CONNECT_TIMEOUT, 0, "--connect_timeout"},
        {HOW_TOLD_TO_STOP, SIGTERM, "sent it"},
        {HOW_CHECK_FAILED, 0, "no process"},
        {HOW_PARENT_GONE, 0, "mpirun"},
        {HOW_PREEMPTED, SIGUSR1, "queue the job again"},
        {HOW_EXEC_FAILED, ENOEXEC, "#!"},
    };
    struct cause cause = {0};

    for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
        cause.how = hints[i].how;
        cause.value = hints[i].value;
        ck_assert_ptr_nonnull(report_hint(&cause));
        ck_assert_ptr_nonnull(strstr(report_hint(&cause), hints[i].part));
    }
    cause.how = HOW_EXITED;
    cause.value = 3;
    ck_assert_ptr_null(report_hint(&cause));
    strv_add(&cause.last_lines, "ModuleNotFoundError: No module named 'dgl'");
    strv_add(&cause.last_lines, "bye");
    ck_assert_ptr_nonnull(strstr(report_hint(&cause), "virtual environment"));
    strv_free(&cause.last_lines);
}
END_TEST

/* A hint does not contradict what the keeper saw on the machine; keeper/explain has the texts. */
START_TEST(hints_follow_what_is_known)
{
    static const struct {
        enum how how;
        int value;
        char *text;
        const char *part;
    } hints[] = {
        {HOW_SIGNALED, SIGKILL, "out of memory (the kernel killed it)", "need less memory"},
        {HOW_SIGNALED, SIGKILL, "probably out of memory (the kernel", "need less memory"},
        {HOW_SIGNALED, SIGKILL, "the kernel's memory killer was not at work", "earlyoom"},
        {HOW_SIGNALED, SIGKILL, "something else", "dmesg"},
        {HOW_EXITED, 137, "out of memory (the kernel killed it)", "need less memory"},
        {HOW_SIGNALED, SIGBUS, "/dev/shm is full: 8 MiB of 8 MiB used", "--shm-size"},
        {HOW_SIGNALED, SIGBUS, "/dev/shm has 1.0 GiB of 2.0 GiB free now", "become shorter"},
    };

    for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
        struct cause cause = {.how = hints[i].how, .value = hints[i].value, .text = hints[i].text};

        ck_assert_ptr_nonnull(strstr(report_hint(&cause), hints[i].part));
    }
}
END_TEST

static const char *exception_of(struct strv *v, const char *const *lines)
{
    struct cause cause = {0};

    strv_free(v);
    for (; *lines; lines++)
        strv_add(v, *lines);
    cause.last_lines = *v;
    return report_exception(&cause);
}

START_TEST(the_exception_of_a_traceback_is_found)
{
    static const char *const none[] = {"ValueError: not a traceback", "x", NULL};
    static const char *const plain[] = {"Traceback (most recent call last):",
                                        "  File \"a.py\", line 1, in <module>",
                                        "    f()",
                                        "a.b.C_Error: why",
                                        "more words",
                                        NULL};
    static const char *const chained[] = {"  File \"a.py\", line 1, in <module>",
                                          "    f()",
                                          "KeyError: 1",
                                          "",
                                          "During handling of the above exception, another "
                                          "exception occurred:",
                                          "",
                                          "Traceback (most recent call last):",
                                          "  File \"a.py\", line 4, in <module>",
                                          "    g()",
                                          "KeyboardInterrupt",
                                          NULL};
    static const char *const ranked[] = {"[rank12]: Traceback (most recent call last):",
                                         "[rank12]:   File \"a.py\", line 1, in <module>",
                                         "[rank12]: ValueError: why", NULL};
    struct strv v = {0};

    ck_assert_str_eq(exception_of(&v, ranked), "ValueError: why");
    ck_assert_ptr_null(exception_of(&v, none));
    ck_assert_str_eq(exception_of(&v, plain), "a.b.C_Error: why");
    ck_assert_str_eq(exception_of(&v, chained), "KeyboardInterrupt");
    strv_free(&v);
}
END_TEST

START_TEST(the_block_shows_all_that_is_known)
{
    CHECK_TEXT("dgl-mpilaunch: the job failed: trainer 1 on vm1 (pid 4711) was killed by SIGKILL\n"
               "  exception: ValueError: a<b & \\x1b[31mred\\x1b[0m \\xff\n"
               "  hint: a SIGKILL that dgl-mpilaunch did not send is often the out-of-memory "
               "killer: 'dmesg' on that machine tells; fewer trainers or smaller batches need less "
               "memory\n"
               "  last lines of its output (vm1:/run/logs/vm1.trainer-1.log):\n"
               "    | Traceback (most recent call last):\n"
               "    |   File \"train.py\", line 3, in <module>\n"
               "    |     raise ValueError(\"a<b\")\n"
               "    | ValueError: a<b & \\x1b[31mred\\x1b[0m \\xff\n"
               "  exit code 137\n",
               report_cause_block(&out, &sample_cause));
}
END_TEST

START_TEST(the_block_is_short_when_little_is_known)
{
    struct cause cause = trainer;

    cause.how = HOW_EXITED;
    cause.value = cause.code = 3;
    CHECK_TEXT("dgl-mpilaunch: the job failed: trainer 3 on vm2 (pid 4711) exited with code 3\n"
               "  exit code 3\n",
               report_cause_block(&out, &cause));
    cause.log = "/l";
    CHECK_TEXT("dgl-mpilaunch: the job failed: trainer 3 on vm2 (pid 4711) exited with code 3\n"
               "  its output: vm2:/l\n"
               "  exit code 3\n",
               report_cause_block(&out, &cause));
    cause = launcher;
    cause.how = HOW_PARENT_GONE;
    cause.code = 125;
    CHECK_TEXT("dgl-mpilaunch: the job failed: the launcher on vm2 (pid 99) lost the process that "
               "had started it\n"
               "  hint: mpirun, srun or their daemon on that machine was killed or has crashed\n"
               "  exit code 125\n",
               report_cause_block(&out, &cause));
}
END_TEST

START_TEST(the_block_is_bounded)
{
    struct cause cause = trainer;
    struct buf out = {0};
    char *longer = mem_calloc(100001, 1);

    memset(longer, 'x', 100000);
    for (int i = 0; i < 100; i++)
        strv_add(&cause.last_lines, longer);
    report_cause_block(&out, &cause);
    ck_assert_uint_lt(out.len, 20 * 420 + 500);
    strv_free(&cause.last_lines);
    buf_free(&out);
    free(longer);
}
END_TEST

UNIT_MAIN("sentence", foreign_text_is_made_harmless, text_for_json_is_valid, signals_have_names,
          each_kind_has_its_sentence, what_is_not_known_is_left_out, hints_fit_their_kinds,
          hints_follow_what_is_known, the_exception_of_a_traceback_is_found,
          the_block_shows_all_that_is_known, the_block_is_short_when_little_is_known,
          the_block_is_bounded)
