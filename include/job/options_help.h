/* options_help: --help and the man page, made from the table of options. */
#ifndef JOB_OPTIONS_HELP_H
#define JOB_OPTIONS_HELP_H

#include <stdio.h>

/* --help on out. */
void options_help(FILE *out);

/* The OPTIONS and ENVIRONMENT sections of the man page, in roff, made from the same table; the
 * build writes them into doc/dgl-mpilaunch.1 and a test compares. */
void options_roff(FILE *out);

#endif
