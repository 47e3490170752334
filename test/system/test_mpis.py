"""The MPIs that are not Debian's: each starts jobs, and ends them with the right code and cause,
whatever goes wrong; nothing is left, MPICH's shared memory included. The launcher's own rules are
tested under Debian's."""

import dataclasses
import os
import re
import signal
from typing import Callable

import pytest

from cluster import parent_of, read_bytes
from conftest import build_of
from job import up
from leftovers import signal_each
from mpis import MPIS, PYPIS, starter_of
from odd import SEE, docker, well

SERVE = "server: serve"
WAITS = (SERVE, "trainer: connect; dump up; forever")
SAVES = (SERVE, "trainer: catch USR1; connect; dump up; await USR1; exit 0")


def kill(find):
    """Returns what kills the process that find(job) names, of a job that is up."""
    def end(job):
        os.kill(find(up(job)), signal.SIGKILL)
        return job.finish()
    return end


def send(number):
    """Returns what sends mpirun a signal."""
    return lambda job: up(job).signal(number).finish()


def cut(machine):
    return lambda job: up(job).finish_cut_off(machine)


def two_each(job):
    family = MPIS[job.mpi].family
    job.mpirun_options = family.two_on_each(job.machines)
    result = job.run()
    assert "3 of the ranks sleep" in result.err, result.said
    assert f"'mpirun {' '.join(family.one_each)}' starts one" in result.err, result.said
    return result


def term_to_all_ranks(job):
    signal_each(up(job).ranks(), signal.SIGTERM)
    return job.finish()


@dataclasses.dataclass(frozen=True)
class Case:
    what: str
    script: tuple
    play: Callable          # starts the job, does what the case is about, and finishes it
    codes: tuple            # each of which is right; MPIS[mpi].codes has others
    cause: str = None       # a regular expression of the cause that the launcher names
    options: dict = dataclasses.field(default_factory=dict)


NOT_0 = (*range(-64, 0), *range(1, 256))


def run(job):
    return job.run()


CASES = (
    Case("a good job", (SERVE, "trainer: connect; exit 0"), run, (0,)),
    Case("a good job, two ranks a machine", (SERVE, "trainer: connect; exit 0"), two_each, (0,)),
    Case("a trainer exits with 7", ("trainer 1: connect; exit 7", *WAITS), run, (7,),
         r"trainer 1 on vm1 .*exited with code 7"),
    Case("a trainer exits with 7, two ranks a machine", ("trainer 1: connect; exit 7", *WAITS),
         two_each, (7,), r"trainer 1 on vm1 .*exited with code 7"),
    Case("a trainer is killed", ("trainer 1: connect; kill KILL", *WAITS), run, (137,),
         r"trainer 1 on vm1 .*was killed by SIGKILL"),
    Case("INT to mpirun", WAITS, send(signal.SIGINT), (130,),
         r"was told to stop by SIG(INT|TERM)"),
    Case("TERM to mpirun", WAITS, send(signal.SIGTERM), (143,), r"was told to stop by SIGTERM"),
    Case("TERM to all ranks", WAITS, term_to_all_ranks, (143,), r"was told to stop by SIGTERM"),
    Case("the pre-emption signal to mpirun", SAVES, send(signal.SIGUSR1), (75,), r"SIGUSR1",
         {"preempt_signal": "USR1"}),
    Case("a rank is killed", WAITS, kill(lambda job: job.rank_on(1)), (137, 255, 9),
         r"vm1: the rank"),
    Case("a keeper is killed", WAITS, kill(lambda job: job.keeper_on(1)), (125,), r"vm1"),
    Case("mpirun's daemon is killed", WAITS, kill(lambda job: parent_of(job.rank_on(1))),
         NOT_0, r"vm1"),
    Case("mpirun is killed", WAITS, kill(lambda job: job.process.pid), (-signal.SIGKILL,)),
    Case("the link of machine 1 is cut", WAITS, cut(1), (125,), r"vm1 is lost",
         {"lost_timeout": 3}),
    Case("the link of machine 0 is cut", WAITS, cut(0), NOT_0, r"vm\d is lost",
         {"lost_timeout": 3}),
)


def said_by(result):
    """Returns what the launcher has said on the console, in the logs of machines that were cut off
    or had lost their mpirun, and in the report."""
    logs = (result.run_dir / "logs").glob("*.launcher.log")
    return result.out + result.err + "".join(path.read_text() for path in logs)


@pytest.mark.parametrize("mpi", PYPIS)
@pytest.mark.parametrize("case", CASES, ids=[case.what for case in CASES])
def test_an_mpi(job, mpi, case):
    it = job(*case.script, machines=3, kill_grace=1, **case.options).let_ranks_report()
    result = case.play(it)
    codes = MPIS[mpi].codes.get(case.what, case.codes)
    print(f"{mpi}: {case.what}: {result.code} after {result.seconds:.1f} s")
    assert result.code in codes, result.said
    assert case.cause is None or re.search(case.cause, said_by(result)), result.said


@pytest.mark.parametrize("mpi", MPIS)
def test_its_hostfile_starts_one_rank_a_machine(job, mpi):
    """Though ip_config has ports, and without another option of mpirun; but Intel's -f pays no
    attention to the counts in it."""
    it = job(SERVE, "trainer: connect; exit 0", machines=3)
    it.ip_config = [f"{ip} {31000 + k}" for k, ip in enumerate(it.ip_config)]
    it.write()
    kind = MPIS[mpi].family.name
    done = it.cluster.on(0, *it.launcher()[:1], "--print_hostfile", kind, "--ip_config",
                         str(it.workspace / "ip_config.txt"))
    assert done.returncode == 0, done.stderr
    it.hosts, it.mpirun_options = done.stdout.splitlines(), None if mpi == "impi" else []
    result = it.run()
    assert result.code == 0 and "ranks sleep" not in result.err, result.said


@pytest.mark.parametrize("mpi", PYPIS)
def test_bridge_with_one_address_everywhere(job, networks, mpi):
    """Docker's. Intel MPI would wait for each other's 172.17.0.1."""
    docker(networks, range(3))
    well(job(*SEE, machines=3).run())


def test_the_library_at_run_time_counts(make):
    """MPICH and Intel MPI share an ABI, so that a build may meet another one's library. Intel's
    takes our handlers away, which MPICH's does not."""
    it = make("impi", *WAITS, machines=3, kill_grace=1)
    it.build = build_of("mpich5")
    library = starter_of("impi", it.mpi_build).parents[1] / "lib/libmpi.so.12"
    it.environment["LD_LIBRARY_PATH"] = str(library.parent)
    up(it)
    assert str(library).encode() in read_bytes(f"/proc/{it.rank_on(1)}/maps")
    signal_each(it.ranks(), signal.SIGTERM)
    result = it.finish()
    assert result.code == 143, result.said
    assert "was told to stop by SIGTERM" in said_by(result), result.said
