"""Disks that are full, read-only, missing, or do not answer: the job goes on, or one sentence says
at once why not and what to do."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys

import pytest

from odd import SEE, behind, complaints, well
from patience import wait_until

# ---- disks ----

@pytest.fixture
def disk(cluster, mounted, tmp_path):
    """disk(machine, folder, KIB) mounts a small disk there; fill(machine, folder) leaves no byte
    free."""
    def make(machine, folder, kib=1024):
        mounted(machine, None, folder, "-o", f"size={kib}k,mode=1777")

    def fill(machine, folder):
        cluster.on(machine, "dd", "if=/dev/zero", f"of={folder}/filler", "bs=4k")

    make.fill = fill
    return make


def on_disk(it, disk, machines, full, folder="runs"):
    it.write()
    path = it.workspace / folder
    path.mkdir(exist_ok=True)
    for k in machines:
        disk(k, path)
        if full:
            disk.fill(k, path)
    return path


LOG_FAILS = "of trainer {0} on vm{0} is not complete: No space left on device; the job goes on"
REPORT_FAILS = "the report is not complete: cannot write"


@pytest.mark.parametrize("given, machine", [(True, 0), (False, 0), (True, 1)])
def test_full_disk_of_the_run_folder(make, disk, given, machine):
    it = make("mpich", *SEE, machines=2)
    path = on_disk(it, disk, [machine], True, "runs" if given else "dgl-mpilaunch-runs")
    if given:
        it.options["run_dir"] = str(path)
    result = well(it.run())
    assert result.out.count("text") == 2, result.said
    assert result.err.count(LOG_FAILS.format(machine)) == 1, result.said
    assert result.err.count(REPORT_FAILS) == (machine == 0), result.said
    assert ("dgl-mpilaunch: report: " in result.err) == (machine != 0), result.said


def test_disk_fills_while_the_job_runs(job, disk):
    it = job("server: serve", "trainer: lines 40000 80; print end; connect", machines=2)
    it.options["run_dir"] = str(on_disk(it, disk, [0, 1], False))
    result = well(it.run())
    for k in range(2):
        assert result.err.count(LOG_FAILS.format(k)) == 1, result.err
        assert f"[vm{k} trainer {k}] end" in result.out
    assert result.err.count(REPORT_FAILS) == 1, result.err


def test_full_tmpdir(make, disk):
    """TMPDIR holds the job's folder when there is no private /dev/shm."""
    it = make("openmpi", *SEE, machines=2, private_shm="off")
    full = on_disk(it, disk, [1], True, "tmp")
    behind(it, "env", f"TMPDIR={full}", machine=1)
    result = well(it.run())
    assert "sitecustomize.py': No space left on device" in result.err, result.said


# ---- what is missing ----

def without_shm(cluster, mounted, machine):
    """A /dev with the devices that MPI needs, and no folder 'shm'."""
    mounted(machine, None, "/dev")
    for name in ("null", "zero", "urandom", "random"):
        done = cluster.on(machine, "sh", "-c", f"touch /dev/{name} && "
                          f"mount --bind /proc/{os.getpid()}/root/dev/{name} /dev/{name}")
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("state, private, words", [
    ("full", "off", "is full"), ("none", "auto", "cannot be reached"),
    ("read-only", "auto", "cannot be written in")])
def test_no_shared_memory(job, cluster, disk, mounted, state, private, words):
    """MPICH does not start if /dev/shm exists and cannot be used. Otherwise only DGL needs it."""
    it = job(*SEE, machines=2, private_shm=private)
    if state == "full":
        disk(1, "/dev/shm")
        disk.fill(1, "/dev/shm")
    elif state == "read-only":
        mounted(1, None, "/dev/shm", "-o", "ro")
    else:
        without_shm(cluster, mounted, 1)
    result = it.run()
    assert f"warning: vm1: /dev/shm {words}" in result.err, result.said
    if it.mpi == "openmpi" or state == "none":
        well(result)
    else:
        assert result.code != 0, result.said


