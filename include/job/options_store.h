/* options_store: a value as text into struct options. Private to the options. */
#ifndef JOB_OPTIONS_STORE_H
#define JOB_OPTIONS_STORE_H

#include <stdbool.h>

#include "base/err.h"
#include "job/options_table.h"

/* Is text NAME=..., NAME being an identifier of a shell? */
bool options_is_assignment(const char *text);

/* Checks text and puts it into *o (lists: appends). 0, or -1 with err (EXIT_USAGE): `where: why`.
 */
int options_store(struct options *o, const struct option_spec *spec, const char *text,
                  const char *where, struct err *err);

#endif
