"""Real DGL through both MPIs: each pair of values of the table's columns occurs with each MPI.

The graph, the scripts and the checkpoint are those of examples/. A run is good when it exits 0,
says an accuracy that the features alone do not allow, reports each of its processes, and leaves
nothing on any machine.
"""

import collections
import functools
import itertools
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess

import pytest

from job import wait_until

SOURCE = pathlib.Path(__file__).resolve().parents[2]
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
VENV = pathlib.Path(os.environ.get("MPILAUNCH_VENV") or CACHE / "dgl-mpilaunch/dgl-2.1.0")
RUN_SECONDS = 240  # the longest takes 45 on 2 cores

Shape = collections.namedtuple("Shape", "machines trainers servers samplers mode")
VALUES = Shape((1, 2, 4), (1, 2), (1, 2), (0, 2), ("train", "infer"))

# Pairwise by hand: the two rows of each number of machines are each other's opposite, and no two
# of the other columns agree, or differ, in all rows. Six is the least: 3 machines x 2 trainers.
TABLE = [
    Shape(1, 1, 2, 2, "train"),
    Shape(1, 2, 1, 0, "infer"),
    Shape(2, 1, 2, 0, "infer"),
    Shape(2, 2, 1, 2, "train"),
    Shape(4, 1, 1, 2, "infer"),
    Shape(4, 2, 2, 0, "train"),
]


def test_table_has_every_pair():
    for a, b in itertools.combinations(Shape._fields, 2):
        wanted = set(itertools.product(getattr(VALUES, a), getattr(VALUES, b)))
        assert {(getattr(row, a), getattr(row, b)) for row in TABLE} == wanted, (a, b)
    assert len(TABLE) == len(VALUES.machines) * len(VALUES.trainers), "not the smallest table"


@pytest.fixture(scope="session")
def dgl_environment():
    """As where a user has activated the virtual environment."""
    if not (VENV / "bin/python3").exists():
        pytest.fail(f"DGL is not installed in {VENV}: run scripts/setup")
    return {"PATH": f"{VENV}/bin:{os.environ['PATH']}", "VIRTUAL_ENV": str(VENV),
            "DGLBACKEND": "pytorch", "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="session")
def partitioned(tmp_path_factory, dgl_environment):
    """machines -> folder with the scripts and the same graph in as many parts, made once."""
    @functools.lru_cache(maxsize=None)
    def make(machines):
        folder = tmp_path_factory.mktemp("dgl-parts")
        for script in (SOURCE / "examples").glob("*.py"):
            shutil.copy(script, folder)
        run_python(dgl_environment, folder, "partition.py", "--num_nodes", "3000", "--num_parts",
                   str(machines))
        return folder
    return make


@pytest.fixture(scope="session")
def checkpoint(partitioned, dgl_environment, tmp_path_factory):
    """A trained model, made without launcher and servers (DGL's standalone mode on one part)."""
    path = tmp_path_factory.mktemp("dgl-model") / "model.pt"
    alone = {**dgl_environment, "RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1",
             "MASTER_PORT": str(free_port())}
    run_python(alone, partitioned(1), "train_graphsage.py", "--ip_config", "none", "--part_config",
               "data/graph.json", "--batch_size", "64", "--checkpoint", str(path))
    return path


def run_python(environment, folder, *words):
    subprocess.run(["python3", *words], cwd=folder, env={**os.environ, **environment},
                   check=True, timeout=120)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def command_of(shape):
    script, own = {
        "train": ("train_graphsage.py", "--num_epochs 6 --batch_size 32"),
        "infer": ("infer.py", "--output predictions.csv"),
    }[shape.mode]
    return (f"python3 {script} --ip_config ip_config.txt --part_config data/graph.json "
            f"--checkpoint model.pt {own}")


def accuracy_in(console):
    found = re.findall(r"test accuracy ([01]\.\d+)", console)
    assert len(found) == 1, f"'test accuracy' is said {len(found)} times, not by rank 0 alone"
    return float(found[0])


def check_accuracy(console, workspace):
    features = json.loads((workspace / "data/features_only.json").read_text())
    assert accuracy_in(console) > features["features_only_test_accuracy"] + 0.3


def trainer_log(it):
    """What the trainer of rank 0 has printed so far."""
    path = it.workspace / "dgl-mpilaunch-runs/latest/logs/vm0.trainer-0.log"
    return path.read_text() if path.exists() else ""


def wait_for_epoch(it, number):
    wait_until(lambda: f"epoch {number} " in trainer_log(it), RUN_SECONDS, f"epoch {number}",
               lambda: trainer_log(it))


def pre_empt(it):
    """A job that trains, after its first epoch: it writes a checkpoint and ends with 75."""
    it.start()
    wait_for_epoch(it, 1)
    os.kill(it.rank_on(1), signal.SIGUSR1)
    result = it.finish(RUN_SECONDS)
    assert result.code == 75, result.said
    assert "checkpoint written" in result.out, result.said
    assert {process["exit_code"] for process in result.processes()} == {0}, result.said
    return result


def check_report(shape, result):
    report = result.report
    assert report["complete"] is True
    assert report["exit_code"] == 0
    assert len(report["attempts"]) == 1
    assert not result.cause
    machines = report["attempts"][0]["machines"]
    assert not [line for machine in machines for line in machine["warnings"]]
    assert sorted(machine["machine"] for machine in machines) == list(range(shape.machines))
    wanted = {("server", i) for i in range(shape.machines * shape.servers)}
    wanted |= {("trainer", i) for i in range(shape.machines * shape.trainers)}
    processes = result.processes()
    assert len(processes) == len(wanted)
    assert {(process["role"], process["id"]) for process in processes} == wanted
    for process in processes:
        assert process["exit_code"] == 0 and not process["signal"], process
        assert process["end_s"] > process["start_s"], process
        # All virtual machines see this file system; the report may put HOST: before the path.
        log = pathlib.Path(process["log"].rpartition(":")[2])
        assert log.stat().st_size > 0, process


def check_product(shape, workspace):
    if shape.mode == "train":
        assert (workspace / "model.pt").stat().st_size > 0
    else:
        lines = (workspace / "predictions.csv").read_text().splitlines()
        assert lines[0] == "node,class"
        assert [int(line.partition(",")[0]) for line in lines[1:]] == list(range(3000))


@pytest.mark.parametrize("shape", TABLE, ids=lambda shape: "-".join(map(str, shape)))
def test_real_dgl(shape, job, request, partitioned, dgl_environment):
    it = job(machines=shape.machines, num_trainers=shape.trainers, num_samplers=shape.samplers,
             num_servers=shape.servers)
    shutil.copytree(partitioned(shape.machines), it.workspace)
    if shape.mode == "infer":
        shutil.copy(request.getfixturevalue("checkpoint"), it.workspace)
    it.command = [command_of(shape)]
    it.environment.update(dgl_environment)
    result = it.run(RUN_SECONDS)  # and nothing is left
    assert result.code == 0, result.said
    check_accuracy(result.out, it.workspace)
    check_report(shape, result)
    check_product(shape, it.workspace)
    assert not list(it.workspace.glob(".*")), "a temporary file is left"
