"""--spare with --max_restarts: after the loss of a machine the job goes on with a spare one in its
place, where the MPI and who has started it allow that."""

import json
import os
import signal

import pytest

from job import Job, write_partition
from leftovers import signal_each
from patience import wait_until
from slurm import PLAIN

SCRIPT = ("server: serve", "trainer: dump seen; connect; attempt 0 dump up; "
          "attempt 0 forever; sleep 0.3")
PARTS = 3


def with_spares(it, *, parts=PARTS, **options):
    """A job of 4 machines and fewer parts."""
    write_partition(it.workspace / "data", parts)
    it.script = list(SCRIPT)
    it.options.update({"ip_config": "auto", "lost_timeout": 3, "max_restarts": 2,
                       "restart_delay": 0.1, **options})
    it.more = ["--spare"]
    return it


def recovering(job, *words, **options):
    """Under MPICH's mpirun, which does not end the other ranks when one has died."""
    it = with_spares(job(machines=4), **options)
    it.mpirun_options = ["-ppn", "1", "-disable-auto-cleanup", *words]
    return it


def up(it, parts=PARTS):
    return it.start().wait_for(*(f"up.trainer-{k}" for k in range(parts)))


def pid_of(it, trainer):
    return json.loads((it.workspace / f"up.trainer-{trainer}").read_text())["pid"]


def hosts(attempt):
    return [machine["host"] for machine in attempt["machines"]]


def goes_on(result, *, lost, spare, places, code=0):
    """The second attempt is on `places`; the report tells of both."""
    assert result.code == code, result.said
    assert result.report["exit_code"] == 0 and result.report["complete"], result.report
    first, second = result.report["attempts"]
    assert (first["cause"]["how"], first["cause"]["host"]) == ("lost", lost), first["cause"]
    assert second["cause"] is None and hosts(second) == places, second
    assert (f"; {spare}, which was spare, takes the place of {lost}; starting again in"
            in result.err), result.said
    for k, place in enumerate(places):
        assert (result.run_dir / f"logs/{place}.trainer-{k}.1.log").exists()
    addresses = [machine["ip"] for machine in second["machines"]]
    listed = (result.run_dir / "ip_config.txt").read_text().split()[::2]
    assert addresses == listed, "the list in the run folder is the new one"


@pytest.fixture
def mpich(make):
    return lambda **options: make("mpich", **options)


def test_a_rank_is_killed(mpich):
    it = up(recovering(mpich))
    os.kill(it.rank_on(1), signal.SIGKILL)
    goes_on(it.finish(), lost="vm1", spare="vm3", places=["vm0", "vm3", "vm2"])


def test_a_machine_is_cut_off(mpich):
    """With machines that the user has named: the list is the launcher's, since one is left out."""
    it = recovering(mpich, ip_config="ip_config.txt")
    goes_on(up(it).finish_cut_off(2), lost="vm2", spare="vm3", places=["vm0", "vm1", "vm3"])


def test_one_after_the_other(mpich):
    it = recovering(mpich, parts=2)
    it.script = ["server: serve", "trainer: connect; attempt 0 dump up; attempt 1 dump again; "
                 "attempt 2 sleep 0.3; attempt 2 exit 0; forever"]
    up(it, 2)
    os.kill(it.rank_on(1), signal.SIGKILL)
    it.wait_for("again.trainer-0", "again.trainer-1")
    os.kill(it.rank_on(2), signal.SIGKILL)
    result = it.finish()
    assert result.code == 0, result.said
    assert [hosts(attempt)[-1:] for attempt in result.report["attempts"]] == [
        ["vm1"], ["vm2"], ["vm3"]], result.said


@pytest.fixture
def of_five(clusters, build, tmp_path):
    it = Job(clusters(5), build("mpich"), "mpich", tmp_path / "w", 5)
    yield lambda machines: it
    it.abandon()


def test_two_places(of_five):
    """The second spare machine hears of the first one's place, too."""
    it = recovering(of_five, connect_timeout=60)
    it.script = ["server: serve", "trainer: connect; attempt 0 dump up; attempt 1 dump again; "
                 "attempt 2 sleep 1; attempt 2 exit 0; forever"]
    os.kill(up(it).rank_on(1), signal.SIGKILL)
    it.wait_for(*(f"again.trainer-{k}" for k in range(PARTS)))
    os.kill(it.rank_on(2), signal.SIGKILL)
    result = it.finish()
    assert result.code == 0, result.said
    assert hosts(result.report["attempts"][-1]) == ["vm0", "vm3", "vm4"], result.said
    assert "which is no machine of this job" not in result.err, result.said


