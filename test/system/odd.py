"""Shared by the tests of odd machines: words in front of the launcher, and checks of a result."""

import os
import pathlib
import re
import shutil
import tempfile

import pytest

SEE = ("server: dump seen; serve", "trainer: dump seen; print text; connect")
# A user without a passwd entry and without other processes: RLIMIT_NPROC counts a user's processes
# on all machines.
USER = 31997 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))

NOBODY = 65534


def well(result):
    assert result.code == 0, result.said
    assert "all ended well" in result.err, result.said
    return result


PHASE = re.compile(r"dgl-mpilaunch: ((job|attempt) \S+: starting|all servers listen after|all trainers have "
                   r"ended well after|ending all processes)")


def complaints(result):
    """Returns the launcher's lines, but for those that tell a phase."""
    return [line for line in result.err.splitlines()
            if line.startswith("dgl-mpilaunch: ") and not PHASE.match(line)]


def behind(it, *words, machine=None):
    """Puts these words before the launcher's own, on one machine or on all."""
    launcher = it.launcher
    here = [] if machine is None else ["/bin/sh", "-c",
                                       'n=$1; shift; [ "$(hostname)" = vm"$n" ] || shift %d; '
                                       'exec "$@"' % len(words), "sh", str(machine)]
    it.launcher = lambda: [*here, *words, *launcher()]
    return it


@pytest.fixture
def as_user():
    """as_user(job): its launcher and all below it run as an ordinary user, in a workspace that is
    open to all. The user runs a copy of the program, since the build may be in root's home.
    whole: srun, too, is the user's, whom Slurm must find among the users."""
    folders = []
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")

    def change(it, *words, machine=None, whole=False):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="mt-o-", dir="/tmp"))
        folders.append(folder)
        for program in ("dgl-mpilaunch", "fake"):
            shutil.copy(it.build / program, folder)
        it.build, it.workspace = folder, folder / "w"
        it.workspace.mkdir()
        for path in (folder, it.workspace):
            path.chmod(0o777)
        it.options["workspace"] = it.workspace
        environment = it.whole_environment

        def open_temporary():
            it.temporary.chmod(0o1777)
            return environment()

        it.whole_environment = open_temporary
        user = NOBODY if whole else USER
        words = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *words]
        if not whole:
            return behind(it, *words, machine=machine)
        srun = it.srun
        it.srun = lambda: [*words, *srun()]
        return it

    yield change
    for folder in folders:
        shutil.rmtree(folder)


@pytest.fixture
def networks(cluster):
    """Makes interfaces on machines, and removes them at the end."""
    made = []

    def ip(machine, *lines):
        for line in lines:
            done = cluster.on(machine, "ip", *line.split())
            assert done.returncode == 0, f"ip {line}: {done.stderr}"

    def make(machine, name, *addresses, up=True):
        """Makes an interface whose other end is in the same machine."""
        made.append((machine, name))
        ip(machine, f"link add {name} type veth peer name {name}x", f"link set {name}x up",
           *(f"addr add {address} dev {name}" for address in addresses),
           f"link set {name} {'up' if up else 'down'}")

    make.ip = ip
    yield make
    for machine, name in made:
        cluster.on(machine, "ip", "link", "del", name)


def docker(networks, machines):
    """Docker's bridge has 172.17.0.1 on all machines."""
    for k in machines:
        networks(k, "docker0", "172.17.0.1/16")
