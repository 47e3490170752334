/* awaited: the words for the processes that a machine waits for. */
#include "report/awaited.h"

void report_awaited(struct buf *out, const struct waiting *waiting, const char *host,
                    int64_t since_ms)
{
    for (int i = 0; i < waiting->n; i++) {
        const struct awaited *a = &waiting->items[i];

        buf_addf(out, "%s%s %d", i ? "; " : "", role_name(waiting->role), a->id);
        if (host)
            buf_addf(out, " on %s", host);
        if (a->port)
            buf_addf(out, " (port %d)", a->port);
        if (a->pid)
            buf_addf(out, " (pid %d)", a->pid);
        if (a->silent_ms >= 0)
            buf_addf(out, ", silent for %lld s", (long long)(a->silent_ms + since_ms) / 1000);
    }
    if (waiting->left > waiting->n)
        buf_addf(out, "; and %d more", waiting->left - waiting->n);
    if (waiting->left > waiting->n && host)
        buf_addf(out, " on %s", host);
}
