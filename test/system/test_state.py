"""What all processes do, while the job runs: USR1 to a rank, and dgl-mpilaunch-top."""

import json
import os
import re
import signal
import subprocess

import pytest

from cluster import SOURCE, read_bytes
from patience import seconds, wait_until

SERVE = "server: serve"
RUNS = "trainer: print ready; connect; dump up; forever"


@pytest.fixture
def running(job, tmp_path):
    """(clauses) -> (a job whose stderr goes to a file, that file), when its trainers are there."""
    files = []

    def get(*clauses, machines=2, ready=None, **options):
        it = job(SERVE, *(clauses or [RUNS]), machines=machines, **options)
        it.stderr = open(tmp_path / f"stderr{len(files)}", "w", encoding="utf-8")
        files.append(it.stderr)
        it.start().wait_for(*(ready or [f"up.trainer-{k}" for k in range(machines)]))
        return it, tmp_path / it.stderr.name

    yield get
    for file in files:
        file.close()


def top(it, *words, machine=1, folder=None):
    """Runs it on a machine of the cluster, as a user on another node would."""
    folder = folder or it.workspace / "dgl-mpilaunch-runs/latest"
    return subprocess.run(
        it.cluster.words("on", str(machine), str(it.build / "dgl-mpilaunch-top"), *words,
                         str(folder)),
        capture_output=True, text=True, timeout=seconds(), check=False, cwd=it.workspace)


def end(it):
    """The processes sleep until they are ended: those that look for a file now and then may be
    seen running."""
    os.kill(it.rank_on(0), signal.SIGTERM)
    result = it.finish()
    assert result.cause["how"] == "told to stop", result.said


def live_report(it):
    return json.loads((it.workspace / "dgl-mpilaunch-runs/latest/report.json").read_text())


# ---- USR1 ----

def test_usr1_to_mpirun_shows_what_all_do(running):
    it, file = running("trainer 1: print ready; connect; dump up; crash STOP; forever", RUNS)
    wait_until(lambda: "is stopped by SIGSTOP" in file.read_text(), "trainer 1 is stopped")
    it.signal(signal.SIGUSR1)
    it.wait_while_running(lambda: "  trainer 1 on vm1: stopped by a signal\n" in file.read_text()
                          and "vm1" in file.read_text().rpartition("servers 0-1:")[2],
                          "the state is shown")
    said = file.read_text()
    assert "  servers 0-1: asleep in " in said and "  trainer 0 on vm0: asleep in " in said, said
    assert re.search(r"  trainer   1  pid +\d+ .*; \d+ s ago: ready\n", said), said
    assert said.count("after its start: trainers for") == 1, "mpirun hands it to both ranks"
    os.kill(live_report(it)["attempts"][0]["machines"][1]["processes"][1]["pid"], signal.SIGCONT)
    end(it)


def test_usr1_to_one_rank(running):
    it, file = running()
    os.kill(it.rank_on(1), signal.SIGUSR1)
    it.wait_while_running(lambda: "  trainers 0-1: asleep in " in file.read_text(), "the state")
    end(it)


def test_a_worker_that_is_stopped_is_named_with_its_trainer(running):
    it, file = running("trainer 1: connect; worker crash STOP; dump up; forever", RUNS)
    os.kill(it.rank_on(1), signal.SIGUSR1)
    it.wait_while_running(lambda: re.search(
        r"  trainer 1 on vm1: asleep in \w+, and below it pid \d+ \(\w+\) is stopped\n",
        file.read_text()), "the worker is named")
    end(it)


def test_a_keeper_that_is_stopped_is_named(running):
    it, file = running()
    keeper = it.keeper_on(1)
    os.kill(keeper, signal.SIGSTOP)
    os.kill(it.rank_on(0), signal.SIGUSR1)
    it.wait_while_running(lambda: "  no answer from vm1\n" in file.read_text(), "it is named")
    os.kill(keeper, signal.SIGCONT)
    assert "  trainer 0 on vm0: asleep in " in file.read_text()
    end(it)


