"""--stall_timeout: a job that stands still is told from one that is slow, and the odd one out is
named."""

import os
import re
import signal
import sys

import pytest

SERVE = "server: serve"
WAITS = "trainer: connect; dump up; forever"
STOPS = "trainer 1: connect; dump up; crash STOP; forever"
FOUND = ("dgl-mpilaunch: warning: the job stands still: no process has printed, computed or sent "
         "anything for 1 s; ")
SETTINGS = {"stall_timeout": 1, "sample_interval": 0.1}


@pytest.fixture
def watched(job, tmp_path):
    """(clauses) -> (a job that is watched, the file that has its stderr)."""
    files = []

    def get(*clauses, machines=3, **options):
        it = job(*clauses, machines=machines, **{**SETTINGS, **options})
        it.stderr = open(tmp_path / f"stderr{len(files)}", "w", encoding="utf-8")
        files.append(it.stderr)
        return it, tmp_path / it.stderr.name

    yield get
    for file in files:
        file.close()


def test_it_is_reported_and_goes_on(watched):
    it, file = watched(SERVE, STOPS, WAITS)
    it.start()
    found = FOUND + r"trainer 1 on vm1 \(pid (\d+)\) is stopped by a signal\n"
    it.wait_while_running(lambda: re.search(found, file.read_text()), "it is found")
    said = file.read_text()
    assert "  trainers 0, 2: asleep in pause\n" in said, said
    pid = int(re.search(found, said)[1])
    assert pid == it.only_on(1, lambda: [p for p in it.own_processes() if p == pid], "trainer")
    assert said.count("the job stands still") == 1
    os.kill(it.rank_on(0), signal.SIGTERM)
    result = it.finish()
    assert result.cause["how"] == "told to stop", file.read_text()


def test_it_is_stopped(job):
    result = job(SERVE, STOPS, WAITS, machines=3, stall_action="stop", max_restarts=2,
                 **SETTINGS).run()
    assert result.code == 124, result.said
    cause = result.cause
    assert (cause["how"], cause["role"], cause["id"], cause["host"]) == \
        ("stalled", "trainer", 1, "vm1"), result.said
    assert len(result.report["attempts"]) == 1
    assert ("dgl-mpilaunch: the job failed: it stands still: no process has printed, computed or "
            "sent anything for 1 s; trainer 1 on vm1 (pid ") in result.err, result.said


def test_it_is_started_again(job):
    result = job(SERVE, "trainer 1: connect; attempt 0 crash STOP", "trainer: connect",
                 machines=3, stall_action="restart", max_restarts=1, restart_delay=0,
                 **SETTINGS).run()
    assert result.code == 0, result.said
    assert [attempt["cause"] and attempt["cause"]["how"]
            for attempt in result.report["attempts"]] == ["stalled", None]


def test_a_machine_that_does_not_answer_is_named(watched):
    it, file = watched(SERVE, WAITS, lost_timeout=0)
    it.start().wait_for(*(f"up.trainer-{k}" for k in range(3)))
    stopped = it.keeper_on(2)
    it.wait_while_running(lambda: FOUND + "no process differs from the others of its role\n"
                          in file.read_text(), "all stand still")
    os.kill(stopped, signal.SIGSTOP)

    def is_named():
        os.kill(it.rank_on(0), signal.SIGUSR1)  # right after another's answer it is not heard
        return "  no answer from vm2\n" in file.read_text()
    it.wait_while_running(is_named, "it is named")
    os.kill(stopped, signal.SIGCONT)
    os.kill(it.rank_on(0), signal.SIGTERM)
    it.finish()


def test_trainers_that_ended_alone(job):
    """The one that is left computes: that is no excuse."""
    result = job(SERVE, "trainer 1: connect; worker wait never, forever; wait never",
                 "trainer: connect", machines=3, stall_action="stop", **SETTINGS).run()
    assert result.code == 124, result.said
    assert (result.cause["role"], result.cause["id"]) == ("trainer", 1), result.cause
    assert ("2 trainers have ended, the last of them more than 1 s ago; trainer 1 on vm1 "
            in result.err), result.said


SLOW = {
    "prints": "while not done(): print('.', flush=True); time.sleep(0.3)",
    "computes": "while not done(): sum(range(10000))",
    "writes": "while not done(): open('file', 'w').write('x' * 200000); time.sleep(0.1)",
    "sends": """
import socket, threading
listener = socket.create_server(("127.0.0.1", 0))
def take():
    one = listener.accept()[0]
    while one.recv(1 << 20): pass
threading.Thread(target=take, daemon=True).start()
other = socket.create_connection(listener.getsockname())
while not done(): other.sendall(b"x" * 50000); time.sleep(0.1)
""",
}


@pytest.mark.parametrize("how", SLOW)
def test_no_alarm_while_something_moves(solo, how):
    it = solo(num_servers=0, part_config=None, **SETTINGS)
    it.command = ["--", sys.executable, "-c",
                  "import time\nstart = time.time()\ndef done(): return time.time() - start > 4\n"
                  + SLOW[how]]
    result = it.run()
    assert result.code == 0 and "stands still" not in result.err, result.said


def test_no_alarm_before_the_trainers_run(solo):
    result = solo("server: sleep 2.5; serve", "trainer: connect", **SETTINGS).run()
    assert result.code == 0 and "stands still" not in result.err, result.said


@pytest.mark.parametrize("options, said", [
    ({"stall_timeout": 1, "sample_interval": 0}, "--stall_timeout needs samples"),
    ({"stall_timeout": 1}, "--stall_timeout (1 s) must not be shorter than --sample_interval (2 "),
    ({"stall_action": "kill"}, "--stall_action"),
])
def test_wrong_usage(solo, options, said):
    result = solo(**options).run()
    assert result.code == 2 and said in result.err, result.said
