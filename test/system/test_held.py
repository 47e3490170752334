"""A rank in which LD_PRELOAD makes a call of another library hang, take long or fail, on its own
machine alone; and a rank of another build."""

import os
import re
import shutil
import signal
import subprocess

import pytest

from patience import wait_until
from leftovers import describe
from odd import behind

# Spins, as MPI_Isend under libfabric does when the other side is gone. Needs no mpi.h.
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

# For the ranks of a machine beyond the first.
CANNOT_LISTEN = """
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int bind(int fd, const struct sockaddr *address, socklen_t len)
{
    if (address->sa_family == AF_UNIX && !strncmp(address->sa_data + 1, "dgl-mpilaunch-", 14)) {
        errno = EADDRINUSE;
        return -1;
    }
    return syscall(SYS_bind, fd, address, len);
}
"""
STARTS_LATE = """
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int PMPI_Init_thread(long, long, long, long);
int MPI_Init_thread(long a, long b, long c, long d)
{
    close(creat(getenv("HERE"), 0600));
    while (access(getenv("GO_ON"), F_OK) != 0)
        usleep(10000);
    return PMPI_Init_thread(a, b, c, d);
}
"""


@pytest.fixture
def preload(tmp_path):
    """preload(job, machine, source, NAME=VALUE ...) compiles source and preloads it on that
    machine."""
    def build(it, machine, source, *environment):
        (tmp_path / "preload.c").write_text(source)
        library = tmp_path / "preload.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-w", "-o", library, tmp_path / "preload.c"],
                       check=True)
        behind(it, "env", f"LD_PRELOAD={library}", *environment,
               "ASAN_OPTIONS=detect_leaks=0:verify_asan_link_order=0", machine=machine)
    return build


def test_a_rank_that_spins_in_mpi_is_ended_by_its_keeper(job, preload):
    """Its machine is cut off as well, so that nobody else can end it."""
    it = job("server: serve", "trainer: connect; dump up; forever", machines=2, lost_timeout=2,
             kill_grace=1)
    preload(it, 0, SPINS, f"SPIN_WHEN={it.workspace}/spin")
    it.start().wait_for("up.trainer-0", "up.trainer-1")
    with it.cluster.cut_off(0):
        (it.workspace / "spin").touch()
        wait_until(lambda: not it.own_processes(), "all has ended on both sides of the cut",
                   lambda: "\n".join(map(describe, it.own_processes())))
    result = it.finish()
    assert result.code != 0, result.said
    assert "vm0: the rank of this machine" in result.err, result.said
    assert "has given no sign for 2 s" in result.err, result.said
    assert result.report["complete"] is False


@pytest.mark.parametrize("machine", [0, 1])
def test_what_a_rank_fails_at_before_the_start_ends_all_at_once(job, preload, machine):
    it = job("server: serve", machines=2)
    it.mpirun_options = ["-N", "2"] if it.mpi == "openmpi" else ["-ppn", "2"]
    preload(it, machine, CANNOT_LISTEN)
    result = it.run()
    assert result.code == 125, result.said
    assert "cannot listen for the other ranks of this machine" in result.err, result.said
    assert result.err.count("dgl-mpilaunch: error: ") == 1, result.said
    assert result.seconds < 100, result.said  # each rank's own deadline is 120 s


def test_a_signal_that_comes_before_the_options_are_known_pre_empts(job, preload):
    it = job("server: serve", "trainer: connect; dump up; forever", machines=2,
             preempt_signal="USR1")
    here, go_on = it.workspace / "here", it.workspace / "go-on"
    preload(it, 1, STARTS_LATE, f"HERE={here}", f"GO_ON={go_on}")
    it.start().wait_for("here")
    os.kill(it.rank_on(1), signal.SIGUSR1)
    go_on.touch()
    result = it.finish()
    assert result.code == 75, result.said
    assert "was pre-empted by SIGUSR1" in result.err, result.said


def test_another_build_on_one_machine_is_refused(job, mounted, tmp_path):
    it = job("server: serve", machines=2)
    other = tmp_path / "dgl-mpilaunch"
    program = (it.build / "dgl-mpilaunch").read_bytes()
    version, = re.findall(rb", messages (\d)\0", program)
    other.write_bytes(program.replace(b", messages %s\0" % version, b", messages 9\0"))
    shutil.copymode(it.build / "dgl-mpilaunch", other)
    mounted(1, other, it.build / "dgl-mpilaunch")
    result = it.run()
    assert result.code == 3, result.said
    assert "vm1 runs another build of dgl-mpilaunch" in result.err, result.said
    assert "messages 9" in result.err and f"messages {version.decode()}" in result.err, result.said
    assert result.err.count("dgl-mpilaunch: error: ") == 1, result.said
