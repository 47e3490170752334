/* machines: sorts ranks by what they tell of their machines. */
#include "job/machines.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

enum { SHOWN_MAX = 8 };

static int by_site_and_rank(const void *left, const void *right)
{
    const struct site *a = *(const struct site *const *)left;
    const struct site *b = *(const struct site *const *)right;
    int order = site_compare(a, b);

    return order ? order : a < b ? -1 : a > b; /* they lie in the order of the ranks */
}

static int by_rank(const void *left, const void *right)
{
    const struct site *a = *(const struct site *const *)left;
    const struct site *b = *(const struct site *const *)right;

    return a < b ? -1 : a > b;
}

void machines_find(struct machines *machines, const struct site *sites, size_t n)
{
    const struct site **all = mem_calloc(n, sizeof(*all));
    size_t kept = 0;

    for (size_t r = 0; r < n; r++)
        all[r] = &sites[r];
    qsort(all, n, sizeof(*all), by_site_and_rank);
    for (size_t i = 0; i < n; i++)
        if (!i || site_compare(all[i], all[kept - 1]))
            all[kept++] = all[i];
    qsort(all, kept, sizeof(*all), by_rank);
    *machines = (struct machines){
        .n = kept, .ranks = mem_calloc(kept, sizeof(*machines->ranks)), .sites = all};
    for (size_t i = 0; i < kept; i++)
        machines->ranks[i] = (int)(all[i] - sites);
}

void machines_free(struct machines *machines)
{
    free(machines->ranks);
    free(machines->sites);
    *machines = (struct machines){0};
}

static void swap_to(struct machines *machines, size_t to, size_t from)
{
    const struct site *site = machines->sites[from];
    int rank = machines->ranks[from];

    for (; from > to; from--) {
        machines->sites[from] = machines->sites[from - 1];
        machines->ranks[from] = machines->ranks[from - 1];
    }
    machines->sites[to] = site;
    machines->ranks[to] = rank;
}

/* "vm0, vm1 and 3 more" from first on. The caller frees. */
static char *names_from(const struct machines *machines, size_t first)
{
    struct buf text = {0};

    for (size_t i = first; i < machines->n && i < first + SHOWN_MAX; i++)
        buf_addf(&text, "%s%.64s", i > first ? ", " : "", machines->sites[i]->host);
    if (machines->n > first + SHOWN_MAX)
        buf_addf(&text, " and %zu more", machines->n - first - SHOWN_MAX);
    buf_add(&text, "", 1);
    return text.data;
}

static size_t find(const struct machines *machines, size_t from, size_t end, const char *name,
                   size_t len)
{
    while (from < end && (strlen(machines->sites[from]->host) != len ||
                          strncmp(machines->sites[from]->host, name, len) != 0))
        from++;
    return from;
}

/* Takes one name as the machine at `at`. */
static int take(struct machines *machines, size_t at, const char *name, size_t len, struct err *err)
{
    size_t found = find(machines, at, machines->n, name, len);
    char *known;

    if (find(machines, 0, at, name, len) < at)
        return err_set(err, EXIT_USAGE, "--machines: '%.*s' stands in the list twice",
                       (int)(len < 64 ? len : 64), name);
    if (found == machines->n) {
        known = names_from(machines, 0);
        err_set(err, EXIT_USAGE,
                "--machines: no machine calls itself '%.*s'; there are %s, in the order of ranks",
                (int)(len < 64 ? len : 64), name, known);
        free(known);
        return -1;
    }
    if (find(machines, found + 1, machines->n, name, len) < machines->n)
        return err_set(err, EXIT_USAGE,
                       "--machines: several machines call themselves '%.*s'; leave the option out, "
                       "and have mpirun start the ranks in the right order",
                       (int)(len < 64 ? len : 64), name);
    swap_to(machines, at, found);
    return 0;
}

int machines_order(struct machines *machines, const char *names, bool some_may_lack,
                   struct err *err)
{
    static const char between[] = ", \t\n";
    size_t named = 0;
    char *missing;

    for (const char *at = names + strspn(names, between); *at; at += strspn(at, between)) {
        size_t len = strcspn(at, between);

        if (take(machines, named, at, len, err))
            return -1;
        named++;
        at += len;
    }
    if (named == machines->n || some_may_lack)
        return 0;
    missing = names_from(machines, named);
    err_set(err, EXIT_USAGE,
            "--machines names %zu of %zu machines; name these too, or let them stay idle by "
            "--spare: %s",
            named, machines->n, missing);
    free(missing);
    return -1;
}
