"""The row about samplers that the launcher starts, against DGL's own pool: samplers. It runs only
when it is asked for."""

import math
import re
import time

from case import MPI_NAMES, Case, Failed, Figure
from starts import job_files, no_dgl, partition, training

EPOCHS, BATCH, MACHINES, COUNTS = 6, 32, 2, (1, 2)
FIGURES = [Figure("first step", "s"), Figure("steps of a trainer", "/s"), Figure("end", "s")]


def run_stamped(bed, words):
    """Returns the seconds that it took, and its lines, each with the seconds until it came."""
    start = time.monotonic()
    with bed.job(words, pipe=True) as job:
        lines = [(time.monotonic() - start, line.decode(errors="replace")) for line in job.stdout]
        bed.finish(job)
        return time.monotonic() - start, lines


def when(lines, words):
    """Returns the seconds until a line with these words came."""
    for seconds, line in lines:
        if re.search(words, line):
            return seconds
    raise Failed(f"no line says '{words}'")


def samplers(given):
    """From the start to the first step; steps a second; from the last line to the end."""
    mpi = given.mpis[0]
    nodes = {}

    def measure(script, options):
        def run(bed):
            if not (bed.workspace / "samplers").exists():
                nodes["train"] = partition(bed, MACHINES)
                (bed.workspace / "samplers").touch()
            (bed.workspace / "bench.pt").unlink(missing_ok=True)
            words = bed.launcher(mpi, MACHINES, training(
                script, f"--num_epochs {EPOCHS} --batch_size {BATCH}"),
                **{**job_files(bed, MACHINES), **options})
            seconds, lines = run_stamped(bed, bed.run(mpi, *bed.mpirun(mpi, MACHINES, *words)))
            steps = math.ceil(nodes["train"] / MACHINES / BATCH) * (EPOCHS - 1)
            trained = when(lines, f"epoch {EPOCHS} loss") - when(lines, "epoch 1 loss")
            return {"first step": when(lines, "first step "), "steps of a trainer": steps / trained,
                    "end": seconds - when(lines, "test accuracy")}
        return run

    def case(what, against, ours, peer=None):
        return Case("samplers", f"{what}, {MACHINES} machines, {MPI_NAMES[mpi]}", against, FIGURES,
                    ours, peer, MACHINES, 3, no_dgl())

    cases = [case("no samplers", "", measure("train_graphsage.py", {}))]
    for count in COUNTS:
        cases.append(case(
            f"--sampler_cmd, {count} a trainer", f"DGL's pool of {count}",
            measure("train_external_samplers.py", {"num_samplers": count,
                                                   "sampler_cmd": "python3 sampler.py"}),
            measure("train_graphsage.py", {"num_samplers": count})))
    return cases
