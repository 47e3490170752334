"""Real DGL: GraphSAGE on 2 machines trains, then something breaks, and all ends, named and clean."""

import pathlib
import shutil

import pytest

from job import wait_until
from test_dgl import dgl_environment, partitioned  # noqa: F401 (fixtures)

SECONDS = 120  # a job: 2 cores start DGL in about 15

# Trains as examples/ do, but has no common.run around it: rank 1 fails when an epoch is done.
FAILING = """
import sys
import torch.distributed as dist
import train_graphsage

save = train_graphsage.Training.save

def save_and_fail(training):
    save(training)
    if dist.get_rank() == 1 and training.epoch == 2:
        {how}

train_graphsage.Training.save = save_and_fail
if __name__ == "__main__":
    train_graphsage.main()
"""


@pytest.fixture
def training(job, partitioned, dgl_environment):  # noqa: F811
    """A job that trains for longer than its test runs: 1 trainer, 1 sampler, 1 server a machine."""
    it = job(machines=2, num_samplers=1)
    shutil.copytree(partitioned(2), it.workspace)
    it.environment.update(dgl_environment)
    train(it, "train_graphsage.py")
    return it


def train(it, script):
    it.command = [f"python3 {script} --ip_config ip_config.txt --part_config data/graph.json "
                  "--checkpoint model.pt --num_epochs 1000 --batch_size 32"]


@pytest.mark.parametrize("how, code", [("raise ValueError('no such luck')", 1), ("sys.exit(3)", 3)])
def test_a_trainer_fails_in_python(training, how, code):
    (training.workspace / "failing.py").write_text(FAILING.format(how=how))
    train(training, "failing.py")
    training.start().wait_for("model.pt", seconds=SECONDS)
    log = log_of(training, "vm1.trainer-1.log")
    result = training.finish(SECONDS)
    assert result.code == code, result.said
    cause = result.cause
    assert (cause["role"], cause["id"], cause["host"]) == ("trainer", 1, "vm1"), cause
    assert cause["exit_code"] == code
    if code == 1:
        block = result.err[result.err.rfind("dgl-mpilaunch: the job failed"):]
        assert "  exception: ValueError: no such luck\n" in block, result.said
        assert "in save_and_fail" in log.read_text()


def log_of(it, name):
    path, = it.workspace.glob(f"dgl-mpilaunch-runs/*Z*/logs/{name}")
    return path
