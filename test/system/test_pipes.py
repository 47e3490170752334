"""A trainer behind a shell: in front of a pipe, and a Python without the launcher's hook."""

import json
import re

import pytest

from patience import wait_until
from test_watch import warnings_of

FAIL = "python3 -c 'raise ValueError(\"bad\")'"


def alone(it, command):
    """A job of trainers alone that run this shell command."""
    it.options.update(num_servers=0, part_config=None)
    it.command = [command]
    return it


def test_a_failure_in_front_of_a_pipe(job):
    result = alone(job(machines=2), f"if [ $RANK = 1 ]; then {FAIL} 2>&1 | tee log; "
                   "else sleep 100; fi").run()
    assert result.code == 1, result.said
    assert (result.cause["role"], result.cause["id"]) == ("trainer", 1), result.said
    trainer, = [each for each in result.processes("trainer") if each["id"] == 1]
    assert result.cause["pid"] != trainer["pid"], "it is the shell's"
    assert result.cause["exception"] == "ValueError: bad", result.said
    assert "exited with code 1: its output goes through a pipe" in result.err, result.said


def end_when_watched(it):
    """Lets the program that has written 'up' end, once the keeper has seen it."""
    it.start().wait_for("up.trainer-0")
    it.wait_watched(0, json.loads((it.workspace / "up.trainer-0").read_text())["pid"])
    (it.workspace / "go").touch()
    return it.finish()


@pytest.mark.parametrize("end, code", [("kill SEGV", 139), ("exit 7", 7)])
def test_any_program_in_front_of_a_pipe(solo, end, code):
    it = solo()
    alone(it, f"{it.build}/fake 'trainer: dump up; wait go; {end}' | cat")
    result = end_when_watched(it)
    assert result.code == code, result.said


def test_a_pipe_that_somebody_holds(solo):
    """DGL's samplers hold it so: the shell would wait for ever."""
    it = solo()
    alone(it, f"{it.build}/fake 'trainer: fork nohup; dump up; wait go; exit 3' | cat")
    result = end_when_watched(it)
    assert result.code == 3, result.said
    assert "waits for who else holds the pipe" in result.err, result.said


@pytest.mark.parametrize("how", ["", "exec "])
def test_a_python_that_comes_later_in_the_same_pipe(solo, how):
    """A member of a pipe may be a shell that starts more; pyenv's python3 is one, too."""
    result = alone(solo(), f"{FAIL} | (sleep 1; {how}python3 -c pass)").run()
    assert result.code == 1, result.said


GOOD = [f"{FAIL} || python3 -c pass",
        f"if {FAIL} | grep -q x; then echo no; fi; python3 -c pass",
        f"{FAIL} 2>&1 | cat; sleep 0.3",
        f"({FAIL} | cat); python3 -c pass",
        f"{FAIL}; true",
        "yes | python3 -c pass; yes | head -1",
        "python3 -c 'while 1: print(1)' 2>&1 | head -1",
        "X=$(python3 -c 'print(1)' | cat); [ $X = 1 ]",
        "(sleep 0.5; echo FutureWarning) | grep -v FutureWarning | tee log"]


def test_what_a_shell_may_hide(solo):
    """Conditions, alternatives and later commands are the shell's own business."""
    it = solo(num_trainers=len(GOOD))
    cases = "".join(f"{k}) {command};; " for k, command in enumerate(GOOD))
    result = alone(it, f"case $RANK in {cases}esac").run()
    assert result.code == 0, result.said


def test_a_pipe_between_two_programs(solo):
    """The second one goes on, so the launcher reports the first and waits for the shell."""
    it = solo()
    waits = f"import os, time\nwhile not os.path.exists(\"{it.workspace}/go\"): time.sleep(0.05)"
    said = it.workspace.parent / "said"
    with open(said, "w", encoding="utf-8") as it.stderr:
        alone(it, f"{FAIL} | python3 -c '{waits}'; true").start()
    wait_until(lambda: re.search(
        r"trainer 0 on vm0: a program \(pid \d+\) whose output goes through a pipe exited with code 1; "
        "another one at that pipe goes on", said.read_text()), "it is reported", said.read_text)
    (it.workspace / "go").touch()
    result = it.finish()
    assert (result.code, result.cause["exception"]) == (1, "ValueError: bad"), result.said


WITHOUT = "runs Python (pid "


@pytest.mark.parametrize("command, without", [
    ("PYTHONPATH=/x python3 -c 'import time; time.sleep(7)'", True),
    ("exec python3 -I -c 'import time; time.sleep(7)'", True),
    ("python3 -c 'import time; time.sleep(7)' | cat", False)])
def test_a_python_without_the_hook(solo, command, without):
    result = alone(solo(), command).run()
    assert result.code == 0, result.said
    said = [line for line in warnings_of(result) if WITHOUT in line]
    assert bool(said) == without, result.said
    assert (f"dgl-mpilaunch: trainer 0 on vm0 {WITHOUT}" in result.err) == without, result.said


WAITS = """
import atexit, time
def exit_client():
    print("Client[0] in group[0] is exiting...", flush=True)
    time.sleep({})
atexit.register(exit_client)
{}
"""


@pytest.mark.parametrize("seconds, fails", [(1000, True), (6, False)])
def test_a_trainer_without_the_hook_that_waits_in_dgls_barrier(solo, seconds, fails):
    it = solo(exit_timeout=1 if fails else 60)
    it.write()
    raises = "raise KeyError(7)" if fails else "print('done')"
    (it.workspace / "train.py").write_text(WAITS.format(seconds, raises))
    result = alone(it, "PYTHONPATH= python3 train.py").run()
    assert result.code == (1 if fails else 0), result.said
    assert not fails or result.cause["how"] == "raised", result.said
    assert not fails or "has raised an exception and does not end" in result.err, result.said
    assert not fails or "exception: KeyError: 7" in result.err, result.said
