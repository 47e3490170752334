"""A rank in which a call of another library does not do what it should: it never comes back, or
fails. The rank's own machine alone has the library that does so, by LD_PRELOAD."""

import subprocess

import pytest

from job import wait_until
from leftovers import describe
from odd import behind

# As MPI_Isend under libfabric, when the other side is gone. No mpi.h: all arguments are passed on.
SPINS = """
#include <stdlib.h>
#include <unistd.h>

int PMPI_Improbe(long, long, long, long, long, long);
int MPI_Improbe(long a, long b, long c, long d, long e, long f)
{
    while (access(getenv("SPIN_WHEN"), F_OK) == 0)
        ;
    return PMPI_Improbe(a, b, c, d, e, f);
}
"""


@pytest.fixture
def preload(tmp_path):
    """preload(job, machine, source, NAME=VALUE ...): on that machine."""
    def build(it, machine, source, *environment):
        (tmp_path / "preload.c").write_text(source)
        library = tmp_path / "preload.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-w", "-o", library, tmp_path / "preload.c"],
                       check=True)
        behind(it, "env", f"LD_PRELOAD={library}", *environment,
               "ASAN_OPTIONS=detect_leaks=0:verify_asan_link_order=0", machine=machine)
    return build


def test_a_rank_that_spins_in_mpi_is_ended_by_its_keeper(job, preload):
    """Cut off as well, so that nobody else can end it."""
    it = job("server: serve", "trainer: connect; dump up; forever", machines=2, lost_timeout=2,
             kill_grace=1)
    preload(it, 0, SPINS, f"SPIN_WHEN={it.workspace}/spin")
    it.start().wait_for("up.trainer-0", "up.trainer-1")
    it.cluster.vcluster("link", "0", "down")
    try:
        (it.workspace / "spin").touch()
        wait_until(lambda: not it.own_processes(), 25, "all has ended on both sides of the cut",
                   lambda: "\n".join(map(describe, it.own_processes())))
    finally:
        it.cluster.vcluster("link", "0", "up")
    result = it.finish()
    assert result.code != 0, result.said
    assert "vm0: the rank of this machine" in result.err, result.said
    assert "has given no sign for 2 s" in result.err, result.said
    assert result.report["complete"] is False
