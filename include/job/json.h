/* json: JSON texts from outside: configuration files and, in the keeper, torch's error files. */
#ifndef JOB_JSON_H
#define JOB_JSON_H

#include <stddef.h>

#include <cjson/cJSON.h>

#include "base/err.h"

/* Parses len bytes of the file `path`. The value, which the caller frees by cJSON_Delete, or NULL
 * with err (EXIT_USAGE): PATH:LINE: why. Refuses a NUL, also an escaped one, bytes behind the
 * value, and more than a million commas and opening brackets; cJSON refuses nesting beyond 1000. */
cJSON *json_parse(const char *path, const char *bytes, size_t len, struct err *err);

#endif