def test_shared_memory_in_a_plain_folder(make, cluster, mounted, tmp_path):
    """A container without a tmpfs there has this."""
    plain = tmp_path / "shm"
    plain.mkdir()
    mounted(1, plain, "/dev/shm")
    well(make("mpich", "server: shm x 1; serve", machines=2).run())


@pytest.mark.parametrize("option", ["hidepid=2", "subset=pid"])
def test_proc_that_hides(make, as_user, option):
    """An ordinary user sees no process of others; or nobody sees more than processes."""
    it = make(None, *SEE)
    it.cluster.on(0, "mount", "-t", "proc", "-o", option, "proc", "/proc")
    try:
        result = as_user(it).run()
    finally:
        it.cluster.on(0, "umount", "-l", "/proc")
    well(result)


def test_no_place_for_temporary_files(make, mounted, tmp_path):
    it = make("mpich", *SEE, machines=2, private_shm="off")
    it.write()
    (it.workspace / "ro").mkdir()
    mounted(1, None, it.workspace / "ro", "-o", "ro")
    behind(it, "env", f"TMPDIR={it.workspace}/ro", machine=1)
    result = it.run()
    assert result.code == 3 and "TMPDIR names another place" in result.err, result.said
    assert "vm1" in result.err, result.said


@pytest.mark.parametrize("given", [True, False])
def test_read_only_workspace(job, cluster, mounted, given):
    it = job("server: serve", "trainer: print text; connect", machines=2)
    it.write()
    for k in range(2):
        mounted(k, it.workspace, it.workspace, "-o", "ro")
        cluster.on(k, "mount", "-o", "remount,ro,bind", str(it.workspace))
    if given:
        it.options["run_dir"] = "w0/runs"
    result = it.run()
    if given:
        assert result.code == 2 and "--run_dir: cannot make the folder" in result.err, result.said
        assert "Read-only file system" in result.err, result.said
    else:
        well(result)
        assert "warning: no report and no log files: cannot make the folder" in result.err
        assert len(complaints(result)) == 2, result.said


@pytest.mark.parametrize("given", [True, False])
def test_logs_that_one_machine_cannot_write(openmpi, cluster, mounted, given):
    it = openmpi("server: serve", "trainer: print text; connect", machines=2)
    it.write()
    mounted(1, it.workspace, it.workspace, "-o", "ro")
    cluster.on(1, "mount", "-o", "remount,ro,bind", str(it.workspace))
    if given:
        it.options["run_dir"] = it.workspace / "runs"
    result = it.run()
    if given:
        assert result.code == 3 and "cannot write log files in" in result.err, result.said
        assert "vm1" in result.err and "Read-only file system" in result.err, result.said
    else:
        well(result)
        assert "vm1: no log files: cannot write in" in result.err, result.said
        assert result.log("vm0.trainer-0.log") == "text\n"


def test_read_only_for_this_user(make, as_user):
    it = as_user(make(None, "server: serve", "trainer: connect"))
    it.write()
    it.workspace.chmod(0o555)
    result = well(it.run())
    assert "no report and no log files" in result.err and "Permission denied" in result.err


# ---- a file system that hangs ----

HANGFS = pathlib.Path(__file__).with_name("hangfs.py")


@pytest.fixture
def hanging(cluster, mounted, tmp_path):
    """hanging(job, machine): on that machine the job sees its workspace through hangfs. Returns a
    function that sets what hangs from now on."""
    running = []
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.skip("/dev/fuse may not be used here")

    def start(it, machine):
        target, control = tmp_path / "hang", tmp_path / "control"
        it.write()
        target.mkdir()
        it.options["workspace"] = target
        for k in range(it.machines):
            if k != machine:
                mounted(k, it.workspace, target)
        server = subprocess.Popen(
            cluster.words("on", str(machine), sys.executable, str(HANGFS), str(it.workspace),
                          str(target), str(control)), stdout=subprocess.PIPE, text=True)
        running.append((machine, target, server))
        assert server.stdout.readline() == "mounted\n"
        return control.write_text

    yield start
    for machine, target, server in running:
        server.kill()
        server.wait()
        server.stdout.close()
        cluster.on(machine, "umount", "-l", str(target))


