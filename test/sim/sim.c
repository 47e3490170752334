/* sim: the coordinator's real code as many ranks of one process, in simulated time.
 *
 *   sim                               the scenarios, counts of messages, and a thousand random
 *                                     schedules
 *   sim --random FROM TO              those of these seeds
 *   sim --seed N [--ranks R] [--trace]
 *   sim --run "WORDS" [--trace]       a schedule as a failing seed prints it
 *   sim --big MACHINES                counts and times of one good job and of one that fails
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runs.h"
#include "scenarios.h"

#ifdef __SANITIZE_ADDRESS__
enum { RANDOM = 100 };
#else
enum { RANDOM = 1000 };
#endif

static void print_schedule(const char *before, const struct schedule *s)
{
    struct buf text = {0};

    schedule_print(s, &text);
    printf("%s%.*s\n", before, (int)text.len, text.data);
    buf_free(&text);
}

/* Tells why, and the smallest schedule that fails too. */
static void tell_failure(const struct schedule *schedule, const struct result *result)
{
    struct schedule smallest = *schedule;
    struct result again;

    printf("seed %llu FAILED: %s\n", (unsigned long long)schedule->seed, result->violation);
    print_schedule("  schedule: ", schedule);
    runs_shrink(&smallest);
    runs_one(&smallest, false, false, &again);
    print_schedule("  smallest: ", &smallest);
    printf("  which says: %s\n", again.violation);
}

/* The same schedule takes the same course each time. */
static int run_again(void)
{
    enum { SEEDS = 20 };
    int failed = 0;

    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct schedule schedule;
        struct result once, again;

        schedule_draw(&schedule, seed, 0);
        runs_one(&schedule, false, false, &once);
        runs_one(&schedule, false, true, &again);
        if (once.events == again.events && once.simulated_ms == again.simulated_ms)
            continue;
        printf("seed %llu FAILED: it took another course the second time\n",
               (unsigned long long)seed);
        failed++;
    }
    return failed;
}

static int run_random(uint64_t from, uint64_t to)
{
    int failed = 0;
    double cpu = 0;
    int64_t events = 0, longest = 0;
    uint64_t longest_seed = 0;

    for (uint64_t seed = from; seed < to; seed++) {
        struct schedule schedule;
        struct result result;

        schedule_draw(&schedule, seed, 0);
        if (!runs_one(&schedule, false, false, &result)) {
            tell_failure(&schedule, &result);
            failed++;
        }
        cpu += result.cpu_s;
        events += result.events;
        if (result.simulated_ms > longest) {
            longest = result.simulated_ms;
            longest_seed = seed;
        }
    }
    printf("%llu random schedules: %d failed; %.1f s of CPU, %lld events; the longest takes %lld s "
           "(seed %llu)\n",
           (unsigned long long)(to - from), failed, cpu, (long long)events,
           (long long)longest / 1000, (unsigned long long)longest_seed);
    return failed;
}

static int not_understood(const char *word)
{
    fprintf(stderr, "sim: '%s' is not understood\n", word);
    return 2;
}

static int run_shown(const struct schedule *schedule, bool traces)
{
    struct result result;
    bool good = runs_one(schedule, traces, false, &result);

    print_schedule("", schedule);
    printf("rank 0's code %d, cause %d on machine %d, attempts %d, %lld ms, %lld events\n%s\n",
           result.code, (int)result.how, result.machine, result.attempts,
           (long long)result.simulated_ms, (long long)result.events,
           good ? "all rules hold" : result.violation);
    return !good;
}

static void print_counts(const char *who, const struct counts *c)
{
    printf("  %-18s %9lld messages sent, %9lld received (%lld bytes), %5d peers, %lld turns, "
           "%lld kB\n",
           who, (long long)c->sent, (long long)c->received, (long long)c->bytes_received, c->peers,
           (long long)c->turns, (long long)c->memory_peak / 1024);
}

