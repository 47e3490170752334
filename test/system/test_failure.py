"""The first failure stops everything everywhere, is named, and gives its exit code."""

import os
import time

import pytest

from cluster import is_gone, read_bytes
from patience import Deadline, load, wait_until

WAIT = "trainer: connect; forever"


def names(result, *words):
    """Checks that the cause block is there and names these."""
    block = result.err[result.err.rfind("dgl-mpilaunch: the job"):]
    assert block.startswith("dgl-mpilaunch: the job"), result.said
    for word in words:
        assert word in block, f"'{word}' is not in the cause:\n{result.said}"


def test_a_trainer_that_exits_3(job):
    result = job("trainer 2: connect; print about to fail; sleep 0.2; exit 3", WAIT).run()
    assert result.code == 3, result.said
    names(result, "trainer 2", "vm2", "code 3", "about to fail")
    cause = result.cause
    assert (cause["role"], cause["id"], cause["host"], cause["machine"]) == ("trainer", 2, "vm2", 2)
    assert cause["exit_code"] == 3 and cause["signal"] is None
    assert cause["last_lines"] == ["about to fail"]
    assert result.report["exit_code"] == 3 and result.report["complete"] is True


def test_mpirun_with_its_own_defaults(job):
    """mpirun runs as a user types it, without odls_base_sigkill_timeout."""
    it = job("trainer 1: connect; exit 7", WAIT)
    it.environment = {}
    result = it.run()
    assert result.code == 7, result.said
    names(result, "trainer 1", "code 7")


def test_a_trainer_that_is_killed(job):
    result = job("trainer 1: connect; printerr last words; kill KILL", WAIT).run()
    assert result.code == 137, result.said
    names(result, "trainer 1", "vm1", "SIGKILL", "last words")
    assert (result.cause["signal"], result.cause["exit_code"]) == (9, None)


def test_a_shell_in_between_is_said(solo):
    it = solo()
    it.command = [f"{it.build}/fake 'trainer: kill KILL' 'server: serve'; exit $?"]
    result = it.run()
    assert result.code == 137, result.said
    names(result, "137", "SIGKILL")


def test_a_server_that_dies_before_it_listens(job):
    result = job("server 3: print no graph; exit 5").run()
    assert result.code == 5, result.said
    names(result, "server 3", "vm3", "code 5", "no graph")
    assert not [p for p in result.processes("trainer") if p["start_s"] is not None]


def test_a_server_that_dies_after_it_listens(job):
    result = job("server 0: listen; sleep 1; kill SEGV", "trainer: forever").run()
    assert result.code == 139, result.said
    names(result, "server 0", "vm0", "SIGSEGV")


def test_all_servers_that_leave_with_0_too_early(job):
    result = job("server: listen; sleep 0.5; exit 0", "trainer: forever", exit_timeout=1).run()
    assert result.code == 125, result.said
    names(result, "server", "before the trainers had ended")


def test_one_server_that_leaves_with_0_too_early(job):
    """DGL tells its servers to leave together. The others get --exit_timeout, 10 s at least."""
    result = job("server 1: listen; sleep 0.5; exit 0", "trainer: forever", machines=2,
                 exit_timeout=1).run()
    assert result.code == 125, result.said
    names(result, "server 1", "vm1", "before the trainers had ended")


def test_a_server_that_leaves_with_0_before_it_listens(job):
    result = job("server 1: exit 0", machines=2).run()
    assert result.code == 125, result.said
    names(result, "server 1", "vm1")


def test_a_server_that_fails_when_all_trainers_ended_well(job):
    result = job("server 1: serve; sleep 1; exit 4").run()
    assert result.code == 0, result.said
    warning = "\n".join(line for line in result.err.splitlines() if "warning" in line)
    assert "server 1" in warning and "vm1" in warning, result.said
    assert result.cause is None


