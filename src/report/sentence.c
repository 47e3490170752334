/* sentence: the words about a cause. Knows no remedy (hint does) and no layout (block does). */
#include "report/sentence.h"

#include <ctype.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "report/signal.h"

enum {
    NAME_MOST = 256,   /* bytes of a host name */
    TEXT_MOST = 12288, /* bytes of a cause's own text: more than a struct err holds */
};

static const char *const hows[HOW_COUNT] = {
    [HOW_NONE] = "unknown",
    [HOW_EXITED] = "exited",
    [HOW_SIGNALED] = "killed by a signal",
    [HOW_LEFT_EARLY] = "left early",
    [HOW_EXEC_FAILED] = "not started",
    [HOW_CHECK_FAILED] = "check failed",
    [HOW_START_TIMEOUT] = "start timeout",
    [HOW_TOLD_TO_STOP] = "told to stop",
    [HOW_PARENT_GONE] = "parent gone",
    [HOW_LOST] = "lost",
    [HOW_PREEMPTED] = "pre-empted",
    [HOW_LAUNCHER] = "launcher failed",
    [HOW_RAISED] = "raised",
    [HOW_CONNECT_TIMEOUT] = "connect timeout",
    [HOW_STALLED] = "stalled",
};

const char *report_how(enum how how)
{
    return hows[(unsigned)how < HOW_COUNT ? how : HOW_NONE];
}

int report_shell_signal(int exit_code)
{
    int signal = exit_code - EXIT_SIGNAL_BASE;

    return signal > 0 && signal < __SIGRTMIN ? signal : 0;
}

/* Is it like "ValueError" or "torch.cuda.OutOfMemoryError: text"? */
static bool is_exception_line(const char *line)
{
    const char *c = line;

    if (!isalpha((unsigned char)*c) && *c != '_')
        return false;
    while (isalnum((unsigned char)*c) || *c == '_' || *c == '.')
        c++;
    return *c == '\0' || *c == '\r' || (c[0] == ':' && c[1] == ' ');
}

/* Skips the "[rank3]: " that newer versions of torch put before each line of a traceback. */
static const char *behind_rank(const char *line)
{
    const char *c = line + 5;

    if (strncmp(line, "[rank", 5) || !isdigit((unsigned char)*c))
        return line;
    while (isdigit((unsigned char)*c))
        c++;
    return strncmp(c, "]: ", 3) ? line : c + 3;
}

static const char *exception_in(const struct strv *lines)
{
    bool in_traceback = false;
    const char *found = NULL;

    for (size_t i = 0; i < lines->n; i++) {
        const char *line = behind_rank(lines->items[i]);

        /* of a long traceback the first line is not among the last lines */
        if (!strncmp(line, "Traceback (most recent call last)", 33) ||
            !strncmp(line, "  File \"", 8)) {
            in_traceback = true;
        } else if (in_traceback && is_exception_line(line)) {
            found = line;
            in_traceback = false;
        }
    }
    return found;
}

const char *report_exception(const struct cause *cause)
{
    return cause->exception ? cause->exception : exception_in(&cause->last_lines);
}

/* Adds "vm2"; without a name "machine 2"; without a number "an unknown machine". */
static void add_machine(struct buf *out, const struct cause *cause)
{
    if (cause->host)
        text_harmless(out, cause->host, NAME_MOST);
    else if (cause->machine >= 0)
        buf_addf(out, "machine %d", cause->machine);
    else
        buf_addf(out, "an unknown machine");
}

/* Adds "trainer 3 on vm2 (pid 4711)" or "the launcher on vm2". */
static void add_who(struct buf *out, const struct cause *cause)
{
    if (cause->role == ROLE_LAUNCHER)
        buf_addf(out, "the launcher");
    else
        buf_addf(out, "%s", role_name(cause->role));
    if (cause->id >= 0)
        buf_addf(out, " %d", cause->id);
    buf_addf(out, " on ");
    add_machine(out, cause);
    if (cause->pid > 0)
        buf_addf(out, " (pid %d)", cause->pid);
}

static void add_text(struct buf *out, const char *before, const struct cause *cause)
{
    if (!cause->text || !cause->text[0])
        return;
    buf_addf(out, "%s", before);
    text_harmless_lines(out, cause->text, "    ", TEXT_MOST);
}

static void add_exited(struct buf *out, const struct cause *cause)
{
    int signal = report_shell_signal(cause->value);

    buf_addf(out, " exited with code %d", cause->value);
    if (signal)
        buf_addf(out, ", as a shell reports %s", report_signal_name(signal));
}

/* The errno's words follow, unless the text has them already. */
static void add_exec_failed(struct buf *out, const struct cause *cause)
{
    const char *reason = cause->value > 0 ? strerror(cause->value) : NULL;

    buf_addf(out, " could not be started");
    add_text(out, ": ", cause);
    if (reason && !(cause->text && strstr(cause->text, reason)))
        buf_addf(out, ": %s", reason);
}

/* Adds the sentences that do not begin with a process; false: this cause has none. */
static bool add_without_process(struct buf *out, const struct cause *cause)
{
    switch (cause->how) {
    case HOW_STALLED: buf_addf(out, "it stands still"); break;
    case HOW_LOST:
        add_machine(out, cause);
        buf_addf(out, " is lost");
        break;
    case HOW_CHECK_FAILED:
        add_machine(out, cause);
        buf_addf(out, " cannot take part");
        break;
    case HOW_START_TIMEOUT:
        add_machine(out, cause);
        buf_addf(out, " was not ready in time");
        break;
    case HOW_CONNECT_TIMEOUT:
        add_machine(out, cause);
        buf_addf(out, " did not get all clients in time");
        break;
    default: return false;
    }
    add_text(out, ": ", cause);
    return true;
}

void report_sentence(struct buf *out, const struct cause *cause)
{
    if (add_without_process(out, cause))
        return;
    add_who(out, cause);
    switch (cause->how) {
    case HOW_EXITED: add_exited(out, cause); break;
    case HOW_SIGNALED: buf_addf(out, " was killed by %s", report_signal_name(cause->value)); break;
    case HOW_LEFT_EARLY: buf_addf(out, " exited with code 0 before the trainers had ended"); break;
    case HOW_EXEC_FAILED: add_exec_failed(out, cause); return;
    case HOW_TOLD_TO_STOP:
        buf_addf(out, " was told to stop by %s from outside", report_signal_name(cause->value));
        break;
    case HOW_PREEMPTED:
        buf_addf(out, " was pre-empted by %s", report_signal_name(cause->value));
        break;
    case HOW_RAISED: buf_addf(out, " has raised an exception and does not end"); break;
    case HOW_PARENT_GONE: buf_addf(out, " lost the process that had started it"); break;
    default: buf_addf(out, " failed"); break;
    }
    add_text(out, ": ", cause);
}

char *report_had_failed(const struct cause *cause)
{
    struct buf text = {0};

    if (cause) {
        buf_addf(&text, "; the job had failed: ");
        report_sentence(&text, cause);
    }
    buf_add(&text, "", 1);
    return text.data;
}
