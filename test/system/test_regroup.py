"""--spare with --max_restarts: after the loss of a machine the job goes on with a spare one in its
place, where the MPI and who has started it allow that."""

import os
import signal

import pytest

from job import write_partition
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


def hosts(attempt):
    return [machine["host"] for machine in attempt["machines"]]


def goes_on(result, *, lost, spare, places, code=0):
    """The second attempt is on `places`; the report tells of both."""
    assert result.code == code, result.said
    assert result.report["exit_code"] == 0 and result.report["complete"], result.report
    first, second = result.report["attempts"]
    assert (first["cause"]["how"], first["cause"]["host"]) == ("lost", lost), first["cause"]
    assert second["cause"] is None and hosts(second) == places, second
    assert f"; {spare}, which was spare, takes its place; starting again in" in result.err
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


def test_slurm(submit, mpi):
    """srun's own code is that of the rank that was killed."""
    it = with_spares(submit(PLAIN))
    it.srun_options = ["--no-kill", "-K0"]
    os.kill(up(it).rank_on(1), signal.SIGKILL)
    goes_on(it.finish(), lost="vm1", spare="vm3", places=["vm0", "vm3", "vm2"], code=137)
