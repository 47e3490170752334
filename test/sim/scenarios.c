/* scenarios: one table. */
#include "scenarios.h"

#include <stdio.h>

#include "runs.h"

/* At how many machines. */
enum sizes {
    SMALL = 1,
    LARGE = 2,
    ALONE = 4,
    MANY = 8,   /* where rank 0 has two neighbours at least */
    EIGHT = 16, /* where the words name ranks by number */
    ALL = SMALL | LARGE | ALONE,
    SOME = SMALL | LARGE
};

static const struct {
    int machines;
    enum sizes of;
} sizes[] = {{1, ALONE}, {2, SMALL},         {3, SMALL | MANY}, {7, SMALL | MANY},
             {8, EIGHT}, {64, SMALL | MANY}, {1000, LARGE}};

/* machine: of the cause; its number, or one of these. */
enum { ANY = -1, INNER = -2, LAST = -3 };

static const struct scenario {
    const char *name;
    enum sizes sizes;
    const char *words;
    int code;
    enum how how;
    int machine;
    int attempts; /* 0: one */
} scenarios[] = {
    {"everything goes well", ALL, "", 0, HOW_NONE, ANY, 0},
    {"a trainer fails", ALL, "fail:last@trainers+100=7", 7, HOW_EXITED, LAST, 0},
    {"a server dies of a signal", SMALL | ALONE, "fail:last@servers+0=-11", 139, HOW_SIGNALED, LAST,
     0},
    {"two fail, and the older wins", SOME, "run=9000 fail:last@start+3000=7 fail:0@start+3150=8", 7,
     HOW_EXITED, LAST, 0},
    {"a machine is lost while servers start", SMALL, "lost=4000 lost:last@servers+1", 125, HOW_LOST,
     LAST, 0},
    {"a machine is lost while trainers run", SOME, "lost=4000 run=9000 lost:last@trainers+100", 125,
     HOW_LOST, LAST, 0},
    {"an inner machine of the tree is lost", SOME, "lost=4000 run=9000 lost:inner@trainers+100",
     125, HOW_LOST, INNER, 0},
    {"a rank dies, and its keeper tells", SOME, "run=9000 lost:last@trainers+100=1", 125, HOW_LOST,
     LAST, 0},
    {"a machine is lost while servers leave", SMALL, "lost=4000 lost:last@drain+0", 125, HOW_LOST,
     LAST, 0},
    {"a machine is lost while all stop", SMALL, "lost=4000 fail:0@trainers+100=7 lost:last@stop+0",
     7, HOW_EXITED, 0, 0},
    {"rank 0's machine is lost", SOME, "lost=4000 run=9000 lost:0@trainers+100", ANY, HOW_NONE, ANY,
     0},
    {"rank 0 answers in the millisecond in which it is asked", EIGHT,
     "lost=10000 grace=500 run=1832 latency=30 sleepers=2 reader:0@stop+0=12863 "
     "lost:3@start+2000 fail:5@start+2203=-11",
     139, HOW_SIGNALED, 5, 0},
    {"rank 0 answers while its keeper does not leave", EIGHT,
     "lost=6000 grace=500 run=9000 fail:5@trainers+100=7 lost:3@stop+0 silent:0@over+0", 7,
     HOW_EXITED, 5, 0},
    {"a machine is cut off for ever", SMALL, "lost=4000 run=9000 cut:last@trainers+100", 125,
     HOW_LOST, LAST, 0},
    {"rank 0's machine is cut off for ever", MANY, "lost=4000 run=9000 cut:0@trainers+100", 125,
     HOW_LOST, 0, 0},
    {"a machine needs its whole grace, and is waited for", SMALL,
     "grace=9000 slow:last@servers+0 fail:0@trainers+100=7", 7, HOW_EXITED, 0, 0},
    {"a stopped machine comes back in time", SMALL, "lost=8000 run=9000 stall:last@trainers+9=3000",
     0, HOW_NONE, ANY, 0},
    {"a stopped machine comes back too late", SMALL,
     "lost=4000 run=20000 stall:last@trainers+9=9000", 125, HOW_LOST, LAST, 0},
    {"another attempt goes well", ALL, "restarts=2 fail:last@trainers+100=7", 0, HOW_NONE, ANY, 2},
    {"each attempt fails", SMALL, "restarts=1 fail:last@trainers+10=7 fail:0@start+9000=9 run=9000",
     9, HOW_EXITED, 0, 2},
    {"a machine is lost on the way of the gate to another attempt", SMALL,
     "restarts=1 fail:last@trainers+100=7 slow:0@servers+0 stall:inner@stop+2000=60000 "
     "lost:inner@stop+20000",
     ANY, HOW_NONE, ANY, 0},
    {"so it is, and rank 0's processes do not end", SMALL,
     "seed=8 lost=2000 restarts=2 latency=30 fail:last@trainers+0=1 lost:inner@over+10 "
     "stuck:0@start+2300",
     ANY, HOW_NONE, ANY, 0},
    {"told to stop", ALL, "signal:last@trainers+100=15", 143, HOW_TOLD_TO_STOP, LAST, 0},
    {"mpirun ends", SMALL, "parent:0@trainers+100", 125, HOW_PARENT_GONE, 0, 0},
    {"pre-emption, and trainers end by it", SMALL, "run=9000 preempt:last@trainers+9=1", 75,
     HOW_PREEMPTED, LAST, 0},
    {"pre-emption, and the grace is over", SMALL, "run=90000 preempt:last@trainers+9=0", 75,
     HOW_PREEMPTED, LAST, 0},
    {"a keeper dies", SMALL | ALONE, "run=9000 die:last@trainers+100", 125, HOW_LAUNCHER, LAST, 0},
    {"a keeper is silent", SMALL | ALONE, "lost=4000 run=9000 silent:last@trainers+100", 125,
     HOW_LAUNCHER, LAST, 0},
    {"processes do not end", SMALL, "stuck:last@trainers+9 fail:0@trainers+100=7", 7, HOW_EXITED, 0,
     0},
    {"a machine has another ip_config", SMALL, "check:last@start+0", 3, HOW_CHECK_FAILED, LAST, 0},
    {"servers leave early", SMALL, "run=90000 left:last@trainers+9", 125, HOW_LEFT_EARLY, LAST, 0},
    {"two ranks a machine", SMALL, "sleepers=2 fail:last@trainers+100=7", 7, HOW_EXITED, LAST, 0},
    {"two signals in the opening, to two ranks", SMALL, "signal:0@start+0=15 signal:1@start+0=1",
     143, HOW_NONE, ANY, 0},
    {"so they come, one a moment after the other", SMALL,
     "signal:1@start+90=1 signal:0@start+100=15", ANY, HOW_NONE, ANY, 0},
    {"a signal in the opening ends the elected rank of an idle one", EIGHT,
     "seed=17 sleepers=8 signal:0@start+200=2", 130, HOW_NONE, ANY, 0},
    {"MPI_Abort ends nobody else", SMALL, "deaf lost=4000 run=9000 lost:last@trainers+100", 125,
     HOW_LOST, LAST, 0},
};

