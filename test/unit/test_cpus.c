/* test_cpus: which mask the processes get, by who made the launcher's own. */
#include "job/cpus.h"

#include <unistd.h>

#include "unit.h"

static struct cpus of(int first, int last)
{
    struct cpus cpus = {0};

    for (int i = first; i <= last; i++)
        CPU_SET_S((size_t)i, sizeof(cpus), cpus.sets);
    return cpus;
}

START_TEST(only_a_daemons_own_binding_is_undone)
{
    struct cpus one = of(3, 3), eight = of(0, 7), all = of(0, 8191), other = of(4, 7);

    ck_assert_ptr_eq(cpus_choose(CPUS_BY_USER, &one, &eight, &all, 8192), &one);
    ck_assert_ptr_eq(cpus_choose(CPUS_BY_DAEMON, &one, &eight, &all, 0), &eight);
    ck_assert_ptr_eq(cpus_choose(CPUS_BY_DAEMON, &one, &other, &all, 0), &other);
    ck_assert_int_eq(cpus_count(&one), 1);
    ck_assert_int_eq(cpus_count(&(struct cpus){0}), 1);
}
END_TEST

/* The job has the whole machine if Slurm has granted as many CPUs as there are. */
START_TEST(what_slurm_has_granted_is_not_exceeded)
{
    struct cpus one = of(3, 3), eight = of(0, 7);

    ck_assert_ptr_eq(cpus_choose(CPUS_BY_SLURM, &one, &one, &eight, 8), &eight);
    ck_assert_ptr_eq(cpus_choose(CPUS_BY_SLURM, &one, &one, &eight, 7), &one);
    ck_assert_ptr_eq(cpus_choose(CPUS_BY_SLURM, &one, &one, &eight, 0), &one);
}
END_TEST

START_TEST(ours_is_the_users)
{
    static char *none[] = {NULL};
    struct cpus own, first = {0};

    ck_assert(!cpus_look(&own, none));
    for (size_t i = 0; i < CPUS_MAX; i++) {
        if (CPU_ISSET_S(i, sizeof(own), own.sets)) {
            CPU_SET_S(i, sizeof(first), first.sets);
            break;
        }
    }
    ck_assert_int_eq(sched_setaffinity(0, sizeof(first), first.sets), 0);
    ck_assert(!cpus_look(&own, none));
    ck_assert(CPU_EQUAL_S(sizeof(own), own.sets, first.sets));
    ck_assert_int_eq(cpus_count(&own), 1);
}
END_TEST

UNIT_MAIN("cpus", only_a_daemons_own_binding_is_undone, what_slurm_has_granted_is_not_exceeded,
          ours_is_the_users)
