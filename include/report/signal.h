/* signal: names of signals. */
#ifndef REPORT_SIGNAL_H
#define REPORT_SIGNAL_H

/* "SIGKILL" for 9; "signal 77" for an unknown one; text of static or thread-local storage. */
const char *report_signal_name(int signal);

#endif
