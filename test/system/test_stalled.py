"""A machine stalls in the middle of large messages: rank 0 hears the others meanwhile, and if it
gives a machine up for lost, it is that one."""

import os
import signal
import time

import pytest

from patience import wait_until

# Without log files no output may be lost, so that messages are as large as can be.
PRINTS = ("server: serve", "trainer 2: connect; dump up; lines 1000000000 200",
          "trainer 1: connect; dump up; wait die; exit 3", "trainer: connect; dump up; forever")
# As on InfiniBand: MPI sends the bytes of a message of some KiB only when it is received.
LARGE_FROM_4_KIB = {"OMPI_MCA_btl_tcp_eager_limit": "4096"}


@pytest.fixture
def printing(job, tmp_path):
    """Starts the job and waits until the reader has got some MB of trainer 2's lines."""
    def start(**options):
        it = job(*PRINTS, run_dir="none", kill_grace=1, **options)
        it.environment.update(LARGE_FROM_4_KIB)
        with open(tmp_path / "out", "w") as out:
            it.stdout = out.fileno()
            it.start().wait_for(*(f"up.trainer-{k}" for k in range(4)))
        wait_until(lambda: (tmp_path / "out").stat().st_size > 4 << 20, "trainer 2 prints")
        return it
    return start


def stop_rank(it, machine):
    os.kill(it.rank_on(machine), signal.SIGSTOP)


def test_a_rank_that_stops_while_it_prints_is_the_one_that_is_lost(printing):
    it = printing(lost_timeout=2)
    stop_rank(it, 2)
    result = it.finish()
    assert result.code == 125, result.said
    assert "vm2 is lost" in result.err, result.said


@pytest.mark.parametrize("lost_timeout", [3600, 0])
def test_a_failure_elsewhere_is_told_while_a_rank_stalls(printing, lost_timeout):
    it = printing(lost_timeout=lost_timeout)
    stop_rank(it, 2)
    (it.workspace / "die").touch()
    result = it.finish()
    assert result.code == 3, result.said
    assert "trainer 1 on vm1" in result.err and "exited with code 3" in result.err, result.said


def test_a_stall_of_5_s_is_borne_and_the_others_are_heard(job, tmp_path):
    it = job("server: serve", "trainer 2: connect; dump up; lines 400000 200",
             "trainer 1: connect; dump up; wait say; print heard; wait go",
             "trainer: connect; dump up; wait go", run_dir="none", lost_timeout=30)
    it.environment.update(LARGE_FROM_4_KIB)
    shown = tmp_path / "out"
    with open(shown, "w") as out:
        it.stdout = out.fileno()
        it.start().wait_for(*(f"up.trainer-{k}" for k in range(4)))
    wait_until(lambda: shown.stat().st_size > 1 << 20, "trainer 2 prints")
    it.cluster.vcluster("link", "2", "down")
    try:
        since = time.monotonic()
        (it.workspace / "say").touch()
        wait_until(lambda: b"[vm1 trainer 1] heard\n" in shown.read_bytes(), "vm1 is heard")
        time.sleep(max(0, since + 5 - time.monotonic()))  # the stall itself
    finally:
        it.cluster.vcluster("link", "2", "up")
    (it.workspace / "go").touch()
    result = it.finish()
    assert result.code == 0, result.said
    lines = shown.read_text().splitlines()
    assert len(lines) == 400001
    assert sum(line.startswith("[vm2 trainer 2] ") for line in lines) == 400000


def test_a_failure_behind_a_rank_that_stands_still_is_the_first_cause(job):
    """Rank 2 passes on what rank 3 tells rank 0, and is itself taken for lost later."""
    it = job("server: serve", "trainer 3: connect; dump up; wait die; exit 7",
             "trainer: connect; dump up; forever", kill_grace=1, lost_timeout=4)
    it.start().wait_for(*(f"up.trainer-{k}" for k in range(4)))
    stop_rank(it, 2)
    (it.workspace / "die").touch()
    result = it.finish()
    assert result.code == 7, result.said
    assert "trainer 3 on vm3" in result.err and "exited with code 7" in result.err, result.said
    assert "vm3 gives no sign of life" not in result.err, result.said
    assert [machine["host"] for machine in result.report["attempts"][-1]["machines"]
            if machine["processes"]] == ["vm0", "vm1", "vm3"], result.said
