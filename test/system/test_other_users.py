"""Another user of the machine may write into /tmp: the launcher removes, makes and writes only its
own files there. Uid 65534 attacks a job of root's."""

import contextlib
import os
import re
import signal
import stat
import subprocess

import pytest

from patience import wait_until
from odd import well

NOBODY = 65534
FILES = 2000
SCRIPT = ("server: serve", "trainer: dump up; wait go; connect")

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be attacked by another")

# Makes a folder under the name in argv, which the launcher's folder once had, so that the launcher
# would take it for its own. As soon as somebody begins to empty it, swaps its content for a link.
ATTACK = """
import os, sys
folder, canary, files = sys.argv[1:3] + [int(sys.argv[3])]
os.mkdir(folder, 0o777)
os.mkdir(folder + "/in")
for n in range(files):
    os.close(os.open(f"{folder}/in/file{n}", os.O_CREAT | os.O_WRONLY))
full = os.stat(folder + "/in").st_mtime_ns
print("ready", flush=True)
while os.stat(folder + "/in").st_mtime_ns == full:
    pass
os.rename(folder + "/in", folder + "/out")
os.symlink(canary, folder + "/in")
print("swapped", flush=True)
"""


@contextlib.contextmanager
def attacker(text, *words, behind=()):
    """Starts a process of another user that runs this Python text."""
    process = subprocess.Popen(
        [*behind, "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
         "/usr/bin/python3", "-IBS", "-c", text, *map(str, words)],
        stdout=subprocess.PIPE, text=True, cwd="/")
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=10)


def make_canary(folder):
    """Makes root's folder with files of the names that the attacker uses; nobody else may write
    into it."""
    folder.mkdir(0o755)
    for n in range(0, FILES, 10):
        os.close(os.open(folder / f"file{n}", os.O_CREAT | os.O_WRONLY, 0o600))
    return folder, sorted(folder.iterdir())


def start_among_others(it, *up):
    """Starts the job with a TMPDIR that is sticky and open to all, as /tmp is."""
    environment = it.whole_environment

    def open_temporary():
        it.temporary.chmod(0o1777)
        return environment()

    it.whole_environment = open_temporary
    return it.start().wait_for(*up or ["up.trainer-0"])


def job_id(it):
    return os.readlink(it.workspace / "dgl-mpilaunch-runs/latest")


def test_a_folder_that_is_not_ours_survives_the_keeper(solo):
    """The launcher removes neither the folder that another user has made, nor what it leads to."""
    it = start_among_others(solo(*SCRIPT))
    made = it.temporary / f"dgl-mpilaunch-{job_id(it)}-0"
    canary, files = make_canary(it.temporary / "canary")
    with attacker(ATTACK, made, canary, FILES) as process:
        assert process.stdout.readline() == "ready\n"
        os.kill(it.keeper_on(0), signal.SIGKILL)
        it.process.wait(30)
        assert sorted(canary.iterdir()) == files
        assert len(list((made / "in").iterdir())) == FILES
    subprocess.run(["rm", "-rf", made], check=True)
    assert it.finish().code == 125


def test_the_folders_name_is_nobodys_guess(solo):
    it = start_among_others(solo(*SCRIPT, private_shm="off"))
    name = it.job_dir(0).name
    assert len(name) == len("dgl-mpilaunch-") + 32 and job_id(it) not in name
    status = it.job_dir(0).stat()
    assert stat.S_IMODE(status.st_mode) == 0o700 and status.st_uid == 0
    (it.workspace / "go").touch()
    assert it.finish().code == 0


def test_the_next_attempts_folder_cannot_be_taken(solo):
    """Nobody can make it before the launcher does: in the pause between two attempts another user
    has made every name that can be derived from what is known of the job."""
    it = solo("server: serve", "trainer: dump up; attempt 0 exit 3; connect", private_shm="off",
              max_restarts=1, restart_delay=1)
    start_among_others(it)
    wait_until(lambda: it.failed_attempts() == 1, "the first attempt has failed")
    made = it.temporary / f"dgl-mpilaunch-{job_id(it)}-0"
    with attacker("import os, sys; os.mkdir(sys.argv[1]); print('made')", made) as process:
        assert process.stdout.readline() == "made\n"
    it.process.wait(30)
    made.rmdir()
    well(it.finish())


