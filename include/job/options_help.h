/* options_help: --help and the man page, made from the table of options. */
#ifndef JOB_OPTIONS_HELP_H
#define JOB_OPTIONS_HELP_H

#include <stdio.h>

/* Prints --help on out. */
void options_help(FILE *out);

/* Prints the man page's sections OPTIONS and ENVIRONMENT in roff; the build puts them into
 * dgl-mpilaunch.1. */
void options_roff(FILE *out);

#endif
