"""Machines and shells that are odd, but real: the job works there, or one sentence says at once
what cannot work and what to do."""

import os
import pathlib
import subprocess
import sys
import time

import pytest

import patience
from mpis import DEBIANS as MPIS
from odd import SEE, behind, complaints, docker, well
from patience import Deadline

# ---- names ----

NAMES = {
    "space": "my work space",
    "quotes": "it's \"quoted\"",
    "dollar": "$HOME `id` $(id) ${x}",
    "backslash": "a\\b\\\\n\\",
    "newline": "two\nlines",
    "UTF-8": "ünïcödé-图-😀",
    "no UTF-8": b"latin-\xfc\xff".decode(errors="surrogateescape"),
    "shell": "a;b&c|d>e<f*?[x]{y}#~!()",
    "dash": "-rf",
    "equals": "A=b,c:d%s%n",
}


def in_folder(it, tmp_path, name):
    """Moves the job's workspace, with all that is in it, into a folder of this name."""
    it.workspace = tmp_path / name
    it.hostfile = lambda: tmp_path / "hosts"
    it.cwd = tmp_path
    it.options["workspace"] = str(it.workspace)
    return it


def path_of(text):
    """Returns the path as the fake's dumps have it: each byte is a character."""
    return os.fsdecode(text.encode("latin-1"))


@pytest.mark.parametrize("name", NAMES)
def test_odd_names(make, tmp_path, name):
    """The workspace, ip_config, the partition and the run folder, and so logs and reports, have
    such names; mpirun starts inside."""
    mpi = MPIS[list(NAMES).index(name) % 2]
    name = NAMES[name]
    it = in_folder(make(mpi, *SEE, machines=2), tmp_path, name)
    it.write()
    for old in ("ip_config.txt", "data"):
        (it.workspace / old).rename(it.workspace / (name + old))
    it.write = lambda: None
    it.options.update(ip_config=f"./{name}ip_config.txt", part_config=f"./{name}data/graph.json",
                      run_dir=f"./runs{name}", workspace=".")
    it.cwd = it.workspace
    result = well(it.run())
    dump = result.dump("trainer", 1)
    assert path_of(dump["cwd"]) == str(it.workspace)
    assert path_of(dump["environment"]["DGL_CONF_PATH"]) == f"./{name}data/graph.json"
    assert result.log("vm1.trainer-1.log") == "text\n"
    assert result.report["exit_code"] == 0 and (result.run_dir / "report.html").exists()


def long_folder(base, size):
    """Returns a path of so many bytes below base."""
    path = str(base)
    while len(path) < size:
        path += "/" + "d" * min(200, max(size - len(path) - 1, 1))
    assert len(path) in (size, size + 1), len(path)
    return pathlib.Path(path)


