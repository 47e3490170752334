/* world: a heap of events, and a switch between the scheduler's stack and the ranks'. */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "random.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

enum {
    STACK = 256 << 10,
    GUARD = 4096,
    LOOKS_MOST = 20000, /* of one rank at one moment: more is a loop without a pause */
    SLACK_US = 200      /* by which a poll wakes late, at most */
};

struct event {
    int64_t at, order;
    void (*fire)(void *arg, int64_t n);
    void *arg;
    int64_t n;
};

struct world world;
static struct event *heap;
static size_t n_events, room;
static int64_t ordered;
static int running; /* ranks */
static uint64_t random_state;
static ucontext_t scheduler;
static void (*live)(struct node *node);

/* ---- chance and time ---- */

int world_chance(int limit)
{
    return random_below(&random_state, limit);
}

int64_t world_latency(void)
{
    int64_t usual = world.schedule->latency_us;

    return usual / 2 + world_chance((int)usual + 1) +
           (world_chance(16) ? 0 : world_chance(9 * (int)usual + 1));
}

int64_t world_ms(void)
{
    return world.now / 1000;
}

struct node *world_node(int index)
{
    return &world.nodes[index];
}

/* ---- events ---- */

static bool before(const struct event *a, const struct event *b)
{
    return a->at < b->at || (a->at == b->at && a->order < b->order);
}

void world_in(int64_t us, void (*fire)(void *arg, int64_t n), void *arg, int64_t n)
{
    struct event event = {world.now + us, ordered++, fire, arg, n};
    size_t at = n_events++;

    if (n_events > room) {
        room = room ? 2 * room : 1024;
        heap = realloc(heap, room * sizeof(*heap));
        if (!heap)
            abort();
    }
    for (; at && before(&event, &heap[(at - 1) / 2]); at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    heap[at] = event;
}

static struct event take_first(void)
{
    struct event first = heap[0], last = heap[--n_events];
    size_t at = 0, child;

    while ((child = 2 * at + 1) < n_events) {
        child += child + 1 < n_events && before(&heap[child + 1], &heap[child]);
        if (!before(&heap[child], &last))
            break;
        heap[at] = heap[child];
        at = child;
    }
    if (n_events)
        heap[at] = last;
    return first;
}

/* ---- turns ---- */

static void fiber_leaves(void **fake, const void *stack, size_t size)
{
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_start_switch_fiber(fake, stack, size);
#else
    (void)fake, (void)stack, (void)size;
#endif
}

static void fiber_is_back(void *fake, const void **stack, size_t *size)
{
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(fake, stack, size);
#else
    (void)fake, (void)stack, (void)size;
#endif
}

static const void *scheduler_stack;
static size_t scheduler_size;

static int64_t cpu_ns(void)
{
    struct timespec used;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

static void give_turn(struct node *node)
{
    bool measured = world.measures && node->index == 0;
    int64_t began = measured ? cpu_ns() : 0;
    void *fake;

    node->turn++;
    node->counts.turns++;
    world.current = node;
    fiber_leaves(&fake, node->stack + GUARD, STACK);
    swapcontext(&scheduler, &node->context);
    fiber_is_back(fake, NULL, NULL);
    world.current = NULL;
    if (measured)
        node->counts.cpu_ns += cpu_ns() - began;
    if (!node_runs(node))
        munmap(node->stack, STACK + GUARD);
}

/* n: the turn that the event was made for; an older one is stale. */
static void wake(void *arg, int64_t n)
{
    struct node *node = arg;

    if (!node_runs(node) || n != node->turn)
        return;
    if (world.now < node->frozen_until)
        world_in(node->frozen_until - world.now, wake, node, n);
    else
        give_turn(node);
}

void node_wake(struct node *node)
{
    world_in(0, wake, node, node->turn);
}

static void give_back(struct node *node)
{
    fiber_leaves(&node->fake_stack, scheduler_stack, scheduler_size);
    swapcontext(&node->context, &scheduler);
    fiber_is_back(node->fake_stack, &scheduler_stack, &scheduler_size);
}

void node_wait(int64_t us)
{
    struct node *node = world.current;

    if (us >= 0)
        world_in(us + world_chance(SLACK_US), wake, node, node->turn);
    give_back(node);
}

bool node_runs(const struct node *node)
{
    return node->fate == FATE_RUNS;
}

void node_end(struct node *node, enum fate fate, int code)
{
    static const char *const fates[] = {"runs", "leaves", "exits", "is aborted", "is lost"};

    if (!node_runs(node))
        return;
    trace(node, "%s with %d", fates[fate], code);
    node->fate = fate;
    node->code = code;
    node->ended = world.now;
    running--;
    if (node == world.current)
        give_back(node);
    else
        munmap(node->stack, STACK + GUARD);
}

void node_freeze(struct node *node, int64_t us)
{
    if (world.now + us > node->frozen_until)
        node->frozen_until = world.now + us;
}

bool node_is_cut(const struct node *node)
{
    return world.now < node->cut_until;
}

/* ---- life ---- */

static void begin_life(void)
{
    fiber_is_back(NULL, &scheduler_stack, &scheduler_size);
    live(world.current);
    abort();
}

static void make_stack(struct node *node)
{
    node->stack = mmap(NULL, STACK + GUARD, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (node->stack == MAP_FAILED || mprotect(node->stack, GUARD, PROT_NONE))
        abort();
    getcontext(&node->context);
    node->context.uc_stack.ss_sp = node->stack + GUARD;
    node->context.uc_stack.ss_size = STACK;
    makecontext(&node->context, begin_life, 0);
}

void world_begin(const struct schedule *schedule, bool traces, void (*life)(struct node *node))
{
    enum { APART_US = 200000 };

    world.schedule = schedule;
    world.traces = traces;
    world.job_code = -1;
    world.size = schedule->machines + schedule->sleepers;
    world.nodes = calloc((size_t)world.size, sizeof(*world.nodes));
    random_state = schedule->seed * 0x2545F4914F6CDD1D + 0x9E3779B97F4A7C15;
    random_state = random_state ? random_state : 1;
    live = life;
    running = world.size;
    for (int i = 0; i < world.size; i++) {
        struct node *node = &world.nodes[i];

        node->index = i;
        node->machine = i % schedule->machines;
        node->sleeps = i >= schedule->machines;
        node->level = LOG_NORMAL;
        make_stack(node);
        world_in(world_chance(APART_US), wake, node, 0);
    }
}

void world_run(int64_t most_us)
{
    while (n_events && running && world.now < most_us) {
        struct event event = take_first();

        world.now = event.at;
        world.events++;
        event.fire(event.arg, event.n);
    }
}

/* ---- what is told ---- */

void trace(const struct node *node, const char *format, ...)
{
    va_list args;

    if (!world.traces)
        return;
    printf("%12.3f ", (double)world.now / 1000);
    if (node)
        printf("rank %d: ", node->index);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}
