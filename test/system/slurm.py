"""A real Slurm on the virtual machines of a Cluster, and jobs that it starts.

Each machine is a node: slurmd in its namespaces, with a folder for TmpFS of its own and, for the
cgroup plugins, a branch of its own of each hierarchy. slurmctld is on machine 0. All state is in
one folder. Needs root (slurmd does).
"""

import contextlib
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import tempfile

import pytest

from cluster import Cluster, read_bytes
from job import Job, abandoning
from mpis import MPICH, MPIS, OPEN_MPI
from patience import wait_until

MPI_PLUGIN = {OPEN_MPI: "pmix", MPICH: "pmi2"}
CGROUPS = pathlib.Path("/sys/fs/cgroup")
CONTROLLERS = ("cpuset", "memory", "freezer", "cpu", "cpuacct", "devices", "pids")
DAEMONS = ("slurmctld", "slurmd", "munged")
KILL_WAIT = 2  # seconds from Slurm's TERM to its KILL

CONFIGURATION = """\
ClusterName=vc
SlurmctldHost=vm0({first})
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/sock
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmdSpoolDir={folder}/spool.%n
SlurmdLogFile={folder}/slurmd.%n.log
# a folder a node: --mpi=pmix would meet another node's in /tmp
TmpFS={folder}/tmp.%n
ProctrackType=proctrack/{tracking}
TaskPlugin={tasks}
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SwitchType=switch/none
MpiDefault=none
SlurmdParameters=config_overrides
ReturnToService=2
MailProg=/bin/true
KillWait={kill_wait}
SlurmdTimeout=20
UnkillableStepTimeout=60
{nodes}
PartitionName=main Nodes=vm[0-{last}] Default=YES MaxTime=INFINITE OverSubscribe=YES State=UP
"""


PLAIN, CGROUP = "plain", "cgroup"
PLUGINS = {PLAIN: {}, CGROUP: {"tasks": "affinity,cgroup", "tracking": "cgroup"}}


def is_possible():
    """Is Slurm installed, and may this user start its daemons?"""
    return os.geteuid() == 0 and all(map(shutil.which, DAEMONS))


def has_cgroups():
    """Slurm's plugins are tested with the hierarchies of version 1, of which each node gets a
    branch."""
    return all((CGROUPS / name).is_dir() for name in CONTROLLERS)