def test_hangfs_does_not_hang_by_itself(make, hanging):
    it = make("mpich", *SEE, machines=2)
    hanging(it, 1)
    result = well(it.run())
    assert result.log("vm1.trainer-1.log") == "text\n"


@pytest.mark.parametrize("mpi, machine", [("openmpi", 0), ("mpich", 0), ("openmpi", 1),
                                         ("mpich", 1)])
def test_workspace_that_hangs_from_the_start(make, hanging, mpi, machine):
    it = make(mpi, *SEE, machines=2, start_timeout=2)
    hanging(it, machine)("getattr lookup open")
    result = it.run()
    assert result.code == 124 and len(complaints(result)) == 1, result.said
    assert f"vm{machine} still waits to " in result.err, result.said
    assert "the file system does not answer" in result.err, result.said


@pytest.mark.parametrize("mpi, machine", [("mpich", 0), ("openmpi", 1)])
def test_workspace_that_hangs_is_told_before_its_machine_is_lost(make, hanging, mpi, machine):
    """The rank that waits sends no heartbeats."""
    lost_timeout = 16
    it = make(mpi, *SEE, machines=2, lost_timeout=lost_timeout)
    hanging(it, machine)("getattr lookup open")
    result = it.run()
    assert result.code == 124 and len(complaints(result)) == 1, result.said
    assert f"vm{machine} still waits to " in result.err, result.said


def test_job_folder_that_hangs(make, hanging, tmp_path):
    """Its keeper is killed: the rank, which has the others to answer, does not remove it itself."""
    it = make("mpich", "server: serve", "trainer: touch up; forever", machines=2, lost_timeout=2,
              private_shm="off", run_dir=str(tmp_path / "runs"))
    hang = hanging(it, 1)
    temporary = it.options["workspace"] / "tmp"
    (it.workspace / "tmp").mkdir()
    behind(it, "env", f"TMPDIR={temporary}", machine=1)
    it.start().wait_for("up")
    hang("getattr lookup open opendir")
    os.kill(it.keeper_on(1), signal.SIGKILL)
    result, left = it.end()
    assert result.code == 125 and not left, result.said
    assert f"('{temporary}/" in result.err and "could not be removed" in result.err, result.said
    assert "has died" in result.err and "sign of life" not in result.err, result.said
    assert result.report["complete"], result.said


def test_job_folder_that_hangs_at_the_end(make, hanging):
    """A good job stays good: the keeper, which must answer others, does not remove the folder
    itself."""
    it = make("openmpi", "server: serve", "trainer: connect; touch up; wait go", machines=2,
              lost_timeout=4, exit_timeout=3, private_shm="off", run_dir="none")
    hang = hanging(it, 1)
    temporary = it.options["workspace"] / "tmp"
    (it.workspace / "tmp").mkdir()
    behind(it, "env", f"TMPDIR={temporary}", machine=1)
    it.start().wait_for("up")
    hang("readdir")  # the keeper has the folder open, since it made it
    (it.workspace / "go").touch()
    result, _ = it.end()
    assert result.code == 0, result.said
    assert f"('{temporary}/" in result.err and "could not be removed" in result.err, result.said


@pytest.mark.slow
@pytest.mark.parametrize("mpi, how", [("openmpi", ""), ("mpich", "hard")])
def test_keeper_that_hangs(make, hanging, mpi, how):
    """It hangs between the servers and the trainers; with 'hard' not even KILL ends it."""
    it = make(mpi, "server 0: wait go; serve", "server 1: listen; touch up; forever", machines=2,
              start_timeout=3)
    hang = hanging(it, 1)
    it.start().wait_for("up")
    hang(f"getattr lookup open access {how}")
    (it.workspace / "go").touch()
    result, left = it.end()
    assert result.code == 124, result.said
    assert "has been starting trainer 1 in" in result.err, result.said
    assert "the file system does not answer" in result.err, result.said
    assert bool(left) == bool(how), left
    assert not how or "state D) does not end, not even by SIGKILL" in result.err, result.said


