/* parsed: checks options that were accepted. */
#ifndef PARSED_H
#define PARSED_H

#include "job/options.h"

/* Every text, count and time is as job/options.h says, unless help or version is asked for. */
void parsed_check(const struct options *o);

#endif
