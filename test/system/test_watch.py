"""Descendants of the job's processes: a dead sampler fails the job, anything else is a line."""

import os
import signal
import time

import pytest

from cluster import read_bytes
from patience import wait_until
from leftovers import marked
from test_failure import names

SERVE = "server: serve"


def warnings_of(result):
    return [line for machine in result.report["attempts"][-1]["machines"]
            for line in machine["warnings"]]


def is_sampler(result, name):
    cause = result.cause
    assert (cause["role"], cause["id"]) == ("sampler", None), result.said
    names(result, "sampler", name, "1800 s")


@pytest.mark.parametrize("name, code", [("KILL", 137), ("SEGV", 139), ("ABRT", 134)])
def test_a_killed_sampler(job, name, code):
    it = job(f"trainer 1: connect; print working; worker sleep 2, kill {name}; forever",
             "trainer: connect; worker forever; forever", SERVE, num_samplers=1, machines=2)
    result = it.run()
    assert result.code == code, result.said
    is_sampler(result, f"SIG{name}")
    names(result, "vm1", "trainer 1", "working")


@pytest.mark.parametrize("end, code", [("kill TERM", 143), ("kill HUP", 129), ("exit 3", 3)])
def test_a_sampler_that_ends_badly_by_itself(solo, end, code):
    result = solo(f"trainer: connect; worker sleep 2, {end}; forever", SERVE, num_samplers=1).run()
    assert result.code == code, result.said
    is_sampler(result, "trainer 0")
    assert result.seconds > 5, "the trainer had no time to collect it"


def test_a_pool_that_its_trainer_has_ended(solo):
    result = solo("trainer: ignore CHLD; connect; worker sleep 0.5, kill TERM; "
                  "worker sleep 0.5, exit 1; worker sleep 0.5; sleep 6.5", SERVE,
                  num_samplers=1).run()
    assert result.code == 0, result.said
    assert not [line for line in warnings_of(result) if "SIGTERM" in line]


def test_the_switch(solo):
    result = solo("trainer: connect; worker sleep 2, kill SEGV; sleep 3.5", SERVE, num_samplers=1,
                  watch_samplers="off").run()
    assert result.code == 0, result.said
    line, = warnings_of(result)
    assert "started by trainer 0" in line and "SIGSEGV" in line


def test_no_samplers_are_asked_for(solo):
    result = solo("trainer: connect; worker sleep 2, kill KILL; sleep 3.5", SERVE).run()
    assert result.code == 0, result.said
    assert len(warnings_of(result)) == 1


def test_a_sampler_below_a_shell(solo):
    it = solo(num_samplers=1)
    it.command = [f"cd . && {it.build}/fake 'trainer: worker sleep 2, kill SEGV; forever' "
                  "'server: listen; forever'; true"]
    result = it.run()
    assert result.code == 139, result.said
    is_sampler(result, "SIGSEGV")


def test_a_sampler_that_somebody_kills(solo):
    it = solo("trainer: connect; fork worker; forever", SERVE, num_samplers=2).start()

    def workers():
        return [pid for pid in marked(it.marker)
                if b"multiprocessing.spawn" in read_bytes(f"/proc/{pid}/cmdline")]

    wait_until(workers, "a sampler is there")
    pid, = workers()
    time.sleep(1)  # a process that dies right after its birth is not known for a sampler
    os.kill(pid, signal.SIGSTOP)  # the launcher ignores a stopped one
    os.kill(pid, signal.SIGKILL)
    result = it.finish()
    assert result.code == 137, result.said
    assert result.cause["pid"] == pid


def test_another_child_that_dies(solo):
    """Git, gcc or a resource tracker may die so."""
    it = solo()
    it.command = ["case $DGL_ROLE in server) exec " + f"{it.build}/fake 'server: serve';; esac; "
                  "(sleep 1; exit 128) & (sleep 1; kill -SEGV $BASHPID) & "
                  f"(sleep 1; kill $BASHPID) & {it.build}/fake 'trainer: connect; sleep 2'"]
    result = it.run()
    assert result.code == 0, result.said
    lines = warnings_of(result)
    assert len(lines) == 2, lines
    assert any("exited with code 128" in line for line in lines)
    assert any("killed by SIGSEGV" in line for line in lines)


def test_a_stopped_trainer_is_told(solo):
    it = solo("trainer: connect; dump up; sleep 3", SERVE).start().wait_for("up.trainer-0")
    pid = it.result("", "", 0).dump("trainer", 0, "up")["pid"]
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: b"T (stopped)" in read_bytes(f"/proc/{pid}/status"), "it is stopped")
    time.sleep(0.5)
    os.kill(pid, signal.SIGCONT)
    result = it.finish()
    assert result.code == 0, result.said
    who = f"dgl-mpilaunch: trainer 0 on vm0 (pid {pid})"
    lines = result.err.splitlines()
    assert f"{who} is stopped by SIGSTOP; the job waits for it" in lines, result.said
    assert f"{who} continues" in lines, result.said


def test_what_outlives_a_good_job_is_named(job):
    """An upload in the background, for example: the launcher ends it, and says so."""
    it = job("trainer 1: connect; fork daemon", SERVE, machines=2)
    result = it.run()
    assert result.code == 0, result.said
    line, = warnings_of(result)
    assert line.startswith("fake (pid ") and "on vm1 still ran when the trainers" in line, line
    assert "a trainer must wait for what it has started" in result.err, result.said


POOL = "trainer: join; worker join, forever; sleep 1.5; "


def test_a_worker_of_the_scripts_own(solo):
    """The pool is complete: an evaluation's worker may be killed."""
    it = solo(POOL.replace("forever", "sleep 4") + "worker sleep 0.5, kill KILL; sleep 2", SERVE, num_samplers=1)
    result = it.run()
    assert result.code == 0, result.said
    line, = [line for line in warnings_of(result) if "SIGKILL" in line]
    assert "started by trainer 0" in line


def test_a_sampler_that_has_connected(solo):
    it = solo(POOL.replace("forever", "sleep 3, kill SEGV") + "forever", SERVE, num_samplers=1)
    result = it.run()
    assert result.code == 139, result.said
    is_sampler(result, "trainer 0")


def test_a_sampler_behind_a_wrapper(solo):
    """The launcher knows its parent for a trainer by the connections."""
    it = solo(num_samplers=1)
    script = POOL.replace("forever", "sleep 3, kill SEGV") + "forever"
    it.command = [f"timeout 100 {it.build}/fake '{script}' '{SERVE}'; true"]
    result = it.run()
    assert result.code == 139, result.said
    is_sampler(result, "trainer 0")
