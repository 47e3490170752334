/* doing: one shared page without a lock. A half-written text does no harm: the rank looks at what
 * has stood there for long.
 */
#include "keeper/doing.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>

#include "base/clock.h"

static struct page {
    _Atomic int64_t since;      /* 0: nothing */
    _Atomic int64_t progressed; /* 0: never */
    atomic_bool rank_leaves;
    enum doing kind;
    char text[8704]; /* two paths */
} * page;            /* NULL: none */

void doing_open(void)
{
    void *memory =
        mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    page = memory == MAP_FAILED ? NULL : memory;
}

void doing_begin(enum doing kind, const char *format, ...)
{
    va_list args;

    if (!page)
        return;
    va_start(args, format);
    page->kind = kind;
    vsnprintf(page->text, sizeof(page->text), format, args);
    va_end(args);
    atomic_store(&page->since, clock_ms());
}

void doing_end(void)
{
    if (page)
        atomic_store(&page->since, 0);
}

void doing_progress(void)
{
    if (page)
        atomic_store(&page->progressed, clock_ms());
}

int64_t doing_progressed(void)
{
    return page ? atomic_load(&page->progressed) : 0;
}

void doing_rank_leaves(void)
{
    if (page)
        atomic_store(&page->rank_leaves, true);
}

bool doing_rank_has_left(void)
{
    return page && atomic_load(&page->rank_leaves);
}

const char *doing_what(enum doing *kind, int64_t *for_ms)
{
    int64_t since = page ? atomic_load(&page->since) : 0;

    if (since == 0)
        return NULL;
    *kind = page->kind;
    *for_ms = clock_ms() - since;
    return atomic_load(&page->since) == since ? page->text : NULL; /* else it has gone on */
}