class Slurm:
    """Slurm with a task plugin (none, affinity, cgroup) and a way to track processes (linuxproc,
    cgroup)."""

    def __init__(self, cluster, tasks="none", tracking="linuxproc", cpus=4):
        self.cluster, self.tracking = cluster, tracking
        # short: sockets are below it
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ms-", dir="/tmp"))
        self.folder.chmod(0o755)
        self.environment = {"SLURM_CONF": str(self.folder / "slurm.conf")}
        self._configure(tasks, cpus)
        self._start_munge()
        for k in range(cluster.size):
            for name in (f"spool.vm{k}", f"tmp.vm{k}"):
                (self.folder / name).mkdir()
            (self.folder / f"tmp.vm{k}").chmod(0o1777)
            if "cgroup" in (tracking, tasks):
                self._give_cgroups(k)
        (self.folder / "state").mkdir()
        self._daemon(0, "slurmctld", "-c", "-f", self.environment["SLURM_CONF"])
        for k in range(cluster.size):
            self.start_node(k)
        self.wait_idle()

    def _configure(self, tasks, cpus):
        nodes = "\n".join(f"NodeName=vm{k} NodeAddr={ip} CPUs={cpus} RealMemory=1000 State=UNKNOWN"
                          for k, ip in enumerate(self.cluster.ips))
        (self.folder / "slurm.conf").write_text(CONFIGURATION.format(
            first=self.cluster.ips[0], folder=self.folder, tracking=self.tracking,
            tasks=",".join(f"task/{name}" for name in tasks.split(",")), kill_wait=KILL_WAIT,
            nodes=nodes, last=self.cluster.size - 1))
        # without this file slurmd dies where no cgroup2 is mounted on /sys/fs/cgroup
        (self.folder / "cgroup.conf").write_text(
            "CgroupPlugin=cgroup/v1\n" + "ConstrainCores=yes\n" * ("cgroup" in tasks))

    def _start_munge(self):
        munge = self.folder / "munge"
        munge.mkdir(mode=0o755)
        (munge / "key").write_bytes(os.urandom(1024))
        (munge / "key").chmod(0o400)
        subprocess.run(["munged", "--force", f"--socket={munge}/sock", f"--key-file={munge}/key",
                        f"--pid-file={munge}/pid", f"--log-file={munge}/log",
                        f"--seed-file={munge}/seed", "--num-threads=2"], check=True)

    def _give_cgroups(self, machine):
        """Puts a branch in the place of the root of each hierarchy, on that machine alone."""
        for name in CONTROLLERS:
            branch = CGROUPS / name / f"slurm-{self.folder.name}-{machine}"
            branch.mkdir()
            for file in ("cpus", "mems") if name == "cpuset" else ():
                (branch / f"cpuset.{file}").write_text(
                    (CGROUPS / f"cpuset/cpuset.{file}").read_text())
            done = self.cluster.on(machine, "mount", "--bind", str(branch), str(CGROUPS / name))
            assert done.returncode == 0, done.stderr

    def _daemon(self, machine, *words):
        done = subprocess.run(self.cluster.words("on", str(machine), *words), check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        assert done.returncode == 0, words

    def start_node(self, machine):
        self._daemon(machine, "slurmd", "-f", self.environment["SLURM_CONF"], "-N", f"vm{machine}")

    def on(self, *words):
        """Runs one of Slurm's commands on machine 0."""
        return self.cluster.on(0, *words, env={**os.environ, **self.environment})

    def wait_idle(self):
        """Until no job runs and all nodes are there."""
        wait_until(lambda: self.on("sinfo", "-h", "-o", "%T %D").stdout.split() ==
                   ["idle", str(self.cluster.size)], "all nodes are idle",
                   lambda: self.on("sinfo", "-N", "-l").stdout)

    def revive(self, machine):
        """Slurm would take a while to see that a machine is there again."""
        for state in ("down", "resume"):
            self.on("scontrol", "update", f"nodename=vm{machine}", f"state={state}", "reason=test")
        self.wait_idle()

    def step_daemons(self, machine):
        """Returns the pids of the machine's slurmstepd."""
        return [pid for pid, where in self.cluster.processes().items() if where == machine
                and read_bytes(f"/proc/{pid}/comm") == b"slurmstepd\n"]

    def node_daemon(self, machine):
        """Returns 0 while it has not written its pid."""
        return int((self.folder / f"slurmd.vm{machine}.pid").read_text() or 0)

    def down(self):
        """The cluster's end, which comes next, ends the daemons on its machines."""
        pid = int((self.folder / "munge/pid").read_text())
        assert read_bytes(f"/proc/{pid}/comm") == b"munged\n"
        os.kill(pid, signal.SIGTERM)
        self._end_daemons()
        for name in CONTROLLERS:
            for branch in (CGROUPS / name).glob(f"slurm-{self.folder.name}-*"):
                self._remove_branch(branch)
        shutil.rmtree(self.folder)

    def _end_daemons(self):
        def daemons():
            return [pid for pid in self.cluster.processes()
                    if read_bytes(f"/proc/{pid}/comm").startswith((b"slurmd", b"slurmctld",
                                                                   b"slurmscriptd",
                                                                   b"slurmstepd"))]
        for pid in daemons():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not daemons(), "Slurm's daemons have ended")

    @staticmethod
    def _remove_branch(branch):
        for folder, _, _ in os.walk(branch, topdown=False):
            os.rmdir(folder)


# Submits a batch script, waits for its end, and leaves with the job's code. The polling is ours:
# sbatch --wait looks only now and then.
SUBMIT = """\
id=$(sbatch --parsable "$@") || exit
echo "$id" >"$SLURM_JOB_FILE"
while squeue -h -j "$id" 2>/dev/null | grep -q .; do sleep 0.1; done
scontrol show job "$id" | sed -n 's/.*ExitCode=\\([0-9]*\\):\\([0-9]*\\).*/\\1 \\2/p' | {
read -r code number
exit $((number ? 128 + number : code))
}
"""


