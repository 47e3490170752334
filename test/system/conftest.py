"""Fixtures of the system tests: builds, virtual machines, jobs. Says nothing about the launcher."""

import functools
import os
import pathlib
import signal

import pytest

from cluster import Cluster
from job import Job
from odd import as_user  # a fixture

MPIS = ("openmpi", "mpich")
BUILD = "MPILAUNCH_BUILD_"


def forget_ignored_signals():
    """Behind nohup, or in the background of a shell, they are ignored, and so by all jobs."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config):
    forget_ignored_signals()
    config.addinivalue_line("markers", "dgl: needs real DGL (scripts/setup installs it)")


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.name.startswith("test_dgl"):
            item.add_marker("dgl")


def build_of(mpi):
    """The folder that MPILAUNCH_BUILD_OPENMPI (or _MPICH) names."""
    name = BUILD + mpi.upper()
    folder = pathlib.Path(os.environ.get(name, f"{name} is not set")).resolve()
    for program in ("dgl-mpilaunch", "fake"):
        if not (folder / program).exists():
            pytest.fail(f"no '{program}' in {name}={folder}: run the tests by scripts/test")
    return folder


@pytest.fixture(scope="session", params=MPIS)
def mpi(request):
    """A test that asks for it runs under both."""
    return request.param


@pytest.fixture(scope="session")
def clusters(tmp_path_factory):
    """size -> the cluster of so many machines, up until the tests end."""
    known = {}

    def get(size):
        if size not in known:
            # short: the agent's path is part of MPI's own command lines
            known[size] = Cluster(tmp_path_factory.mktemp(f"vc{size}-") / "c", size)
        return known[size]

    yield get
    for cluster in known.values():
        cluster.down()


@pytest.fixture(scope="session")
def cluster(clusters):
    return clusters(4)


@pytest.fixture
def make(cluster, tmp_path):
    """Makes jobs of up to 4 machines: make('mpich', 'trainer 2: exit 3', machines=4). None: of one
    machine, without mpirun."""
    made = []

    def get(mpi, *script, machines=4, **options):
        new = Job(cluster, build_of(mpi or "openmpi"), mpi, tmp_path / f"w{len(made)}", machines)
        new.script = list(script)
        new.options.update(options)
        made.append(new)
        return new

    yield get
    for each in made:
        each.abandon()


@pytest.fixture
def solo(make):
    """Jobs of one machine, without mpirun."""
    return functools.partial(make, None)


@pytest.fixture
def job(make, mpi):
    """Jobs under the test's MPI: job('trainer 2: exit 3', machines=4)."""
    return functools.partial(make, mpi)


@pytest.fixture
def openmpi(make):
    """Jobs where the MPI makes no difference."""
    return functools.partial(make, "openmpi")


@pytest.fixture
def mounted(cluster):
    """mounted(machine, source, target): that machine alone sees source there; None: nothing."""
    targets = []

    def mount(machine, source, target, *options):
        words = ["-t", "tmpfs", "tmpfs"] if source is None else ["--bind", source]
        done = cluster.on(machine, "mount", *options, *map(str, words), str(target))
        assert done.returncode == 0, done.stderr
        targets.append((machine, target))

    yield mount
    for machine, target in reversed(targets):
        cluster.on(machine, "umount", "-l", str(target))
