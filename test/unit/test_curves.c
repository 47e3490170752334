/* test_curves: the strips of memory and CPU in report.html.
 */
#include <stdio.h>
#include <string.h>

#include "report/curves.h"
#include "sample.h"
#include "unit.h"

/* vm0 has samples: the peak of its memory, and lines for memory, the job's own, /dev/shm and CPU,
 * which does not leave the strip. */
START_TEST(the_page_has_curves)
{
    struct buf page = {0};

    curves_svg(&page, &sample_good);
    buf_add(&page, "", 1);

    ck_assert_int_eq(unit_count(page.data, "<polyline "), 4);
    ck_assert_ptr_nonnull(strstr(page.data, ">3.8 of 7.6 GiB</text>"));
    ck_assert_ptr_nonnull(strstr(page.data, "vm0: at most 3.8 of 7.6 GiB of memory, of it the job's"
                                            " own 1.0 GiB; 0.48 of 3.81 GiB of /dev/shm; 1.5 of 2 "
                                            "cores"));
    buf_free(&page);
}
END_TEST

/* Of many machines the fullest, in the report's order. */
START_TEST(the_page_has_the_fullest_machines)
{
    enum { MANY = 40 };
    struct moment moments[MANY];
    struct outcome outcomes[MANY];
    struct report report = sample_good;
    struct buf page = {0};
    char hosts[MANY][8];

    for (int i = 0; i < MANY; i++) {
        moments[i] = (struct moment){.at_ms = 10, .cpu_permille = 1 << 30, .memory_kb = i};
        snprintf(hosts[i], sizeof(hosts[i]), "m%02d", i);
        outcomes[i] = (struct outcome){
            .host = hosts[i], .memory_kb = MANY, .curve = {.moments = &moments[i], .n = 1}};
    }
    report.outcomes = outcomes;
    report.n_outcomes = MANY;
    curves_svg(&page, &report);
    buf_add(&page, "", 1);
    ck_assert_int_eq(unit_count(page.data, "<polyline "), 4 * 32);
    ck_assert_ptr_null(strstr(page.data, ">m07</text>"));
    ck_assert_ptr_nonnull(strstr(page.data, ">m08</text>"));
    ck_assert(strstr(page.data, ">m08</text>") < strstr(page.data, ">m39</text>"));
    buf_free(&page);
}
END_TEST

UNIT_MAIN("curves", the_page_has_curves, the_page_has_the_fullest_machines)
