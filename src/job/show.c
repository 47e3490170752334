/* show: see the header. */
#include "job/show.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct range {
    enum role role;
    long first, last;
};

/* Digits alone, few enough for a long. */
static const char *take_number(const char *at, long *value)
{
    const char *end = at + strspn(at, "0123456789");

    if (end == at || end - at > 9)
        return NULL;
    *value = strtol(at, NULL, 10);
    return end;
}

static const char *take_role(const char *at, enum role *role)
{
    for (int r = ROLE_SERVER; r <= ROLE_TRAINER; r++) {
        size_t len = strlen(role_name((enum role)r));

        if (!strncmp(at, role_name((enum role)r), len)) {
            *role = (enum role)r;
            return at + len;
        }
    }
    return NULL;
}

/* Takes one of the list, and the comma behind it; NULL: it is malformed. */
static const char *take_range(const char *at, struct range *range)
{
    *range = (struct range){.first = 0, .last = 999999999};
    at = take_role(at, &range->role);
    if (at && *at == ':') {
        at = take_number(at + 1, &range->first);
        range->last = range->first;
        if (at && *at == '-')
            at = take_number(at + 1, &range->last);
    }
    if (!at || range->last < range->first || (*at && *at != ',') || (*at == ',' && !at[1]))
        return NULL;
    return *at == ',' ? at + 1 : at;
}

int show_check(const char *list, struct err *err)
{
    const char *at = list;
    struct range range;

    if (!strcmp(list, "none"))
        return 0;
    do
        at = take_range(at, &range);
    while (at && *at);
    if (at)
        return 0;
    return err_set(err, EXIT_USAGE,
                   "--show takes 'none', or a comma list such as server,trainer:0,sampler:0-3, and "
                   "not '%s'",
                   list);
}

bool show_has(const char *list, enum role role, int id)
{
    const char *at = list;
    struct range range;

    if (!list)
        return true;
    while (at && *at && (at = take_range(at, &range)))
        if (range.role == role && id >= range.first && id <= range.last)
            return true;
    return false;
}
