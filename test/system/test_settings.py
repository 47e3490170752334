"""Every pair of settings: each process has what --dry_run shows for the same options, and both are
what DGL's launch.py and torchrun would set."""

import os
import re
import shlex
import stat
import subprocess

import pytest

import dryrun
import patience
import settings
from cluster import Listener, parent_of, pids, read_bytes
from conftest import build_of
from expected import JOB_DIR, JOB_ID, MASTER_PORT, MPIS, OURS, STEPS, Expected, matches
from job import write_partition

TABLE = settings.pairwise(settings.UNDER_MPI) + settings.pairwise(settings.ALONE)
PLANS = settings.at_random(settings.PLANNED, seed=1, count=800)
SCRIPT = ["server: dump seen; serve", "trainer: dump seen; wait go; connect"]
SERVERS_PORTS = range(30000, 32768)  # MASTER_PORT and MPI's own ports are outside


def test_the_tables_have_every_pair_and_every_triple():
    for dimensions in (settings.UNDER_MPI, settings.ALONE):
        assert settings.every(dimensions, 2) <= settings.covered(TABLE, 2)
    by_launcher = settings.covered([row for row in TABLE if row.by_launcher and row.mpi], 1)
    assert settings.every({**settings.UNDER_MPI, "servers": (1, 2), "samplers": (
        "1 by launcher", "3 by launcher")}, 1) == by_launcher
    assert settings.every(settings.PLANNED, 3) == settings.covered(PLANS, 3)


def workspace_name(row):
    return "w é's" if row.workspace == "odd" else "w"


# ---- the plan alone ----

def dry_run(build, words, folder, shell):
    done = subprocess.run([str(build / "dgl-mpilaunch"), "--dry_run", *words], cwd=folder,
                          env=shell, capture_output=True, text=True, timeout=patience.seconds())
    assert done.returncode == 0, done.stderr
    return done.stdout


def planned(row, folder):
    """Returns (the plan of --dry_run, the expected plan) of machines that do not exist."""
    folder = folder / f"{row.machines} machines"
    workspace = folder / workspace_name(row)
    lines = settings.ip_config(row, [f"10.1.2.{k}" for k in range(1, row.machines + 1)])
    if not workspace.exists():
        write_partition(workspace / "data", row.machines)
    (workspace / "ip_config.txt").write_text("\n".join(lines) + "\n")
    command = settings.command_of(row, "/bin/fake", SCRIPT)
    said = settings.options(row, workspace, "/bin/fake")
    words, variables = settings.say(row, said, command, folder)
    shell = {"PATH": os.environ["PATH"], **settings.SHELLS[row.shell], **variables}
    expected = Expected(row, said, workspace, lines, command, shell)
    return dry_run(build_of("openmpi"), words, folder, shell), expected.plan()


def test_plans_are_what_launch_py_would_do(tmp_path):
    for row in PLANS:
        text, expected = planned(row, tmp_path)
        assert dryrun.parse(text) == expected, row


def test_argv_of_a_plan_is_what_a_shell_reads(tmp_path):
    for row in [next(row for row in PLANS if row.command == form)
                for form in settings.JOB["command"]]:
        text, expected = planned(row, tmp_path)
        argv = re.search("^    argv (.*)$", text, re.MULTILINE)[1]
        read = subprocess.run(["bash", "-c", f"printf '%s\\0' {argv}"], capture_output=True,
                              text=True, check=True, timeout=patience.seconds()).stdout
        assert read.split("\0")[:-1] == expected.machines[0].processes[0].argv


# ---- the processes ----

@pytest.fixture
def job_of(make, cluster, tmp_path):
    """Makes the job of a row: (the job, its expected plan)."""
    def get(row):
        it = make(row.mpi, machines=row.machines)
        it.workspace = tmp_path / workspace_name(row)
        it.ip_config = settings.ip_config(row, cluster.ips[:row.machines])
        it.hosts = hosts(row, it.ip_config)
        it.mpirun_options = mpirun_options(row)
        fake = str(it.build / "fake")
        command = settings.command_of(row, fake, SCRIPT)
        it.options = settings.options(row, it.workspace, fake)
        words, variables = settings.say(row, it.options, command, tmp_path)
        it.launcher = lambda: [str(it.build / "dgl-mpilaunch"), *words]
        it.environment.update(settings.SHELLS[row.shell], **variables)
        return it, words, command

    return get


