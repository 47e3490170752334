"""One cell of the kill matrix (killcells): starts a job, waits for the stage, hits the victim, and
measures when the last process of the job was gone and when mpirun returned. It judges leftovers,
code and cause; scripts/killmatrix alone judges the time."""

import contextlib
import dataclasses
import json
import math
import os
import re
import resource
import select
import shlex
import signal
import time

from cluster import read_bytes
from killcells import (ANY_FAILURE, CUT, CUT_OFF, DRAIN, EXIT, FORKED, GOES_ON, KILL_GRACE, LOADING,
                       LOST_TIMEOUT, PRINTING, SILENCES, TRAINING)
from leftovers import describe, signal_each
from patience import Deadline, load, wait_until

SIGNALS = {"SIGKILL": signal.SIGKILL, "SIGTERM": signal.SIGTERM, "SIGSTOP": signal.SIGSTOP,
           "segfault": signal.SIGSEGV}
SETTLE = 0.5   # from the last file of a stage until the launcher has passed its gate
HOLD = 1.5     # how long a job that goes on is watched
LOOK = 0.25    # between two looks for new processes
LET_GO = 5     # behind a cut, for rank 0's scribe to have mpirun return
LINES = 300000  # lines of 200 bytes that a trainer prints; it is hit after so many bytes:
SHOWN = 2 << 20


@dataclasses.dataclass
class Measured:
    mpi: str
    gone: float = None       # seconds from the hit (or from the end of what went on) to the last
    last: str = ""           # the process that was the last
    returned: float = None   # the same for mpirun; None: not before the link was joined again
    code: int = None
    left: list = dataclasses.field(default_factory=list)
    cause: str = None        # the launcher's line that names it
    wrong: list = dataclasses.field(default_factory=list)
    said: str = ""

    def left_of(self, *kinds):
        return sum(sentence.startswith(kinds) for sentence in self.left)


# ---- the job ----

def script_of(cell):
    """The script of all processes, with the victim's own part before it where the victim ends by
    itself. Samplers of the launcher have sampler_script."""
    worker, trainer, serve = "dump worker, wait go", "wait go", "wait listen; serve"
    if cell.victim == FORKED:
        worker = None
    end, script = "wait die; exit 1", []
    if (cell.victim, cell.how) == ("trainer", EXIT):
        script.append(trainer_script(f"trainer {cell.machine}", worker, end))
    elif cell.stage == PRINTING:
        script.append(trainer_script(f"trainer {cell.machine}", worker,
                                     f"wait print; lines {LINES} 200; {trainer}"))
    elif (cell.victim, cell.how) == ("sampler worker", EXIT):
        script.append(trainer_script(f"trainer {cell.machine}", f"dump worker, {end}", trainer))
    elif (cell.victim, cell.how) == ("server", EXIT):
        own = {LOADING: end, TRAINING: f"listen; {end}", DRAIN: f"{serve}; dump drain; {end}"}
        script.append(server_script(f"server {cell.machine}", own[cell.stage]))
    return [*script, trainer_script("trainer", worker, trainer),
            server_script("server", f"{serve}; dump drain; wait leave")]


def trainer_script(who, worker, last):
    started = f"worker {worker.replace(';', ',')}; " if worker else ""
    return f"{who}: shm killmatrix-trainer 1; connect; {started}dump training; {last}"


def sampler_script(cell):
    """The script of the samplers that the launcher starts."""
    def script(who, last):
        return f"{who}: shm killmatrix-sampler 1; connect; dump sampling; {last}"
    own = [script(f"sampler {cell.machine}", "wait die; exit 1")] if cell.how == EXIT else []
    return [*own, script("sampler", "wait go")]


def server_script(who, last):
    return f"{who}: shm killmatrix-server 1; dump loading; {last}"


def options_of(cell, as_typed, build):
    options = {"num_samplers": 1, "kill_grace": KILL_GRACE if as_typed else 1, "exit_timeout": 60}
    if cell.limit in SILENCES:
        options["lost_timeout"] = LOST_TIMEOUT if as_typed else max(2, math.ceil(load()))
    if cell.stage == PRINTING:
        options["run_dir"] = "none"  # no line may be lost: the messages are as large as can be
    if cell.victim == FORKED:
        options["sampler_cmd"] = shlex.join([str(build / "fake"), *sampler_script(cell)])
    return options


def touch(job, *names):
    for name in names:
        (job.workspace / name).touch()


