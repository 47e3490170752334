/* configfile: --config's file as a source of options. Private to the options. */
#ifndef JOB_CONFIGFILE_H
#define JOB_CONFIGFILE_H

#include "base/err.h"
#include "job/given.h"

/* path is kept in g. 0, or -1 with err. */
int configfile_read(struct given *g, const char *path, struct err *err);

#endif
