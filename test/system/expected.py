"""Computes the plan of a job from its settings alone, by the rules of DGL 2.1.0's launch.py, of
torchrun and of the manual. Tests compare it with --dry_run and with the processes."""

import dataclasses
import fnmatch

DEFAULT_PORT = 30050  # DGL's
TRAVELS = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV", "CONDA_*", "DGL*", "OMP_*",
           "MKL_*", "NCCL_*", "GLOO_*", "CUDA_*")
# The launcher sets these for each process: values of another job would be wrong in every process.
OURS = ("DGL_ROLE", "DGL_DIST_MODE", "DGL_SERVER_ID", "DGL_GROUP_ID", "DGL_NUM_SAMPLER",
        "DGL_NUM_CLIENT", "DGL_NUM_SERVER", "DGL_CONF_PATH", "DGL_IP_CONFIG", "DGL_JOB_*", "RANK",
        "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK", "GROUP_WORLD_SIZE",
        "ROLE_NAME", "ROLE_RANK", "ROLE_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT",
        "TORCHELASTIC_*")
# Variables of one machine: the first never travel, the others travel as defaults.
DEVICES = ("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES",
           "HIP_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL", "ZE_AFFINITY_MASK")
MACHINES = ("*_SOCKET_IFNAME", "NCCL_IB_HCA", "OMP_PLACES", "OMP_PROC_BIND", "CUDA_MPS_*")
STEPS = ("SLURM_PROCID", "SLURM_LOCALID", "SLURM_NODEID", "SLURM_STEP*", "SLURM_GTIDS",
         "SLURM_TASK_PID", "SLURM_CPU_BIND*", "SLURM_MEM_BIND*", "SLURM_SRUN_COMM_*", "SLURM_PMI*",
         "SLURM_DISTRIBUTION", "SLURM_LAUNCH_NODE_IPADDR", "SLURM_MPI_TYPE")
MPIS = ("OMPI_*", "PMIX_*", "PMI_*", "PMI2_*", "PRTE_*", "ORTE_*", "MPIR_*", "HYDRA_*", "HYDI_*",
        "MPI_LOCAL*", "DGL_MPILAUNCH_*")
JOB_ID, JOB_DIR, MASTER_PORT = "{job_id}", "{job_dir}", "{master_port}"  # known only when it runs


@dataclasses.dataclass
class Process:
    role: str
    id: int         # among all of its role
    port: int       # None: it does not listen
    directory: str
    argv: list
    env: dict


@dataclasses.dataclass
class Machine:
    ip: str
    needs: list     # files
    processes: list


@dataclasses.dataclass
class Plan:
    facts: dict     # facts about the whole job, name -> text
    passed: list    # names of the variables that travel from rank 0
    defaults: dict  # variables that are set unless they are there; None: rank 0's value
    machines: list


def matches(name, patterns):
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


