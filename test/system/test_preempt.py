"""--preempt_signal: the trainers write a checkpoint, the job ends with 75."""

import os
import signal

import pytest

from job import up
from leftovers import signal_each


def saves(machines, number="USR1"):
    return ["server: fork plain; serve",
            *(f"trainer {k}: catch {number}; fork worker; connect; dump up; await {number}; "
              f"touch saved{k}"
              for k in range(machines))]


def check(result, host=None):
    assert result.report["exit_code"] == 75, result.said
    assert (result.cause["how"], result.cause["signal"]) == ("pre-empted", signal.SIGUSR1)
    assert host is None or result.cause["host"] == host, result.cause


@pytest.mark.parametrize("machine", [0, 2])
def test_a_signal_to_one_rank_reaches_all_trainers(job, machine):
    it = up(job(*saves(3), machines=3, preempt_signal="USR1"))
    os.kill(it.rank_on(machine), signal.SIGUSR1)
    result = it.finish()
    assert result.code == 75, result.said
    check(result, f"vm{machine}")
    assert all((it.workspace / f"saved{k}").exists() for k in range(3))
    assert {process["exit_code"] for process in result.processes()} == {0}, result.said


def test_a_signal_to_mpirun_is_handed_on(job):
    it = up(job(*saves(2), machines=2, preempt_signal="USR1"))
    result = it.signal(signal.SIGUSR1).finish()
    assert result.code == 75, result.said
    check(result)


def test_without_mpi(solo):
    it = up(solo(*saves(1, "USR2"), preempt_signal="USR2"))
    result = it.signal(signal.SIGUSR2).finish()
    assert result.code == 75, result.said
    assert result.cause["signal"] == signal.SIGUSR2


def test_trainers_that_do_not_care_are_stopped_after_the_grace(job):
    it = up(job("server: serve", "trainer: connect; dump up; forever", machines=2,
                preempt_signal="USR1", preempt_grace=1))
    os.kill(it.rank_on(1), signal.SIGUSR1)
    result = it.finish()
    assert result.code == 75, result.said
    check(result, "vm1")


def test_a_failure_after_it_is_still_a_pre_emption(job):
    it = up(job("server: serve", "trainer 0: catch USR1; connect; dump up; await USR1; exit 9",
                "trainer: connect; dump up; forever", machines=2, preempt_signal="USR1",
                max_restarts=3))
    os.kill(it.rank_on(1), signal.SIGUSR1)
    result = it.finish()
    assert result.code == 75, result.said
    check(result, "vm1")


def test_while_servers_start_there_is_nothing_to_save(job):
    it = job("server: dump up; forever", machines=2, preempt_signal="USR1").start()
    it.wait_for("up.server-0", "up.server-1")
    os.kill(it.rank_on(1), signal.SIGUSR1)
    result = it.finish()
    assert result.code == 75, result.said
    check(result, "vm1")


def test_off_unless_asked_for(job):
    it = up(job("server: serve", "trainer: connect; dump up; wait go", machines=2))
    os.kill(it.rank_on(1), signal.SIGUSR1)
    (it.workspace / "go").touch()
    result = it.finish()
    assert result.code == 0, result.said


def test_a_signal_to_everything_hits_trainers_only(solo):
    """Slurm's --signal sends it to every process of a job step."""
    it = up(solo(*saves(1), preempt_signal="USR1"))
    signal_each(it.own_processes(), signal.SIGUSR1)
    result = it.finish()
    assert result.code == 75, result.said
    assert {process["exit_code"] for process in result.processes()} == {0}, result.said


def test_the_trainer_is_what_the_shell_runs(solo):
    it = solo(preempt_signal="USR1")
    script = " ".join(f"'{clause}'" for clause in saves(1))
    it.command = [f"{it.build}/fake {script}; true"]
    it = up(it)
    result = it.signal(signal.SIGUSR1).finish()
    assert result.code == 75, result.said
    assert (it.workspace / "saved0").exists(), result.said


def test_while_a_failed_attempt_is_stopped_there_is_no_other(job):
    it = job("server: serve", "trainer 0: connect; wait up.trainer-1; exit 3",
             "trainer 1: catch TERM; connect; dump up; await TERM; touch stopping; forever",
             machines=2, preempt_signal="USR1", max_restarts=3, restart_delay=0, kill_grace=4)
    it.start().wait_for("stopping")
    os.kill(it.rank_on(1), signal.SIGUSR1)
    result = it.finish()
    assert result.code == 3, result.said
    assert len(result.report["attempts"]) == 1, result.said


def test_a_rank_that_sleeps_passes_it_on(job):
    it = job(*saves(2), machines=2, preempt_signal="USR1")
    it.mpirun_options = (["-N", "2", "--oversubscribe"] if it.mpi == "openmpi"
                         else ["-ppn", "2", "-n", "4"])
    up(it)
    os.kill(it.sleeper_on(1), signal.SIGUSR1)
    result = it.finish()
    assert result.report["exit_code"] == 75, result.said
    check(result)
