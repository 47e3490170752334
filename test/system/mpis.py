"""The MPIs of the tests: what their mpiruns are called with, and what they make of a job's end.
Runs nothing."""

import dataclasses
import os
import pathlib
import re

DEBIANS = ("openmpi", "mpich")  # under these run all tests that start an mpirun


@dataclasses.dataclass(frozen=True)
class Family:
    """Whose mpiruns understand the same options; its name is vcluster's --mpi."""
    name: str
    hostfile: str
    one_each: tuple     # options for one rank on each machine
    two_each: tuple     # with {ranks}: of all machines

    def two_on_each(self, machines):
        return [word.format(ranks=2 * machines) for word in self.two_each]


OPEN_MPI = Family("openmpi", "-hostfile", ("-N", "1"), ("-N", "2", "--oversubscribe"))
MPICH = Family("mpich", "-f", ("-ppn", "1"), ("-ppn", "2", "-n", "{ranks}"))


@dataclasses.dataclass(frozen=True)
class Mpi:
    name: str           # of its build (MPILAUNCH_BUILD_NAME), and of its folder of scripts/setup
    family: Family
    starter: str = "mpirun"  # beside its mpicc; Debian's are in PATH, and called as users call them
    root: str = ""      # the variable that must name its folder, whose bin must then be in PATH
    waits_behind_cut: bool = False  # its mpirun returns only when a cut link is joined again
    # what a case of test_mpis ends with where this mpirun is at fault (doc/exit-codes.md)
    codes: dict = dataclasses.field(default_factory=dict)


MPIS = {mpi.name: mpi for mpi in (
    Mpi("openmpi", OPEN_MPI),
    Mpi("openmpi5", OPEN_MPI, codes={
        "INT to mpirun": (1,), "TERM to mpirun": (1,),  # whatever the ranks return, as version 4
        "mpirun's daemon is killed": (0,),              # a bare MPI program too
        "a rank is killed": (137, 14),                  # 14: another rank saw a socket close first
        "the link of machine 0 is cut": (-9,),          # it would return 0; see keeper/mpirun.h
    }),
    Mpi("mpich", MPICH),
    Mpi("mpich5", MPICH),
    # Intel's mpirun is a script that waits for mpiexec.hydra and hands no signal on
    Mpi("impi", MPICH, starter="mpiexec.hydra", root="I_MPI_ROOT", waits_behind_cut=True),
)}
PYPIS = tuple(name for name in MPIS if name not in DEBIANS)


def starter_of(mpi, build):
    """Returns the mpirun beside the compiler wrapper that configure has found."""
    makefile = (build / "Makefile").read_text()
    mpicc = pathlib.Path(re.search(r"^MPICC = (.+)$", makefile, re.M).group(1))
    return mpicc.with_name(mpicc.name.replace("mpicc", MPIS[mpi].starter))


def environment_of(mpi, build):
    """Returns the variables that `module load` would set."""
    if mpi is None or not MPIS[mpi].root:
        return {}
    folder = starter_of(mpi, build).parent
    return {MPIS[mpi].root: str(folder.parent), "PATH": f"{folder}:{os.environ['PATH']}"}
