/* notices: prints, counts, and tells of the counted. */
#include "coord/notices.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

#define OURS "dgl-mpilaunch: "

enum { TELL_MS = 2000 /* the lines of all machines come within it, mostly */ };

bool notices_take(struct notices *notices, const char *host, const char *line, int64_t now)
{
    int kind = kinds_add(&notices->kinds, line, host);

    if (notices->kinds.n[kind] <= KINDS_SAID)
        return true;
    if (!notices->more[kind]++)
        notices->next[kind] = mem_strdup(line);
    if (!notices->due)
        notices->due = now + TELL_MS;
    return false;
}

/* "dgl-mpilaunch: 996 more lines like this: warning: vm5: ...", or one line as it came. */
static void add_more(struct buf *out, size_t more, const char *line)
{
    if (more > 1) {
        buf_addf(out, OURS "%zu more lines like this: ", more);
        line += strncmp(line, OURS, strlen(OURS)) ? 0 : strlen(OURS);
    }
    buf_add(out, line, strlen(line) + 1);
}

void notices_tell(struct notices *notices, int64_t now, void (*say)(void *arg, const char *line),
                  void *arg)
{
    if (!notices->due || now < notices->due)
        return;
    notices->due = 0;
    for (int i = 0; i < notices->kinds.count; i++) {
        struct buf text = {0};

        if (!notices->more[i])
            continue;
        add_more(&text, notices->more[i], notices->next[i]);
        say(arg, text.data);
        buf_free(&text);
        free(notices->next[i]);
        notices->next[i] = NULL;
        notices->more[i] = 0;
    }
}

void notices_free(struct notices *notices)
{
    for (int i = 0; i < notices->kinds.count; i++)
        free(notices->next[i]);
    *notices = (struct notices){0};
}
