"""Stand-ins for PBS and for a Kubernetes MPIJob, and jobs that they start on virtual machines.

PBS (OpenPBS 23, src/resmom): the batch script runs on the first machine, in a session of its own
and with PBS's variables; PBS_NODEFILE has a line for each MPI process; the remote machines are
reached by ssh, of which PBS knows nothing; qdel sends TERM to the session and to what it has
started, and KILL later.

An MPIJob (mpi-operator v2beta1, pkg/controller): each pod is a machine with a name in DNS and
processes of its own, of which process 1 is the container's command; the launcher's pod, which is
not among the workers, runs mpirun, with the hostfile in variables. In the place of sshd there is what
version 1 had, 'kubectl exec': it hands no signal on, and its end ends nothing.
"""

import os
import pathlib
import shlex
import signal
import subprocess

import pytest
import yaml

from cluster import SOURCE, Cluster, parent_of, pids, read_bytes
from job import Job
from leftovers import signal_each
from mpis import MPIS, OPEN_MPI
from patience import wait_until

PBS_KILL_DELAY = 2  # seconds; a site's is 10

# ---- PBS ----

QSUB = """\
#!/bin/sh
echo "$@" >>{queue}
"""


def session_of(pid):
    words = read_bytes(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return int(words[3]) if words else None


class PbsJob(Job):
    """A batch job: script is the text of the batch script."""

    def __init__(self, cluster, build, mpi, workspace, machines=4):
        super().__init__(cluster, build, mpi, workspace, machines)
        self.script_text = None
        self.processes_each = 1
        self.bin = self.workspace.parent / f"{self.workspace.name}.bin"

    def queue(self):
        """Returns what has been submitted by the script."""
        file = self.bin / "queue"
        return file.read_text().splitlines() if file.exists() else []

    def words(self):
        """mpirun's own name is that of Debian's alternatives: each MPI has its own here."""
        self.bin.mkdir(exist_ok=True)
        for name, text in (("qsub", QSUB.format(queue=self.bin / "queue")),
                           ("mpirun", self.mpirun_text())):
            (self.bin / name).write_text(text)
            (self.bin / name).chmod(0o755)
        script, nodes = self.bin / "script", self.bin / "nodes"
        script.write_text(self.script_text)
        nodes.write_text("".join(f"vm{k}\n" * self.processes_each for k in range(self.machines)))
        return self.cluster.words("on", "0", "setsid", "--wait", "bash", str(script))

    def mpirun_text(self):
        """By ssh's stand-in."""
        return (f'#!/bin/sh\nexec {shlex.join(self.cluster.words("run", "--mpi", self.mpi))} '
                '"$@"\n')

    def whole_environment(self):
        known = super().whole_environment()
        return {**known, "PATH": f"{self.bin}:{self.build}:{known['PATH']}",
                "PBS_ENVIRONMENT": "PBS_BATCH", "PBS_JOBID": "12.vm0", "PBS_QUEUE": "workq",
                "PBS_O_WORKDIR": str(self.workspace), "PBS_O_HOST": "vm0", "PBS_JOBNAME": "train",
                "PBS_NODEFILE": str(self.bin / "nodes"), "PBS_NODENUM": "0", "PBS_TASKNUM": "1",
                "PBS_MOMPORT": "15003", "PBS_JOBCOOKIE": "00ab", "NCPUS": "16",
                "OMP_NUM_THREADS": "16"}

    def qdel(self):
        """Signals as PBS's daemon on the first machine does."""
        wait_until(lambda: self.sessions(), "the batch script runs")
        signal_each(self.of_the_script(), signal.SIGTERM)
        return self

    def sessions(self):
        return {session_of(pid) for pid in pids() if b"\0" + str(self.bin / "script").encode()
                in read_bytes(f"/proc/{pid}/cmdline") and session_of(pid) == pid}

    def of_the_script(self):
        """Returns the processes of its session, and all that these have started."""
        sessions = self.sessions()
        found = [pid for pid in pids() if session_of(pid) in sessions]
        parents = {pid: parent_of(pid) for pid in pids()}
        while more := [pid for pid, parent in parents.items()
                       if parent in found and pid not in found]:
            found += more
        return found


# ---- Kubernetes ----

JOB = "train"
DOMAIN = f"{JOB}.default.svc"

# kubectl exec of version 1 of the operator
KUBEXEC = """\
#!/bin/sh
[ "$1" = -x ] && shift  # MPICH's mpirun takes it for ssh
pod=${{1%%.*}}; shift
exec nsenter --target "$(cat {pods}/"$pod")" {user} --net --uts --ipc --mount --pid -- \\
    env -i PATH="$PATH" TMPDIR="$TMPDIR" TEST_MARKER="$TEST_MARKER" /bin/sh -c "$*"
"""


class Pods:
    """The pods of an MPIJob: machine 0 is the launcher's, machine K + 1 worker K's."""

    def __init__(self, folder, workers, shm):
        """shm: the size of each pod's /dev/shm, as mount has it."""
        self.cluster = Cluster(folder / "c", workers + 1)
        self.folder, self.workers = folder, workers
        self.names = [f"{JOB}-launcher", *(f"{JOB}-worker-{k}" for k in range(workers))]
        (folder / "c/etc.hosts").write_text("127.0.0.1 localhost\n" + "".join(
            f"{ip} {name}.{DOMAIN} {name}\n" for ip, name in zip(self.cluster.ips, self.names)))
        for k, name in enumerate(self.names):
            self.on(k, "hostname", name)
            if k > 0:
                self.on(k, "mount", "-o", f"remount,size={shm}", "/dev/shm")
                self.begin(k)
        script = folder / "kubexec"
        script.write_text(KUBEXEC.format(pods=folder, user="" if os.geteuid() == 0 else
                                         "--user --preserve-credentials"))
        script.chmod(0o755)

    def on(self, machine, *words):
        done = self.cluster.on(machine, *words)
        assert done.returncode == 0, done.stderr

    def begin(self, machine):
        """Starts a worker's container: process 1 is one that reaps nobody."""
        file = self.folder / self.names[machine]
        subprocess.Popen(self.cluster.words(
            "on", str(machine), "unshare", "--pid", "--fork", "--mount-proc", "--kill-child",
            "sleep", "infinity"), stdin=subprocess.DEVNULL)
        wait_until(lambda: self.init(machine), "the container runs")
        file.write_text(str(self.init(machine)))

    def init(self, machine):
        """Returns the pid of the container's process 1, as seen from outside."""
        found = [pid for pid, where in self.cluster.processes().items() if where == machine
                 and read_bytes(f"/proc/{pid}/cmdline") == b"sleep\0infinity\0"]
        return found[0] if found else None

    def evict(self, machine):
        """Kills all of a worker's processes, as the kubelet does after the grace period."""
        os.kill(int((self.folder / self.names[machine]).read_text()), signal.SIGKILL)
        wait_until(lambda: not self.init(machine), "the container has ended")

    def execute(self, machine, *words):
        """Runs a command in a worker's container."""
        return subprocess.run([str(self.folder / "kubexec"), self.names[machine],
                               shlex.join(words)], capture_output=True, text=True, check=False)

    def dead(self, machine):
        """Returns pid -> name of the container's processes that nobody has reaped; not of MPI's."""
        done = self.execute(machine, "ps", "-eo", "pid=,stat=,comm=")
        found = [line.split(None, 2) for line in done.stdout.splitlines()]
        return {pid: name for pid, state, name in found
                if state.startswith("Z") and name.startswith(("dgl-", "fake"))}

    def down(self):
        self.cluster.down()


class MpiJob(Job):
    """A job whose launcher's container is that of `manifest`, an MPIJob as YAML has it."""

    def __init__(self, pods, build, mpi, workspace, manifest):
        super().__init__(pods.cluster, build, mpi, workspace, pods.workers)
        self.options["ip_config"] = None  # the manifest has it
        self.pods, self.manifest = pods, manifest
        self.ip_config = pods.cluster.ips[1:]

    def container(self, role):
        container, = self.manifest["spec"]["mpiReplicaSpecs"][role]["template"]["spec"][
            "containers"]
        return container

    def operators_variables(self):
        """Those of newLauncher in the operator's controller, and the agent in the place of ssh."""
        hostfile, agent = str(self.hostfile()), str(self.pods.folder / "kubexec")
        if MPIS[self.mpi].family == OPEN_MPI:
            return {"OMPI_MCA_orte_keep_fqdn_hostnames": "true",
                    "OMPI_MCA_orte_default_hostfile": hostfile,
                    "OMPI_MCA_plm_rsh_agent": agent, "OMPI_ALLOW_RUN_AS_ROOT": "1",
                    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
        return {"HYDRA_HOST_FILE": hostfile, "HYDRA_LAUNCHER": "ssh",
                "HYDRA_LAUNCHER_EXEC": agent}

    def write(self):
        super().write()
        form = "{} slots=1" if MPIS[self.mpi].family == OPEN_MPI else "{}:1"
        self.hostfile().write_text("".join(f"{form.format(f'{name}.{DOMAIN}')}\n"
                                           for name in self.pods.names[1:]))

    def words(self):
        container = self.container("Launcher")
        command = [*container["command"], *container["args"]]
        at, own = command.index("--workspace"), self.launcher()
        assert command[0] == "mpirun"
        return self.cluster.words("on", "0", f"mpirun.{self.mpi}", *(
            own[0] if word == "dgl-mpilaunch" else word for word in command[1:at]), *own[1:])

    def whole_environment(self):
        own = {each["name"]: each["value"] for each in self.container("Launcher").get("env", [])}
        return {**super().whole_environment(), **self.operators_variables(), **own}

    def pre_stop(self, machine):
        """Runs what Kubernetes runs before it stops a worker's pod, to its end."""
        done = self.pods.execute(machine, *self.container("Worker")["lifecycle"]["preStop"][
            "exec"]["command"])
        assert done.returncode == 0, done.stderr


def manifest():
    return yaml.safe_load((SOURCE / "examples/mpijob.yaml").read_text(encoding="utf-8"))


def shm_of(known):
    """Returns the size that the manifest gives a worker's /dev/shm; without one Docker's rule is
    64 MiB."""
    spec = known["spec"]["mpiReplicaSpecs"]["Worker"]["template"]["spec"]
    names = [mount["name"] for mount in spec["containers"][0].get("volumeMounts", [])
             if mount["mountPath"] == "/dev/shm"]
    sizes = [volume["emptyDir"]["sizeLimit"] for volume in spec.get("volumes", [])
             if volume["name"] in names and volume["emptyDir"]["medium"] == "Memory"]
    return sizes[0].removesuffix("i") if sizes else "64M"


@pytest.fixture(scope="session")
def pods(tmp_path_factory):
    """Three workers and a launcher, of this worker of the tests."""
    known = Pods(pathlib.Path(tmp_path_factory.mktemp("k8-")), 3, shm_of(manifest()))
    yield known
    known.down()
