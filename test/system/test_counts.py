"""What a child costs in system calls, and a machine in instructions; and how often rank and keeper
wake up while nothing happens. What a machine costs in messages is counted by test/sim.

Counts, no times: they are the same on a busy machine. What depends on the machine is left out: how
often the keeper looks through /proc, and how many ends it hears of at once.
"""

import collections
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import pytest

import patience
from cluster import read_bytes
from job import open_files
from patience import wait_until

FEW, MANY = 8, 40  # children; of the difference, what a job costs in any case falls out

# At most so many calls a child, and why not fewer.
CHILD = {
    "keeper": (15, "13.5: a pipe, the birth, a descriptor that watches it, its end, three closes"),
    "child": (17, "15 up to its exec: group, death signal, output, workspace, signals"),
    "scribe": (6, "5: its log file's folder and the file itself are opened and closed"),
    "rank": (1, "nothing"),
}

# Made once each time it wakes up, or each time it has been told something.
WAKING = {"poll", "epoll_wait", "ioctl", "waitid", "clock_gettime", "recvfrom", "recvmsg", "sendto",
          "futex"}

CALL = re.compile(r"(\w+)\(([^,) ]*)(.*?)\)? += (-?\w+)(.*)")


def counted(lines):
    """Returns how often each call was made, without those of waking up and of looks at /proc."""
    calls, skipped = collections.Counter(), set()
    for line in lines:
        match = CALL.match(line)
        if not match:
            continue
        name, first, more, result, rest = match.groups()
        if name == "signalfd4" or (name == "openat" and more.startswith(', "/proc/')):
            skipped |= {result} - {"-1"}
        elif first in skipped:
            skipped -= {first} if name == "close" else set()
        elif name not in WAKING and "EAGAIN" not in rest and (name != "wait4" or int(result) > 0):
            calls[name] += 1
    return calls


def role_of(lines):
    """Returns whose trace it is; None: another's."""
    for role in ("keeper", "scribe"):
        if any(f'PR_SET_NAME, "dgl-{role}"' in line for line in lines[:10]):
            return role
    execs = [k for k, line in enumerate(lines) if line.startswith("execve(")]
    if not execs:
        return None
    return "rank" if "dgl-mpilaunch" in lines[execs[0]] else "child"


def trace(solo, folder, children):
    """Returns role -> calls of a job of so many children; a child's up to its exec."""
    folder.mkdir()
    it = solo(num_servers=0, num_trainers=children, part_config=None)
    it.command = ["--", "/bin/true"]
    words = it.launcher()
    it.launcher = lambda: ["strace", "-ff", "-qq", "-o", str(folder / "trace"), *words]
    result = it.run()
    assert result.code == 0, result.said
    calls, found = collections.defaultdict(collections.Counter), collections.Counter()
    for file in folder.iterdir():
        lines = file.read_text(errors="replace").splitlines()
        role = role_of(lines)
        found[role] += 1
        if role == "child":
            lines = lines[:1 + next(k for k, line in enumerate(lines) if "execve(" in line)]
        calls[role].update(counted(lines))
    assert (found["keeper"], found["child"]) == (1, children), found
    return calls


def test_system_calls_a_child(solo, tmp_path):
    few, many = (trace(solo, tmp_path / f"of{n}", n) for n in (FEW, MANY))
    for role, (most, why) in CHILD.items():
        each = {name: (many[role][name] - few[role][name]) / (MANY - FEW) for name in many[role]}
        assert sum(each.values()) <= most, \
            (f"a child costs its {role} {sum(each.values()):.1f} system calls, and the most is "
             f"{most} ({why}): " + ", ".join(f"{name} {count:.1f}" for name, count
                                             in sorted(each.items()) if abs(count) >= 0.1))


# ---- instructions ----

INSTRUCTIONS = 110_000  # 86,000 here; libc takes other ways on other processors
TRAINERS = 16


def instructions(folder, machines):
    """Returns how many it takes to load, to plan and to print a job of so many machines."""
    (folder / "ip").write_text("".join(f"10.0.{k >> 8}.{k & 255}\n" for k in range(machines)))
    program = pathlib.Path(os.environ["MPILAUNCH_BUILD_OPENMPI"]) / "dgl-mpilaunch"
    words = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program,
             "--dry_run", "--workspace", folder, "--ip_config", "ip", "--num_servers", "0",
             "--num_trainers", str(TRAINERS), "--", "true"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=patience.seconds())
    assert done.returncode == 0, done.stderr
    return int(re.search(r"Collected : (\d+)", done.stderr)[1])


def test_instructions_a_process(tmp_path):
    few, many = (instructions(tmp_path, machines) for machines in (FEW, MANY))
    each = (many - few) / ((MANY - FEW) * TRAINERS)
    assert each <= INSTRUCTIONS, \
        f"a process costs {each:.0f} instructions, and the most is {INSTRUCTIONS}"


# ---- waking up ----

WINDOW = 4  # seconds

# At most so many times in WINDOW, and why not fewer.
WAKES = {
    "keeper": (30, "16 looks at new descendants, since these come ever less often, and a PING"),
    "rank": (50, "MPI is asked each 250 ms, and more often for 1 s after something has happened"),
}
FORGED = 100 * WINDOW  # datagrams
HEARD = 10 * WINDOW  # of these the rank wakes up for at most so many

FORGES = f"""
import socket, sys, time
doorbell = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for k in range({FORGED}):
    doorbell.sendto(b"x" * 16, (sys.argv[1], int(sys.argv[2])))
    time.sleep({WINDOW / FORGED})
"""


def wakes_of(pid):
    """How often the process has begun to wait for something."""
    status = read_bytes(f"/proc/{pid}/status").decode()
    return int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", status, re.MULTILINE)[1])


def doorbell_of(pid):
    """Returns the port of that rank's doorbell: the one UDP socket among its descriptors."""
    table = read_bytes(f"/proc/{pid}/net/udp").decode().splitlines()[1:]
    ports = {f"socket:[{line.split()[9]}]": line.split()[1].rpartition(":")[2] for line in table}
    port, = (ports[link] for link in open_files(pid) if link in ports)
    return int(port, 16)


def check_wakes(role, wakes, most, why):
    assert wakes <= most, \
        f"in {WINDOW} s the {role} woke up {wakes} times, and the most is {most} ({why})"


@pytest.mark.slow
def test_wakes_while_nothing_happens(job, cluster):
    it = job("trainer: dump seen; forever", num_servers=0, num_trainers=4, machines=2).start()
    it.wait_for(*(f"seen.trainer-{k}" for k in range(8)))
    pids = {"keeper": it.keeper_on(0), "rank": it.rank_on(0)}
    before = {role: wakes_of(pid) for role, pid in pids.items()}
    end = time.monotonic() + WINDOW
    wait_until(lambda: time.monotonic() > end, "the clock goes on")
    for role, (most, why) in WAKES.items():
        check_wakes(role, wakes_of(pids[role]) - before[role], most, why)
    before = wakes_of(pids["rank"])
    cluster.on(1, sys.executable, "-c", FORGES, cluster.ips[0], str(doorbell_of(pids["rank"])))
    check_wakes("rank", wakes_of(pids["rank"]) - before, WAKES["rank"][0] + HEARD,
                f"{FORGED} datagrams without the job's key have come")
    it.signal(signal.SIGTERM).finish()