@pytest.mark.parametrize("size, mpi", [(3800, "openmpi"), (3990, "mpich"), (4050, "openmpi")])
def test_long_paths(make, mpi, tmp_path, size):
    """PATH_MAX is 4096. If the workspace's path leaves no room for the run folder, there is
    none."""
    it = in_folder(make(mpi, *SEE, machines=2), tmp_path, long_folder(tmp_path, size))
    it.write()
    it.options["part_config"] = "data/" + "./" * ((4070 - size) // 2) + "graph.json"
    result = well(it.run())
    if size > 3900:
        assert len(complaints(result)) == 2, result.said
        assert "too long for files in it; name a folder by --run_dir" in result.err, result.said
    assert result.dump("trainer", 1)["cwd"] == str(it.workspace)


def test_the_cause_behind_a_long_path(make, tmp_path):
    """The message about a path longer than PATH_MAX holds the reason; it is not cut off before
    that."""
    it = in_folder(make("mpich", machines=2), tmp_path, long_folder(tmp_path, 3900))
    it.write()
    it.options["ip_config"] = "ip/" * 90
    result = it.run()
    assert result.code == 2 and "File name too long" in result.err, result.said
    result = make("mpich", run_dir=str(long_folder(tmp_path, 4000)), machines=2).run()
    assert result.code == 2 and "--run_dir: " in result.err, result.said
    assert "too long for files in it" in result.err, result.said


# ---- networks ----

def second_network(cluster, networks, machines):
    """Gives each machine 10.88.0.N on eth1, reached by way of eth0; returns the addresses."""
    known = {k: f"10.88.0.{k + 1}" for k in machines}
    for k, address in known.items():
        networks(k, "eth1", f"{address}/32")
        networks.ip(k, *(f"route replace {other} via {cluster.ips[j]}"
                         for j, other in known.items() if j != k))
    return known


def addresses_are(result, machines, prefix):
    for k in range(machines):
        seen = result.dump("trainer", k)["environment"]
        assert seen["MASTER_ADDR"] == f"{prefix}1", seen["MASTER_ADDR"]


def test_own_name_is_127_0_1_1(job, mounted, tmp_path):
    """Debian's installer writes it so."""
    for k in range(4):
        hosts = tmp_path / f"hosts{k}"
        hosts.write_text(f"127.0.0.1 localhost\n127.0.1.1 vm{k}\n")
        mounted(k, hosts, "/etc/hosts")
    addresses_are(well(job(*SEE).run()), 4, "10.77.0.")


def test_second_network(job, cluster, networks):
    """ip_config names the second network, mpirun's hostfile the first."""
    known = second_network(cluster, networks, range(4))
    it = job(*SEE)
    it.hosts, it.ip_config = it.ip_config, list(known.values())
    result = well(it.run())
    addresses_are(result, 4, "10.88.0.")
    assert result.dump("trainer", 3)["environment"]["GLOO_SOCKET_IFNAME"] == "eth1"


def test_bridge_with_one_address_everywhere(job, networks):
    """The launcher's settings for MPI do not travel on as if they were the user's."""
    docker(networks, range(4))
    result = well(job(*SEE, pass_env="UCX_NET_DEVICES,FI_TCP_IFACE").run())
    addresses_are(result, 4, "10.77.0.")
    for name in ("OMPI_MCA_btl_tcp_if_include", "UCX_NET_DEVICES", "FI_TCP_IFACE"):
        assert name not in result.dump("trainer", 1)["environment"]


def test_the_network_that_the_user_has_chosen(make, networks, tmp_path):
    """Open MPI calls two choices at once a mistake."""
    docker(networks, range(2))
    params = tmp_path / "home/.openmpi/mca-params.conf"
    params.parent.mkdir(parents=True)
    params.write_text("btl_tcp_if_exclude = lo,docker0\n")
    it = make("openmpi", *SEE, machines=2)
    it.environment["HOME"] = str(tmp_path / "home")
    result = well(it.run())
    assert "mutually" not in result.err, result.said
    it = make("mpich", *SEE, machines=2)
    it.environment["UCX_NET_DEVICES"] = "eth0"
    assert well(it.run()).dump("trainer", 0)["environment"]["UCX_NET_DEVICES"] == "eth0"


def test_machines_of_many_networks(make, networks):
    """A second network on some machines only, an interface that is down, a secondary address, no
    default route."""
    networks(0, "eth1", "10.88.0.1/24")
    networks(1, "eth2", "10.89.0.1/24", "10.88.0.1/24", up=False)
    networks(3, "eth3", "10.90.0.1/24", "10.90.0.2/24")
    addresses_are(well(make("mpich", *SEE).run()), 4, "10.77.0.")


@pytest.mark.parametrize("address, words", [("10.90.0.2", "only a secondary address"),
                                            ("10.91.0.1", "lines without a rank")])
def test_addresses_that_dgl_does_not_see(make, networks, address, words):
    networks(1, "eth3", "10.90.0.1/24", "10.90.0.2/24")
    it = make("openmpi", machines=2)
    it.hosts, it.ip_config = it.ip_config, [it.ip_config[0], address]
    result = it.run()
    assert result.code == 2 and words in result.err, result.said


def test_an_interface_that_is_down(make, networks):
    """DGL sees its address all the same, but no packet reaches it."""
    networks(1, "eth4", "10.92.0.1/24", up=False)
    it = make("mpich", machines=2)
    it.hosts, it.ip_config = it.ip_config, [it.ip_config[0], "10.92.0.1"]
    result = it.run()
    assert result.code == 2 and "interface that is down" in result.err, result.said


# ---- limits ----

@pytest.mark.parametrize("limit, mpi, trainers", [
    (64, "openmpi", 8), (64, "mpich", 8), (64, None, 40), (32, "openmpi", 1), (16, "mpich", 1),
    (20, None, 1), (64, "mpich", 40)])
def test_few_open_files(make, mpi, limit, trainers):
    """Each machine that lacks them says so before anything starts."""
    it = make(mpi, *SEE, machines=2, num_trainers=trainers)
    behind(it, "prlimit", f"--nofile={limit}:{limit}", machine=it.machines - 1)
    result = it.run()
    if limit == 64 and trainers == 8:
        well(result)
    else:
        assert result.code == 3, result.said
        assert f"the hard limit of open files is {limit}" in result.err, result.said
        assert f"vm{it.machines - 1}" in result.err, result.said


def test_a_low_soft_limit_of_open_files(make):
    well(behind(make("mpich", *SEE, machines=2), "prlimit", "--nofile=16:4096").run())


# rank, keeper, 2 servers with a child each, 3 trainers
@pytest.mark.parametrize("limit", range(1, 9))
def test_few_processes(make, as_user, limit):
    """The launcher or a server cannot fork: the launcher ends the others and names the limit."""
    it = make(None, "server: fork plain; serve", "trainer: connect", num_servers=2, num_trainers=3)
    result = as_user(it, "prlimit", f"--nproc={limit}:{limit}").run()
    assert result.code in (125, 1), result.said
    assert any(words in result.err for words in ("see 'ulimit -u'", "look at 'ulimit -u'")), \
        result.said


def mpirun_hangs(it, seconds=10):
    """Waits for the job's end, or until mpirun has been alone for long."""
    alone = Deadline(seconds)
    while it.process.poll() is None:
        if it.launchers():
            alone = Deadline(seconds)
        elif alone.passed():
            return True
        time.sleep(0.05)
    return False


def test_a_machine_that_cannot_have_a_keeper(job, as_user):
    """The other ranks must not wait for ever in MPI_Init. Open MPI 4.1's mpirun hangs now and then,
    alone, when a rank ends early while another one connects to it ("PMIX ERROR: UNREACHABLE");
    doc/failures.md says so, and here it is tried again."""
    for _ in range(3):
        it = as_user(job(machines=2), "prlimit", "--nproc=1:1", machine=1).start()
        if not mpirun_hangs(it):
            break
        it.kill_all()
        it.process.communicate(timeout=patience.seconds())
    result = it.finish()
    assert result.code == 125, result.said
    assert "cannot fork the process that" in result.err and "ulimit -u" in result.err, result.said


# ---- CPUs and clocks ----

def test_one_cpu(make):
    """OMP_NUM_THREADS is 1 at least."""
    it = make(None, *SEE, num_trainers=9)
    result = well(behind(it, "env", "-u", "OMP_NUM_THREADS", "taskset", "-c", "0").run())
    assert result.dump("trainer", 8)["environment"]["OMP_NUM_THREADS"] == "1"


@pytest.fixture
def cgroup():
    """A cgroup with half a CPU, as docker --cpus 0.5 makes one."""
    old, new = (pathlib.Path(f"/sys/fs/cgroup{at}/mpilaunch-test-{os.getpid()}")
                for at in ("/cpu", ""))
    folder = old if old.parent.is_dir() else new
    folder.mkdir()
    if folder == old:
        (folder / "cpu.cfs_period_us").write_text("100000")
        (folder / "cpu.cfs_quota_us").write_text("50000")
    else:
        (folder.parent / "cgroup.subtree_control").write_text("+cpu")
        (folder / "cpu.max").write_text("50000 100000")
    yield folder
    folder.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="cgroups are root's")
