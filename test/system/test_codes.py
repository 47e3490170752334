"""Exit codes: the launcher returns each value that a child can end with."""

import concurrent.futures
import signal
import subprocess

import pytest

import patience

# Signals whose default action ends a process.
HARMLESS = ("SIGCHLD", "SIGCONT", "SIGURG", "SIGWINCH", "SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU")
FATAL = [number for number in signal.Signals
         if number.name not in HARMLESS and number < signal.SIGRTMIN]
NAMES = {"SIGIO": "SIGPOLL", "SIGIOT": "SIGABRT"}  # the names that libc gives them
THROUGH_MPIRUN = [0, 1, 2, 3, 7, 42, 77, 126, 127, 128, 137, 255]


def codes_of(it, actions):
    """Runs the launcher once for each action of the only trainer, four at a time."""
    def run(action):
        return subprocess.run([*it.words(), f"any: {action}"], capture_output=True,
                              timeout=patience.seconds(),
                              stdin=subprocess.DEVNULL, cwd=it.workspace,
                              env=it.whole_environment()).returncode

    it.start()  # one of them as a job, whose end proves that none has left anything
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        codes = list(pool.map(run, actions))
    it.finish()
    return codes


@pytest.mark.slow
def test_all_exit_codes_without_mpi(solo):
    it = solo(num_servers=0, part_config=None, run_dir="none")
    assert codes_of(it, [f"exit {code}" for code in range(256)]) == list(range(256))


def test_all_fatal_signals_without_mpi(solo):
    it = solo(num_servers=0, part_config=None, run_dir="none")
    assert codes_of(it, [f"kill {NAMES.get(number.name, number.name)}" for number in FATAL]) == [
        128 + number for number in FATAL]


@pytest.mark.parametrize("code", THROUGH_MPIRUN)
def test_an_exit_code_through_mpirun(job, code):
    result = job(f"trainer: exit {code}", machines=2, num_servers=0, part_config=None).run()
    assert result.code == code, result.said
    assert result.report["exit_code"] == code


@pytest.mark.parametrize("code", [0, 3, 255])
def test_an_exit_code_of_one_trainer_through_mpirun(job, code):
    """All ranks return it, also on machines without the failure."""
    result = job(f"trainer 3: exit {code}", "trainer: connect; sleep 0.2", num_servers=0,
                 part_config=None).run()
    assert result.code == code, result.said
