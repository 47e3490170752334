"""Fixtures of the system tests: builds, virtual machines, jobs. Decides which tests run at the same
time, in which order, and which of them --quick needs. Knows nothing of the launcher."""

import collections
import fcntl
import functools
import itertools
import os
import pathlib
import random
import signal

import pytest

from batch import pods  # noqa: F401 (fixture)
from cluster import Cluster
from job import Job, abandoning
from mpis import DEBIANS, PYPIS
from odd import as_user, networks  # noqa: F401 (fixtures)
from slurm import slurms, submit  # noqa: F401 (fixtures)
from realdgl import checkpoint, dgl_environment, partitioned  # noqa: F401 (fixtures)

BUILD = "MPILAUNCH_BUILD_"
DGL_WORKERS = 2  # more jobs of real DGL at once would wait for the processor


def forget_ignored_signals():
    """Behind nohup, or in the background of a shell, pytest and so all jobs would ignore them."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser):
    parser.addoption("--seed", type=int, default=0, help="of the order of the tests")
    parser.addoption("--quick", action="store_true", help="without DGL; each other test with "
                     "one of its values, each file under both MPIs, each setting of a table")


def pytest_configure(config):
    forget_ignored_signals()
    config.addinivalue_line("markers", "dgl: needs real DGL (scripts/setup installs it)")
    config.addinivalue_line("markers", "slow: takes half a minute; --quick leaves it out")
    config.addinivalue_line("markers", "alone: no other test may run at the same time")
    config.addinivalue_line("markers", "xdist_group: one worker runs all of the group")
    if "PYTEST_XDIST_WORKER" not in os.environ:
        config.pluginmanager.register(TellAtOnce(config))


# ---- which, and in which order ----

def is_alone(item):
    return item.get_closest_marker("alone") is not None


def is_dgl(item):
    return item.path.name.startswith("test_dgl")


def is_for_quick(item):
    """--quick installs neither DGL nor PyPI's MPIs, and has no half a minute for a test."""
    call = getattr(item, "callspec", None)
    return not is_dgl(item) and item.path.name != "test_mpis.py" and not (
        item.get_closest_marker("slow") or call and call.params.get("mpi") in PYPIS)


def facts_of(item):
    """Returns the facts that the test shows and another test may show too: its function, its file
    under its MPI, and each setting that a row of a table is made of (`shows`)."""
    call = getattr(item, "callspec", None)
    name = f"{item.path.name}::{item.originalname}"
    facts = {(name,)}
    for parameter, value in call.params.items() if call else ():
        if parameter == "mpi":
            facts.add((item.path.name, value))
        elif hasattr(value, "shows"):
            facts.update((name, *fact) for fact in value.shows.items())
    return facts


def enough(items):
    """Takes again and again the test that shows most facts that no chosen test has shown."""
    shown_by = {item: facts_of(item) for item in items}
    missing = set().union(*shown_by.values())
    chosen = []
    while missing:
        best = max(items, key=lambda item: len(shown_by[item] & missing))
        chosen.append(best)
        missing -= shown_by[best]
    return chosen


def by_file(items):
    """file -> its tests."""
    files = collections.defaultdict(list)
    for item in items:
        files[item.path].append(item)
    return files


def select_quick(config, items):
    chosen = [item for own in by_file(item for item in items if is_for_quick(item)).values()
              for item in enough(own)]
    config.hook.pytest_deselected(items=list(set(items) - set(chosen)))
    items[:] = chosen


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Real DGL comes first, since it takes longest; tests that want the machine alone come last;
    all others come in random order, since no test may depend on another."""
    random.Random(config.getoption("seed")).shuffle(items)
    if config.getoption("quick"):
        select_quick(config, items)
    items.sort(key=lambda item: (not is_dgl(item), is_alone(item)))
    group = itertools.cycle(range(DGL_WORKERS))
    for item in items:
        if is_dgl(item):
            item.add_marker("dgl")
            item.add_marker(pytest.mark.xdist_group(f"dgl{next(group)}"))
        elif is_alone(item):
            item.add_marker(pytest.mark.xdist_group("alone"))


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory):
    """The folder that all workers share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(autouse=True)
def place(request, shared_folder):
    """A test that is marked alone waits until no other test runs; others wait until it has
    ended."""
    with open(shared_folder / "places", "w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX if is_alone(request.node) else fcntl.LOCK_SH)
        yield


class TellAtOnce:
    """Names a test when it fails: under xdist its output is shown after all tests only."""

    def __init__(self, config):
        self.config = config

    def pytest_runtest_logreport(self, report):
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            reporter = self.config.pluginmanager.get_plugin("terminalreporter")
            reporter.ensure_newline()
            reporter.write_line(f"{report.nodeid} fails: {getattr(crash, 'message', '?')[:300]}")


def pytest_terminal_summary(terminalreporter):
    """Prints where the time went."""
    seconds, tests = collections.Counter(), collections.Counter()
    for report in itertools.chain(*terminalreporter.stats.values()):
        if hasattr(report, "duration"):
            file = report.nodeid.partition("::")[0].rpartition("/")[2]
            seconds[file] += report.duration
            tests[file] += report.when == "call"
    if not seconds:
        return
    terminalreporter.section("seconds and tests by file, several at a time")
    for file, took in seconds.most_common():
        terminalreporter.line(f"{took:8.1f} {tests[file]:5} {file}")


# ---- builds, machines, jobs ----

def build_of(mpi):
    """Returns the folder that MPILAUNCH_BUILD_OPENMPI (or _MPICH) names."""
    name = BUILD + mpi.upper()
    folder = pathlib.Path(os.environ.get(name, f"{name} is not set")).resolve()
    for program in ("dgl-mpilaunch", "fake"):
        if not (folder / program).exists():
            pytest.fail(f"no '{program}' in {name}={folder}: run the tests by scripts/test")
    return folder


@pytest.fixture
def build():
    return build_of


@pytest.fixture(params=DEBIANS)
def mpi(request):
    """A test that asks for this fixture runs under both of Debian's MPIs, unless it is parametrized
    with others."""
    return request.param


@pytest.fixture(scope="session")
def clusters(tmp_path_factory):
    """clusters(size): this worker's cluster of so many machines; it stays up until the tests
    end."""
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
    """Makes jobs of up to 4 machines: make('mpich', 'trainer 2: exit 3', machines=4). With None in
    the place of the MPI the job has one machine and no mpirun."""
    def get(mpi, *script, machines=4, **options):
        new = Job(cluster, build_of(mpi or "openmpi"), mpi, tmp_path / f"w{len(made)}", machines)
        new.script = list(script)
        new.options.update(options)
        made.append(new)
        return new

    with abandoning() as made:
        yield get


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
    """mounted(machine, source, target): that machine alone sees source at target. Without a source
    it sees an empty folder."""
    targets = []

    def mount(machine, source, target, *options):
        words = ["-t", "tmpfs", "tmpfs"] if source is None else ["--bind", source]
        done = cluster.on(machine, "mount", *options, *map(str, words), str(target))
        assert done.returncode == 0, done.stderr
        targets.append((machine, target))

    yield mount
    for machine, target in reversed(targets):
        cluster.on(machine, "umount", "-l", str(target))
