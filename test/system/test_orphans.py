"""Descendants that hide, ignore signals, are stopped or multiply: none of them outlives the job, in
whatever stage it ends and whichever process is killed."""

import pathlib
import re
import signal
import time
import uuid

import pytest

import killmatrix
from cluster import read_bytes
from conftest import build_of
from job import Job
from killcells import CELLS, CUT, EXIT, KILL, STAGES, TRAINING
from leftovers import signal_each

MACHINES = 3
HIDDEN = ("daemon", "daemon nohup", "daemon stubborn", "session stubborn", "group nohup",
          "session stopped", "daemon stubborn stopped", "session zombies", "worker stubborn")
FAMILY = "; ".join([*(f"fork {how}" for how in HIDDEN), "zombie"])
MOST = 40      # processes that the bomb may have at a time
UNHELD = 200   # and in all, if no cgroup can hold it

EVENTS = (("a child", EXIT), ("rank", KILL), ("keeper", KILL), ("mpirun", KILL),
          ("mpirun's daemon", KILL), ("link of a machine", CUT))


def cases():
    """Returns every event in every stage. The MPIs take turns, so that each event and each stage
    meets both."""
    for k, (victim, how) in enumerate(EVENTS):
        for n, stage in enumerate(STAGES):
            victim_now = victim
            if victim == "a child":
                victim_now = "trainer" if stage == TRAINING else "server"
            cell = next(cell for cell in CELLS if (cell.victim, cell.how, cell.stage) ==
                        (victim_now, how, stage))
            yield cell, ("openmpi", "mpich")[(k + n) % 2]


CASES = list(cases())


def pids_cgroups():
    """Returns the folder in which one can make a cgroup with a limit of processes, or None."""
    old, new = pathlib.Path("/sys/fs/cgroup/pids"), pathlib.Path("/sys/fs/cgroup")
    if (old / "cgroup.procs").exists():
        return old
    return new if b"pids" in read_bytes(new / "cgroup.subtree_control").split() else None


@pytest.fixture
def bomb():
    """Returns words of the fake's script: a fork bomb that a limit of processes holds."""
    parent = pids_cgroups()
    folder = parent and parent / f"dgl-mpilaunch-{uuid.uuid4().hex}"
    try:
        if folder:
            folder.mkdir()
            (folder / "pids.max").write_text(f"{MOST}\n")
    except OSError:
        folder = None
    if not folder:
        yield f"bomb {UNHELD}"
        return
    yield f"limit {folder}; bomb 1000000"
    (folder / "pids.max").write_text("0\n")
    while held := read_bytes(folder / "cgroup.procs").split():
        signal_each(map(int, held), signal.SIGKILL)
        time.sleep(0.02)
    folder.rmdir()


def with_family(clause, bomb):
    """Gives the clause's processes descendants, and those of machine 1 the bomb too."""
    who, _, script = clause.partition(":")
    role, *number = who.split()
    ready = "dump training" if role == "trainer" else "dump loading"
    family = [f"{FAMILY}; {bomb}; {ready}" if k == 1 else f"{FAMILY}; {ready}"
              for k in range(MACHINES)]
    return [f"{role} {k}: " + script.replace(ready, family[k])
            for k in range(MACHINES) if number in ([], [str(k)])]


def script(cell, bomb):
    """Returns the kill matrix's script without its shared memory, since this is about processes.
    Clauses that name a process stand before those of a role, since the first one counts."""
    seen, clauses = set(), []
    for clause in killmatrix.script_of(cell):
        clause = re.sub(r"shm [^;]*; ", "", clause)
        for each in with_family(clause, bomb):
            who = each.partition(":")[0]
            if who not in seen:
                clauses.append(each)
            seen.add(who)
    return clauses


@pytest.mark.parametrize("cell, mpi", CASES, ids=[f"{mpi}: {cell.name}" for cell, mpi in CASES])
def test_no_descendant_is_left(cluster, tmp_path, bomb, cell, mpi):
    job = Job(cluster, build_of(mpi), mpi, tmp_path / "w", MACHINES)
    job.options["run_dir"] = "none"
    measured = killmatrix.run(cell, job, as_typed=False, script=script(cell, bomb))
    assert not measured.left, "\n  ".join([*measured.left, measured.said])
    assert "hangs" not in measured.wrong, measured.said
