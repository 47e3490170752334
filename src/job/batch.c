/* batch: names that batch systems use. Starts nothing. */
#include "job/batch.h"

#include <ctype.h>
#include <string.h>

#include "base/strv.h"

static const char *const ids[] = {"SLURM_JOB_ID", "PBS_JOBID", "FLUX_JOB_ID", "LSB_JOBID",
                                  "COBALT_JOBID"};

/* Characters of more than one byte are left out, such as the f with a hook of Flux's ids. */
static size_t tidy(const char *text, char *id, size_t size)
{
    bool gap = false;
    size_t n = 0;

    for (; *text && *text != '.' && n + 2 < size; text++) {
        if (!isalnum((unsigned char)*text)) {
            gap = n > 0;
            continue;
        }
        if (gap)
            id[n++] = '_';
        gap = false;
        id[n++] = *text;
    }
    id[n] = '\0';
    return n;
}

bool batch_job_id(char **envp, char *id, size_t size)
{
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        const char *text = strv_env_value(envp, ids[i]);

        if (text && tidy(text, id, size))
            return true;
    }
    return false;
}

bool batch_sets_threads(char **envp)
{
    const char *threads = strv_env_value(envp, "OMP_NUM_THREADS");
    const char *cpus = strv_env_value(envp, "NCPUS");

    return strv_env_value(envp, "PBS_JOBID") && threads && cpus && !strcmp(threads, cpus);
}