class Expected:
    """row: settings.Settings; said: settings.options of it; lines: ip_config's; typed: the
    command; shell: the environment of rank 0."""

    def __init__(self, row, said, workspace, lines, typed, shell):
        self.row, self.said, self.workspace = row, said, str(workspace)
        self.lines, self.typed, self.shell = lines, typed, shell
        self.part_config = said.get("part_config")
        self.world_size = len(lines) * row.trainers

    def plan(self):
        return Plan(self.facts(), self.passed(),
                    {"PYTHONUNBUFFERED": "1", "GLOO_SOCKET_IFNAME": "{interface}",
                     "TP_SOCKET_IFNAME": "{interface}",
                     **{name: None for name in self.travels() if matches(name, MACHINES)}},
                    [self.machine(k) for k in range(len(self.lines))])

    def facts(self):
        row, said = self.row, self.said
        logs = f"{said.get('run_dir', f'{self.workspace}/dgl-mpilaunch-runs/{JOB_ID}')}/logs"
        facts = {"job": JOB_ID, "machines": str(len(self.lines)),
                 "servers": f"{row.servers} on each machine",
                 "trainers": f"{row.trainers} on each machine, {self.world_size} in all",
                 "ip_config": said["ip_config"], "part_config": self.part_config or "none",
                 "logs": "none" if row.run_dir == "none" else logs, "start_timeout": "none",
                 "exit_timeout": "60.000 s", "kill_grace": "2.000 s", "lost_timeout": "60.000 s"}
        if row.servers:
            by = ", by --sampler_cmd" if row.by_launcher else ""
            facts["samplers"] = (f"{row.num_samplers} of each trainer{by}, "
                                 f"{self.num_clients()} clients in all")
        if row.private_shm:
            facts["private shm"] = row.private_shm
        if isinstance(self.typed, str) or row.by_launcher:
            facts["shell"] = "/bin/bash, or /bin/sh on a machine without it"
        return facts

    def passed(self):
        return [name for name in self.travels() if not matches(name, MACHINES)]

    def travels(self):
        asked = tuple(self.row.pass_env.split(",")) if self.row.pass_env else ()
        if asked == ("none",):
            return []
        return sorted(
            name for name in self.shell if not matches(name, MPIS + STEPS + DEVICES)
            and (matches(name, asked)
                 or matches(name, TRAVELS + MACHINES) and not matches(name, OURS)))

    def machine(self, k):
        ip, _, port = self.lines[k].partition(" ")
        port = int(port or DEFAULT_PORT)
        return Machine(ip, self.needs(k), [
            self.process(role, k, i, port + i if role == "server" else None)
            for role in ("server", "trainer", "sampler") for i in range(self.count(role))])

    def count(self, role):
        """How many processes of that role each machine has."""
        row = self.row
        samplers = row.trainers * row.num_samplers if row.by_launcher else 0
        return {"server": row.servers, "trainer": row.trainers, "sampler": samplers}[role]

    def needs(self, machine):
        """The files that job.write_partition makes; DGL finds them relative to part_config's
        folder."""
        if not self.part_config:
            return []
        folder = self.part_config.rpartition("/")[0]
        return [f"{folder}/part{machine}/{file}"
                for file in ("graph.dgl", "node_feat.dgl", "edge_feat.dgl")]

    def process(self, role, machine, local, port):
        number = machine * self.count(role) + local
        if role == "server":
            env = self.server(number)
        elif role == "sampler":
            env = self.sampler(number)
        else:
            env = {**self.trainer(), **self.torch(number, machine, local)}
        given = self.row.given_envs
        env.update({"DGL_JOB_ID": JOB_ID, "DGL_JOB_DIR": JOB_DIR, "DGL_JOB_RESTART_COUNT": "0",
                    **given.get(f"{role}_env", {}), **given.get("extra_envs", {})})
        return Process(role, number, port, self.workspace, self.argv(role), env)

    def argv(self, role):
        """The words that are executed."""
        if role == "sampler":
            return ["/bin/bash", "-c", self.said["sampler_cmd"]]
        if isinstance(self.typed, str):
            return ["/bin/bash", "-c", self.typed]
        known = {"{ip_config}": self.said["ip_config"], "{workspace}": self.workspace,
                 "{part_config}": self.part_config or "{part_config}"}
        words = list(self.typed)
        for mark, value in known.items():
            words = [word.replace(mark, value) for word in words]
        return words

    def num_clients(self):
        return self.world_size * (1 + self.row.num_samplers)

    def paths(self):
        given = {"DGL_CONF_PATH": self.part_config} if self.part_config else {}
        return {**given, "DGL_IP_CONFIG": self.said["ip_config"]}

    def both(self):
        """DGL_NUM_SAMPLER counts only the samplers that a trainer must start itself."""
        row = self.row
        return {**self.paths(), "DGL_NUM_SAMPLER": str(0 if row.by_launcher else row.num_samplers),
                "DGL_NUM_CLIENT": str(self.num_clients()), "DGL_NUM_SERVER": str(row.servers),
                "DGL_GRAPH_FORMAT": row.graph_format or "csc"}

    def server(self, number):
        return {**self.both(), "DGL_ROLE": "server", "DGL_SERVER_ID": str(number),
                "OMP_NUM_THREADS": str(self.row.num_server_threads or 1)}

    def client(self, role):
        if not self.row.servers:
            return self.paths()
        count = {"DGL_JOB_NUM_SAMPLERS": str(self.row.num_samplers)} if self.row.by_launcher else {}
        return {**self.both(), **count, "DGL_ROLE": role, "DGL_DIST_MODE": "distributed",
                "DGL_GROUP_ID": "0"}

    def sampler(self, number):
        """A sampler is a client of DGL and no part of torch's world; it has one thread, as in DGL's
        own pool."""
        return {**self.client("sampler"), "OMP_NUM_THREADS": "1",
                "DGL_JOB_TRAINER_RANK": str(number // self.row.num_samplers),
                "DGL_JOB_SAMPLER_ID": str(number),
                "TORCHELASTIC_ERROR_FILE": f"{JOB_DIR}/error-sampler-{number}.json"}

    def trainer(self):
        row = self.row
        threads = (row.num_omp_threads or self.shell.get("OMP_NUM_THREADS")
                   or f"{{max(cpus / 2 / {row.trainers}, 1)}}")
        return {**self.client("client"), "OMP_NUM_THREADS": str(threads)}

    def torch(self, rank, machine, local):
        world = str(self.world_size)
        return {"RANK": str(rank), "WORLD_SIZE": world, "LOCAL_RANK": str(local),
                "LOCAL_WORLD_SIZE": str(self.row.trainers), "GROUP_RANK": str(machine),
                "GROUP_WORLD_SIZE": str(len(self.lines)), "ROLE_NAME": "default",
                "ROLE_RANK": str(rank), "ROLE_WORLD_SIZE": world,
                "MASTER_ADDR": self.lines[0].split()[0], "MASTER_PORT": MASTER_PORT,
                "TORCHELASTIC_RESTART_COUNT": "0", "TORCHELASTIC_MAX_RESTARTS": "0",
                "TORCHELASTIC_RUN_ID": JOB_ID, "TORCHELASTIC_USE_AGENT_STORE": "False",
                "TORCHELASTIC_ERROR_FILE": f"{JOB_DIR}/error-trainer-{rank}.json"}
