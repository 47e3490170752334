"""Real DGL through both MPIs: each pair of values of the table's columns occurs. A run is
good when it exits 0, says an accuracy that the features alone do not allow, reports each of its
processes, and leaves nothing on any machine.
"""

import collections
import itertools
import pathlib
import shutil

import pytest

from realdgl import MPIS, NODES, check_accuracy

Shape = collections.namedtuple("Shape", "mpi machines trainers servers samplers mode")
VALUES = Shape(MPIS, (1, 2, 4), (1, 2), (1, 2), (0, 2), ("train", "infer"))

# Pairwise; of the tables that are, the one with the fewest processes.
TABLE = [
    Shape("openmpi", 1, 1, 1, 0, "train"),
    Shape("mpich", 1, 1, 1, 2, "infer"),
    Shape("openmpi", 1, 2, 2, 2, "infer"),
    Shape("openmpi", 2, 1, 1, 2, "infer"),
    Shape("mpich", 2, 2, 2, 0, "train"),
    Shape("mpich", 4, 1, 2, 2, "train"),
    Shape("openmpi", 4, 2, 1, 0, "infer"),
]


def test_table_has_every_pair():
    for a, b in itertools.combinations(Shape._fields, 2):
        wanted = set(itertools.product(getattr(VALUES, a), getattr(VALUES, b)))
        assert {(getattr(row, a), getattr(row, b)) for row in TABLE} == wanted, (a, b)


def command_of(shape):
    script, own = {
        "train": ("train_graphsage.py", "--num_epochs 4 --batch_size 16 --lr 0.05"),
        "infer": ("infer.py", "--output predictions.csv"),
    }[shape.mode]
    return (f"python3 {script} --ip_config ip_config.txt --part_config data/graph.json "
            f"--checkpoint model.pt {own}")


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
        assert [int(line.partition(",")[0]) for line in lines[1:]] == list(range(NODES))


@pytest.mark.parametrize("shape", TABLE, ids=lambda shape: "-".join(map(str, shape)))
def test_real_dgl(shape, make, request, partitioned, dgl_environment):
    it = make(shape.mpi, machines=shape.machines, num_trainers=shape.trainers,
              num_samplers=shape.samplers, num_servers=shape.servers)
    shutil.copytree(partitioned(shape.machines), it.workspace)
    if shape.mode == "infer":
        shutil.copy(request.getfixturevalue("checkpoint"), it.workspace)
    it.command = [command_of(shape)]
    it.environment.update(dgl_environment)
    result = it.run()  # and nothing is left
    assert result.code == 0, result.said
    check_accuracy(result.out, it.workspace)
    check_report(shape, result)
    check_product(shape, it.workspace)
    assert not list(it.workspace.glob(".*")), "a temporary file is left"
