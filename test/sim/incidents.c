/* incidents: see the header. */
#include "incidents.h"

#include <signal.h>

#include "base/err.h"
#include "judge.h"
#include "machine.h"
#include "net.h"

static bool has_begun[INCIDENTS_MOST];

static void deliver_signal(struct node *node, int number)
{
    if (node_runs(node) && !node->holds_signals && number != SIGUSR1 && number != SIGUSR2) {
        judge_exit();
        net_abort_others(node, EXIT_SIGNAL_BASE + number);
        node_end(node, FATE_EXITED, EXIT_SIGNAL_BASE + number);
    }
    if (!node_runs(node) || node->n_signals == (int)(sizeof(node->signals) / sizeof(int)))
        return;
    node->signals[node->n_signals++] = number;
    node_wake(node);
}

static void note(const struct node *node, enum how how, int code)
{
    judge_note(&(struct fact){.how = how, .machine = node->machine, .code = code, .attempt = -1});
}

static void lose(const struct node *lost)
{
    note(lost, HOW_LOST, EXIT_LAUNCHER);
    for (int i = 0; i < world.size; i++)
        if (world_node(i)->machine == lost->machine)
            node_end(world_node(i), FATE_LOST, 0);
}

/* What is sent while it is cut off for ever is lost, so that another cut does not end that. */
static void cut(struct node *node, int ms)
{
    int64_t until = ms ? world.now + (int64_t)ms * 1000 : WORLD_FOREVER;

    note(node, HOW_LOST, EXIT_LAUNCHER);
    node->cut_until = until > node->cut_until ? until : node->cut_until;
}

static void stall(struct node *node, int ms)
{
    note(node, HOW_LOST, EXIT_LAUNCHER);
    note(node, HOW_LAUNCHER, EXIT_LAUNCHER); /* its keeper may seem silent */
    node_freeze(node, (int64_t)ms * 1000);
}

static void happen(void *arg, int64_t n)
{
    enum { KEEPER_US = 1000 };
    const struct incident *i = arg;
    struct node *node = world_node(i->machine);

    (void)n;
    trace(node, "incident: %s %d", schedule_incident(i->kind), i->value);
    switch (i->kind) {
    case INCIDENT_LOST:
        if (i->value && node_runs(node) && !node_is_cut(node))
            machine_carry_out_will(node);
        lose(node);
        break;
    case INCIDENT_CUT: cut(node, i->value); break;
    case INCIDENT_STALL: stall(node, i->value); break;
    case INCIDENT_SIGNAL:
        note(node, HOW_TOLD_TO_STOP, EXIT_SIGNAL_BASE + i->value);
        deliver_signal(node, i->value);
        break;
    case INCIDENT_PREEMPT:
        note(node, HOW_PREEMPTED, EXIT_PREEMPTED);
        deliver_signal(node, SIGUSR2);
        break;
    case INCIDENT_ASK: deliver_signal(node, SIGUSR1); break;
    case INCIDENT_PARENT:
        note(node, HOW_PARENT_GONE, EXIT_LAUNCHER);
        node->parent_gone = true;
        node_wake(node);
        break;
    case INCIDENT_CHECK:
        note(node, HOW_CHECK_FAILED, EXIT_MACHINE);
        node->check_fails = true;
        break;
    case INCIDENT_SCRIBE: node->scribe_hangs = true; break;
    case INCIDENT_READER: node->reader_back = world.now + (int64_t)i->value * 1000; break;
    default:
        if (!node->keeper && node_runs(node)) /* it has not been forked yet */
            world_in(KEEPER_US, happen, arg, 0);
        else if (node_runs(node))
            machine_suffer(node->keeper, i);
    }
}

static void begin(const struct node *node, enum anchor from)
{
    for (int n = 0; n < world.schedule->n; n++) {
        const struct incident *i = &world.schedule->incidents[n];

        if (i->from != from || has_begun[n] || (node && i->machine != node->index) ||
            i->machine >= world.schedule->machines)
            continue;
        has_begun[n] = true;
        world_in((int64_t)i->at * 1000, happen, (void *)i, 0);
    }
}

void incidents_begin(void)
{
    begin(NULL, FROM_START);
}

void incidents_stage(struct node *node, enum anchor stage)
{
    begin(node, stage);
}

bool incidents_ends_by_preemption(void)
{
    for (int n = 0; n < world.schedule->n; n++)
        if (world.schedule->incidents[n].kind == INCIDENT_PREEMPT &&
            world.schedule->incidents[n].value)
            return true;
    return false;
}