def hosts(row, lines):
    """Returns the hostfile's lines: Open MPI takes ip_config itself, MPICH wants no ports."""
    if row.mpi == "openmpi" and row.rank_order == "as ip_config":
        return lines
    return settings.reorder([line.split()[0] for line in lines], row.rank_order)


def mpirun_options(row):
    if row.mpi == "openmpi":
        return ["-N", str(row.ranks), *(["--oversubscribe"] if row.ranks > 1 else [])]
    return ["-ppn", str(row.ranks), "-n", str(row.ranks * row.machines)]


class Seen:
    """A planned process as /proc shows it."""

    def __init__(self, pid, machine):
        self.pid, self.machine = pid, machine  # machine: the virtual one
        self.env = variables_of(pid)
        self.argv = read_bytes(f"/proc/{pid}/cmdline").decode().split("\0")[:-1]
        self.directory = os.readlink(f"/proc/{pid}/cwd")
        self.cpus = len(os.sched_getaffinity(pid))
        role, name = {"server": ("server", "DGL_SERVER_ID"),
                      "sampler": ("sampler", "DGL_JOB_SAMPLER_ID")}.get(
                          self.env.get("DGL_ROLE"), ("trainer", "RANK"))
        self.who = role, int(self.env[name])

    def mode_of(self, folder):
        return stat.filemode(os.stat(f"/proc/{self.pid}/root{folder}").st_mode)


def variables_of(pid):
    known = {}
    for text in read_bytes(f"/proc/{pid}/environ").decode().split("\0")[:-1]:
        name, _, value = text.partition("=")
        assert name not in known, f"{name} is there twice"
        known[name] = value
    return known


def look(it):
    """Returns the keepers' children, and for each machine its rank's own variables."""
    launchers = it.launchers()
    keepers = {pid: parent for pid, parent in launchers.items() if parent in launchers}
    ranks = {it.cluster.machine_of(rank): variables_of(rank) for rank in keepers.values()}
    return [Seen(pid, it.cluster.machine_of(pid)) for pid in pids()
            if parent_of(pid) in keepers], ranks


