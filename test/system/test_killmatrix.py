"""The kill matrix, pairwise: each pair of a victim, a way, a stage and an MPI comes at least once.
scripts/killmatrix runs all of it and judges how long it took."""

import pytest

import killmatrix
from conftest import build_of
from job import Job
from killcells import MACHINES, pairwise

PAIRS = pairwise()


@pytest.mark.parametrize("cell, mpi", PAIRS, ids=[f"{mpi}: {cell.name}" for cell, mpi in PAIRS])
def test_nothing_is_left_and_the_cause_is_named(cluster, tmp_path, cell, mpi):
    job = Job(cluster, build_of(mpi), mpi, tmp_path / "w", MACHINES)
    measured = killmatrix.run(cell, job, as_typed=False)
    assert not measured.wrong, "\n  ".join([*measured.wrong, *measured.left, measured.said])
