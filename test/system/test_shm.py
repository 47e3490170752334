"""Shared memory: the job has a /dev/shm of its own, or the launcher notes and removes what its
processes leave; and two jobs on the same machines. Each finish() proves that nothing stays in the
machines' own."""

import os
import signal

import pytest

from cluster import read_bytes
from patience import wait_until
from leftovers import MPI_SHARED_MEMORY, marked, signal_each

MIB = 1 << 20
NO_RIGHTS = ["setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin"]
SCRIPT = ("server: shm segment 1; dump up; serve", "trainer: dump up; wait go; connect")


def started_by(it, *words):
    """Puts these words in front of the launcher, not of mpirun."""
    launcher = it.launcher
    it.launcher = lambda: [*words, *launcher()]
    return it


def without_rights(it):
    """Runs the launcher without CAP_SYS_ADMIN, as for most users."""
    return started_by(it, *NO_RIGHTS)


def up(it):
    return it.start().wait_for(*(f"up.{role}-{k}" for role in ("server", "trainer")
                                 for k in range(it.machines)))


def let_go(it):
    (it.workspace / "go").touch()
    return it


def in_machines(it):
    """Returns what jobs have put into the machines' own /dev/shm since this one's start."""
    return {(machine, name) for machine, name
            in it.cluster.shared_memory() - it.before.shared_memory
            if not name.startswith(MPI_SHARED_MEMORY)}


def kill_all_of(it):
    """Kills ranks, keepers and the workload at once, but none of MPI's processes."""
    signal_each(it.own_processes(), signal.SIGKILL)


def place(cluster, machine, name):
    return f"/proc/{cluster.holders[machine]}/root/dev/shm/{name}"


@pytest.fixture
def put(cluster):
    """put(machine, name) makes a stranger's file in the machine's /dev/shm; it must outlive the
    test."""
    placed = []

    def make(machine, name):
        path = place(cluster, machine, name)
        with open(path, "w", encoding="ascii") as file:
            file.write("mine")
        placed.append(path)

    yield make
    for path in placed:
        assert os.path.exists(path), f"{path} was removed"
        os.unlink(path)


def capacity(folder):
    stat = os.statvfs(folder)
    return stat.f_blocks * stat.f_frsize


def memory():
    line, = [line for line in read_bytes("/proc/meminfo").splitlines() if b"MemTotal" in line]
    return int(line.split()[1]) * 1024


# ---- a private one ----

