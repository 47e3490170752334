"""Real DGL: the place where it is installed, its partitioned graph, and the checks of a training.
The graph, the scripts and the checkpoint are those of examples/."""

import contextlib
import fcntl
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess

import pytest

import patience
from mpis import DEBIANS as MPIS

SOURCE = pathlib.Path(__file__).resolve().parents[2]
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
VENV = pathlib.Path(os.environ.get("MPILAUNCH_VENV") or CACHE / "dgl-mpilaunch/dgl-2.1.0")
BOTH = bool(os.environ.get("MPILAUNCH_DGL_BOTH"))  # for README's table
NODES = 1000  # accuracy of the features alone: 0.26; after 4 epochs: 0.95


def in_turn(*cases):
    """Returns (MPI, case): the cases take turns between the MPIs, since DGL's processes cannot see
    which one it is. Tests with the fake workload show what depends on the MPI."""
    return [(mpi, *(case if isinstance(case, tuple) else (case,))) for k, case in enumerate(cases)
            for mpi in (MPIS if BOTH else MPIS[k % 2:][:1])]


# ---- made once for all workers ----

@contextlib.contextmanager
def only_one(folder, name):
    """Other workers that need the same wait here, and find it made."""
    with open(folder / f"{name}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder / name


@pytest.fixture(scope="session")
def dgl_environment():
    """The environment after a user has activated the virtual environment."""
    if not (VENV / "bin/python3").exists():
        pytest.fail(f"DGL is not installed in {VENV}: run scripts/setup")
    return {"PATH": f"{VENV}/bin:{os.environ['PATH']}", "VIRTUAL_ENV": str(VENV),
            "DGLBACKEND": "pytorch", "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="session")
def partitioned(shared_folder, dgl_environment):
    """machines -> folder with the scripts and the same graph in as many parts."""
    def make(machines):
        with only_one(shared_folder, f"graph-{machines}") as folder:
            if not folder.exists():
                new = folder.with_suffix(".new")
                new.mkdir()
                for script in (SOURCE / "examples").glob("*.py"):
                    shutil.copy(script, new)
                run_python(dgl_environment, new, "partition.py", "--num_nodes", str(NODES),
                           "--num_parts", str(machines))
                new.rename(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def checkpoint(shared_folder, partitioned, dgl_environment):
    """A trained model, made without launcher and servers (DGL's standalone mode on one part)."""
    with only_one(shared_folder, "model.pt") as path:
        if not path.exists():
            alone = {**dgl_environment, "RANK": "0", "WORLD_SIZE": "1",
                     "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
            run_python(alone, partitioned(1), "train_graphsage.py", "--ip_config", "none",
                       "--part_config", "data/graph.json", "--batch_size", "64", "--checkpoint",
                       str(path))
    return path


def run_python(environment, folder, *words):
    subprocess.run(["python3", *words], cwd=folder, env={**os.environ, **environment},
                   check=True, timeout=patience.seconds())


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# ---- a training ----

def accuracy_in(console):
    found = re.findall(r"test accuracy ([01]\.\d+)", console)
    assert len(found) == 1, f"'test accuracy' is said {len(found)} times, not by rank 0 alone"
    return float(found[0])


def check_accuracy(console, workspace):
    features = json.loads((workspace / "data/features_only.json").read_text())
    assert accuracy_in(console) > features["features_only_test_accuracy"] + 0.3


def trainer_log(it):
    """Returns what the trainer of rank 0 has printed so far."""
    path = it.workspace / "dgl-mpilaunch-runs/latest/logs/vm0.trainer-0.log"
    return path.read_text() if path.exists() else ""


def wait_for_epoch(it, number):
    it.wait_while_running(lambda: f"epoch {number} " in trainer_log(it), f"epoch {number}")


def pre_empt(it):
    """Pre-empts a job after its first epoch: it writes a checkpoint and ends with 75."""
    it.start()
    wait_for_epoch(it, 1)
    os.kill(it.rank_on(1), signal.SIGUSR1)
    result = it.finish()
    assert result.code == 75, result.said
    assert "checkpoint written" in result.out, result.said
    assert {process["exit_code"] for process in result.processes()} == {0}, result.said
    return result
