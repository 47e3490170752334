/* usage: see the header. */
#include "keeper/usage.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "keeper/link.h"
#include "keeper/stillness.h"

enum {
    SHARE = 200,      /* of the time between samples one may take 1/200, 0.5 % of a core */
    FULL_PERCENT = 90 /* of memory or /dev/shm: the user is told */
};

void usage_begin(struct machine *m)
{
    if (m->slice->sample_ms <= 0)
        return;
    m->sampling.sampler = sampler_open("");
    m->sampling.taken = clock_ms();
    m->timers[TIMER_SAMPLE] = m->sampling.taken + m->slice->sample_ms;
}

/* ---- trees ---- */

/* The trees of all children that run, sorted. The caller frees. */
static struct sample_tree *trees_of(const struct machine *m, size_t *n)
{
    struct sample_tree *trees = mem_calloc((size_t)m->n + 1, sizeof(*trees));

    *n = 0;
    for (int i = 0; i < m->n; i++) {
        if (m->children[i].running)
            trees[(*n)++] =
                (struct sample_tree){.top = m->children[i].pid, .cpu = m->children[i].cpu};
    }
    sample_sort(trees, *n);
    return trees;
}

static void raise_number(int64_t *peak, int64_t now)
{
    *peak = now > *peak ? now : *peak;
}

static void raise_count(int *peak, int now)
{
    *peak = now > *peak ? now : *peak;
}

static void note(struct child *child, const struct sample_tree *tree)
{
    child->cpu = tree->cpu;
    child->cpu_spent = tree->spent;
    child->used = tree->usage;
    raise_number(&child->peak.rss_kb, tree->usage.rss_kb);
    raise_number(&child->peak.private_kb, tree->usage.private_kb);
    raise_count(&child->peak.threads, tree->usage.threads);
    raise_count(&child->peak.files, tree->usage.files);
    raise_count(&child->peak.processes, tree->usage.processes);
}

int64_t usage_permille(unsigned long long ticks, int64_t passed_ms)
{
    if (passed_ms <= 0)
        return 0;
    return (int64_t)(ticks * 1000000 / (unsigned long long)sysconf(_SC_CLK_TCK)) / passed_ms;
}

/* Fills in what all together use. */
static void take_trees(struct machine *m, struct moment *moment, int64_t passed_ms)
{
    unsigned long long spent = 0;
    struct sample_tree *trees;
    size_t n;

    trees = trees_of(m, &n);
    sampler_trees(m->sampling.sampler, trees, n);
    for (int i = 0; i < m->n; i++) {
        struct child *child = &m->children[i];
        const struct sample_tree *tree = child->running ? sample_find(trees, n, child->pid) : NULL;

        if (!tree)
            continue;
        note(child, tree);
        spent += tree->spent;
        moment->private_kb += tree->usage.private_kb;
    }
    free(trees);
    moment->cpu_permille = usage_permille(spent, passed_ms);
}

/* ---- nearly full ---- */

static const struct child *largest(const struct machine *m)
{
    const struct child *found = NULL;

    for (int i = 0; i < m->n; i++) {
        const struct child *child = &m->children[i];

        if (child->running && (!found || child->used.private_kb > found->used.private_kb))
            found = child;
    }
    return found;
}

static void tell(struct machine *m, char *text)
{
    link_say(m, text);
    link_warn(m, "%s", text);
    free(text);
}

static void warn_of_memory(struct machine *m, const struct moment *moment)
{
    const struct child *child = largest(m);

    if (m->sampling.told_memory || !child ||
        moment->memory_kb * 100 < m->sampling.memory_kb * FULL_PERCENT ||
        m->sampling.memory_kb == 0)
        return;
    m->sampling.told_memory = true;
    tell(m, mem_printf("%s: %.1f of %.1f GiB of memory are in use, and the kernel kills when it is "
                       "full; the job's processes have %.1f GiB of it, %s %d (pid %d) most of "
                       "them: %.1f GiB",
                       m->host, text_gib(moment->memory_kb), text_gib(m->sampling.memory_kb),
                       text_gib(moment->private_kb), role_name(child->plan->role), child->plan->id,
                       child->pid, text_gib(child->used.private_kb)));
}

static void warn_of_shm(struct machine *m, const struct moment *moment)
{
    if (m->sampling.told_shm || m->sampling.shm_kb == 0 ||
        moment->shm_kb * 100 < m->sampling.shm_kb * FULL_PERCENT)
        return;
    m->sampling.told_shm = true;
    tell(m, mem_printf("%s: %.2f of %.2f GiB of /dev/shm are in use; a process that writes more "
                       "than there is dies of SIGBUS%s",
                       m->host, text_gib(moment->shm_kb), text_gib(m->sampling.shm_kb),
                       shm_folder(&m->shm) ? "; --shm_size makes it larger" : ""));
}

/* ---- a sample ---- */

void usage_take(struct machine *m)
{
    int64_t began = clock_cpu_us(), now = clock_ms(), pause = m->slice->sample_ms, least;
    struct moment moment = {.at_ms = now - m->began};
    struct sample_machine machine = sampler_machine(m->sampling.sampler);

    take_trees(m, &moment, now - m->sampling.taken);
    m->sampling.passed_ms = now - m->sampling.taken;
    m->sampling.taken = now;
    m->sampling.memory_kb = machine.memory_kb;
    m->sampling.shm_kb = machine.shm_kb;
    moment.memory_kb = machine.memory_used_kb;
    moment.shm_kb = machine.shm_used_kb;
    curve_add(&m->sampling.curve, &moment);
    stillness_look(m, now);
    warn_of_memory(m, &moment);
    warn_of_shm(m, &moment);
    least = (clock_cpu_us() - began) * SHARE / 1000;
    m->timers[TIMER_SAMPLE] = now + (pause > least ? pause : least);
}
