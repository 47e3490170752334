"""--max_restarts: after a failure the whole job starts again on the same ranks."""

import os
import signal

import pytest

from patience import wait_until

FAILS_ONCE = ("server: dump seen; serve",
              "trainer 1: dump seen; connect; attempt 0 exit 3; sleep 0.3",
              "trainer: dump seen; connect; attempt 0 forever; sleep 0.3")
ALWAYS = ("server: serve", "trainer 1: connect; exit 3", "trainer: connect; forever")


def causes(result):
    return [attempt["cause"] for attempt in result.report["attempts"]]


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def resident_kb(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def test_a_failure_is_followed_by_a_good_attempt(job):
    result = job(*FAILS_ONCE, machines=3, max_restarts=2, restart_delay=0.1).run()
    assert result.code == 0, result.said
    first, second = result.report["attempts"]
    assert (first["cause"]["role"], first["cause"]["id"]) == ("trainer", 1), first["cause"]
    assert (first["cause"]["exit_code"], second["cause"]) == (3, None)
    assert [first["attempt"], second["attempt"]] == [0, 1]
    assert second["start_s"] > first["start_s"] == 0
    assert [len(machine["processes"]) for machine in second["machines"]] == [2, 2, 2]
    assert "attempt 1 of 3 failed: trainer 1 on vm1" in result.err, result.said
    seen = result.dump("trainer", 1)["environment"]
    assert (seen["TORCHELASTIC_RESTART_COUNT"], seen["DGL_JOB_RESTART_COUNT"]) == ("1", "1")
    assert seen["TORCHELASTIC_MAX_RESTARTS"] == "2"
    assert (result.run_dir / "logs/vm1.trainer-1.log").exists()
    assert (result.run_dir / "logs/vm1.trainer-1.1.log").exists()


def test_the_last_attempt_decides(job):
    result = job(*ALWAYS, machines=2, max_restarts=2, restart_delay=0.05).run()
    assert result.code == 3, result.said
    assert [cause["exit_code"] for cause in causes(result)] == [3, 3, 3]
    assert "attempt 1 of 3 failed" in result.err and "attempt 2 of 3 failed" in result.err
    block = result.err[result.err.rfind("dgl-mpilaunch: the job failed"):]
    assert "trainer 1 on vm1" in block and "exit code 3" in block, result.said


VAIN = ("3 attempts in a row failed in the same way, each before its trainers had run for a minute; "
        "no further one is started")


def test_the_same_failure_is_not_repeated_for_ever(job):
    result = job(*ALWAYS, machines=2, max_restarts=50, restart_delay=0).run()
    assert result.code == 3 and VAIN in result.err, result.said
    assert [cause["exit_code"] for cause in causes(result)] == [3, 3, 3]
    block = result.err[result.err.rfind("dgl-mpilaunch: the job failed"):]
    assert "trainer 1 on vm1" in block and "exit code 3" in block, result.said


@pytest.mark.parametrize("options, codes", [
    ({}, [1, 3, 3, 3]),                          # the first was another one
    ({"max_same_failures": 2}, [1, 3, 3]),
    ({"max_same_failures": 0}, [1, 3, 3, 3, 3]),
])
def test_only_the_same_failure_counts(solo, options, codes):
    result = solo("server: serve", "trainer: connect; attempt 0 exit 1; exit 3", max_restarts=4,
                  restart_delay=0, **options).run()
    assert [cause["exit_code"] for cause in causes(result)] == codes, result.said


def test_each_attempt_has_a_master_port_of_its_own(solo):
    result = solo("server: serve", "trainer: connect; attempt 0 dump first; attempt 0 exit 1; "
                  "dump second", max_restarts=1, restart_delay=0).run()
    assert result.code == 0, result.said
    first, second = (result.dump("trainer", 0, name)["environment"]["MASTER_PORT"]
                     for name in ("first", "second"))
    assert first != second


def test_a_server_that_fails_while_it_starts(job):
    result = job("server 1: attempt 0 kill KILL; serve", "trainer: connect", machines=2,
                 max_restarts=1, restart_delay=0).run()
    assert result.code == 0, result.said
    assert causes(result)[0]["signal"] == signal.SIGKILL


@pytest.mark.parametrize("command, code", [(["--", "./not-there"], 127), (["true", "false"], 2)])
def test_no_restart_after_a_mistake(job, command, code):
    it = job(machines=2, max_restarts=3)
    it.command = command
    result = it.run()
    assert result.code == code, result.said
    assert "starting again" not in result.err


def test_no_restart_after_a_signal_from_outside(job):
    it = job("server: serve", "trainer: connect; dump up; forever", machines=2, max_restarts=3)
    it.start().wait_for("up.trainer-0", "up.trainer-1")
    os.kill(it.rank_on(1), signal.SIGTERM)
    result = it.finish()
    assert result.code == 143, result.said
    assert len(result.report["attempts"]) == 1


def has_ended_once(it):
    """True when no process of the workload lives: only a rank, a keeper and a scribe on each of two
    machines."""
    return it.failed_attempts() == 1 and len(it.own_processes()) == 6


@pytest.mark.parametrize("machine", [0, 1])
def test_a_signal_while_it_waits_for_the_next_attempt(job, machine):
    it = job(*ALWAYS, machines=2, max_restarts=3, restart_delay=600).start()
    wait_until(lambda: has_ended_once(it), "the first attempt has ended")
    os.kill(it.rank_on(machine), signal.SIGTERM)
    result = it.finish()
    assert result.code == 143, result.said
    assert [cause["how"] for cause in causes(result)] == ["exited", "told to stop"]


def test_a_keeper_that_dies_between_two_attempts(job):
    it = job(*ALWAYS, machines=2, max_restarts=3, restart_delay=600).start()
    wait_until(lambda: has_ended_once(it), "the first attempt has ended")
    os.kill(it.keeper_on(1), signal.SIGKILL)
    result = it.finish()
    assert result.code == 125, result.said


def test_nothing_grows_over_100_restarts(openmpi):
    it = openmpi("server: serve", "trainer: connect; forever",
                 "trainer 1: connect; attempt 3 touch three; attempt 3 wait on; attempt 98 touch many; "
                 "attempt 98 wait go; attempt 100 forever; exit 3",
                 machines=2, max_restarts=100, max_same_failures=0, restart_delay=0)
    it.start().wait_for("three")
    pids = [*it.launchers()]
    before = {pid: (descriptors(pid), resident_kb(pid)) for pid in pids}
    (it.workspace / "on").touch()
    it.wait_for("many")
    after = {pid: (descriptors(pid), resident_kb(pid)) for pid in pids}
    (it.workspace / "go").touch()
    wait_until(lambda: it.failed_attempts() >= 100, "the last attempt runs")
    it.signal(signal.SIGTERM)
    it.finish()
    for pid in pids:
        # a file that is open now and then may be open at the second look only
        assert after[pid][0] <= before[pid][0] + 5, (pid, before[pid], after[pid])
        # rank 0 keeps what the report says of each attempt: some 2 KiB a process, and its allocator
        # what it used for the report's text
        assert after[pid][1] - before[pid][1] < 4096, (pid, before[pid], after[pid])
