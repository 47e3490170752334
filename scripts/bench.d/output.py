"""Rows about the children's output: console, logs."""

import re
import time

from case import MPI_NAMES, OURS, Case, Failed, Figure, at_least, at_most

WIDTH = 100  # bytes of a line, its end included
LINE = re.compile(rb"line \d{9} x{85}$")
RATE = "rate"
BROKEN = "broken or missing"


def lines_file(bed, megabytes):
    """Returns a file of so many MB of lines that are numbered."""
    path = bed.folder / f"lines.{megabytes}"
    if not path.exists():
        with open(path, "wb") as file:
            for k in range(megabytes * 1_000_000 // WIDTH):
                file.write(b"line %09d " % k + b"x" * 85 + b"\n")
    return path


# ---- console: from another machine, through mpirun, to a pipe ----

def read_all(job):
    """Reads a pipe to its end; returns the bytes, and the seconds from the first line of a child to
    the last."""
    chunks, start, last = [], None, None
    while True:
        chunk = job.stdout.read1(1 << 20)
        if not chunk:
            break
        chunks.append(chunk)
        if b"line 0" in chunk:
            last = time.monotonic()
            start = start or last
    if start is None:
        raise Failed(f"no line came:\n{job.said()}")
    return b"".join(chunks), last - start


def console_rate(bed, words, megabytes):
    with bed.job(words, pipe=True) as job:
        said, seconds = read_all(job)
        bed.finish(job)
    whole = sum(LINE.search(line) is not None for line in said.split(b"\n"))
    return {RATE: megabytes / seconds, BROKEN: megabytes * 1_000_000 // WIDTH - whole}


def console(given):
    """Lines of a trainer on machine 1, read from mpirun's stdout on machine 0."""
    megabytes = 4 if given.quick else 64
    labels = {"openmpi": ["--tag-output"], "mpich": ["-l"]}

    def case(mpi):
        def ours(bed):
            file = lines_file(bed, megabytes)
            words = bed.launcher(mpi, 2, f"[ $RANK = 0 ] || exec cat {file}", run_dir="none")
            return console_rate(bed, bed.run(mpi, *bed.mpirun(mpi, 2, *words)), megabytes)

        def peer(bed):
            host = ["-host" if mpi == "openmpi" else "-hosts", bed.machines().ips[1]]
            words = [*labels[mpi], *host, "-n", 1, "cat", lines_file(bed, megabytes)]
            return console_rate(bed, bed.run(mpi, *words), megabytes)

        return Case("console", f"console from another machine, {megabytes} MB, {MPI_NAMES[mpi]}",
                    f"mpirun {labels[mpi][0]}",
                    [Figure(RATE, "MB/s", at_least(1.0)),
                     Figure(BROKEN, "lines", at_most(0, OURS))], ours, peer, 2)

    return [case(mpi) for mpi in given.mpis]


# ---- logs: from a child to its log file ----

def log_rate(bed, words, megabytes, logs):
    """The command makes 'begun', then prints the lines. The rate is that until the log file was
    last written."""
    with bed.job(words) as job:
        bed.finish(job)
    path, = bed.workspace.glob(logs)
    if path.stat().st_size < megabytes * 1_000_000:
        raise Failed(f"{path.name} has {path.stat().st_size} bytes")
    seconds = path.stat().st_mtime - (bed.workspace / "begun").stat().st_mtime
    return {RATE: megabytes / seconds}


def logs(given):
    """One trainer's log file, on one machine without mpirun. Nobody keeps what the console gets:
    a second copy on the same disk would be the disk's measurement."""
    megabytes = 16 if given.quick else 256
    mpi = given.mpis[0]

    def command(bed):
        bed.empty_workspace()
        return f"touch begun; exec cat {lines_file(bed, megabytes)}"

    def ours(bed):
        words = bed.on(0, "sh", "-c", 'exec "$@" >/dev/null', "sh",
                       *bed.launcher(mpi, 1, "--quiet", command(bed)))
        return log_rate(bed, words, megabytes, "dgl-mpilaunch-runs/*Z*/logs/*.trainer-0.log")

    def peer(bed):
        words = bed.on(0, "sh", "-c", f"sh -c '{command(bed)}' | cat >log")
        return log_rate(bed, words, megabytes, "log")

    return [Case("logs", f"log file with --quiet, {megabytes} MB", "cat >file",
                 [Figure(RATE, "MB/s", at_least(0.5))], ours, peer)]
