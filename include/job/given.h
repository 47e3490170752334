/* given: the options that one source (command line, environment, file) holds, as text that nobody
 * has checked. Private to the options.
 */
#ifndef JOB_GIVEN_H
#define JOB_GIVEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/strv.h"
#include "job/options_table.h"

enum given_source { GIVEN_FILE, GIVEN_ENVIRONMENT, GIVEN_ARGV };

struct given_item {
    const struct option_spec *spec;
    char *text;
};

/* Empty when all but source is zero. Owns its texts. */
struct given {
    enum given_source source;
    const char *path; /* GIVEN_FILE: for errors; borrowed */
    struct given_item *items;
    size_t n, capacity;
    char *command; /* one word, for a shell; or NULL */
    bool has_argv; /* argv is the command */
    struct strv argv;
};

void given_add(struct given *g, const struct option_spec *spec, const char *text, size_t len);

/* The last text for an option; NULL: none. */
const char *given_last(const struct given *g, const struct option_spec *spec);

/* Writes how the user wrote the option in this source: --ip_config, DGL_MPILAUNCH_IP_CONFIG, or
 * job.json: "ip_config". */
void given_where(char *out, size_t size, const struct given *g, const struct option_spec *spec);

/* Stores everything into *o; a list replaces what *o held. 0, or -1 with err. */
int given_store(const struct given *g, struct options *o, struct err *err);

void given_free(struct given *g);

/* Adds what DGL_MPILAUNCH_* in envp say. 0, or -1 with err. */
int given_read_environment(struct given *g, char **envp, struct err *err);

/* Sets the error about a name of len bytes that is no option; where: as the user wrote it. -1. */
int given_unknown(const char *where, const char *name, size_t len, struct err *err);

#define GIVEN_ENVIRONMENT_PREFIX "DGL_MPILAUNCH_"

#endif