@pytest.mark.slow
@pytest.mark.parametrize("mpi", ["openmpi", "mpich"])
def test_server_that_not_even_kill_ends(make, hanging, mpi):
    """This is after a good training; nobody waits for that server for ever."""
    it = make(mpi, "server: serve; touch served", "server 1: serve; wait never",
              "trainer 0: connect; wait go", "trainer 1: connect; touch up", machines=2,
              exit_timeout=1, kill_grace=1)
    hang = hanging(it, 1)
    it.start().wait_for("up")
    hang("getattr lookup access hard")
    (it.workspace / "go").touch()
    result, left = it.end()
    assert result.code == 0 and left, result.said
    assert "on vm1 do not die of SIGKILL" in result.err, result.said


@pytest.mark.slow
@pytest.mark.parametrize("mpi, machine", [("openmpi", 1), ("mpich", 0)])
def test_no_attempt_beside_a_trainer_that_not_even_kill_ends(make, hanging, tmp_path, mpi,
                                                              machine):
    """Otherwise two trainers of one rank would share checkpoint, GPU and ports."""
    other = 1 - machine
    it = make(mpi, "server: serve", f"trainer {other}: wait go; exit 3",
              f"trainer {machine}: touch up; wait never", machines=2, kill_grace=1, max_restarts=2,
              restart_delay=0, run_dir=str(tmp_path / "runs"))
    hang = hanging(it, machine)
    it.start().wait_for("up")
    hang("getattr lookup access hard")
    (it.workspace / "go").touch()
    result, left = it.end()
    assert result.code == 3 and left, result.said
    assert len(result.report["attempts"]) == 1, result.said
    assert "starting again" not in result.err, result.said
    assert re.search(rf"vm{machine}: trainer {machine} \(pid \d+, state D\) does not end",
                     result.err), result.said
    assert "no further attempt is started beside" in result.err, result.said


@pytest.fixture
def hanging_runs(hanging, tmp_path):
    """The same with the run folder alone on hangfs: hang(words) stops it, hang("") lets it go on.
    The test finds the run folder at it.workspace/runs."""
    def start(it, machine):
        hang = hanging(it, machine)
        it.options.update(workspace=it.workspace, run_dir=tmp_path / "hang/runs")
        return hang
    return start


def report_of(it):
    return json.loads((it.workspace / "runs/report.json").read_text())


def log_of(it, machine):
    return (it.workspace / f"runs/logs/vm{machine}.trainer-{machine}.log").read_text()


def files_of(it):
    return sorted(path.name for path in (it.workspace / "runs").iterdir())


def until_it_ends(it):
    """Waits for the end of mpirun without reading its output."""
    wait_until(lambda: it.process.poll() is not None, "mpirun ends")


def end_while_it_hangs(it, hang, operations):
    """Its processes end after these operations have begun to hang."""
    it.start().wait_for("up")
    hang(operations)
    (it.workspace / "go").touch()
    until_it_ends(it)


@pytest.mark.parametrize("mpi, machine", [("openmpi", 0), ("mpich", 1)])
def test_logs_that_hang(make, hanging_runs, mpi, machine):
    """They hang for longer than --lost_timeout: the training goes on, and no line is lost."""
    it = make(mpi, "server: serve", "trainer: print a; touch up; wait go; print b; sleep 4; print c;"
              " touch on; connect", machines=2, lost_timeout=2)
    hang = hanging_runs(it, machine)
    it.start().wait_for("up")
    hang("write create lookup")
    (it.workspace / "go").touch()
    it.wait_for("on")
    hang("")
    result = well(it.finish())
    assert "warning" not in result.err, result.said
    assert log_of(it, machine) == "a\nb\nc\n", result.said
    assert report_of(it)["complete"] and report_of(it)["exit_code"] == 0, result.said


