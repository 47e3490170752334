"""One job of the launcher on virtual machines: workspace, command line, start, signals, end.

Every job has a deadline, and proves at its end that nothing is left of it.
"""

import contextlib
import dataclasses
import json
import math
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
import uuid

from cluster import net_of, parent_of, pids, read_bytes
from leftovers import Before, describe, is_marked, marked, signal_each
from mpis import DEBIANS, MPIS, environment_of, starter_of
from patience import Deadline, load, wait_until

PART = {"node_feats": "node_feat.dgl", "edge_feats": "edge_feat.dgl", "part_graph": "graph.dgl"}
FOLDER = "dgl-mpilaunch-"  # what the names of the machines' job folders begin with


@dataclasses.dataclass
class Result:
    code: int         # exit code of mpirun or of the launcher, or -signal
    out: str
    err: str
    report: dict      # None: there is no report
    run_dir: pathlib.Path
    seconds: float
    workspace: pathlib.Path

    @property
    def said(self):
        """All that was said, for a test's message."""
        return f"exit code {self.code} after {self.seconds:.1f} s\n{self.out}{self.err}"

    @property
    def cause(self):
        return self.report["attempts"][-1]["cause"]

    def processes(self, role=None):
        return [process for machine in self.report["attempts"][-1]["machines"]
                for process in machine["processes"] if role in (None, process["role"])]

    def log(self, name):
        return (self.run_dir / "logs" / name).read_text()

    def dump(self, role, number, name="seen"):
        """Returns what the fake's 'dump NAME' wrote for this process."""
        return json.loads((self.workspace / f"{name}.{role}-{number}").read_text())


def write_partition(folder, parts, name="graph"):
    """Writes what looks like DGL's partition of a graph; the files are empty."""
    known = {"graph_name": name, "part_method": "random", "num_parts": parts, "halo_hops": 1,
             "num_nodes": 100, "num_edges": 400, "node_map": {"_N": [[0, 100]] * parts},
             "edge_map": {"_N:_E:_N": [[0, 400]] * parts}, "ntypes": {"_N": 0},
             "etypes": {"_N:_E:_N": 0}}
    for part in range(parts):
        (folder / f"part{part}").mkdir(parents=True, exist_ok=True)
        for file in PART.values():
            (folder / f"part{part}" / file).touch()
        known[f"part-{part}"] = {key: f"part{part}/{file}" for key, file in PART.items()}
    (folder / f"{name}.json").write_text(json.dumps(known))


def is_scribe(pid):
    return read_bytes(f"/proc/{pid}/comm") == b"dgl-scribe\n"


def reads_of(pid):
    """Returns how often the process has called read."""
    return int(re.search(rb"syscr: (\d+)", read_bytes(f"/proc/{pid}/io")).group(1))


def open_files(pid):
    """Returns the paths that the process has open; it may close some meanwhile."""
    links = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            links.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
    return links


def plain_environment():
    """The environment without the tests' own names, which the launcher would take for options."""
    return {name: value for name, value in os.environ.items()
            if not name.startswith("DGL_MPILAUNCH_")}


def up(it):
    """Starts the job and waits until each of its trainers has written 'up'."""
    return it.start().wait_for(*(f"up.trainer-{k}" for k in range(it.machines)))


@contextlib.contextmanager
def abandoning():
    """A list for jobs, which are abandoned in the end."""
    made = []
    yield made
    for it in made:
        it.abandon()