def bring_to_stage(cell, job):
    job.write()
    if cell.stage != LOADING:
        touch(job, "listen")
    if cell.stage == DRAIN:
        touch(job, "go")
    sampler = "sampling.sampler" if cell.victim == FORKED else "worker.trainer"
    training = ["training.trainer", sampler]
    wanted = {LOADING: ["loading.server"], TRAINING: training, PRINTING: training,
              DRAIN: ["drain.server"]}[cell.stage]
    job.start().wait_for(*(f"{name}-{k}" for name in wanted for k in range(job.machines)))
    time.sleep(SETTLE)
    if cell.stage == PRINTING:
        touch(job, "print")
        wait_until(lambda: os.fstat(job.stdout).st_size > SHOWN, "the trainer prints")


def pid_in(job, name):
    return json.loads((job.workspace / name).read_text())["pid"]


def parent_of(pid):
    stat = read_bytes(f"/proc/{pid}/stat").decode(errors="replace")
    return int(stat.rpartition(")")[2].split()[1])


def victims(cell, job):
    """Returns the pids to be hit."""
    k = cell.machine
    if cell.victim == "all of a machine":
        return [pid for pid, machine in job.cluster.processes().items()
                if machine == k and pid not in job.before.processes]
    return [{"trainer": lambda: pid_in(job, f"training.trainer-{k}"),
             "server": lambda: pid_in(job, f"loading.server-{k}"),
             "sampler worker": lambda: pid_in(job, f"worker.trainer-{k}"),
             FORKED: lambda: pid_in(job, f"sampling.sampler-{k}"),
             "keeper": lambda: job.keeper_on(k),
             "rank": lambda: job.rank_on(k),
             CUT_OFF: lambda: job.rank_on(k),
             "mpirun": lambda: job.process.pid,
             "mpirun's daemon": lambda: parent_of(job.rank_on(k))}[cell.victim]()]


def hit(cell, job):
    """Hits the victims; returns their pids and the moment."""
    pids = [] if cell.how == CUT else victims(cell, job)
    if cell.victim == "sampler worker":
        job.wait_watched(cell.machine, pids[0])
    now = time.monotonic()
    if cell.how == EXIT:
        touch(job, "die")
    elif pids:
        signal_each(pids, SIGNALS[cell.how])
    return pids, now


# ---- what comes of it ----

class Watch:
    """Waits for the ends of processes by their pidfds, without polling."""

    def __init__(self, job):
        self.job, self.fds, self.names = job, {}, {}
        self.last, self.last_name = time.monotonic(), ""
        self.mpirun = os.pidfd_open(job.process.pid)
        self.returned = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for fd in (self.mpirun, *self.fds.values()):
            os.close(fd)

    def look(self):
        new = set(self.job.own_processes()) - set(self.fds)
        launchers = self.job.launchers() if new else {}
        for pid in new:
            with contextlib.suppress(ProcessLookupError):
                self.fds[pid] = os.pidfd_open(pid)
            kind = "child" if pid not in launchers else (
                "keeper" if launchers[pid] in launchers else "rank")
            self.names.setdefault(pid, f"{kind} on machine {self.job.cluster.machine_of(pid)}")

    def wait(self, seconds):
        """Waits until some process ends, and notes when."""
        poller = select.poll()
        for fd in (self.mpirun, *self.fds.values()):
            if fd != self.mpirun or self.returned is None:
                poller.register(fd, select.POLLIN)
        ended = {fd for fd, _ in poller.poll(seconds * 1000)}
        now = time.monotonic()
        if self.mpirun in ended:
            self.returned = now
        for pid, fd in list(self.fds.items()):
            if fd in ended:
                os.close(self.fds.pop(pid))
                self.last, self.last_name = now, self.names[pid]

    def until_gone(self):
        """Waits for all; False if some are still there."""
        deadline = Deadline()
        self.look()
        while self.fds and not deadline.passed():
            self.wait(LOOK)
            self.look()
        return not self.fds

    def until_returned(self, deadline):
        while self.returned is None and not deadline.passed():
            self.wait(LOOK)


def ours(result):
    """Returns the launcher's own lines: on the console, in the keepers' logs, and the report's
    cause."""
    lines = [line for line in (result.out + result.err).splitlines() if "dgl-mpilaunch: " in line]
    for path in sorted((result.run_dir / "logs").glob("*.launcher.log")):
        lines += path.read_text().splitlines()
    if result.report and (cause := result.cause):
        lines.append(f"dgl-mpilaunch: report.json: {cause['role']} on {cause['host']}: "
                     f"{cause['how']}")
    return lines