static int machine_meant(int machine, int machines)
{
    if (machine == LAST)
        return machines - 1;
    return machine == INNER ? schedule_inner(machines) : machine;
}

static bool is_as_expected(const struct scenario *s, int machines, const struct result *result)
{
    int attempts = s->attempts ? s->attempts : 1;

    if (s->code == ANY) /* chance decides, or rank 0 cannot tell; the rules hold all the same */
        return true;
    return result->code == s->code && result->how == s->how && result->attempts == attempts &&
           (s->machine == ANY || result->machine == machine_meant(s->machine, machines));
}

/* 1: it failed, and this is told. */
static int run(const struct scenario *s, int machines)
{
    struct schedule schedule;
    struct result result;
    const char *wrong;
    bool good;

    if (schedule_make(&schedule, machines, s->words, &wrong)) {
        printf("%s: '%s' is not understood\n", s->name, wrong);
        return 1;
    }
    good = runs_one(&schedule, false, false, &result);
    if (good && is_as_expected(s, machines, &result))
        return 0;
    printf("%s, %d machines, FAILED: %s (code %d, cause %d on machine %d, %d attempts)\n"
           "  sim --run \"machines=%d %s\" --trace\n",
           s->name, machines, good ? "not as expected" : result.violation, result.code,
           (int)result.how, result.machine, result.attempts, machines, s->words);
    return 1;
}

int scenarios_run(void)
{
    int failed = 0, n = 0;

    for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
        for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++)
            if (scenarios[i].sizes & sizes[k].of) {
                failed += run(&scenarios[i], sizes[k].machines);
                n++;
            }
    printf("%d scenarios: %d failed\n", n, failed);
    return failed;
}
