"""The kill matrix as data: who is killed, how, in which stage, and how the job must end. Runs
nothing (killmatrix does)."""

import dataclasses
import itertools

from mpis import DEBIANS as MPIS

MACHINES = 4      # machine 2 stands between others in the tree of the alarms
KILL_GRACE = 2    # --kill_grace of every cell
LOST_TIMEOUT = 3  # --lost_timeout where something falls silent
LOADING, TRAINING, DRAIN = STAGES = ("servers loading", "training", "drain")
PRINTING = "while it prints"  # the trainer of the machine that is hit; else as TRAINING
FORKED = "launcher's sampler"  # its job has samplers of --sampler_cmd in the place of workers

FAILS, GOES_ON = "fails", "goes on"
ANY_FAILURE = "not 0"

# Seconds until the last process of the job on the last machine is gone; children obey TERM.
LIMITS = {
    "a child's death": {"openmpi": 1, "mpich": 1},
    "a sampler that ended": {"openmpi": 6, "mpich": 6},  # its trainer gets 5 s
    "a signal to mpirun": {"openmpi": 1.5, "mpich": 1},
    "a part of MPI killed": {"openmpi": KILL_GRACE + 4, "mpich": KILL_GRACE + 1},
    "silence": dict.fromkeys(MPIS, LOST_TIMEOUT + KILL_GRACE + 2),
    # the machine that is cut off waits 5 s for a console that takes its last lines
    "silence with output": dict.fromkeys(MPIS, LOST_TIMEOUT + 5 + 2),
    # only its keeper can end that rank, and it first gives the others 5 s to end the job
    "a silent rank": dict.fromkeys(MPIS, LOST_TIMEOUT + KILL_GRACE + 6 + 2),
    None: dict.fromkeys(MPIS),
}


@dataclasses.dataclass(frozen=True)
class Cell:
    victim: str
    how: str
    stage: str
    machine: int   # the machine whose part is hit
    ending: str    # GOES_ON: the job ends well
    limit: str     # a key of LIMITS
    codes: object  # mpi -> codes, each of which is right, or ANY_FAILURE
    cause: str     # a regular expression that one line of ours must fit; None: no need

    @property
    def mpis(self):
        return ONLY.get((self.victim, self.how, self.ending), MPIS)

    @property
    def is_cut_off(self):
        return self.how == CUT or self.victim == CUT_OFF

    @property
    def name(self):
        where = f", machine {self.machine}" if self.machine == 0 else ""
        return f"{self.victim}, {self.how}, {self.stage}{where}"

    @property
    def shows(self):
        return {"victim": self.victim, "how": self.how, "stage": self.stage}

    def seconds(self, mpi):
        return LIMITS[self.limit][mpi]


def both(*codes):
    return dict.fromkeys(MPIS, codes)


def each(openmpi, mpich):
    return {"openmpi": openmpi, "mpich": mpich}


SILENCES = ("silence", "silence with output", "a silent rank")
CUT_OFF = "rank that is cut off"

KILL, TERM, STOP, EXIT, SEGV = HOWS = ("SIGKILL", "SIGTERM", "SIGSTOP", "exit 1", "segfault")
CUT = "cut"
RANK_DIED = r"vm{m}: the rank of this machine has died"
TOLD = r"the launcher on vm{m} .*was told to stop by SIGTERM"
PARENT = "|".join([RANK_DIED, r"vm{m}.*(lost the process that had started it|parent gone)",
                   TOLD.replace("{m}", r"\d")])  # Open MPI does that to the other ranks
WARNING = r"warning: .*server {m} .*on vm{m} .*"

