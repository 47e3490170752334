"""Rows about what the launcher takes from one machine: children, idle, memory."""

import contextlib
import os
import time

from bed import VENV, wait_until
from case import MPI_NAMES, OURS, Case, Failed, Figure, at_most
from cluster import read_bytes
from starts import no_dgl

CHILDREN = 8        # of a machine, for idle and memory
SETTLE = 5          # seconds from the last child's start until the launcher is idle
LOOKS_PER_S = 0.2   # the keeper's own looks at its processes, without samplers (keeper/deaths.c)


# ---- children: from fork to exec ----

def microseconds_a_child(bed, count, words_of):
    """words_of(FIFO, FILE) starts that many bench_child, which live until all have come. Returns
    the time from the first child's main to the last one's, by the number of those between."""
    fifo, file = bed.folder / "fifo", bed.folder / "came"
    file.write_bytes(b"")
    os.mkfifo(fifo)
    held = os.open(fifo, os.O_RDWR)
    try:
        with bed.job(words_of(fifo, file)) as job:
            wait_until(lambda: file.read_bytes().count(b"\n") == count, "all children came", job)
            os.close(held)
            held = -1
            bed.finish(job)
    finally:
        if held >= 0:
            os.close(held)
        fifo.unlink()
    came = sorted(map(int, file.read_text().split()))
    return {"fork to exec": (came[-1] - came[0]) / 1000 / (count - 1)}


def children(given):
    """Many children on one machine, without mpirun: the time for each."""
    mpi = given.mpis[0]

    def case(count):
        def ours(bed):
            return microseconds_a_child(bed, count, lambda fifo, file: bed.on(0, *bed.launcher(
                mpi, 1, "--", bed.program(mpi, "bench_child"), str(fifo), str(file),
                num_trainers=count, run_dir="none")))

        def peer(bed):
            return microseconds_a_child(bed, count, lambda fifo, file: bed.on(0, bed.program(
                mpi, "bench_spawn"), count, bed.program(mpi, "bench_child"), fifo, file))

        return Case("children", f"{count} children, a child", "a loop of posix_spawn",
                    [Figure("fork to exec", "µs", at_most(1.5))], ours, peer)

    return [case(count) for count in ([64] if given.quick else [64, 1024])]


# ---- a job that does nothing ----

@contextlib.contextmanager
def idle_job(bed, mpi, machines):
    """A job of children that sleep; yields when all of them do."""
    bed.empty_workspace()
    words = bed.run(mpi, *bed.mpirun(mpi, machines, *bed.launcher(
        mpi, machines, "touch came.$RANK; exec sleep 36000", num_trainers=CHILDREN)))
    with bed.job(words) as job:
        wait_until(lambda: len(list(bed.workspace.glob("came.*"))) == machines * CHILDREN,
                   "all children run", job)
        time.sleep(SETTLE)
        yield


class Usage:
    """What the threads of a process have used so far."""

    def __init__(self, pid):
        self.nanoseconds = self.wakeups = 0
        for thread in os.listdir(f"/proc/{pid}/task"):
            folder = f"/proc/{pid}/task/{thread}"
            self.nanoseconds += int(read_bytes(f"{folder}/schedstat").split()[0])
            status = read_bytes(f"{folder}/status").decode()
            self.wakeups += int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])


def used_in(seconds, processes):
    """processes: (name, pid). Returns for each name the most that one of that name has used."""
    before = {pid: Usage(pid) for _, pid in processes}
    time.sleep(seconds)
    used = {}
    for name, pid in processes:
        after = Usage(pid)
        share = (after.nanoseconds - before[pid].nanoseconds) / seconds / 1e7
        wakes = (after.wakeups - before[pid].wakeups) / seconds
        used[name] = max(share, used.get(name, 0))
        used[f"{name} wakes up"] = max(wakes, used.get(f"{name} wakes up", 0))
    return used


def idle(given):
    """How much of a core rank and keeper take, and how often they wake up, while children sleep: of
    two machines the one that takes more."""
    seconds = 5 if given.quick else 60
    figures = [Figure("rank", "% of a core", at_most(0.1, OURS)), Figure("rank wakes up", "/s"),
               Figure("keeper", "% of a core"),
               Figure("keeper wakes up", "/s", at_most(LOOKS_PER_S, OURS)),
               Figure("scribe wakes up", "/s")]

    def case(mpi):
        def ours(bed):
            with idle_job(bed, mpi, 2):
                return used_in(seconds, [each for machine in (0, 1)
                                         for each in bed.launchers(machine, mpi).items()])

        return Case("idle", f"{CHILDREN} children sleep, {seconds} s, {MPI_NAMES[mpi]}", "",
                    figures, ours, machines=2, runs=3)

    return [case(mpi) for mpi in given.mpis]


# ---- memory ----

def pss_mb(pids):
    """Returns the processes' own share of the memory they use, in MB."""
    total = 0
    for pid in pids:
        text = read_bytes(f"/proc/{pid}/smaps_rollup").decode()
        if "\nPss:" not in text:
            raise Failed(f"process {pid} has no smaps_rollup that may be read")
        total += int(text.partition("\nPss:")[2].split()[0])
    return {"PSS": total / 1000}


def memory(given):
    """Rank, keeper and scribe of a machine that is not rank 0's."""
    def ours(mpi):
        def measure(bed):
            with idle_job(bed, mpi, 2):
                return pss_mb(bed.launchers(1, mpi).values())
        return measure

    def init(mpi):
        def measure(bed):
            program = bed.program(mpi, "bench_mpi")
            with bed.job(bed.run(mpi, *bed.mpirun(mpi, 2, program, "sleep"))) as job:
                wait_until(lambda: job.output.read_bytes().count(b"ready") == 2, "MPI_Init", job)
                return pss_mb(pid for pid, machine in bed.machines().processes().items()
                              if machine == 1 and runs(pid, program))
        return measure

    def agent(bed):
        words = [VENV / "bin/python3", "-m", "torch.distributed.run", "--standalone",
                 "--nproc_per_node", CHILDREN, "--no-python", "sh", "-c",
                 "touch came.$RANK; exec sleep 36000"]
        bed.empty_workspace()
        with bed.job(bed.on(1, *words)) as job:
            wait_until(lambda: len(list(bed.workspace.glob("came.*"))) == CHILDREN,
                       "all children run", job)
            return pss_mb([job.pid])

    def case(mpi, against, peer, limit, left_out=""):
        return Case("memory", f"rank, keeper, scribe, {MPI_NAMES[mpi]}", against,
                    [Figure("PSS", "MB", at_most(limit))], ours(mpi), peer, 2, 3, left_out)

    cases = []
    for mpi in given.mpis:
        cases.append(case(mpi, "an MPI program after MPI_Init", init(mpi), 1.2))
        cases.append(case(mpi, "torchrun's agent", agent, 0.1, no_dgl()))
    return cases


def runs(pid, program):
    try:
        return os.readlink(f"/proc/{pid}/exe") == program
    except OSError:
        return False
