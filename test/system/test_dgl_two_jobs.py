"""Real DGL, two jobs on the same machines and the same graph: one is killed, the other trains on."""

import shutil
import signal

import pytest

from leftovers import marked, signal_each
from patience import wait_for_end, wait_until
from realdgl import check_accuracy
from test_dgl import Shape, check_report, command_of

SHAPE = Shape("openmpi", 2, 1, 1, 0, "train")


@pytest.fixture
def dgl_job(openmpi, partitioned, dgl_environment):
    def make(port, epochs):
        it = openmpi(machines=2, num_trainers=1, num_servers=1)
        shutil.copytree(partitioned(2), it.workspace)
        it.ip_config = [f"{ip} {port}" for ip in it.ip_config]
        it.command = [command_of(SHAPE).replace("--num_epochs 4", f"--num_epochs {epochs}")]
        it.environment.update(dgl_environment)
        return it
    return make


def trains(it):
    """True when its first epoch is over."""
    return (it.workspace / "model.pt").exists()


def tensors(it):
    """Returns the tensors of DGL's servers on machine 1."""
    return {path.name for path in it.shm(1).iterdir() if "kvdata" in path.name}


def test_one_of_two_is_killed(dgl_job):
    first, second = dgl_job(31000, 1000000), dgl_job(32000, 30)
    first.start()
    wait_until(lambda: trains(first), "the first one trains")
    second.start()
    for what in ("processes", "shared_memory", "listeners"):
        setattr(second.before, what, getattr(first.before, what))
    wait_until(lambda: trains(second), "both train")
    assert tensors(first) and tensors(first) == tensors(second)  # as if it were alone
    signal_each(marked(first.marker), signal.SIGKILL)
    assert wait_for_end(first.process) != 0
    wait_until(lambda: not marked(first.marker), "the first job has gone")
    first.process.stdout.close()
    first.process.stderr.close()
    first.remove_temporary()
    result = second.finish()  # finish() proves that nothing of either job is left
    assert result.code == 0, result.said
    check_accuracy(result.out, second.workspace)
    check_report(SHAPE, result)
