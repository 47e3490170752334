/* options_argv: the command line as a source of options. Private to the options. */
#ifndef JOB_OPTIONS_ARGV_H
#define JOB_OPTIONS_ARGV_H

#include "base/err.h"
#include "job/given.h"

/* Reads all of argv even after an error, so that --help can win; then the first error is in err. 0
 * or -1. */
int options_argv_read(struct given *g, int argc, char **argv, struct err *err);

/* Where no command is left but the last NAME=VALUE word has white space: makes that word the
 * command. */
void options_argv_take_back(struct given *g);

#endif
