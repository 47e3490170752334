"""Real DGL: the example goes on from its checkpoint after a failure and after a pre-emption."""

import json
import os
import re
import shutil
import signal

import pytest

from cluster import read_bytes
from leftovers import marked
from realdgl import MPIS, accuracy_in, check_accuracy, pre_empt, wait_for_epoch

COMMAND = ("python3 train_graphsage.py --ip_config ip_config.txt --part_config data/graph.json "
           "--checkpoint model.pt --num_epochs 25 --batch_size 16")


@pytest.fixture
def training(job, partitioned, dgl_environment):
    """Makes a job that trains on 2 machines; a test may make it again in the same workspace."""
    def make(**options):
        it = job(machines=2, num_samplers=1, kill_grace=5, **options)
        if not it.workspace.exists():
            shutil.copytree(partitioned(2), it.workspace)
        it.command = [COMMAND]
        it.environment.update(dgl_environment)
        return it
    return make


def trainer(it, rank):
    """Returns the trainer's pid; its sampler workers have the same environment, but another command
    line."""
    found = [pid for pid in marked(it.marker)
             if f"\0RANK={rank}\0".encode() in read_bytes(f"/proc/{pid}/environ")
             and b"train_graphsage.py" in read_bytes(f"/proc/{pid}/cmdline")]
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize("mpi", MPIS[:1])
def test_it_resumes_after_a_trainer_was_killed(training):
    it = training(max_restarts=1, restart_delay=0.1).start()
    wait_for_epoch(it, 2)
    os.kill(trainer(it, 1), signal.SIGKILL)
    result = it.finish()
    assert result.code == 0, result.said
    assert "attempt 1 of 2 failed: trainer 1 on vm1" in result.err, result.said
    resumed = re.search(r"resumed from model.pt after epoch (\d+)", result.out)
    assert resumed and int(resumed[1]) >= 2, result.said
    check_accuracy(result.out, it.workspace)


@pytest.mark.parametrize("mpi", MPIS[1:])
def test_it_resumes_after_a_pre_emption(training):
    it = training(preempt_signal="USR1")
    pre_empt(it)
    again = training()
    shutil.rmtree(again.workspace)
    shutil.copytree(it.workspace, again.workspace)
    result = again.run()
    assert result.code == 0, result.said
    assert "resumed from model.pt" in result.out, result.said
    features = json.loads((again.workspace / "data/features_only.json").read_text())
    assert accuracy_in(result.out) > features["features_only_test_accuracy"] + 0.3