def test_a_server_that_does_not_leave(job):
    result = job("server 1: ignore TERM; serve; forever", exit_timeout=1, kill_grace=1).run()
    assert result.code == 0, result.said
    warning = "\n".join(line for line in result.err.splitlines() if "warning" in line)
    assert "server 1" in warning, result.said
    assert result.seconds > 2, "it was not waited for"


FAMILY = "; ".join(f"fork {how} stubborn" for how in ("plain", "group", "session", "daemon",
                                                      "worker")) + "; zombie"


def test_a_stubborn_family_everywhere(job):
    result = job(f"trainer 0: {FAMILY}; connect; sleep 0.5; exit 9",
                 f"trainer: {FAMILY}; ignore TERM; connect; forever",
                 f"server: {FAMILY}; ignore TERM; serve", kill_grace=1).run()
    assert result.code == 9, result.said
    names(result, "trainer 0", "code 9")


def test_a_family_that_outlives_a_good_trainer(job):
    result = job("trainer: fork daemon; fork session stubborn; connect", kill_grace=1).run()
    assert result.code == 0, result.said


def test_a_fork_bomb(job):
    result = job("trainer 1: connect; forkbomb 300; exit 8", WAIT, machines=2, kill_grace=1).run()
    assert result.code == 8, result.said


def test_a_stopped_trainer_is_ended_too(job):
    result = job("trainer 0: connect; kill STOP", "trainer 1: connect; sleep 0.5; exit 3",
                 machines=2, kill_grace=1).run()
    assert result.code == 3, result.said


def test_whoever_fails_later_is_not_the_cause(job):
    """The others die because the first one has ended, as they do in torch's collectives."""
    result = job("trainer 1: connect; sleep 0.5; exit 11",
                 "trainer: connect; sleep 2; exit 12").run()
    assert result.code == 11, result.said
    names(result, "trainer 1")


def test_kill_grace_0_kills_at_once(solo):
    result = solo("trainer 0: connect; sleep 0.3; exit 3", "trainer: ignore TERM; connect; forever",
                  "server: ignore TERM; serve", num_trainers=2, kill_grace=0).run()
    assert result.code == 3, result.said
    assert result.seconds < 3 * load(), "the default is 5 s"


@pytest.mark.parametrize("time_", range(5))
@pytest.mark.parametrize("hook", ["servers", "trainers"])
def test_two_failures_within_50_ms(solo, hook, time_):
    """Death by signal goes before an exit code, a server before a trainer."""
    if hook == "trainers":
        script = ["trainer 0: connect; touch up0; wait go; exit 3",
                  "trainer 1: connect; touch up1; wait go; kill KILL"]
        expected = (137, "trainer", 1)
    else:
        script = ["server: listen; touch up0; wait go; exit 4",
                  "trainer: connect; touch up1; wait go; exit 3"]
        expected = (4, "server", 0)
    it = solo(*script, num_trainers=2 if hook == "trainers" else 1)
    it.start().wait_for("up0", "up1")
    (it.workspace / "go").touch()
    result = it.finish()
    assert (result.code, result.cause["role"], result.cause["id"]) == expected, result.said


def cpu_seconds_until_it_ends(pid):
    """Returns the CPU time of the process when it was last seen."""
    used, deadline = 0.0, Deadline()
    while not is_gone(pid):
        assert not deadline.passed(), f"process {pid} does not end within {deadline}"
        words = read_bytes(f"/proc/{pid}/stat").decode(errors="replace").rpartition(")")[2].split()
        if words:
            used = (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
        time.sleep(0.05)
    return used


def test_a_keeper_that_is_done_waits_without_spinning(job):
    it = job("server 0: wait up.server-1; exit 3", "server 1: ignore TERM; dump up; forever",
             machines=2, kill_grace=3).start()
    wait_until(lambda: len(it.launchers()) == 4, "both ranks and both keepers are there")
    keeper = it.keeper_on(0)
    used = cpu_seconds_until_it_ends(keeper)
    result = it.finish()
    assert result.code == 3, result.said
    assert result.seconds > 3, "nobody had to wait"
    assert used < 0.5, f"machine 0's keeper used {used} s"
