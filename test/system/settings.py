"""A job's settings as data: the dimensions of the tables, and the words, variables and files that
give them to the launcher. Does not know the right result (expected does); starts nothing.

All values go together, because allpairspy misses pairs where a filter forbids some.
"""

import itertools
import json
import random
import shlex

from allpairspy import AllPairs

MPIRUN = {
    "mpi": ("openmpi", "mpich"),
    "machines": (1, 2, 3, 4),
    "ranks": (1, 2, 3),  # on each machine; one is elected
    "rank_order": ("as ip_config", "reversed", "shuffled"),
}
JOB = {
    "source": ("command line", "environment", "file", "mixed"),
    "command": ("shell", "odd shell", "words", "placeholders", "odd words"),
    "trainers": (1, 2, 3),
    "ports": ("none", "one for all", "one a line"),
    "samplers": (0, 1, 3, "1 by launcher", "3 by launcher"),  # without servers: by the trainers
    "lines": ("as the machines", "reversed"),  # of ip_config
    "workspace": ("absolute", "relative", "odd"),
    "paths": ("relative", "absolute", "no part_config"),  # without servers; else it is relative
    "envs": ("none", "all processes", "by role", "both"),
    "pass_env": (None, "MINE,YOURS_*", "none"),
    "shell": ("plain", "full"),  # the environment of whoever typed the command
    "graph_format": (None, "coo", "csr,csc"),
    "num_server_threads": (None, 2),
    "num_omp_threads": (None, 3),
    "private_shm": (None, "off", "on"),
    "python_hook": (None, "off", "on"),
    "run_dir": (None, "elsewhere", "none"),
    "servers": (0, 1, 2),  # last: so each value meets the launcher's samplers, which need servers
}
UNDER_MPI = {**MPIRUN, **JOB}
ALONE = {"mpi": (None,), "machines": (1,), "ranks": (1,), "rank_order": ("as ip_config",), **JOB}
PLANNED = {"machines": (1, 2, 3, 4, 17), **JOB}
FIRST_PORT = 31000  # below the kernel's own

ENVS = {
    "none": {},
    "all processes": {"extra_envs": {"A": "x  y", "EMPTY": "",
                                     "ODD": "it's \"é\" $HOME {workspace} {job_dir}"}},
    "by role": {"server_env": {"A": "a server", "S": "1"},
                "trainer_env": {"A": "a trainer", "PYTHONPATH": "/mine"},
                "sampler_env": {"A": "a sampler", "PYTHONPATH": "/theirs"}},
}
ENVS["both"] = {**ENVS["by role"],
                "extra_envs": {"A": "all", "OMP_NUM_THREADS": "9", "DGL_GRAPH_FORMAT": "coo",
                               "MASTER_PORT": "29500"}}

# MINE, YOURS_1 and DGLBACKEND must travel; the roles and ranks of another job must not.
SHELLS = {
    "plain": {"MINE": "b c"},
    "full": {"MINE": "it's é", "YOURS_1": "d", "DGLBACKEND": "pytorch", "OMP_NUM_THREADS": "5",
             "PYTHONPATH": "/opt/py", "DGL_ROLE": "server", "DGL_SERVER_ID": "7", "RANK": "7",
             "DGL_NUM_CLIENT": "99", "MASTER_PORT": "1234", "DGL_JOB_ID": "old",
             "NCCL_SOCKET_IFNAME": "eth9", "GLOO_SOCKET_IFNAME": "lo", "CUDA_VISIBLE_DEVICES": "3",
             "SLURM_JOB_ID": "42", "SLURM_LOCALID": "0"},
}

# The value in a source that a source of higher rank overrides.
DECOYS = {
    "workspace": "/nowhere", "ip_config": "nowhere", "part_config": "nowhere", "num_trainers": 7,
    "num_servers": 7, "num_samplers": 7, "kill_grace": 77, "graph_format": "coo,csr,csc",
    "num_server_threads": 77, "num_omp_threads": 77, "pass_env": "DECOY", "private_shm": "auto",
    "python_hook": "on", "run_dir": "/nowhere", "extra_envs": {"DECOY": "1"},
    "server_env": {"DECOY": "1"}, "trainer_env": {"DECOY": "1"}, "sampler_env": {"DECOY": "1"},
    "sampler_cmd": "false",
}


class Settings(dict):
    """One value of each dimension."""

    __getattr__ = dict.__getitem__

    @property
    def shows(self):
        return self

    @property
    def num_samplers(self):
        return int(str(self.samplers).split()[0])

    @property
    def by_launcher(self):
        return self.servers > 0 and str(self.samplers).endswith("by launcher")

    @property
    def given_envs(self):
        """Returns option -> variables. The launcher refuses --sampler_env without --sampler_cmd."""
        return {name: variables for name, variables in ENVS[self.envs].items()
                if name != "sampler_env" or self.by_launcher}


def pairwise(dimensions):
    """Rows in which every pair of values comes at least once."""
    return [Settings(zip(dimensions, row)) for row in AllPairs(list(dimensions.values()))]


def at_random(dimensions, seed, count):
    generator = random.Random(seed)
    return [Settings((name, generator.choice(values)) for name, values in dimensions.items())
            for _ in range(count)]