class SlurmJob(Job):
    """A job that Slurm starts: by srun, or from a batch script."""

    def __init__(self, slurm, build, mpi, workspace, machines=4):
        super().__init__(slurm.cluster, build, mpi, workspace, machines)
        self.slurm = slurm
        self.srun_options = []
        self.plugin = MPI_PLUGIN[MPIS[mpi].family]
        self.batch = None         # the batch script's text, where {srun} and {mpirun} stand for them
        self.batch_options = []
        self.environment = {**self.environment, **slurm.environment,
                            "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}

    def allocation(self):
        return [f"-N{self.machines}", "--ntasks-per-node=1", "--cpus-per-task=2"]

    def srun(self):
        allocation = [] if self.batch else self.allocation()
        return ["srun", *allocation, f"--mpi={self.plugin}", *self.srun_options, *self.launcher()]

    def mpirun(self):
        """In an allocation mpirun takes its machines from Slurm."""
        return [f"mpirun.{self.mpi}", *self.launcher()]

    def file(self, name):
        return self.workspace.parent / f"{self.workspace.name}.{name}"

    def script_text(self):
        return "#!/bin/bash\n" + self.batch.format(srun=shlex.join(self.srun()),
                                                   mpirun=shlex.join(self.mpirun()))

    def words(self):
        if self.batch is None:
            return self.cluster.words("on", "0", *self.srun())
        script = self.file("sbatch")
        script.write_text(self.script_text())
        return self.cluster.words("on", "0", "sh", "-c", SUBMIT, "sh", "-o",
                                  str(self.file("out")), *self.allocation(),
                                  *self.batch_options, str(script))

    def whole_environment(self):
        return {**super().whole_environment(), "SLURM_JOB_FILE": str(self.file("id"))}

    @property
    def job_id(self):
        return self.file("id").read_text().strip()

    # On a busy machine some ranks of Open MPI 4.1 crash in MPI_Init under srun, a bare program's too
    # (doc/slurm.md); such a job is started again, once.

    def crashed_at_start(self, text):
        if self.stderr is not None:
            text += pathlib.Path(self.stderr.name).read_text(errors="replace")
        return (self.mpi == "openmpi" and "Failing at address: (nil)" in text
                and not (self.workspace / "dgl-mpilaunch-runs").exists())

    def wait_for(self, *names):
        try:
            return super().wait_for(*names)
        except AssertionError as error:
            if not self.crashed_at_start(f"{error}{self.said()}"):
                raise
        self.start()
        return super().wait_for(*names)

    def run(self):
        result = super().run()
        return super().run() if self.crashed_at_start(result.said) else result

    def abandon(self):
        if self.file("id").exists():
            self.slurm.on("scancel", self.job_id)
        super().abandon()

    def said(self):
        """What a batch script has printed by now."""
        return self.file("out").read_text(errors="replace") if self.file("out").exists() else ""

    def state(self):
        return self.slurm.on("scontrol", "show", "job", self.job_id).stdout

    def cancel(self, *options):
        done = self.slurm.on("scancel", *options, self.job_id)
        assert done.returncode == 0, done.stderr
        return self

    def result(self, out, err, seconds):
        result = super().result(out, err, seconds)
        result.out += self.said()
        return result


@pytest.fixture(scope="session")
def slurms(tmp_path_factory):
    """slurms(kind): Slurm with the plugins of that kind on 4 machines of its own."""
    with contextlib.ExitStack() as stack:
        known = {}

        def get(kind):
            if not is_possible():
                pytest.skip("Slurm's daemons need root")
            if kind == CGROUP and not has_cgroups():
                pytest.skip("no cgroup hierarchies of version 1")
            if kind not in known:
                machines = Cluster(tmp_path_factory.mktemp(f"sl-{kind}-") / "c", 4)
                stack.callback(machines.down)
                known[kind] = Slurm(machines, **PLUGINS[kind])
                stack.callback(known[kind].down)
            return known[kind]

        yield get


@pytest.fixture
def submit(slurms, mpi, build, tmp_path):
    """submit(kind, 'trainer 2: exit 3', batch='{srun}'): a job that has not been started."""
    def get(kind, *script, batch=None, machines=4, **options):
        new = SlurmJob(slurms(kind), build(mpi), mpi, tmp_path / f"w{len(made)}", machines)
        new.script, new.batch = list(script), batch
        new.options.update(options)
        made.append(new)
        return new

    with abandoning() as made:
        yield get
