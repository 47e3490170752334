"""How long a test waits before it gives up: the same everywhere, and longer where the machine has
other work. What takes longer on a good run than on another is not a test's business."""

import os
import time

SECONDS = 120       # the slowest job of real DGL takes a third of it on 2 idle cores
LEFT_SECONDS = 6    # mpirun may return before the last keeper has gone


def load():
    """By how much this machine is slower for one of many; 1 on an idle one."""
    return max(1.0, os.getloadavg()[0] / os.cpu_count())


def seconds():
    """For calls that want a number."""
    return SECONDS * load()


class Deadline:
    """Counts from now; asked anew at each look, since the load may come later."""

    def __init__(self, most=SECONDS):
        self.most, self.start = most, time.monotonic()

    def passed(self):
        return time.monotonic() - self.start > self.most * load()

    def __str__(self):
        return f"{time.monotonic() - self.start:.0f} s"


def wait_until(condition, what, seen=lambda: ""):
    """what: said when it does not come true; seen() is added then."""
    deadline = Deadline()
    while not condition():
        assert not deadline.passed(), f"not within {deadline}: {what}\n{seen()}"
        time.sleep(0.02)


def wait_for_end(process):
    """The exit code of a process without pipes, or whose pipes hold all that it says."""
    deadline = Deadline()
    while process.poll() is None:
        assert not deadline.passed(), f"it does not end within {deadline}"
        time.sleep(0.01)
    return process.returncode
