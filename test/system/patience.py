"""How long a test waits before it gives up: the same everywhere, and longer where the machine has
other work. Tests do not judge how long a good run takes."""

import os
import time

SECONDS = 120       # the slowest job of real DGL takes a third of it on 2 idle cores
LEFT_SECONDS = 6    # mpirun may return before the last keeper has gone


def load():
    """Returns how many times slower this machine is now than an idle one."""
    return max(1.0, os.getloadavg()[0] / os.cpu_count())


def seconds():
    """Returns the time-out as a number, for calls that need one."""
    return SECONDS * load()


class Deadline:
    """Counts from now. Each look asks for the load anew, since it may come later."""

    def __init__(self, most=SECONDS):
        self.most, self.start = most, time.monotonic()

    def passed(self):
        return time.monotonic() - self.start > self.most * load()

    def __str__(self):
        return f"{time.monotonic() - self.start:.0f} s"


def wait_until(condition, what, seen=lambda: ""):
    """Fails with `what`, and with seen() behind it, if the condition does not come true."""
    deadline = Deadline()
    while not condition():
        assert not deadline.passed(), f"not within {deadline}: {what}\n{seen()}"
        time.sleep(0.02)


def wait_for_end(process):
    """Returns the exit code of a process that has no pipes, or whose pipes hold all its output."""
    deadline = Deadline()
    while process.poll() is None:
        assert not deadline.passed(), f"it does not end within {deadline}"
        time.sleep(0.01)
    return process.returncode