@pytest.mark.parametrize("mpi", ["openmpi", "mpich"])
def test_logs_that_hang_to_the_end(make, hanging_runs, mpi):
    """The job does not wait for them; the scribe writes them when the file system answers."""
    it = make(mpi, "server: serve", "trainer: touch up; wait go; print b; connect", machines=2,
              lost_timeout=3)
    hang = hanging_runs(it, 1)
    end_while_it_hangs(it, hang, "write create lookup")
    hang("")
    result = well(it.finish())
    assert "warning: the log files on vm1 in '" in result.err, result.said
    assert "the file system has not answered for 5 s; " in result.err, result.said
    assert log_of(it, 1) == "b\n", result.said


@pytest.mark.parametrize("mpi", ["openmpi", "mpich"])
def test_logs_that_hang_cost_lines(make, hanging_runs, mpi):
    """The machine keeps as many lines as it has room for, and counts the rest in the log and in a
    warning."""
    it = make(mpi, "server: serve",
              "trainer 0: touch up; wait go; lines 200000 90; touch on; wait end; connect",
              machines=1, lost_timeout=3)
    hang = hanging_runs(it, 0)
    it.start().wait_for("up")
    hang("write")
    (it.workspace / "go").touch()
    it.wait_for("on")
    hang("")
    (it.workspace / "end").touch()
    result = well(it.finish())
    lines = log_of(it, 0).splitlines()
    note, = [line for line in lines if line.startswith("... ")]
    missing = int(re.match(r"\.\.\. (\d+) lines are missing here", note)[1])
    whole = len(lines) - 1  # and perhaps a line that was cut, which is missing too
    assert missing > 0 and missing + whole in (200000, 200001), (missing, whole)
    assert f"warning: {missing} lines are missing in the log file '" in result.err, result.err


@pytest.mark.parametrize("mpi", ["openmpi", "mpich"])
def test_report_that_hangs(make, hanging_runs, mpi):
    """It hangs for longer than the job waits: there is a warning, and the report comes later,
    without a temporary file beside it."""
    it = make(mpi, "server: serve", "trainer: touch up; wait go; connect", machines=2,
              lost_timeout=2)
    hang = hanging_runs(it, 0)
    end_while_it_hangs(it, hang, "write")
    assert any(".tmp." in name for name in files_of(it))
    hang("")
    result = well(it.finish())
    assert "warning: the report in '" in result.err, result.said
    assert "the file system has not answered for 5 s" in result.err, result.said
    assert files_of(it) == ["logs", "report.html", "report.json"], result.said
    assert report_of(it)["complete"], result.said


@pytest.mark.parametrize("mpi, machine", [("openmpi", 1), ("mpich", 0)])
def test_scribe_is_killed(make, mpi, machine):
    """The job goes on without log files, and on rank 0's machine without a report."""
    it = make(mpi, "server: serve", "trainer: print a; touch up; wait go; print b; connect",
              machines=2)
    it.start().wait_for("up")
    os.kill(it.scribe_on(machine), signal.SIGKILL)
    (it.workspace / "go").touch()
    result = well(it.finish())
    assert f"[vm{machine} trainer {machine}] b" in result.out, result.said
    assert f"the log files on vm{machine} (dgl-scribe) has died" in result.err, result.said
    assert ("the report is not complete: " in result.err) == (machine == 0), result.said
    assert len([line for line in result.err.splitlines()
                if "died" in line and "the job goes on" in line]) == 1, result.said


def test_log_size(make):
    """The log keeps the last lines."""
    it = make("openmpi", "server: serve", "trainer: lines 30000 90; print end; connect",
              log_size="1M")
    result = well(it.run())
    log = (result.run_dir / "logs/vm0.trainer-0.log").read_text()
    older = (result.run_dir / "logs/vm0.trainer-0.log.1").read_text()
    assert log.endswith("\nend\n") and older.endswith("\n")
    assert len(log) <= 1 << 20 and (1 << 20) - 200 < len(older) <= 1 << 20
