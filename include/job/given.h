/* given: what one source (command line, environment, file) says, as text, before it is checked.
 * Private to the options.
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

/* All zero but source is empty. Owns its texts. */
struct given {
    enum given_source source;
    const char *path; /* GIVEN_FILE: for errors; borrowed */
    struct given_item *items;
    size_t n, capacity;
    char *command; /* in quoted form, or NULL */
    bool has_argv; /* in argv form */
    struct strv argv;
};

void given_add(struct given *g, const struct option_spec *spec, const char *text, size_t len);

/* The last text given for an option; NULL: none. */
const char *given_last(const struct given *g, const struct option_spec *spec);

/* How the user wrote the option in this source: --ip_config, DGL_MPILAUNCH_IP_CONFIG, or
 * job.json: "ip_config". Returns out. */
char *given_where(char *out, size_t size, const struct given *g, const struct option_spec *spec);

/* Stores everything into *o; a list that is given here replaces what it held. 0, or -1 with err. */
int given_store(const struct given *g, struct options *o, struct err *err);

void given_free(struct given *g);

/* DGL_MPILAUNCH_* in envp. */
int given_read_environment(struct given *g, char **envp, struct err *err);

/* "no such option, did you mean" for a name of len bytes; where: as it was written. */
int given_unknown(const char *where, const char *name, size_t len, struct err *err);

#define GIVEN_ENVIRONMENT_PREFIX "DGL_MPILAUNCH_"

#endif