def test_all_of_a_machine_is_killed(mpich):
    """The trainers elsewhere fail by it, long before --lost_timeout."""
    it = up(recovering(mpich, lost_timeout=60))
    there = [pid for pid in it.own_processes() if it.cluster.machine_of(pid) == 1]
    trainer = pid_of(it, 2)
    signal_each(there, signal.SIGSTOP)  # or the keeper could still tell that its rank has died
    signal_each(there, signal.SIGKILL)
    os.kill(trainer, signal.SIGKILL)
    result = it.finish()
    assert result.code == 0, result.said
    first, second = result.report["attempts"]
    assert first["cause"]["id"] == 2, first["cause"]
    assert hosts(second) == ["vm0", "vm3", "vm2"], result.said
    assert "vm1 gives no sign of life, and is taken for lost" in result.err, result.said


def test_a_stop_during_the_stop(mpich):
    """The loss does not hide it."""
    it = recovering(mpich, kill_grace=60)
    it.script = ["server: serve", "trainer 0: ignore TERM; connect; dump up; wait go; exit 0",
                 "trainer: connect; dump up; forever"]
    rank, root = up(it).rank_on(1), it.rank_on(0)
    os.kill(rank, signal.SIGKILL)
    stopped = pid_of(it, 2)
    wait_until(lambda: not os.path.exists(f"/proc/{stopped}"), "trainer 2 is stopped")
    os.kill(root, signal.SIGTERM)
    (it.workspace / "go").touch()
    result = it.finish()
    assert len(result.report["attempts"]) == 1, result.said


def test_no_spare_machine_is_left(mpich):
    """MPICH's mpirun may die of SIGPIPE when it ends the rank that has gone."""
    it = up(recovering(mpich, parts=4), 4)
    os.kill(it.rank_on(1), signal.SIGKILL)
    result = it.finish()
    assert result.code in (125, -signal.SIGPIPE), result.said
    assert (result.report["exit_code"], result.cause["host"]) == (125, "vm1"), result.said
    assert len(result.report["attempts"]) == 1


def test_the_spare_machine_has_its_part_of_everything(mpich):
    """It is told to stop, fails and is watched as any other."""
    it = recovering(mpich)
    it.script = ["server: serve",
                 "trainer 1: connect; attempt 0 dump up; attempt 0 forever; exit 7",
                 "trainer: connect; attempt 0 dump up; forever"]
    it.options["max_restarts"] = 1
    os.kill(up(it).rank_on(1), signal.SIGKILL)
    result = it.finish()
    assert (result.code, result.cause["host"]) == (7, "vm3"), result.said


def test_the_job_is_told_to_stop_afterwards(mpich):
    """MPICH's mpirun fails where it hands the signal on to the proxy of a rank that has gone, and
    KILLs the ranks."""
    it = recovering(mpich)
    it.script = ["server: serve", "trainer: connect; attempt 0 dump up; attempt 1 dump again; "
                 "forever"]
    os.kill(up(it).rank_on(1), signal.SIGKILL)
    it.wait_for(*(f"again.trainer-{k}" for k in range(PARTS))).signal(signal.SIGTERM)
    result = it.finish()
    assert (result.code, result.report["complete"]) == (255, False), result.said


def test_the_spare_machine_has_died_before(mpich):
    it = up(recovering(mpich))
    spare = it.rank_on(3)
    os.kill(spare, signal.SIGKILL)
    os.kill(it.rank_on(1), signal.SIGKILL)
    result = it.finish()
    assert result.code == 125, result.said
    assert f"{it.cluster.ips[3]} was to take the place of vm1, but" in result.err, result.said
    assert not result.report["complete"]


@pytest.mark.xdist_group("slurm")
def test_slurm(submit, mpi):
    """srun's own code is that of the rank that was killed."""
    it = with_spares(submit(PLAIN))
    it.srun_options = ["--no-kill", "-K0"]
    os.kill(up(it).rank_on(1), signal.SIGKILL)
    goes_on(it.finish(), lost="vm1", spare="vm3", places=["vm0", "vm3", "vm2"], code=137)