# ---- MASTER_PORT ----

LISTEN = """
import socket, sys, time
it = socket.socket()
it.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
it.bind(("", int(sys.argv[1])))
it.listen()
print("listens", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("end, code", [("connect", 0), ("exit 1", 1)])
def test_a_stranger_on_master_port_is_named(solo, end, code):
    """Anybody may listen on it who sets SO_REUSEADDR, as torch does. It fails no job: it may be the
    trainer's own container. Where a trainer fails, the cause names it."""
    it = start_among_others(solo("server: serve", f"trainer: dump up; wait go; {end}"))
    port = it.result("", "", 0).dump("trainer", 0, "up")["environment"]["MASTER_PORT"]
    with attacker(LISTEN, port, behind=it.cluster.words("on", "0")) as process:
        assert process.stdout.readline() == "listens\n"
        (it.workspace / "go").touch()
        it.process.wait(30)
    result = it.finish()
    assert result.code == code, result.said
    named = re.search(f"user {NOBODY}, which is not .* listens on port {port}", result.err)
    assert bool(named) == bool(code), result.said


# ---- the run folder ----

def modes(folder):
    return {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in folder.iterdir()}


def test_the_run_folder_is_for_its_user_alone(solo):
    """The folder above it is open: other users of a workspace have their runs there too."""
    it = solo("server: serve", "trainer: connect")
    well(it.run())
    runs = it.workspace / "dgl-mpilaunch-runs"
    assert oct(stat.S_IMODE(runs.stat().st_mode)) == "0o755"
    assert set(modes(runs).values()) == {"0o700"}


@pytest.mark.parametrize("made", [None, 0o755], ids=["ours", "the user's"])
def test_a_run_folder_that_the_user_names(solo, made):
    """A folder that was there keeps its mode, and the umask decides who may read the files in
    it."""
    it = solo("server: serve", "trainer: connect")
    it.options["run_dir"] = f"{it.workspace}/runs/"
    it.write()
    if made:
        (it.workspace / "runs").mkdir(made)
    result = well(it.run())
    assert stat.S_IMODE(result.run_dir.stat().st_mode) == (made or 0o700)
    assert modes(result.run_dir)["report.json"] == "0o644"


def test_links_that_another_user_has_planted(solo):
    """They lie in a run folder that others may write into: the launcher writes no file of root's
    through them."""
    it = solo("server: serve", "trainer: print text; connect")
    it.options["run_dir"] = it.workspace / "runs"
    it.write()
    runs, victim = it.workspace / "runs", it.workspace / "victim"
    for folder in (runs, runs / "logs"):
        folder.mkdir()
        folder.chmod(0o777)
    victim.write_text("root's")
    names = ["report.json", "report.html", "logs/vm0.trainer-0.log", "logs/vm0.server-0.log"]
    for name in names:
        os.symlink(victim, runs / name)
        os.lchown(runs / name, NOBODY, NOBODY)
    result = well(it.run())
    assert victim.read_text() == "root's"
    assert result.report["complete"] and "vm0.trainer-0.log" in result.err, result.said


def test_a_folder_of_logs_that_leads_elsewhere(solo):
    it = solo("server: serve", "trainer: print text; connect")
    it.options["run_dir"] = it.workspace / "runs"
    it.write()
    (it.workspace / "runs").mkdir()
    (it.workspace / "etc").mkdir()
    os.symlink(it.workspace / "etc", it.workspace / "runs/logs")
    os.lchown(it.workspace / "runs/logs", NOBODY, NOBODY)
    result = it.run()
    assert result.code == 3, result.said
    assert f"a link that user {NOBODY} has made" in result.err, result.said
    assert not list((it.workspace / "etc").iterdir())
