"""Rows about the time until a job has started, and has ended: start, trivial, step."""

import json
import re
import shutil
import subprocess

from bed import VENV
from case import MPI_NAMES, Case, Failed, Figure, at_most
from cluster import SOURCE

SECONDS = "seconds"
CPU = Figure("CPU of all processes", "s")

# Connects as DGL does: a server accepts its clients and leaves when they have left; a client tries
# again until the servers are there.
TRIVIAL = '''
import os, socket, sys, time
servers = int(os.environ["DGL_NUM_SERVER"])
lines = [line.split() for line in open(os.environ["DGL_IP_CONFIG"])]
if os.environ["DGL_ROLE"] == "server":
    me = int(os.environ["DGL_SERVER_ID"])
    ip, port = lines[me // servers]
    listener = socket.create_server((ip, int(port) + me % servers), backlog=64)
    clients = [listener.accept()[0] for _ in range(int(os.environ["DGL_NUM_CLIENT"]))]
    for client in clients:
        client.recv(1)
    sys.exit()
kept = []
for ip, port in lines:
    for k in range(servers):
        while True:
            try:
                kept.append(socket.create_connection((ip, int(port) + k), timeout=60))
                break
            except ConnectionRefusedError:
                time.sleep(0.05)
'''


def both(result):
    return {"start to end": result["seconds"], CPU.name: result["cpu"]}


# ---- start: nothing but the launcher itself ----

def start(given):
    """The launcher with a child that does nothing, and an MPI program that does nothing."""
    def case(mpi, machines):
        def ours(bed):
            words = bed.launcher(mpi, machines, "--", "true")
            return both(bed.timed_mpirun(mpi, machines, *words)[0])

        def peer(bed):
            words = [bed.program(mpi, "bench_mpi"), "barrier"]
            return both(bed.timed_mpirun(mpi, machines, *words)[0])

        return Case("start", f"child 'true', {machines} machines, {MPI_NAMES[mpi]}",
                    "MPI_Init, one barrier, the end",
                    [Figure("start to end", "s", at_most(1.10)), CPU], ours, peer, machines)

    return [case(mpi, n) for mpi in given.mpis for n in given.sizes(2, 16, 32, 64)]


# ---- against launch.py ----

def job_files(bed, machines):
    """Writes ip_config as launch.py wants it; returns the options that both launchers know."""
    (bed.workspace / "ip_config.txt").write_text("".join(
        f"{ip} 30050\n" for ip in bed.machines().ips[:machines]))
    return {"workspace": bed.workspace, "num_trainers": 1, "num_samplers": 0, "num_servers": 1,
            "part_config": "data/graph.json", "ip_config": "ip_config.txt"}


def run_launch_py(bed, given, options, command):
    words = [str(given.launch_py), *(str(word) for name, value in options.items()
                                     for word in (f"--{name}", value)), command]
    return bed.timed(lambda path: bed.on(0, path, *words), "python3")


def run_ours(bed, mpi, machines, options, command):
    return bed.timed_mpirun(mpi, machines, *bed.launcher(mpi, machines, command, **options))


def no_launch_py(given):
    return "" if given.launch_py else "launch.py is not there: --launch_py names dmlc/dgl's"


def no_dgl():
    return "" if (VENV / "bin/python3").exists() else f"no DGL in {VENV}: scripts/setup installs it"


def trivial_files(bed, machines):
    (bed.empty_workspace() / "trivial.py").write_text(TRIVIAL)
    parts = {f"part-{k}": {"part_graph": "x", "node_feats": "x", "edge_feats": "x"}
             for k in range(machines)}
    (bed.workspace / "data").mkdir()
    (bed.workspace / "data/x").touch()
    (bed.workspace / "data/graph.json").write_text(
        json.dumps({"graph_name": "graph", "num_parts": machines, **parts}))
    return job_files(bed, machines)


def trivial(given):
    """Servers that listen, trainers that connect once."""
    def case(machines):
        def ours(bed):
            return both(run_ours(bed, given.mpis[0], machines, trivial_files(bed, machines),
                                 "python3 trivial.py")[0])

        def peer(bed):
            return both(run_launch_py(bed, given, trivial_files(bed, machines),
                                      "python3 trivial.py")[0])

        return Case("trivial", f"trivial job, {machines} machines, {MPI_NAMES[given.mpis[0]]}",
                    "launch.py", [Figure("start to end", "s", at_most(0.05)), CPU], ours, peer,
                    machines, runs=3, left_out=no_launch_py(given) or no_dgl())

    return [case(n) for n in given.sizes(16, 64, quick=2)]


def partition(bed, machines):
    """Makes the examples' graph in the workspace; returns how many nodes are for training."""
    bed.empty_workspace()
    for script in (SOURCE / "examples").glob("*.py"):
        shutil.copy(script, bed.workspace)
    done = subprocess.run(["python3", "partition.py", "--num_parts", str(machines), "--output",
                           "data", "--graph_name", "graph"], cwd=bed.workspace,
                          env=bed.environment(), text=True, capture_output=True)
    if done.returncode:
        raise Failed(f"partition.py: {done.stderr[-1000:]}")
    return int(re.search(r"nodes for training (\d+)", done.stdout).group(1))


def training(script="train_graphsage.py", more="--num_epochs 1"):
    return (f"python3 {script} {more} --ip_config ip_config.txt --part_config data/graph.json "
            "--checkpoint bench.pt --print_first_step")


def first_step(run):
    """Returns the seconds from the start until rank 0's first training step was done."""
    result, said = run
    found = re.search(r"first step ([0-9.]+)", said)
    if not found:
        raise Failed(f"no first step was said:\n{said[-1000:]}")
    return float(found.group(1)) - result["started"]


def step(given):
    """A real DGL job until its first training step."""
    def case(machines):
        def files(bed):
            if not (bed.workspace / f"graph-of-{machines}").exists():
                partition(bed, machines)
                (bed.workspace / f"graph-of-{machines}").touch()
            (bed.workspace / "bench.pt").unlink(missing_ok=True)  # else it goes on from it
            return job_files(bed, machines)

        def ours(bed):
            return {"first step": first_step(run_ours(bed, given.mpis[0], machines, files(bed),
                                                      training()))}

        def peer(bed):
            return {"first step": first_step(run_launch_py(bed, given, files(bed), training()))}

        return Case("step", f"DGL, {machines} machines, {MPI_NAMES[given.mpis[0]]}",
                    "launch.py", [Figure("first step", "s", at_most(0.85))], ours, peer, machines,
                    left_out=no_launch_py(given) or no_dgl())

    return [case(n) for n in given.sizes(2, 4)]