class Late:
    """Values that are known only when the job runs: taken from one process, the same in all."""

    def __init__(self, processes):
        first = processes[0].env
        self.job_id = first["DGL_JOB_ID"]
        assert re.fullmatch(r"\d{8}T\d{6}Z-\d+-[0-9a-f]{4}", self.job_id)
        self.port = next(p.env["MASTER_PORT"] for p in processes if p.who[0] == "trainer")
        assert 1024 <= int(self.port) <= 65535
        self.dirs = {}
        for process in processes:
            folder = self.dirs.setdefault(process.machine, process.env["DGL_JOB_DIR"])
            assert process.mode_of(folder) == "drwx------"
        names = {folder.rpartition("/")[2] for folder in self.dirs.values()}
        assert len(names) == len(self.dirs)
        assert all(re.fullmatch(r"dgl-mpilaunch-[0-9a-f]{32}", name) for name in names)

    def fill(self, process, env):
        """Returns the plan's variables as this process must have them. It fills in the launcher's
        alone: a user's own value may hold the same words."""
        marks = {JOB_ID: self.job_id, JOB_DIR: self.dirs[process.machine], MASTER_PORT: self.port}
        env = dict(env)
        for name in ("DGL_JOB_ID", "DGL_JOB_DIR", "MASTER_PORT", "TORCHELASTIC_RUN_ID",
                     "TORCHELASTIC_ERROR_FILE"):
            for mark, value in marks.items():
                if name in env:
                    env[name] = env[name].replace(mark, value)
        if rule := re.fullmatch(r"{max\(cpus / 2 / (\d+), 1\)}", env["OMP_NUM_THREADS"]):
            env["OMP_NUM_THREADS"] = str(max(process.cpus // 2 // int(rule[1]), 1))
        return env


def environment(row, plan, entry, process, rank, shell, late):
    """Returns all variables that a process must have: its rank's own without MPI's and another
    job's, over them those that travel from rank 0's shell, over them the plan's and the Python
    hook's."""
    env = {name: value for name, value in rank.items() if not matches(name, MPIS + STEPS + OURS)}
    env.update({name: shell[name] for name in plan.passed})
    env.update(late.fill(process, entry.env))
    for name, value in plan.defaults.items():
        env.setdefault(name, shell[name] if value is None
                       else value.replace("{interface}", "eth0"))
    if entry.role != "server" and row.python_hook != "off":
        own = env.get("PYTHONPATH")
        env["PYTHONPATH"] = f"{late.dirs[process.machine]}/python" + (f":{own}" if own else "")
    return env


def check_processes(row, it, plan, processes, ranks, late):
    """Checks that each is on the machine that its line of ip_config names, and is there once."""
    machines = {machine.ip: machine for machine in plan.machines}
    entries = {(it.cluster.ips.index(ip), entry.role, entry.id): entry
               for ip, machine in machines.items() for entry in machine.processes}
    assert sorted((p.machine, *p.who) for p in processes) == sorted(entries)
    for process in processes:
        entry = entries[process.machine, *process.who]
        assert process.argv == entry.argv
        assert process.directory == entry.directory
        assert process.env == environment(row, plan, entry, process, ranks[process.machine],
                                          it.whole_environment(), late), process.who


def check_ports(it, plan):
    wanted = {Listener(it.cluster.ips.index(machine.ip), entry.port)
              for machine in plan.machines for entry in machine.processes if entry.port}
    new = it.cluster.listeners() - it.before.listeners
    assert {listener for listener in new if listener.port in SERVERS_PORTS} == wanted


def check_words(row, result, processes):
    """Checks the words that the program itself gets, also behind a shell."""
    for process in processes:
        argv = [word.encode("latin-1").decode() for word in result.dump(*process.who)["argv"]]
        if process.argv[0] == "/bin/bash":
            assert argv == expanded(process.argv[2], process.env)
        else:
            assert argv == process.argv


def expanded(command, env):
    """Returns the words that a shell makes of the commands of settings."""
    words = shlex.split(command.removesuffix("&& true"))
    return [re.sub(r"\$(\w+)", lambda name: env[name[1]], word) for word in words
            if not word.startswith("MORE=")]


def check_report(row, it, result, processes, late):
    if result.report is None:
        return
    assert result.report["job_id"] == late.job_id
    assert sorted((p["pid"], p["role"], p["id"]) for p in result.processes()) == sorted(
        (p.pid, *p.who) for p in processes)
    machines = result.report["attempts"][0]["machines"]
    ranks = sorted(machines, key=lambda machine: machine["rank"])
    assert [machine["ip"] for machine in ranks] == in_order_of_ranks(row, it)


def in_order_of_ranks(row, it):
    """Returns the addresses of the hostfile; Open MPI puts mpirun's own machine first."""
    ips = [line.split()[0] for line in it.hosts]
    if row.mpi == "openmpi":
        ips.sort(key=lambda ip: ip != it.cluster.ips[0])
    return ips


@pytest.mark.parametrize("row", TABLE, ids=[
    f"{k}: {row.mpi or 'no mpirun'}, machines {row.machines}" for k, row in enumerate(TABLE)])
def test_processes_are_as_planned(row, job_of):
    print(row)  # pytest shows it when the test fails
    it, words, command = job_of(row)
    it.start()
    shell = it.whole_environment()
    plan = dryrun.parse(dry_run(it.build, words, it.workspace.parent, shell))
    assert plan == Expected(row, it.options, it.workspace, it.ip_config, command, shell).plan()
    it.wait_for(*(f"seen.{entry.role}-{entry.id}" for machine in plan.machines
                  for entry in machine.processes))
    processes, ranks = look(it)
    late = Late(processes)
    check_processes(row, it, plan, processes, ranks, late)
    check_ports(it, plan)
    (it.workspace / "go").touch()
    result = it.finish()
    assert result.code == 0, result.said
    assert (result.report is None) == (row.run_dir == "none")
    check_words(row, result, processes)
    check_report(row, it, result, processes, late)
