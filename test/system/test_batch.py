"""Ways to start a job that are recipes of the project: the template for PBS, and the manifest for
Kubernetes, each with a stand-in for the batch system (batch.py)."""

import os
import re
import shlex
import signal

import pytest

from batch import MpiJob, PbsJob, manifest
from cluster import SOURCE, read_bytes
from job import abandoning, up
from mpis import MPIS, OPEN_MPI
from patience import wait_until

TEMPLATE = SOURCE / "scripts/dgl-mpilaunch.pbs"
GOOD = "server: serve", "trainer: dump seen; connect"
RUNS = "server: serve", "trainer: connect; dump up; forever"
SAVES = "server: serve", "trainer: catch USR1; connect; dump up; await USR1; exit 0"


@pytest.fixture
def qsub(make, cluster, build, mpi, tmp_path):
    """qsub('trainer 2: exit 3'): a job of the template, which has not been started."""
    def get(*script, **options):
        it = PbsJob(cluster, build(mpi), mpi, tmp_path / f"w{len(made)}")
        it.script = list(script)
        it.options.update(ip_config="auto", **options)
        made.append(it)
        it.script_text, n = re.subn(r"job=\((.|\n)*?\)\n",
                                    lambda _: f"job=({shlex.join(it.launcher()[1:])})\n",
                                    TEMPLATE.read_text(encoding="ascii"))
        assert n == 1
        return it

    with abandoning() as made:
        yield get


@pytest.fixture
def mpijob(pods, build, mpi, tmp_path):
    def get(*script, **options):
        it = MpiJob(pods, build(mpi), mpi, tmp_path / f"w{len(made)}", manifest())
        it.script = list(script)
        it.options.update(options)
        made.append(it)
        return it

    with abandoning() as made:
        yield get


def told_to_stop(it):
    """Open MPI's mpirun returns 1 whatever its ranks return."""
    return 1 if MPIS[it.mpi].family == OPEN_MPI else 143


def hosts(result):
    return [machine["host"] for machine in result.report["attempts"][-1]["machines"]]


# ---- PBS ----

def test_pbs_directives():
    """PBS reads none behind the first command."""
    lines = [line for line in TEMPLATE.read_text().splitlines() if line.strip()]
    commands = [k for k, line in enumerate(lines) if not line.startswith("#")]
    assert [k for k, line in enumerate(lines) if line.startswith("#PBS")] == [1, 2, 3, 4]
    assert commands[0] > 4


@pytest.mark.parametrize("processes_each", [1, 2])
def test_pbs(qsub, processes_each):
    it = qsub(*GOOD)
    it.processes_each = processes_each
    result = it.run()
    assert (result.code, it.queue()) == (0, []), result.said
    assert hosts(result) == ["vm0", "vm1", "vm2", "vm3"]
    assert "Z-12-" in result.report["job_id"]
    threads = result.dump("trainer", 3)["environment"]["OMP_NUM_THREADS"]
    assert int(threads) == max(os.cpu_count() // 2, 1), "that is PBS's, of all CPUs"


def test_pbs_first_failure(qsub):
    it = qsub("server: serve", "trainer 2: connect; exit 7", "trainer: connect; forever")
    result = it.run()
    assert (result.code, it.queue(), result.cause["host"]) == (7, [], "vm2"), result.said


def test_pbs_qdel(qsub):
    """The signal reaches mpirun's ssh, too: Open MPI's may lose its daemons before the ranks have
    reported."""
    it = qsub(*RUNS)
    result = up(it.let_ranks_report()).qdel().finish()
    assert result.code == told_to_stop(it) and not it.queue(), result.said
    assert not result.report["complete"] or result.cause["how"] in (
        "told to stop", "parent gone"), result.said


def test_pbs_end_of_the_time(qsub):
    """The template sends USR1, and is submitted again."""
    it = up(qsub(*SAVES))
    timeout, = [pid for pid in it.of_the_script()
                if read_bytes(f"/proc/{pid}/comm") == b"timeout\n"]
    os.kill(timeout, signal.SIGALRM)  # its own, at the end of the time
    result = it.finish()
    assert result.code == 75, result.said
    assert it.queue() == [f"{it.workspace}/dgl-mpilaunch.pbs"], result.said


def test_pbs_a_lost_machine(qsub):
    it = up(qsub(*RUNS, lost_timeout=3))
    result = it.finish_cut_off(2)
    assert (result.code, result.cause["host"], it.queue()) == (125, "vm2", []), result.said


# ---- Kubernetes ----

def test_kubernetes(mpijob, pods):
    it = mpijob(*GOOD)
    workers = range(1, pods.workers + 1)
    before = {k: pods.dead(k) for k in workers}
    result = it.run()
    assert result.code == 0, result.said
    assert hosts(result) == pods.names[1:]
    addresses = [machine["ip"] for machine in result.report["attempts"][-1]["machines"]]
    assert addresses == pods.cluster.ips[1:], "the launcher's pod has no rank"
    assert {k: pods.dead(k) for k in workers} == before, "they wait for process 1 to reap them"


def test_kubernetes_first_failure(mpijob):
    result = mpijob("server: serve", "trainer 2: connect; exit 7",
                    "trainer: connect; forever").run()
    assert (result.code, result.cause["host"]) == (7, "train-worker-2"), result.said


def test_kubernetes_the_launchers_pod_is_deleted(mpijob):
    it = mpijob(*RUNS)
    result = up(it.let_ranks_report()).signal(signal.SIGTERM).finish()
    assert result.code == told_to_stop(it), result.said
    assert result.cause["signal"] == signal.SIGTERM, result.said


def test_kubernetes_a_workers_pod_is_taken_back(mpijob, pods):
    it = up(mpijob(*SAVES))
    it.pre_stop(2)
    assert not [pid for pid in it.own_processes() if pods.cluster.machine_of(pid) == 2]
    assert it.finish().code == 75


def test_kubernetes_a_workers_pod_is_lost(mpijob, pods):
    """mpirun sees the end of its agent, ends the ranks by KILL, and returns a code of its own."""
    it = up(mpijob(*RUNS, lost_timeout=3))
    pods.evict(2)
    try:
        result = it.finish()
    finally:
        pods.begin(2)
        it.before.processes.update(pods.cluster.processes())
    assert result.code != 0, result.said
