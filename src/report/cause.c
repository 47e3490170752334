/* cause: which of several failures was the first. Clocks of machines are not comparable, ages are;
 * but an age is only as exact as a message is fast, so that within 50 ms the likelier origin wins.
 */
#include "report/cause.h"

#include <stdbool.h>

/* How likely it is that a failure of this kind brought the others about; 0 most. A process that
 * loses its peers exits with a code, so that a death by signal near it comes first, and one that
 * gets the pre-emption signal may die of it; what happens to
 * processes does not make the launcher fail, the reverse it does. */
static int kind_order(enum how how)
{
    static const int order[HOW_COUNT] = {
        [HOW_PREEMPTED] = 0,    [HOW_SIGNALED] = 1,
        [HOW_LAUNCHER] = 2,     [HOW_EXITED] = 3,
        [HOW_LEFT_EARLY] = 3,   [HOW_EXEC_FAILED] = 3,
        [HOW_CHECK_FAILED] = 3, [HOW_START_TIMEOUT] = 3,
        [HOW_TOLD_TO_STOP] = 4, [HOW_PARENT_GONE] = 4,
        [HOW_LOST] = 4,         [HOW_RAISED] = 3,
        [HOW_NONE] = 5,         [HOW_CONNECT_TIMEOUT] = 3,
        [HOW_STALLED] = 4,
    };

    return (unsigned)how < HOW_COUNT ? order[how] : order[HOW_NONE];
}

/* Roles stand in the order of enum role: servers, samplers, trainers, launcher. */
int report_weight(enum how how, enum role role)
{
    return (kind_order(HOW_NONE) - kind_order(how)) * ROLE_COUNT + ROLE_LAUNCHER - (int)role;
}

/* Does a come before b, both being of one moment? */
static bool comes_before(const struct cause *a, const struct cause *b)
{
    int heavier = report_weight(a->how, a->role) - report_weight(b->how, b->role);

    if (heavier)
        return heavier > 0;
    if (a->age_ms != b->age_ms)
        return a->age_ms > b->age_ms;
    if (a->machine != b->machine)
        return a->machine < b->machine;
    return a->id < b->id;
}

const struct cause *report_first_cause(const struct cause *const *causes, int n)
{
    const struct cause *oldest = NULL;
    const struct cause *first;

    for (int i = 0; i < n; i++)
        if (causes[i] && (!oldest || causes[i]->age_ms > oldest->age_ms))
            oldest = causes[i];
    first = oldest;
    for (int i = 0; i < n; i++)
        if (causes[i] && oldest->age_ms - causes[i]->age_ms <= REPORT_MOMENT_MS &&
            comes_before(causes[i], first))
            first = causes[i];
    return first;
}