# victim, how, stages, ending, limit, codes, cause; {m}: the machine
HIT = (
    ("trainer", KILL, [TRAINING], FAILS, "a child's death", both(137),
     r"trainer {m} on vm{m} .*was killed by SIGKILL"),
    ("trainer", TERM, [TRAINING], FAILS, "a child's death", both(143),
     r"trainer {m} on vm{m} .*was killed by SIGTERM"),
    ("trainer", STOP, [TRAINING], GOES_ON, None, both(0), r"trainer {m} .*is stopped by SIGSTOP"),
    ("trainer", EXIT, [TRAINING], FAILS, "a child's death", both(1),
     r"trainer {m} on vm{m} .*exited with code 1"),
    ("trainer", SEGV, [TRAINING], FAILS, "a child's death", both(139),
     r"trainer {m} on vm{m} .*was killed by SIGSEGV"),

    ("server", KILL, [LOADING, TRAINING], FAILS, "a child's death", both(137),
     r"server {m} on vm{m} .*was killed by SIGKILL"),
    ("server", TERM, [LOADING, TRAINING], FAILS, "a child's death", both(143),
     r"server {m} on vm{m} .*was killed by SIGTERM"),
    ("server", STOP, STAGES, GOES_ON, None, both(0), r"server {m} .*is stopped by SIGSTOP"),
    ("server", EXIT, [LOADING, TRAINING], FAILS, "a child's death", both(1),
     r"server {m} on vm{m} .*exited with code 1"),
    ("server", SEGV, [LOADING, TRAINING], FAILS, "a child's death", both(139),
     r"server {m} on vm{m} .*was killed by SIGSEGV"),
    ("server", KILL, [DRAIN], GOES_ON, None, both(0), WARNING + "SIGKILL"),
    ("server", TERM, [DRAIN], GOES_ON, None, both(0), WARNING + "SIGTERM"),
    ("server", EXIT, [DRAIN], GOES_ON, None, both(0), WARNING + "exited with 1"),
    ("server", SEGV, [DRAIN], GOES_ON, None, both(0), WARNING + "SIGSEGV"),

    ("sampler worker", KILL, [TRAINING], FAILS, "a child's death", both(137),
     r"sampler on vm{m}.*SIGKILL.* trainer {m}\b"),
    ("sampler worker", TERM, [TRAINING], FAILS, "a sampler that ended", both(143),
     r"sampler on vm{m}.*SIGTERM.* trainer {m}\b"),
    ("sampler worker", STOP, [TRAINING], GOES_ON, None, both(0), None),
    ("sampler worker", EXIT, [TRAINING], FAILS, "a sampler that ended", both(1),
     r"sampler on vm{m}.*code 1\b.* trainer {m}\b"),
    ("sampler worker", SEGV, [TRAINING], FAILS, "a child's death", both(139),
     r"sampler on vm{m}.*SIGSEGV.* trainer {m}\b"),

    (FORKED, KILL, [TRAINING], FAILS, "a child's death", both(137),
     r"sampler {m} on vm{m} .*was killed by SIGKILL"),
    (FORKED, TERM, [TRAINING], FAILS, "a child's death", both(143),
     r"sampler {m} on vm{m} .*was killed by SIGTERM"),
    (FORKED, STOP, [TRAINING], GOES_ON, None, both(0), r"sampler {m} .*is stopped by SIGSTOP"),
    (FORKED, EXIT, [TRAINING], FAILS, "a child's death", both(1),
     r"sampler {m} on vm{m} .*exited with code 1"),
    (FORKED, SEGV, [TRAINING], FAILS, "a child's death", both(139),
     r"sampler {m} on vm{m} .*was killed by SIGSEGV"),

    ("keeper", KILL, STAGES, FAILS, "a child's death", both(125), r"on vm{m} .*has died"),
    ("keeper", TERM, STAGES, FAILS, "a child's death", both(143), TOLD),
    ("keeper", STOP, STAGES, FAILS, "silence", both(125), r"keeper.*vm{m}|vm{m}.*keep"),
    ("keeper", SEGV, STAGES, FAILS, "a child's death", both(125), r"on vm{m} .*has died"),

    ("rank", KILL, STAGES, FAILS, "a part of MPI killed", each((137,), (9, 137, 255)), RANK_DIED),
    ("rank", TERM, STAGES, FAILS, "a child's death", both(143), TOLD),
    ("rank", STOP, [*STAGES, PRINTING], FAILS, "silence", both(125), r"vm{m} is lost"),
    ("rank", SEGV, STAGES, FAILS, "a part of MPI killed", each((139,), (139, 255)), RANK_DIED),

    ("mpirun", KILL, STAGES, FAILS, "a part of MPI killed", both(-9), PARENT),
    ("mpirun", TERM, STAGES, FAILS, "a signal to mpirun", each((1,), (143,)),
     r"was told to stop by SIGTERM"),
    ("mpirun", STOP, STAGES, GOES_ON, None, both(0), None),
    ("mpirun", SEGV, [TRAINING], FAILS, "a part of MPI killed", both(-11), PARENT),

    ("mpirun's daemon", KILL, STAGES, FAILS, "a part of MPI killed", ANY_FAILURE, PARENT),
    ("mpirun's daemon", TERM, [TRAINING], FAILS, "a part of MPI killed", ANY_FAILURE, PARENT),
    ("mpirun's daemon", TERM, [TRAINING], GOES_ON, None, both(0), None),
    ("mpirun's daemon", STOP, [TRAINING], GOES_ON, None, both(0), None),
    ("mpirun's daemon", SEGV, [TRAINING], FAILS, "a part of MPI killed", ANY_FAILURE, PARENT),

    ("all of a machine", KILL, STAGES, FAILS, "a part of MPI killed", ANY_FAILURE, r"vm\d"),
    ("link of a machine", CUT, STAGES, FAILS, "silence", both(125), r"vm{m} is lost"),
    ("link of a machine", CUT, [PRINTING], FAILS, "silence with output", both(125),
     r"vm{m} is lost"),
    (CUT_OFF, STOP, [TRAINING], FAILS, "a silent rank", both(125), r"vm{m} is lost"),
)

