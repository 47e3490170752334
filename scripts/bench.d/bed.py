"""The bed on which all is measured: virtual machines, a folder, and programs that run on them. What
it started is gone when it is closed, whatever happened."""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading
import time

from case import Failed
from cluster import VCLUSTER, Cluster, net_of, pids, read_bytes

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
VENV = pathlib.Path(os.environ.get("MPILAUNCH_VENV") or CACHE / "dgl-mpilaunch/dgl-2.1.0")
TIMED = pathlib.Path(__file__).resolve().parent / "timed.py"
DEADLINE = 900      # seconds for one run; then it is killed
END_SECONDS = 30    # for a job that was told to end, and then for what is left of it
SAID = 2000         # characters of a failed run's output that are shown


def wait_until(condition, what, job=None):
    """Waits; fails when the job ends first."""
    end = time.monotonic() + DEADLINE
    while not condition():
        if job and job.poll() is not None and not condition():
            raise Failed(f"it ended in {job.returncode} before this: {what}\n{job.said()}")
        if time.monotonic() > end:
            raise Failed(f"not within {DEADLINE} s: {what}")
        time.sleep(0.02)


class Job(subprocess.Popen):
    """A program on the machines. Its output goes to a file; with `pipe` its stdout to a pipe."""

    def __init__(self, words, output, pipe, **options):
        self.output = output
        with open(output, "wb") as file:
            super().__init__(words, stdin=subprocess.DEVNULL, stderr=file,
                             stdout=subprocess.PIPE if pipe else file, **options)

    def said(self):
        return self.output.read_text(errors="replace")[-SAID:]

    def end(self):
        """Tells it to end, if it has not, and kills it when it does not."""
        if self.poll() is None:
            self.terminate()
        try:
            self.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            self.wait()


class Bed:
    """builds: MPI -> folder of a build."""

    def __init__(self, builds, size):
        self.builds, self.size = builds, size
        # a short path: MPI's sockets are below it
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mb-", dir="/tmp"))
        self.workspace = self.folder / "w"
        self.cluster = None
        self.jobs_started = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.clear()
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- machines ----

    def machines(self):
        """Returns the cluster, which is up then, and an empty workspace."""
        if self.cluster is None:
            self.cluster = Cluster(self.folder / "c", self.size)
            (self.folder / "bin").mkdir(exist_ok=True)
            (self.folder / "t").mkdir(exist_ok=True)
            ssh = self.folder / "bin/ssh"  # launch.py calls it
            if not ssh.is_symlink():
                ssh.symlink_to(self.folder / "c/agent")
            self.workspace.mkdir(exist_ok=True)
        return self.cluster

    def clear(self):
        """Ends all that runs on the machines, and the machines."""
        self.cluster = None
        subprocess.run([str(VCLUSTER), "--dir", str(self.folder / "c"), "down"], check=True)

    def empty_workspace(self):
        shutil.rmtree(self.workspace, ignore_errors=True)
        self.workspace.mkdir()
        return self.workspace

    def ip_config(self, machines):
        """Returns the name of a file in the workspace that lists the first machines."""
        name = f"ip_config.{machines}"
        (self.workspace / name).write_text("".join(
            f"{ip}\n" for ip in self.machines().ips[:machines]))
        return name

    # ---- command lines ----

    def program(self, mpi, name="dgl-mpilaunch"):
        return str(self.builds[mpi] / name)

    def mpirun(self, mpi, machines, *words):
        """The command line of `words` as one rank on each of the first machines."""
        hosts = str(self.workspace / self.ip_config(machines))
        options = ["-hostfile", hosts, "-N"] if mpi == "openmpi" else ["-f", hosts, "-ppn"]
        return [*options, "1", *words]

    def launcher(self, mpi, machines, *command, **options):
        """The launcher's own command line, for trainers alone unless options say otherwise."""
        options = {"workspace": self.workspace, "ip_config": self.ip_config(machines),
                   "num_servers": 0, "num_trainers": 1, **options}
        words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
        return [self.program(mpi), *words, *command]

    def on(self, machine, *words):
        return self.machines().words("on", str(machine), *map(str, words))

    def run(self, mpi, *words):
        return self.machines().words("run", "--mpi", mpi, *map(str, words))

    # ---- runs ----

    def environment(self):
        plain = {name: value for name, value in os.environ.items()
                 if not name.startswith("DGL_MPILAUNCH_")}
        return {**plain, "PATH": f"{self.folder}/bin:{VENV}/bin:{os.environ['PATH']}",
                "VIRTUAL_ENV": str(VENV), "DGLBACKEND": "pytorch", "OMP_NUM_THREADS": "1",
                "TMPDIR": str(self.folder / "t")}

    def start(self, words, pipe, environment):
        self.jobs_started += 1
        return Job(words, self.folder / f"output.{self.jobs_started}", pipe, cwd=self.workspace,
                   env={**self.environment(), **environment})

    @contextlib.contextmanager
    def jobs(self, *command_lines, pipe=False, **environment):
        """Starts them, and ends them and all that is left of them on the machines afterwards. After
        an exception what is left ends with the machines."""
        started = []
        too_late = threading.Timer(DEADLINE, lambda: [job.kill() for job in started])
        too_late.start()
        try:
            for words in command_lines:
                started.append(self.start(words, pipe, environment))
            yield started
            for job in started:
                job.end()
            self.wait_for_quiet()
        finally:
            too_late.cancel()
            for job in started:
                job.kill()
                job.wait()
                if pipe:
                    job.stdout.close()

    @contextlib.contextmanager
    def job(self, words, **options):
        with self.jobs(words, **options) as (job,):
            yield job

    def wait_for_quiet(self):
        """Waits until nothing runs on the machines; then they are as new. Else they are made
        anew."""
        end = time.monotonic() + END_SECONDS
        while self.cluster and self.cluster.processes():
            if time.monotonic() > end:
                self.clear()
            time.sleep(0.02)

    @staticmethod
    def finish(job):
        """Waits for a job that is to end well."""
        if job.wait():
            raise Failed(f"it ended in {job.returncode}:\n{job.said()}")

    def timed(self, words_of, program):
        """Runs a program to its end. words_of(PATH) puts PATH, which will run the program, in front
        of its arguments. Returns started, seconds and cpu (see timed.py), and the output."""
        result = self.folder / "result"
        with self.job(words_of(str(TIMED)), BENCH_PROGRAM=program,
                      BENCH_RESULT=str(result)) as job:
            self.finish(job)
            return json.loads(result.read_text()), job.output.read_text(errors="replace")

    def timed_mpirun(self, mpi, machines, *words):
        """mpirun from its start to its end, without the time that entering machine 0 takes."""
        return self.timed(lambda path: self.run(mpi, "--mpirun", path,
                                                *self.mpirun(mpi, machines, *words)),
                          f"mpirun.{mpi}")

    # ---- processes ----

    def launchers(self, machine, mpi):
        """Returns rank, keeper and scribe of a machine: name -> pid."""
        net, found = self.machines().nets[machine], {}
        for pid in pids():
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{pid}/exe") == self.program(mpi) and net_of(pid) == net:
                    name = read_bytes(f"/proc/{pid}/comm").decode().strip()
                    found[name.removeprefix("dgl-")] = pid
        return {"rank" if name == "mpilaunch" else name: pid for name, pid in found.items()}
