/* state: moves the stage and the end of an attempt. */
#include "coord/state.h"

#include "base/clock.h"
#include "base/mem.h"

void coord_enter(struct coord *c, enum stage stage)
{
    c->run.stage = course_enter(c->run.stage, stage);
}

enum stage coord_first_gate(const struct coord *c)
{
    return c->setup->meeting->announce.has_servers ? STAGE_SERVERS : STAGE_TRAINERS;
}

void coord_abandon(struct coord *c)
{
    if (c->run.stage >= STAGE_OVER)
        return;
    outcome_clear(&c->run.outcome);
    c->run.outcome = (struct outcome){.machine = c->setup->meeting->machine,
                                      .rank = c->peers->rank,
                                      .host = mem_strdup(c->setup->meeting->host),
                                      .ip = c->run.slice ? mem_strdup(c->run.slice->ip) : NULL,
                                      .port = c->run.slice ? c->run.slice->port : 0,
                                      .cpus = c->run.slice ? c->run.slice->cpus : 0};
    coord_enter(c, STAGE_OVER);
}

void coord_raise(struct coord *c, enum ends reason)
{
    bool stopped = ends_stops(c->run.ends);

    c->run.ends = ends_after(c->run.ends, reason);
    if (stopped || !ends_stops(c->run.ends))
        return;
    c->run.stop_time = clock_ms();
    if (c->root)
        root_phase(c->root, STAGE_STOP);
}
