/* parsed: what holds for options that were accepted. */
#ifndef PARSED_H
#define PARSED_H

#include "job/options.h"

/* Every text, count and time is what job/options.h says; help and version excepted. */
void parsed_check(const struct options *o);

#endif