def test_usr1_that_was_ignored_at_the_start_stays_so(solo):
    it = solo(SERVE, RUNS)  # Open MPI's mpirun would not hand it on
    words = it.words()
    it.words = lambda: ["sh", "-c", "trap '' USR1; exec \"$@\"", "sh", *words]
    it.start().wait_for("up.trainer-0")
    ignored = int(re.search(rb"SigIgn:\s*(\w+)",
                            read_bytes(f"/proc/{it.rank_on(0)}/status"))[1], 16)
    assert ignored >> (signal.SIGUSR1 - 1) & 1
    end(it)


# ---- dgl-mpilaunch-top ----

def test_top_on_another_machine(running):
    it, _ = running()
    seen = top(it)
    assert seen.returncode == 0 and not seen.stderr, seen
    assert "  trainers 0-1: asleep in " in seen.stdout and "no answer" not in seen.stdout, seen
    first = json.loads(top(it, "--json").stdout)
    assert (first["phase"], first["exit_code"], first["complete"]) == ("trainers", None, False)
    second = json.loads(top(it, "--json").stdout)
    assert second["wall_s"] > first["wall_s"]
    for machine in second["attempts"][0]["machines"]:
        assert machine["told_s"] < 5
        for process in machine["processes"]:
            assert process["now"]["state"] == "S" and process["max_rss_kb"] is None
            assert process["end_s"] is None and process["pid"] > 0
    end(it)
    after = top(it)
    assert (after.returncode, after.stderr) == (0, ""), after
    assert re.fullmatch(r"dgl-mpilaunch-top: \S+ ended after \S+ s with exit code 143; "
                        r"\S+/report.json has more\n", after.stdout), after
    assert json.loads(top(it, "--json").stdout)["ask"] is None


def test_top_between_two_attempts(running):
    it, _ = running("trainer 1: connect; dump up; exit 3", RUNS, max_restarts=2,
                    restart_delay=600, ready=["up.trainer-1"])
    it.wait_while_running(lambda: it.failed_attempts() == 1, "the first attempt has failed")
    seen = top(it)
    assert (seen.returncode, seen.stderr) == (0, ""), seen
    assert "after its start" in seen.stdout and "no answer" not in seen.stdout, seen
    end(it)


@pytest.mark.parametrize("mpi", ["mpich"])
def test_top_when_the_launcher_was_killed(running, mpi):
    it, _ = running(machines=1, ready=["up.trainer-0"])
    before = top(it, machine=0).stdout
    for pid in [it.process.pid, *it.launchers()]:
        os.kill(pid, signal.SIGKILL)
    it.finish()
    seen = top(it, machine=0)
    assert seen.stdout == before
    assert "rank 0 has not answered within 4 s, so that this is older" in seen.stderr, seen


@pytest.mark.parametrize("words, said", [
    (["nowhere"], "there is no report.json in 'nowhere'; name the run folder of the job"),
    (["."], "'./report.json' is no report of dgl-mpilaunch "),
    ([], "there is no report.json in 'dgl-mpilaunch-runs/latest'"),
    (["a", "b"], "one run folder at a time; 'b' is a second one"),
    (["--interval", "0"], "--interval must be a number of seconds from 0.1 to 86400"),
    (["--intervals", "x"], "usage: dgl-mpilaunch-top"),
])
def test_wrong_usage(solo, tmp_path, words, said):
    (tmp_path / "report.json").write_text('{"ask": "')
    seen = subprocess.run([str(solo().build / "dgl-mpilaunch-top"), *words], cwd=tmp_path,
                          capture_output=True, text=True, timeout=seconds(), check=False)
    assert (seen.returncode, seen.stdout) == (2, ""), seen
    assert said in seen.stderr, seen


def test_help_and_version(solo):
    program = str(solo().build / "dgl-mpilaunch-top")
    for word in ("--help", "-h"):
        seen = subprocess.run([program, word], capture_output=True, text=True, check=True)
        assert seen.stdout.startswith("usage: dgl-mpilaunch-top") and not seen.stderr
    seen = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    version = re.search(r"AC_INIT\(\[dgl-mpilaunch\], \[([^]]*)\]",
                        (SOURCE / "configure.ac").read_text())[1]
    assert seen.stdout == f"dgl-mpilaunch-top {version}\n"
