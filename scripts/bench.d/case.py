"""What is measured, as data: a case has figures, and a way to measure them for the launcher and for
what it is compared with. Measures nothing itself."""

import dataclasses
import statistics
import typing

MPI_NAMES = {"openmpi": "Open MPI", "mpich": "MPICH"}
RATIO, OURS = "×", ""  # what a target is about: the ratio, or the launcher's own figure


class Failed(Exception):
    """This measurement did not come about; its text says why."""


@dataclasses.dataclass(frozen=True)
class Target:
    of: str
    sign: str  # ≤ or ≥
    limit: float

    def met(self, value):
        return value <= self.limit if self.sign == "≤" else value >= self.limit


@dataclasses.dataclass(frozen=True)
class Figure:
    name: str
    unit: str
    target: Target = None

    def target_text(self):
        if self.target is None:
            return "–"
        return f"{self.target.sign} {self.target.limit:g} {self.target.of or self.unit}"


@dataclasses.dataclass
class Case:
    """`ours` and `peer` take the bed and return figure's name -> value; peer None: the launcher is
    compared with nothing."""
    row: str
    what: str
    against: str
    figures: list
    ours: typing.Callable
    peer: typing.Callable = None
    machines: int = 1
    runs: int = 5
    left_out: str = ""  # why it cannot be measured here


@dataclasses.dataclass
class Measured:
    """One figure of a case."""
    case: Case
    figure: Figure
    ours: list
    peer: list
    load: float  # the machine's when the case began
    why: str     # why it was not measured, or not as often as asked for

    def ratio(self):
        target = self.figure.target
        if not self.ours or not self.peer or (target and target.of == OURS):
            return None
        return statistics.median(self.ours) / statistics.median(self.peer)

    def judged(self):
        """Returns the value that the target is about, or None."""
        target = self.figure.target
        if target is None or not self.ours:
            return None
        return self.ratio() if target.of == RATIO else statistics.median(self.ours)

    def met(self):
        value = self.judged()
        return None if value is None else self.figure.target.met(value)

    def what(self):
        return f"{self.case.what}: {self.figure.name}"


def at_most(limit, of=RATIO):
    return Target(of, "≤", limit)


def at_least(limit, of=RATIO):
    return Target(of, "≥", limit)
