"""Who is connected to the servers: a host outside the job that takes a client's place, and the
limit for the clients to come."""

import contextlib
import math
import signal
import subprocess
import sys

import pytest

from patience import load, wait_until

STRANGER = ("import socket, sys; s = socket.create_connection((sys.argv[1], 30050)); "
            "print('connected', flush=True); sys.stdin.read()")


@contextlib.contextmanager
def connected(cluster, machine, to):
    """Machine `machine` has a connection to the first server of machine `to` meanwhile."""
    with subprocess.Popen(cluster.words("on", str(machine), sys.executable, "-c", STRANGER,
                                        cluster.ips[to]), stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as stranger:
        assert stranger.stdout.readline() == b"connected\n"
        yield
        stranger.stdin.close()


def test_a_foreign_connection_to_a_server_is_told(job, tmp_path):
    """It comes from a machine that is not of the job: it takes a trainer's place, and DGL hangs.
    The launcher does not report the job's own connections."""
    said = tmp_path / "stderr"
    it = job("server: serve", "trainer: dump up; connect; forever", machines=2)
    with open(said, "w", encoding="utf-8") as it.stderr:
        it.start().wait_for("up.trainer-0", "up.trainer-1")
    with connected(it.cluster, 3, to=1):
        wait_until(lambda: "no machine of this job" in said.read_text(), "the warning",
                   said.read_text)
    it.signal(signal.SIGTERM).finish()
    told, = [line for line in said.read_text().splitlines() if "no machine of this job" in line]
    assert it.cluster.ips[3] in told and "port 30050 on vm1" in told, told


def test_a_stranger_that_takes_a_place_ends_the_job(job):
    it = job("trainer: dump up; wait go; connect; forever", machines=2, connect_timeout=2)
    it.start().wait_for("up.trainer-0", "up.trainer-1")
    with connected(it.cluster, 3, to=1):
        (it.workspace / "go").touch()
        wait_until(lambda: it.process.poll() is not None, "the end")
    result = it.finish()
    assert result.code == 124, result.said
    cause = result.cause
    assert (cause["how"], cause["host"], cause["role"]) == ("connect timeout", "vm1", "server")
    for words in ("server 1 (port 30050) has 1 of 2 clients after 2 s",
                  " has 0 of its 1, and 1 that the server has not accepted",
                  f"{it.cluster.ips[3]}, which is not in ip_config, has taken 1",
                  "--connect_timeout"):
        assert words in result.err, result.said


@pytest.mark.slow
def test_a_client_that_does_not_come_costs_an_attempt(openmpi):
    """In the second one all come, and stay for longer than the limit."""
    limit = math.ceil(2 * load())
    good = f"connect; sleep {limit + 1}"
    it = openmpi(f"trainer 1: attempt 0 forever; {good}",
                 f"trainer: {good}", machines=2, num_samplers=1,
                 connect_timeout=limit, max_restarts=1)
    result = it.run()
    assert result.code == 0, result.said
    failed = f"server 0 (port 30050) has 2 of 4 clients after {limit} s; {it.cluster.ips[1]} has 0"
    assert failed in result.err or failed.replace("server 0", "server 1") in result.err, result.said
