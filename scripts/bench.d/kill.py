"""The row about the time from a trainer's death until all others have gone: kill."""

import os
import select
import signal
import time

from bed import DEADLINE, VENV, wait_until
from case import MPI_NAMES, OURS, Case, Failed, Figure, at_most
from starts import no_dgl

GONE = "all gone after"
SETTLE = 1.0  # seconds from the last child's start until the launcher has passed its gate

# Each says its pid when it works, as a training program does: in collectives of torch's.
TORCH = '''
import os, sys, time
import torch
import torch.distributed as dist
dist.init_process_group("gloo")
x = torch.ones(1)
dist.all_reduce(x)
with open(f"pid.{os.environ['RANK']}", "w") as file:
    print(os.getpid(), file=file)
while True:
    dist.all_reduce(x)
    time.sleep(0.01)
'''
SLEEP = "echo $$ >pid.$RANK; exec sleep 36000"


def pids_told(bed, count):
    """Returns RANK -> pid when all have told theirs, else None."""
    told = {path.suffix[1:]: path.read_text() for path in bed.workspace.glob("pid.*")}
    if len(told) < count or not all(text.endswith("\n") for text in told.values()):
        return None
    return {int(rank): int(text) for rank, text in told.items()}


def kill_one(bed, count, job):
    """Kills the trainer of machine 1; returns the seconds until the last of them all has gone."""
    wait_until(lambda: pids_told(bed, count), "all trainers run", job)
    time.sleep(SETTLE)
    trainers = pids_told(bed, count)
    waiting = {os.pidfd_open(pid): rank for rank, pid in trainers.items()}
    gone = select.poll()
    for fd in waiting:
        gone.register(fd, select.POLLIN)
    start = time.monotonic()
    try:
        os.kill(trainers[1], signal.SIGKILL)
        while waiting:
            for fd, _ in gone.poll(1000):
                gone.unregister(fd)
                os.close(fd)
                del waiting[fd]
            if time.monotonic() - start > DEADLINE:
                raise Failed(f"trainers {sorted(waiting.values())} do not end")
        return {GONE: time.monotonic() - start}
    finally:
        for fd in waiting:
            os.close(fd)


def killed_job(bed, mpi, machines, command):
    bed.empty_workspace()
    (bed.workspace / "trainer.py").write_text(TORCH)
    words = bed.run(mpi, *bed.mpirun(mpi, machines, *bed.launcher(mpi, machines, command)))
    with bed.job(words) as job:
        return kill_one(bed, machines, job)


def killed_torchrun(bed, machines):
    """torchrun's agents, one a machine, as launch.py starts them."""
    bed.empty_workspace()
    (bed.workspace / "trainer.py").write_text(TORCH)
    agents = [bed.on(machine, VENV / "bin/python3", "-m", "torch.distributed.run",
                     "--nproc_per_node=1", f"--nnodes={machines}", f"--node_rank={machine}",
                     f"--master_addr={bed.machines().ips[0]}", "--master_port=29500", "trainer.py")
              for machine in range(machines)]
    with bed.jobs(*agents) as jobs:
        return kill_one(bed, machines, jobs[0])


def kill(given):
    """A trainer is SIGKILLed; how soon has the last trainer on the last machine gone?"""
    def alone(mpi, machines, limit):
        return Case("kill", f"SIGKILL to a trainer, {machines} machines, {MPI_NAMES[mpi]}", "",
                    [Figure(GONE, "s", at_most(limit, OURS))],
                    lambda bed: killed_job(bed, mpi, machines, SLEEP), None, machines)

    def torch(mpi, machines):
        return Case("kill", f"SIGKILL to a trainer of torch's, {machines} machines, "
                    f"{MPI_NAMES[mpi]}", "torchrun's agents", [Figure(GONE, "s", at_most(0.5))],
                    lambda bed: killed_job(bed, mpi, machines, "python3 trainer.py"),
                    lambda bed: killed_torchrun(bed, machines), machines, 3, no_dgl())

    limits = {4: 0.3} if given.quick else {4: 0.3, 64: 0.8}
    return [*(alone(mpi, n, limit) for mpi in given.mpis for n, limit in limits.items()),
            *(torch(mpi, 4) for mpi in given.mpis)]