def every(dimensions, size):
    """All pairs (triples...) of values."""
    return {tuple(zip(names, values)) for names in itertools.combinations(dimensions, size)
            for values in itertools.product(*(dimensions[name] for name in names))}


def covered(rows, size):
    return {one for row in rows for one in itertools.combinations(row.items(), size)}


def reorder(things, order):
    if order == "shuffled":  # so that with 3 and with 4 none stays where it was
        return [things[k] for k in range(1, len(things), 2)] + things[::2]
    return things[::-1] if order == "reversed" else list(things)


def ip_config(row, ips):
    """Returns its lines for these machines."""
    port = {"none": "", "one for all": f" {FIRST_PORT}"}
    return [ip + port.get(row.ports, f" {FIRST_PORT + 10 * k}")
            for k, ip in enumerate(reorder(ips, row.lines))]


def options(row, workspace, fake):
    """Returns name -> value: a number, a text, or for lists of NAME=VALUE a dictionary."""
    folder = f"{workspace}/" if row.paths == "absolute" else ""
    no_partition = row.paths == "no part_config" and row.servers == 0
    known = {
        "workspace": workspace.name if row.workspace == "relative" else str(workspace),
        "num_trainers": row.trainers, "num_servers": row.servers,
        "num_samplers": row.num_samplers,
        "sampler_cmd": sampler_command(fake) if row.by_launcher else None,
        "ip_config": f"{folder}ip_config.txt",
        "part_config": None if no_partition else f"{folder}data/graph.json",
        "kill_grace": 2, "pass_env": row.pass_env,
        "run_dir": str(workspace / "elsewhere") if row.run_dir == "elsewhere" else row.run_dir,
        **{name: row[name] for name in ("graph_format", "num_server_threads", "num_omp_threads",
                                        "private_shm", "python_hook")},
        **row.given_envs}
    return {name: value for name, value in known.items() if value is not None}


def say(row, known, command, folder):
    """Returns the options as (words behind the launcher's name, variables), and writes the file of
    --config into the folder in which the launcher starts."""
    words, variables, file = share(row.source, known)
    if row.source == "file":
        file["command"], command = command, None
    elif row.source == "mixed":
        file["command"] = "false"
        variables["config"] = "job.json"
    if row.source == "file":
        words["config"] = "job.json"
    if file:
        (folder / "job.json").write_text(json.dumps(in_json(file)))
    return (in_words(words, command, command_last=row.source != "mixed"),
            {f"DGL_MPILAUNCH_{name.upper()}": in_variable(value)
             for name, value in variables.items()})


def share(source, all_of_it):
    """Returns (command line, environment, file), each name -> value. Mixed: each option stands in
    one of them, and a different value in those below it."""
    shares = {}, {}, {}
    for k, (name, value) in enumerate(all_of_it.items()):
        where = {"command line": 0, "environment": 1, "file": 2}.get(source, k % 3)
        shares[where][name] = value
        for below in range(where + 1, 3 if source == "mixed" else 0):
            shares[below][name] = DECOYS[name]
    return shares


def in_words(known, command, command_last):
    """Returns the words, in all spellings in turn."""
    words = []
    for k, (name, value) in enumerate(known.items()):
        name = "--" + (name, name.replace("_", "-"))[k % 2]
        several = isinstance(value, dict)
        texts = [f"{key}={text}" for key, text in value.items()] if several else [str(value)]
        words += [f"{name}={text}" for text in texts] if k % 3 else [name, *texts]
    if isinstance(command, str):
        return [*words, command] if command_last else [command, *words]
    return [*words, "--", *command] if command else words


def in_variable(value):
    if isinstance(value, dict):
        return "".join(f"{key}={text}\n" for key, text in value.items())
    return str(value)


def in_json(known):
    """Writes lists of NAME=VALUE as an object and as an array in turn."""
    return {name: [f"{key}={text}" for key, text in value.items()]
            if isinstance(value, dict) and k % 2 else value
            for k, (name, value) in enumerate(known.items())}


def command_of(row, fake, script):
    """Returns what the user types: a text for a shell, or words. The fake skips clauses for a
    sampler 99; to the launcher they are words like any other."""
    if row.command == "words":
        return [fake, *script]
    if row.command == "placeholders":
        return [fake, *script, "sampler 99: print {ip_config} {part_config}:{workspace}/{ip}"]
    if row.command == "odd words":
        return [fake, *script, "sampler 99: print it's \"é\" $HOME `id` * \\ {job_dir}",
                "sampler 99: print two\nlines\tand a tab"]
    line = shlex.join([fake, *script])
    if row.command == "odd shell":  # looks like a further word of a list of NAME=VALUE
        line = (f"""MORE="it's é" {line} "sampler 99: print $MINE $DGL_IP_CONFIG" """
                "'sampler 99: print {ip_config}\n\\'")
    return line + " && true"  # so that the shell does not become the fake


def sampler_command(fake):
    """A command for a shell; the launcher replaces nothing in braces in it."""
    script = "sampler: dump seen; wait go; connect"
    return (f"""{shlex.join([fake, script])} "any 99: print it's é $DGL_JOB_TRAINER_RANK" """
            "'any 99: print {ip_config}' && true")
