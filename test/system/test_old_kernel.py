"""On a kernel without pidfds and close_range (RHEL 8 has 4.18) a job runs, fails and ends as on any
other."""

import os
import pathlib
import signal
import sys

import pytest

from job import up
from odd import behind, well

OLD = [sys.executable, "-IBS", str(pathlib.Path(__file__).with_name("oldkernel.py"))]
SCRIPT = ("server: serve", "trainer: dump up; connect; wait go")


def old(it):
    return behind(it, *OLD)


@pytest.mark.parametrize("mpi", ["openmpi", "mpich", None])
def test_a_good_job(make, mpi):
    it = up(old(make(mpi, *SCRIPT, machines=2)))
    (it.workspace / "go").touch()
    result = well(it.finish())
    assert set(result.dump("trainer", 0, "up")["fds"]) == {"0", "1", "2"}


def test_a_trainer_that_dies(job):
    result = old(job("server: serve", "trainer 1: connect; kill KILL", "trainer: connect; forever",
                     machines=2)).run()
    assert result.code == 137, result.said


def test_a_keeper_that_dies(job):
    it = up(old(job(*SCRIPT, machines=2)))
    os.kill(it.keeper_on(1), signal.SIGKILL)
    result = it.finish()
    assert result.code == 125, result.said


def test_the_parent_goes(make):
    """Open MPI does not tell the rank on mpirun's own machine."""
    it = up(old(make("openmpi", *SCRIPT, machines=2)))
    it.signal(signal.SIGKILL)
    assert it.finish().code == -signal.SIGKILL


@pytest.mark.slow
def test_an_mpirun_that_cannot_be_let_go_is_killed(openmpi):
    """Open MPI's waits for its daemon on a machine that is lost. Where the launcher cannot shut its
    connection to it, a batch job must end all the same."""
    it = behind(openmpi(*SCRIPT, machines=2, lost_timeout=2), *OLD, "--without=pidfd_getfd")
    result = up(it).finish_cut_off(1)
    assert result.code == -signal.SIGKILL, result.said
    assert "vm1 is lost" in result.err, result.said


def test_a_sampler_that_dies(solo):
    """The next look through /proc finds it as a zombie."""
    it = old(solo("server: serve", "trainer: connect; worker sleep 2, kill SEGV; forever",
                  num_samplers=1))
    result = it.run()
    assert result.code == 139 and result.cause["role"] == "sampler", result.said