def test_a_private_one(job, put):
    put(1, "older")
    it = up(job(*SCRIPT, machines=2))
    for k in range(2):
        names = {path.name for path in it.shm(k).iterdir()}
        assert names == {"segment", it.job_dir(k).name}
        assert abs(capacity(it.shm(k)) - memory() // 2) < MIB
        assert oct(it.shm(k).stat().st_mode)[-4:] == "1777"
    assert not in_machines(it)
    assert let_go(it).finish().code == 0


@pytest.mark.parametrize("words", [[], ["unshare", "--mount"]], ids=["", "nested"])
def test_its_size(solo, words):
    it = up(started_by(solo(*SCRIPT, shm_size="48M"), *words))
    assert capacity(it.shm(0)) == 48 * MIB
    assert not in_machines(it)
    assert let_go(it).finish().code == 0


def test_all_of_a_private_job_is_killed(job):
    it = up(job(*SCRIPT, machines=2))
    kill_all_of(it)
    assert it.finish().code != 0


def test_what_is_mounted_later_is_seen(solo, mounted, tmp_path):
    """An automounter mounts home folders so; nothing that the job mounts comes out."""
    homes = tmp_path / "homes"
    homes.mkdir()
    mounted(0, None, homes)
    assert solo().cluster.on(0, "sh", "-c", f"mount --make-shared {homes}; mkdir {homes}/me"
                             ).returncode == 0
    it = up(solo("server: dump up; serve", f"trainer: dump up; wait {homes}/me/file; connect"))
    mounted(0, None, homes / "me")
    it.cluster.on(0, "touch", f"{homes}/me/file")
    assert it.finish().code == 0


# ---- on, off ----

def test_on_by_a_user_namespace(job):
    it = up(without_rights(job(*SCRIPT, machines=2, private_shm="on")))
    for k in range(2):
        names = {path.name for path in it.shm(k).iterdir()}
        assert names == {"segment", it.job_dir(k).name}
        assert os.readlink(f"/proc/{it.keeper_on(k)}/ns/user") != os.readlink("/proc/self/ns/user")
    assert not in_machines(it)
    kill_all_of(it)
    assert it.finish().code != 0


def test_on_where_it_cannot_be(solo):
    it = solo(*SCRIPT, private_shm="on", run_dir="none")
    started_by(it, "unshare", "--user", "--map-root-user", "sh", "-c",
               'echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"', "sh", *NO_RIGHTS)
    result = it.run()
    assert result.code == 3, result.said
    for words in ("vm0", "private /dev/shm", "user namespace", "--private_shm auto"):
        assert words in result.err, result.said


def test_off(solo):
    it = up(solo(*SCRIPT, private_shm="off"))
    assert in_machines(it) == {(0, "segment")}
    os.unlink(place(it.cluster, 0, "segment"))
    assert it.job_dir(0).parent == it.temporary
    assert let_go(it).finish().code == 0


# ---- noted ----

def wait_noted(it, machine, *names):
    """Waits until the keeper has noted these and handed them over."""
    def noted():
        return {line.split(b" ", 2)[2].decode() for line
                in read_bytes(it.job_dir(machine) / ".segments").split(b"\0") if line}
    wait_until(lambda: noted() >= set(names), f"{names} are noted", lambda: str(noted()))


def test_what_is_left_is_removed(job, put):
    """The server is killed, as the kernel does it when memory is out."""
    put(0, "older")
    it = without_rights(job("server 1: shm a 1; shm b 1; dump up; listen; wait go; kill KILL",
                            "server: shm older 1; shm a 1; dump up; serve",
                            "trainer: shm of-trainer 1; dump up; forever", machines=2))
    up(it)
    assert in_machines(it) == {(0, "a"), (0, "of-trainer"), (1, "a"), (1, "b"), (1, "of-trainer")}
    wait_noted(it, 1, "a", "b", "of-trainer")
    put(1, "newer")
    it.before.shared_memory.add((1, "newer"))
    result = let_go(it).finish()
    assert result.code == 137, result.said
    assert "warning" not in result.err, result.said


def test_after_a_good_end_too(solo):
    assert let_go(up(without_rights(solo(*SCRIPT)))).finish().code == 0


def test_the_rank_removes_it_when_the_keeper_is_killed(job):
    it = up(without_rights(job(*SCRIPT, machines=2)))
    wait_noted(it, 1, "segment")
    os.kill(it.keeper_on(1), signal.SIGKILL)
    assert it.finish().code == 125


def test_it_is_removed_when_the_rank_is_killed(solo):
    it = up(without_rights(solo(*SCRIPT)))
    os.kill(it.rank_on(0), signal.SIGKILL)
    assert it.finish().code == -signal.SIGKILL


@pytest.mark.parametrize("after", ["dead", "alive"])
def test_the_next_job_sweeps_what_a_dead_one_left(solo, tmp_path, after):
    """All of a job is killed at once, as Slurm does it. Another job of the same user that lives
    keeps its own."""
    def one(segment, port):
        it = solo(f"server: shm {segment} 1; dump up; serve", SCRIPT[1])
        it.ip_config = [f"{it.ip_config[0]} {port}"]
        return without_rights(started_by(it, "env", f"TMPDIR={tmp_path}"))

    first, second = one("first", 31000), one("second", 32000)
    up(first)
    wait_noted(first, 0, "first")
    left = first.job_dir(0)
    if after == "dead":
        kill_all_of(first)
        first.process.communicate(timeout=30)
        wait_until(lambda: not marked(first.marker), "the first job has gone")
        assert in_machines(first) == {(0, "first")} and left.exists()
    up(second)
    if after == "dead":
        wait_until(lambda: not left.exists(), "the folder is swept")
        assert in_machines(first) == {(0, "second")}
        first.remove_temporary()
    else:
        wait_noted(second, 0, "second")
        assert in_machines(first) == {(0, "first"), (0, "second")} and left.exists()
        let_go(first)
        first.process.communicate(timeout=30)
        first.remove_temporary()
    assert let_go(second).finish().code == 0
    assert not list(tmp_path.glob("dgl-mpilaunch-*"))
    assert not in_machines(first)


# ---- two jobs on the same machines ----

def with_ports(it, first):
    it.ip_config = [f"{ip} {first}" for ip in it.ip_config]
    return it


def together(first, second):
    """Waits until both run; the second one's finish() proves that nothing of either is left."""
    up(first)
    up(second)
    for what in ("processes", "shared_memory", "listeners"):
        setattr(second.before, what, getattr(first.before, what))


def end_first(it):
    """Waits for its end while the other runs: all of its processes are gone."""
    it.communicate()
    wait_until(lambda: not marked(it.marker), "the first job has gone")
    it.remove_temporary()
    return it.process.returncode


@pytest.mark.parametrize("end", ["fails", "killed"])
def test_two_private_jobs(job, end):
    """They use the same names, as two jobs on one graph do."""
    first = with_ports(job("server 1: shm segment 2; dump up; serve", SCRIPT[0],
                           "trainer 0: dump up; wait go; exit 3", SCRIPT[1], machines=2), 31000)
    second = with_ports(job(*SCRIPT, machines=2), 32000)
    together(first, second)
    assert (first.shm(1) / "segment").stat().st_size == 2 * MIB
    assert (second.shm(1) / "segment").stat().st_size == MIB
    if end == "killed":
        kill_all_of(first)
    else:
        let_go(first)
    code = end_first(first)
    assert code != 0 if end == "killed" else code == 3
    assert (second.shm(1) / "segment").exists() and second.process.poll() is None
    result = let_go(second).finish()
    assert result.code == 0, result.said


def test_two_jobs_that_share_the_machines_own(job):
    """They use different names. The job that fails removes only its own; a file that both hold
    stays until the other ends."""
    script = "server: shm {0}-segment 1; shm both 1; dump up; serve"
    first = with_ports(without_rights(job(
        script.format("first"), "trainer 0: dump up; wait go; exit 3", SCRIPT[1],
        machines=2)), 31000)
    second = with_ports(without_rights(job(script.format("second"), SCRIPT[1], machines=2)), 32000)
    together(first, second)
    let_go(first)
    assert end_first(first) == 3
    kept = {(k, name) for k in range(2) for name in ("second-segment", "both")}
    wait_until(lambda: in_machines(second) == kept, "only the first one's own are removed",
               lambda: str(in_machines(second)))
    for k in range(2):  # the second has found it there, so it will leave it there
        os.unlink(place(second.cluster, k, "both"))
    result = let_go(second).finish()
    assert result.code == 0, result.said
