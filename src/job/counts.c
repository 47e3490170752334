/* counts: arithmetic without checks: job_load has seen that all counts fit an int. */
#include "job/counts.h"

int counts_world_size(const struct job *job)
{
    return (int)job->hosts.n * job->options.num_trainers;
}

int counts_clients(const struct job *job)
{
    return counts_world_size(job) * (1 + job->options.num_samplers);
}

int counts_forked_samplers(const struct job *job)
{
    return job->options.sampler_cmd ? job->options.num_trainers * job->options.num_samplers : 0;
}
