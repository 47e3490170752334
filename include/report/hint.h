/* hint: what often helps after a failure of a kind. */
#ifndef REPORT_HINT_H
#define REPORT_HINT_H

#include "wire/outcome.h"

/* One or more sentences about the cause, without its own text; NULL when nothing is known. Static.
 */
const char *report_hint(const struct cause *cause);

#endif