def test_cpu_quota(make, cgroup):
    it = make(None, *SEE)
    behind(it, "env", "-u", "OMP_NUM_THREADS", "/bin/sh", "-c",
           f'echo $$ >{cgroup}/cgroup.procs; exec "$@"', "sh")
    result = well(it.run())
    machine, = result.report["attempts"][-1]["machines"]
    assert machine["cpus"] == 1, machine
    assert result.dump("trainer", 0)["environment"]["OMP_NUM_THREADS"] == "1"


CLOCK = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
#include <sys/time.h>

int clock_gettime(clockid_t clock, struct timespec *t)
{
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int rc = real(clock, t);

    if (clock == CLOCK_REALTIME)
        t->tv_sec += HOURS * 3600;
    return rc;
}

time_t time(time_t *at)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    if (at)
        *at = t.tv_sec;
    return t.tv_sec;
}

int gettimeofday(struct timeval *at, void *zone)
{
    struct timespec t;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &t);
    *at = (struct timeval){t.tv_sec, t.tv_nsec / 1000};
    return 0;
}
"""


@pytest.mark.parametrize("hours, failing", [(1, False), (-1, True)])
def test_clocks_an_hour_apart(job, tmp_path, hours, failing):
    """One machine has another time of day, and its other clocks another origin."""
    (tmp_path / "clock.c").write_text(CLOCK)
    library = tmp_path / "clock.so"
    subprocess.run(["cc", "-shared", "-fPIC", f"-DHOURS={hours}", "-o", library,
                    tmp_path / "clock.c"], check=True)
    it = job("server: serve", f"trainer 1: connect; exit {3 if failing else 0}", machines=2,
             lost_timeout=10, start_timeout=10)
    behind(it, "unshare", "--time", "--fork", "--monotonic=40000",
           "--boottime=40000", "env", f"LD_PRELOAD={library}",
           "ASAN_OPTIONS=detect_leaks=0:verify_asan_link_order=0", machine=1)
    result = it.run()
    assert result.code == (3 if failing else 0), result.said
    if failing:
        assert "trainer 1 on vm1" in result.err, result.said
    assert 0 <= result.report["wall_s"] < 600
    for process in result.processes():
        assert 0 <= process["start_s"] <= process["end_s"] < 600, process


# ---- odd starts ----

PYTHON = """
import os, signal, sys
{}
os.execv(sys.argv[1], sys.argv[1:])
"""
BLOCKED = ("signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals) - {signal.SIGKILL, "
           "signal.SIGSTOP})")
STARTS = {
    "locale": ["env", "LC_ALL=xx_YY.bogus", "LANG=C"],
    "no locale": ["env", "-u", "LC_ALL", "-u", "LANG"],
    "no PATH": ["/usr/bin/env", "-u", "PATH"],
    "no HOME": ["env", "-u", "HOME", "-u", "USER"],
    "all closed": ["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"],
    "stdout closed": ["/bin/sh", "-c", 'exec "$@" >&-', "sh"],
    "umask 0": ["/bin/sh", "-c", 'umask 0; exec "$@"', "sh"],
    "umask 0777": ["/bin/sh", "-c", 'umask 0777; exec "$@"', "sh"],
    "SIGCHLD ignored": [sys.executable, "-c",
                        PYTHON.format("signal.signal(signal.SIGCHLD, signal.SIG_IGN)")],
    "signals blocked": [sys.executable, "-c", PYTHON.format(BLOCKED)],
    "folder gone": ["/bin/sh", "-c", 'd=$(mktemp -d); cd "$d"; rmdir "$d"; exec "$@"', "sh"],
    "no name": ["/bin/bash", "-c", 'exec -a "" "$@"', "bash"],
    "environment": ["env", *(f"BIG{i}={'x' * 1000}" for i in range(100))],
}


@pytest.mark.parametrize("start", STARTS)
def test_odd_start(make, start):
    mpi = (None, *MPIS)[list(STARTS).index(start) % 3]
    it = make(mpi, "server: dump seen; serve", "trainer: dump seen; print text; connect",
              machines=2)
    result = behind(it, *STARTS[start]).run()
    assert result.code == 0, result.said
    for k in range(it.machines):
        assert result.log(f"vm{k}.trainer-{k}.log") == "text\n"


@pytest.mark.parametrize("start", ["SIGCHLD ignored", "signals blocked", "all closed"])
def test_failure_after_an_odd_start(make, start):
    """It ends with the child's code and leaves nothing."""
    mpi = MPIS[len(start) % 2]
    it = make(mpi, "server: serve", "trainer 1: exit 7", "trainer: forever", machines=2)
    result = behind(it, *STARTS[start]).run()
    assert result.code == 7 and result.cause["exit_code"] == 7, result.said


def test_umask_of_an_ordinary_user(make, as_user):
    it = as_user(make(None, "server: serve", "trainer: connect"), *STARTS["umask 0777"])
    result = well(it.run())
    assert "no report and no log files" in result.err, result.said


@pytest.mark.parametrize("mpi, size", [(None, 64), ("openmpi", 45), ("mpich", 63)])
def test_long_host_names(make, cluster, mpi, size):
    """64 is Linux's limit. Without the launcher too Open MPI 4.1.4 breaks on 51 letters, MPICH
    4.0.2 on 64."""
    names = [f"{letter * (size - 1)}{k}" for k, letter in enumerate("ab")]
    try:
        for k, name in enumerate(names):
            assert cluster.on(k, "hostname", name).returncode == 0
        result = make(mpi, *SEE, machines=2).run()
    finally:
        for k in range(2):
            cluster.on(k, "hostname", f"vm{k}")
    well(result)
    assert result.log(f"{names[0]}.trainer-0.log") == "text\n"
    assert f"[{names[0]} trainer 0] text" in result.out, result.said
