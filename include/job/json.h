/* json: cJSON behind the checks that bytes from outside need. For configuration files and, in the
 * keeper, torch's error files.
 */
#ifndef JOB_JSON_H
#define JOB_JSON_H

#include <stddef.h>

#include <cjson/cJSON.h>

#include "base/err.h"

/* The value that len bytes of the file `path` hold, or NULL with err (EXIT_USAGE): PATH:LINE: why.
 * A NUL, also an escaped one, bytes behind the value, and more than a million commas and opening
 * brackets are errors. Nesting is bounded by cJSON (CJSON_NESTING_LIMIT, 1000). The caller frees by
 * cJSON_Delete. */
cJSON *json_parse(const char *path, const char *bytes, size_t len, struct err *err);

#endif