static int run_big(const char *what, int machines, const char *words)
{
    struct schedule schedule;
    struct result result;
    const char *wrong;
    bool good;

    if (schedule_make(&schedule, machines, words, &wrong))
        return not_understood(wrong);
    schedule.trainers = 16;
    good = runs_one(&schedule, false, true, &result);
    printf("%s, %d machines x %d processes: %s, code %d, %.1f s simulated\n", what, machines,
           schedule.trainers, good ? "all rules hold" : result.violation, result.code,
           (double)result.simulated_ms / 1000);
    printf("  %-18s %.2f s of CPU, %lld MB at most, %lld events\n", "the simulation", result.cpu_s,
           (long long)result.memory_kb / 1024, (long long)result.events);
    print_counts("rank 0:", &result.root);
    printf("  %-18s %.2f s of CPU\n", "", (double)result.root.cpu_ns / 1e9);
    print_counts("others, the most:", &result.most);
    return !good;
}

/* What a job of many machines may cost in messages, so that no change makes it more unawares. */
static int run_counts(void)
{
    enum { MACHINES = 256, NEIGHBOURS = 8 };
    static const struct {
        const char *words;
        int root_sent, root_received, most_received; /* at most, a machine */
        int root_peers;
    } jobs[] = {{"", 2, 4, 3, NEIGHBOURS}, {"fail:1@trainers+100=7", 3, 6, 4, NEIGHBOURS}};
    int failed = 0;

    for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++) {
        struct schedule schedule;
        struct result result;
        const char *wrong;

        if (schedule_make(&schedule, MACHINES, jobs[i].words, &wrong))
            return not_understood(wrong);
        if (runs_one(&schedule, false, false, &result) &&
            result.root.sent <= jobs[i].root_sent * MACHINES &&
            result.root.received <= jobs[i].root_received * MACHINES &&
            result.most.received <= jobs[i].most_received * MACHINES &&
            result.root.peers <= jobs[i].root_peers && result.most.peers <= NEIGHBOURS + 1)
            continue;
        printf("'%s' on %d machines FAILED: %s\n", jobs[i].words, MACHINES,
               result.violation[0] ? result.violation : "more messages, or peers, than before:");
        print_counts("rank 0:", &result.root);
        print_counts("others, the most:", &result.most);
        failed++;
    }
    return failed;
}

static int usage(void)
{
    fprintf(stderr, "usage: sim [--random FROM TO | --seed N [--ranks R] [--trace] | "
                    "--run \"WORDS\" [--trace] | --big MACHINES]\n");
    return 2;
}

static bool is(const char *word, const char *name)
{
    return word && !strcmp(word, name);
}

static int run_seed(char **argv)
{
    int ranks = 0;
    struct schedule schedule;

    if (!argv[0])
        return usage();
    if (is(argv[1], "--ranks") && argv[2])
        ranks = atoi(argv[2]);
    schedule_draw(&schedule, strtoull(argv[0], NULL, 10), ranks);
    return run_shown(&schedule, is(argv[ranks ? 3 : 1], "--trace"));
}

static int run_words(char **argv)
{
    struct schedule schedule;
    const char *wrong;

    if (!argv[0])
        return usage();
    if (schedule_make(&schedule, 1, argv[0], &wrong))
        return not_understood(wrong);
    return run_shown(&schedule, is(argv[1], "--trace"));
}

int main(int argc, char **argv)
{
    int machines = argc > 2 ? atoi(argv[2]) : 0;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 1)
        return scenarios_run() + run_counts() + run_again() + run_random(1, RANDOM + 1) > 0;
    if (is(argv[1], "--random") && argc == 4)
        return run_random(strtoull(argv[2], NULL, 10), strtoull(argv[3], NULL, 10)) > 0;
    if (is(argv[1], "--scenarios"))
        return scenarios_run() > 0;
    if (is(argv[1], "--seed"))
        return run_seed(argv + 2);
    if (is(argv[1], "--run"))
        return run_words(argv + 2);
    if (is(argv[1], "--big") && machines > 0 && machines <= SCHEDULE_RANKS_MOST)
        return run_big("a good job", machines, "") +
                   run_big("a trainer fails", machines, "fail:1@trainers+100=7") >
               0;
    return usage();
}