def naming(pattern, lines):
    return next((line for line in lines if re.search(pattern, line)), None)


def said_so_far(files):
    return "".join(file.read_text(errors="replace") for file in files)


def is_told(cell, files):
    """True if the notice came within the time that it has."""
    deadline = Deadline()
    while not naming(cell.cause, said_so_far(files).splitlines()):
        if deadline.passed():
            return False
        time.sleep(0.1)
    return True


def bears_it(cell, job, files, pids, measured):
    """Checks a job that goes on: it says so and does not fail; then lets it go to its end."""
    if not (cell.how == "SIGSTOP" and cell.cause):
        time.sleep(HOLD)  # for what must not happen
    elif not is_told(cell, files):
        measured.wrong.append("no notice")
    if job.process.poll() is not None or "the job failed" in said_so_far(files):
        measured.wrong.append("did not go on")
    if cell.how == "SIGSTOP":
        signal_each(pids, signal.SIGCONT)
    touch(job, "listen", "go", "leave")
    return time.monotonic()


def measure(cell, job, files, measured):
    cut_off = job.cluster.cut_off(cell.machine) if cell.is_cut_off else contextlib.nullcontext()
    with cut_off:
        pids, since = hit(cell, job)
        if cell.ending == GOES_ON:
            since = bears_it(cell, job, files, pids, measured)
        with Watch(job) as watch:
            if not watch.until_gone():
                measured.wrong.append("hangs")
                measured.left = [describe(pid) for pid in watch.fds]
                job.kill_all()
            else:
                measured.gone, measured.last = max(0, watch.last - since), watch.last_name
            # on a busy machine Open MPI's mpirun was seen to wait on for its daemon behind the cut,
            # with no connection that is silent (doc/failures.md)
            watch.until_returned(Deadline(LET_GO) if cell.is_cut_off else Deadline())
            if watch.returned and measured.gone is not None:
                measured.returned = max(0, watch.returned - since)


def judge(cell, job, result, measured):
    lines = ours(result)
    measured.said = result.said
    if "hangs" in measured.wrong:  # we have killed it, so its code and last words do not count
        return
    codes = cell.codes if cell.codes == ANY_FAILURE else cell.codes[job.mpi]
    measured.code = result.code
    # Open MPI's mpirun may hang behind a cut (doc/failures.md); rank 0's scribe then ends it
    hung = (cell.is_cut_off and job.mpi == "openmpi" and result.code == -signal.SIGKILL
            and ("ORTE_ERROR_LOG" in result.err or load() > 2))
    right = hung or (result.code != 0 if codes == ANY_FAILURE else result.code in codes)
    if not right:
        measured.wrong.append(f"exit code {result.code}")
    if cell.cause:
        measured.cause = naming(cell.cause, lines)
        if measured.cause is None:
            measured.wrong.append("no cause")
    if measured.left:
        measured.wrong.append("left")


def run(cell, job, as_typed=True, script=None):
    """job: not yet started. as_typed: mpirun has its own defaults, and the launcher the times for
    which the limits were made; otherwise both are set to be fast. script: in the place of
    script_of."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    job.script, measured = script or script_of(cell), Measured(job.mpi)
    job.options.update(options_of(cell, as_typed, job.build))
    if as_typed:
        job.environment = {}
    elif cell.limit in ("a signal to mpirun", *SILENCES):
        job.let_ranks_report()
    job.write()
    files = [job.workspace.parent / f"{job.workspace.name}.{name}" for name in ("out", "err")]
    with open(files[0], "w") as out, open(files[1], "w") as err:
        job.stdout, job.stderr = out.fileno(), err.fileno()
        try:
            bring_to_stage(cell, job)
            measure(cell, job, files, measured)
            if cell.is_cut_off and "hangs" not in measured.wrong:
                job.wait_for_daemons()
            result, left = job.end()
        except AssertionError as error:
            measured.wrong.append("hangs")
            measured.said = f"{error}\n{said_so_far(files)}"
            return measured
        finally:
            job.abandon()
    result.out, result.err = (file.read_text(errors="replace") for file in files)
    measured.left += left
    judge(cell, job, result, measured)
    return measured