class Job:
    """A job that has not been started. mpi: a name of mpis.MPIS, or None, which means on machine 0
    alone and without mpirun. Attributes may be changed until start()."""

    def __init__(self, cluster, build, mpi, workspace, machines=4):
        self.cluster, self.build, self.mpi, self.workspace = cluster, build, mpi, workspace
        self.machines = machines if mpi else 1
        self.ip_config = [cluster.ips[k] for k in range(self.machines)]
        self.hosts = None           # the hostfile's lines; None: ip_config's addresses
        self.mpi_build = build      # its MPI's mpirun starts the job
        self.mpirun_options = None  # None: one rank a machine
        self.options = {"num_trainers": 1, "num_samplers": 0, "num_servers": 1,
                        "ip_config": "ip_config.txt", "part_config": "data/graph.json",
                        "workspace": str(workspace), "kill_grace": 2}
        self.more = []              # more words for the launcher, before the command
        self.command = None         # words after the options; None: the fake with its script
        self.script = []
        self.environment = {"OMPI_MCA_odls_base_sigkill_timeout": "0"}
        self.stdout = None          # a file's descriptor; None: a pipe that is read to its end
        self.stderr = None          # likewise
        self.cwd = None             # where mpirun starts; None: beside the workspace
        self.marker = f"TEST_MARKER={uuid.uuid4().hex}"
        self.process = self.before = self.temporary = None
        self.started = 0.0

    # ---- before ----

    def write(self):
        """Writes the workspace's files, unless a test has written its own."""
        self.workspace.mkdir(parents=True, exist_ok=True)
        if not (self.workspace / "ip_config.txt").exists():
            (self.workspace / "ip_config.txt").write_text("\n".join(self.ip_config) + "\n")
        if not (self.workspace / "data").exists():
            write_partition(self.workspace / "data", self.machines)
        hosts = self.hosts or [line.split()[0] for line in self.ip_config]
        self.hostfile().write_text("\n".join(hosts) + "\n")

    def let_ranks_report(self):
        """Open MPI gives its ranks a second between TERM and KILL; on a busy machine they need
        more."""
        for prefix in ("OMPI", "PRTE"):  # version 4, version 5
            self.environment[f"{prefix}_MCA_odls_base_sigkill_timeout"] = str(math.ceil(load()))
        return self

    def hostfile(self):
        return self.workspace.parent / (self.workspace.name + ".hosts")

    def launcher(self):
        words = [str(self.build / "dgl-mpilaunch")]
        for name, value in self.options.items():
            if value is not None:
                words += [f"--{name}", str(value)]
        command = self.command
        if command is None:
            command = ["--", str(self.build / "fake"), *self.script]
        return words + self.more + command

    def words(self):
        if self.mpi is None:
            return self.cluster.words("on", "0", *self.launcher())
        family = MPIS[self.mpi].family
        options = family.one_each if self.mpirun_options is None else self.mpirun_options
        # by its full path Open MPI's mpirun would change PATH and LD_LIBRARY_PATH on the machines
        mpirun = [] if self.mpi in DEBIANS else [
            "--mpirun", str(starter_of(self.mpi, self.mpi_build))]
        return self.cluster.words("run", "--mpi", family.name, *mpirun, family.hostfile,
                                  str(self.hostfile()), *options, *self.launcher())

    # ---- while it runs ----

    def whole_environment(self):
        name, value = self.marker.split("=")
        return {**plain_environment(), **environment_of(self.mpi, self.mpi_build),
                **self.environment, name: value, "TMPDIR": str(self.temporary)}

    def start(self):
        self.write()
        # a short path: MPI's sockets are below it
        self.temporary = pathlib.Path(tempfile.mkdtemp(prefix="mt-", dir="/tmp"))
        self.before = Before(self.cluster, self.marker, self.temporary)
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            self.words(), cwd=self.cwd or self.workspace.parent, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if self.stdout is None else self.stdout,
            stderr=subprocess.PIPE if self.stderr is None else self.stderr,
            text=True, errors="replace", env=self.whole_environment())
        return self

    def wait_for(self, *names):
        """Waits until these files are in the workspace (the fake's 'touch' and 'dump' make
        them)."""
        return self.wait_while_running(
            lambda: all((self.workspace / name).exists() for name in names), f"{names} appear")

    def wait_while_running(self, condition, what):
        """Waits until the condition holds. Fails with all that the job has said if it ends
        first."""
        deadline = Deadline()
        while not condition():
            ended = self.process.poll() is not None
            if (ended and not condition()) or deadline.passed():
                self.fail(f"{'it ended' if ended else deadline} before this: {what}")
            time.sleep(0.02)
        return self

    def program_of(self, pid):
        """Returns dgl-mpilaunch, fake, or None if the process is neither of this build."""
        try:
            folder, name = os.path.split(os.readlink(f"/proc/{pid}/exe"))
        except OSError:
            return None
        return name if folder == str(self.build) else None

    def launchers(self):
        """Returns pid -> parent of all ranks and keepers."""
        found = {pid: parent_of(pid) for pid in self.own_processes()
                 if self.program_of(pid) == "dgl-mpilaunch" and not is_scribe(pid)}
        return {pid: parent for pid, parent in found.items() if parent is not None}

    def failed_attempts(self):
        """Returns how many attempts report.json lists as failed by now."""
        report = self.workspace / "dgl-mpilaunch-runs/latest/report.json"
        known = json.loads(report.read_text())["attempts"] if report.exists() else []
        return sum(attempt["cause"] is not None for attempt in known)

    def own_processes(self):
        """Returns ranks, keepers, scribes, and all processes of the workload, whatever they call
        themselves; not MPI's."""
        return [pid for pid in pids() if self.program_of(pid) and is_marked(pid, self.marker)]

    def ranks(self):
        """Returns the pids of all ranks: launchers whose parent is no launcher."""
        known = self.launchers()
        return [pid for pid, parent in known.items() if parent not in known]

    def only_on(self, machine, found, what):
        """Returns the one pid of found() on that machine. A process that has just been forked still
        looks like its parent."""
        seen = []

        def is_one():
            seen[:] = [pid for pid in found() if net_of(pid) == self.cluster.nets[machine]]
            return len(seen) == 1
        wait_until(is_one, f"there is one {what} on machine {machine}", lambda: str(seen))
        return seen[0]

    def rank_on(self, machine):
        return self.only_on(machine, self.ranks, "rank")

    def keepers(self):
        known = self.launchers()
        return [pid for pid, parent in known.items() if parent in known]

    def keeper_on(self, machine):
        return self.only_on(machine, self.keepers, "keeper")

    def wait_watched(self, machine, pid):
        """Waits until the keeper knows what that process runs: it looks for new descendants now and
        then, and may find one before its exec. A look reads a file of each process, so that after
        twice as many reads one has begun and ended."""
        keeper = self.keeper_on(machine)
        infos, text = pathlib.Path(f"/proc/{keeper}/fdinfo"), f"\nPid:\t{pid}\n".encode()
        wait_until(lambda: any(text in read_bytes(info) for info in infos.iterdir()),
                   f"the keeper watches process {pid}")
        enough = reads_of(keeper) + 2 * len(pids())
        wait_until(lambda: reads_of(keeper) >= enough, "the keeper has looked at its processes")

    def scribe_on(self, machine):
        return self.only_on(machine, lambda: filter(is_scribe, self.own_processes()), "scribe")

    def sleepers(self):
        """Returns the idle ranks: those that have no keeper."""
        known = self.launchers()
        return [pid for pid, parent in known.items()
                if parent not in known and pid not in known.values()]

    def sleeper_on(self, machine):
        """Returns an idle rank of that machine, when the keeper that it had has gone."""
        found = []

        def is_there():
            found[:] = [pid for pid in self.sleepers() if self.cluster.machine_of(pid) == machine]
            return found
        wait_until(is_there, f"there is an idle rank on machine {machine}")
        return found[0]

    def signal(self, number):
        """Sends the signal to mpirun, or to the launcher where there is no mpirun."""
        os.kill(self.process.pid, number)
        return self

    # ---- the end ----

    def finish(self):
        """Waits for the end, proves that nothing is left, and returns the result."""
        result, left = self.end()
        if left:
            raise AssertionError("left behind:\n  " + "\n  ".join(left) + "\n" + result.said)
        return result

    def end(self):
        """The same without the proof: returns the result, and sentences about the leftovers that it
        has removed."""
        out, err = self.communicate()
        took = time.monotonic() - self.started
        left = self.before.wait_until_nothing_is_left()
        self.remove_temporary()
        result = self.result(out or "", err or "", took)
        left += self.left_in_tmp(result)
        if left:
            self.kill_all()
        return result, left

    def communicate(self):
        """Reads what it says on its pipes, until its end."""
        deadline = Deadline()
        while True:
            try:
                return self.process.communicate(timeout=1)
            except subprocess.TimeoutExpired:
                if deadline.passed():
                    self.fail(f"it does not end within {deadline}")

    def run(self):
        return self.start().finish()

    def finish_cut_off(self, machine):
        """Cuts that machine off until mpirun and all of the job have ended, on both sides; then
        joins it again."""
        with self.cluster.cut_off(machine):
            if not MPIS[self.mpi].waits_behind_cut:
                wait_until(lambda: self.process.poll() is not None, "mpirun returns")
            wait_until(lambda: not self.own_processes(), "all has ended on both sides of the cut",
                       lambda: "\n".join(map(describe, self.own_processes())))
        return self.wait_for_daemons().finish()

    def wait_for_daemons(self):
        """Call when a cut is over: MPI's own daemons behind it had nobody to talk to, and hear that
        mpirun has gone when TCP next sends something again, which takes longer after a longer
        cut."""
        wait_until(lambda: not set(marked(self.marker)) - {self.process.pid},
                   "MPI's own daemons have gone",
                   lambda: "\n".join(map(describe, marked(self.marker))))
        return self

    def result(self, out, err, seconds):
        runs = self.workspace / "dgl-mpilaunch-runs"
        if self.options.get("run_dir") not in (None, "none"):
            run_dir = self.workspace / self.options["run_dir"]
        else:
            run_dir = runs / "latest"
        report = run_dir / "report.json"
        return Result(self.process.returncode, out, err,
                      json.loads(report.read_text()) if os.path.exists(report) else None, run_dir,
                      seconds, self.workspace)

    def shm(self, machine):
        """Returns the folder that this job's processes on a machine see as /dev/shm, while it
        runs."""
        return pathlib.Path(f"/proc/{self.keeper_on(machine)}/root/dev/shm")

    def job_dir(self, machine):
        """Returns the launcher's folder of this job on a machine, while it runs."""
        path, = [link for link in open_files(self.keeper_on(machine))
                 if os.path.basename(link).startswith(FOLDER)]
        if path.startswith("/dev/shm/"):
            return self.shm(machine) / os.path.basename(path)
        return pathlib.Path(path)

    @staticmethod
    def left_in_tmp(result):
        """If an agent passes no TMPDIR on, that machine's folder is in /tmp; .job says whose it
        is."""
        if result.report is None:
            return []
        own = result.report["job_id"].encode()
        return [f"file {path}" for path in pathlib.Path("/tmp").glob(FOLDER + "*")
                if read_bytes(path / ".job").split(b"\n")[0] == own]

    def remove_temporary(self):
        """Removes TMPDIR, with what MPI leaves in it when it is killed."""
        shutil.rmtree(self.temporary, ignore_errors=True)

    def kill_all(self):
        """Ends this job's processes and no others, so that the next test has a clean cluster."""
        for _ in range(50):
            alive = {*marked(self.marker), *(set(self.cluster.processes()) - self.before.processes)}
            if not alive:
                break
            signal_each(alive, signal.SIGKILL)
            time.sleep(0.02)

    def fail(self, why):
        alive = [describe(pid) for pid in marked(self.marker)]
        self.kill_all()
        out, err = self.process.communicate(timeout=10)
        raise AssertionError(f"{why}\n{shlex.join(self.words())}\nalive then:\n  "
                             + "\n  ".join(alive) + f"\n{out or ''}{err or ''}")

    def abandon(self):
        """Ends and removes everything after a failed test."""
        if self.process is not None:
            self.kill_all()
            self.process.wait(10)
            self.remove_temporary()
            for stream in (self.process.stdout, self.process.stderr):
                if stream:
                    stream.close()