# MPICH's daemon pays no attention to TERM
ONLY = {("mpirun's daemon", TERM, FAILS): ("openmpi",),
        ("mpirun's daemon", TERM, GOES_ON): ("mpich",)}

# On the machine of rank 0 and mpirun: victim, how, what differs
ON_MACHINE_0 = (
    ("rank", KILL, {}), ("rank", TERM, {}), ("rank", STOP, {}), ("keeper", KILL, {}),
    ("link of a machine", CUT, {"codes": ANY_FAILURE, "cause": r"vm\d is lost"}),
)


def make_cells():
    cells = []
    for victim, how, stages, ending, limit, codes, cause in HIT:
        machine = 0 if victim == "mpirun" else 2
        cells += [Cell(victim, how, stage, machine, ending, limit, codes,
                       cause and cause.replace("{m}", str(machine))) for stage in stages]
    for victim, how, differs in ON_MACHINE_0:
        like = next(row for row in HIT if row[:2] == (victim, how))
        cell = Cell(victim, how, TRAINING, 0, *like[3:6], like[6].replace("{m}", "0"))
        cells.append(dataclasses.replace(cell, **differs))
    order = {victim: k for k, victim in enumerate(dict.fromkeys(row[0] for row in HIT))}
    return sorted(cells, key=lambda cell: order[cell.victim])


CELLS = make_cells()


def pairs_of(run):
    """Returns what a run covers: every pair of the values of victim, how, stage and MPI."""
    cell, mpi = run
    values = (("victim", cell.victim), ("how", cell.how), ("stage", cell.stage), ("mpi", mpi))
    return set(itertools.combinations(values, 2))


def pairwise():
    """Returns runs (cell, mpi) in which every pair that some cell has comes at least once. It
    always takes the run that adds most pairs; of equal ones the first, one MPI's and the other's in
    turn. allpairspy would not do: few of these values go together, and at best it left out 19 of
    the pairs that do."""
    runs = [(cell, mpi) for k, cell in enumerate(CELLS) for mpi in (MPIS, MPIS[::-1])[k % 2]
            if mpi in cell.mpis]
    missing = set().union(*map(pairs_of, runs))
    chosen = []
    while missing:
        best = max(runs, key=lambda run: len(pairs_of(run) & missing))
        chosen.append(best)
        missing -= pairs_of(best)
    return sorted(chosen, key=runs.index)
