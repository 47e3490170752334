#!/usr/bin/python3 -IBS
"""timed: runs $BENCH_PROGRAM with this command line, and writes to $BENCH_RESULT (JSON) when it
started, how many seconds it took until it returned, and how many seconds of CPU it and all that
came from it had used when the last of them had gone."""

import ctypes
import json
import os
import resource
import signal
import sys
import time

PR_SET_CHILD_SUBREAPER = 36


def wait_for_all(pid, start):
    """Returns the seconds until pid ended, and its status. Daemons that lost their parent are our
    children by then."""
    seconds = status = None
    while True:
        try:
            gone, how = os.wait()
        except ChildProcessError:
            return seconds, status
        if gone == pid:
            seconds, status = time.monotonic() - start, how


def main():
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    program, result = os.environ.pop("BENCH_PROGRAM"), os.environ.pop("BENCH_RESULT")
    started, start = time.time(), time.monotonic()
    pid = os.posix_spawnp(program, [program, *sys.argv[1:]], os.environ,
                          setsigdef=[signal.SIGPIPE, signal.SIGXFSZ])
    seconds, status = wait_for_all(pid, start)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(result, "w", encoding="ascii") as file:
        json.dump({"started": started, "seconds": seconds,
                   "cpu": used.ru_utime + used.ru_stime}, file)
    return os.waitstatus_to_exitcode(status) % 256


sys.exit(main())
