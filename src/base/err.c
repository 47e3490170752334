/* err: keeps the reason of a failure until somebody can tell the user. Prints nothing. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* Room is left for one character more, "..." and the NUL. */
enum { TEXT_MOST = sizeof(((struct err *)NULL)->text) - 16 };

/* Paths, words of the command line and bytes of files are in it. */
static void make_harmless(struct err *err)
{
    struct buf out = {0};

    text_harmless_lines(&out, err->text, "", TEXT_MOST);
    buf_add(&out, "", 1);
    memcpy(err->text, out.data, out.len);
    buf_free(&out);
}

int err_set(struct err *err, int code, const char *format, ...)
{
    va_list args;

    err->code = code;
    va_start(args, format);
    vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    make_harmless(err);
    return -1;
}

int err_wrap(struct err *err, const char *format, ...)
{
    char reason[sizeof(err->text)];
    size_t used;
    va_list args;

    memcpy(reason, err->text, sizeof(reason));
    va_start(args, format);
    vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    used = strlen(err->text);
    snprintf(err->text + used, sizeof(err->text) - used, ": %s", reason);
    make_harmless(err);
    return -1;
}
