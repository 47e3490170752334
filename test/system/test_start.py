"""Who runs where, and in which order: roles by address, servers first, trainers when all listen."""

import re
import signal
import subprocess
import sys
import time

import pytest

from cluster import Listener, read_bytes
from job import open_files
from patience import load, wait_until


def roles(result):
    return {(machine["host"], process["role"], process["id"])
            for machine in result.report["attempts"][0]["machines"]
            for process in machine["processes"]}


ONE_OF_EACH = {(f"vm{k}", role, k) for k in range(4) for role in ("server", "trainer")}


def test_all_ends_well(job):
    result = job(num_trainers=2, num_servers=2).run()
    assert result.code == 0, result.said
    assert roles(result) == {(f"vm{k}", role, 2 * k + i) for k in range(4) for i in range(2)
                             for role in ("server", "trainer")}
    assert result.report["complete"] is True
    assert result.report["exit_code"] == 0
    assert result.cause is None
    assert "has died" not in result.err, result.said
    for process in result.processes():
        assert process["exit_code"] == 0 and process["signal"] is None, process
        assert process["end_s"] >= process["start_s"] >= 0, process


def test_one_machine_without_mpi(solo):
    result = solo(num_trainers=2, num_servers=2).run()
    assert result.code == 0, result.said
    assert roles(result) == {("vm0", role, i) for role in ("server", "trainer") for i in range(2)}


def test_ranks_in_another_order_than_ip_config(job):
    it = job()
    it.hosts = list(reversed(it.ip_config))
    result = it.run()
    assert result.code == 0, result.said
    assert roles(result) == ONE_OF_EACH
    machines = sorted(result.report["attempts"][0]["machines"], key=lambda m: m["machine"])
    assert [m["ip"] for m in machines] == it.ip_config
    assert [m["rank"] for m in machines] != [0, 1, 2, 3], "the ranks were in the same order"


def test_ip_config_in_another_order_than_the_machines(job):
    it = job("server: serve", "trainer: dump seen; connect")
    it.ip_config = [it.ip_config[k] for k in (2, 0, 3, 1)]
    result = it.run()
    assert result.code == 0, result.said
    assert roles(result) == {(f"vm{k}", role, i) for i, k in enumerate((2, 0, 3, 1))
                             for role in ("server", "trainer")}
    assert result.dump("trainer", 3)["environment"]["MASTER_ADDR"] == it.ip_config[0]


@pytest.mark.parametrize("ranks", [2, 5])
def test_several_ranks_on_a_machine(job, ranks):
    it = job("server: serve", "trainer: connect; sleep 0.5")
    if it.mpi == "openmpi":
        it.mpirun_options = ["-N", str(ranks), "--oversubscribe"]
    else:
        it.mpirun_options = ["-ppn", str(ranks), "-n", str(4 * ranks)]
    result = it.run()
    assert result.code == 0, result.said
    assert roles(result) == ONE_OF_EACH
    hint = "'mpirun -N 1'" if it.mpi == "openmpi" else "'mpirun -ppn 1'"
    assert hint in result.err, result.said
    assert "Abort(" not in result.err, result.said


@pytest.mark.parametrize("script,code", [(["trainer 2: connect; exit 7"], 7), ([], 2)])
def test_the_code_with_several_ranks_on_a_machine(job, script, code):
    """The code of a failure, and of a usage error, which comes before the ranks know their
    machines."""
    it = job(*script)
    if code == 2:
        it.more = ["--nope"]
    if it.mpi == "openmpi":
        it.mpirun_options = ["-N", "3", "--oversubscribe"]
    else:
        it.mpirun_options = ["-ppn", "3", "-n", "12"]
    result = it.run()
    assert result.code == code, result.said


def test_mpirun_without_a_number_of_ranks(job):
    it = job()
    it.mpirun_options = []
    result = it.run()
    assert result.code == 0, result.said
    assert roles(result) == ONE_OF_EACH


def test_ports_in_the_file(job):
    it = job("server: listen; touch up; serve", "trainer: connect; dump up; wait go",
             num_servers=2)
    it.ip_config = [f"{ip} {31000 + 10 * k}" for k, ip in enumerate(it.ip_config)]
    it.start().wait_for(*(f"up.trainer-{k}" for k in range(4)))
    expected = {Listener(k, 31000 + 10 * k + i) for k in range(4) for i in range(2)}
    seen = it.cluster.listeners()
    (it.workspace / "go").touch()
    result = it.finish()
    assert result.code == 0, result.said
    assert expected <= seen
    assert not any(listener.port == 30050 for listener in seen)


def test_trainers_start_when_all_servers_listen(job):
    result = job("server 2: sleep 2; serve").run()
    assert result.code == 0, result.said
    # each machine's clock starts with its own servers, within the spread of the start gate
    assert min(p["start_s"] for p in result.processes("trainer")) > 1.7
    ready = {p["id"]: p["ready_s"] for p in result.processes("server")}
    assert ready[2] > 1.9 and all(ready[k] < 1.5 for k in (0, 1, 3)), ready


def test_a_server_that_listens_late_is_named(openmpi):
    result = openmpi("server 2: sleep 11; serve").run()
    assert result.code == 0, result.said
    waiting = [line for line in result.err.splitlines() if "waiting for" in line]
    # after 10 s, but soon on a terminal, which Open MPI 4 gives its ranks
    assert 1 <= len(waiting) <= 2, result.said
    for line in waiting:
        assert "server 2" in line and re.findall(r"vm\d", line) == ["vm2"], line


def test_start_timeout_names_who_is_late(job):
    result = job("server 2: forever", start_timeout=2).run()
    assert result.code == 124, result.said
    assert "server 2" in result.err and "vm2" in result.err, result.said
    assert "server 1" not in result.err, result.said
    assert result.processes("trainer") == [] or all(
        p["start_s"] is None for p in result.processes("trainer"))


def test_start_timeout_names_the_late_of_all_machines(job):
    """And the launcher waits for nobody while it stops them."""
    it = job("server 1: ignore TERM; forever", "server 2: forever", machines=3, start_timeout=1,
             kill_grace=11)
    result = it.run()
    assert result.code == 124, result.said
    for word in ("server 1", "vm1", "server 2", "vm2"):
        assert word in result.err, f"'{word}' is not said:\n{result.said}"
    assert "server 0" not in result.err, result.said
    # after 10 s, and on a terminal after 1 s
    assert "waiting for" not in result.err, result.said
    assert result.seconds > 11, "it was not stopped for long enough to see"


def test_a_listener_below_the_server_counts(solo):
    """DGL's server may be a grandchild, behind a shell or numactl."""
    it = solo()
    it.command = [f"{it.build}/fake 'server: serve'; exit $?"]
    result = it.run()
    assert result.code == 0, result.said


def test_samplers_are_counted(job):
    result = job(num_samplers=2, num_trainers=2, machines=2).run()
    assert result.code == 0, result.said


def test_a_restart_on_the_same_ports_works_at_once(solo):
    for _ in range(2):
        result = solo(num_servers=2).run()
        assert result.code == 0, result.said


def hosts_connected_to(pid):
    sockets = {path[len("socket:["):-1] for path in open_files(pid) if path.startswith("socket:[")}
    rows = [line.split() for line in read_bytes(f"/proc/{pid}/net/tcp").decode().splitlines()[1:]]
    return {row[2].split(":")[0] for row in rows if row[3] == "01" and row[9] in sockets}


def test_sixteen_machines(clusters, mpi, tmp_path):
    """Rank 0 has the connections of the tree and of MPI's own collectives alone. MPICH connects all
    ranks itself."""
    from conftest import build_of
    from job import Job
    it = Job(clusters(16), build_of(mpi), mpi, tmp_path / "w", machines=16)
    it.script = ["server: serve", "trainer: connect; dump up; wait go"]
    it.start().wait_for(*(f"up.trainer-{k}" for k in range(16)))
    connected = hosts_connected_to(it.rank_on(0))
    (it.workspace / "go").touch()
    result = it.finish()
    assert result.code == 0, result.said
    assert len(result.processes()) == 32
    assert mpi == "mpich" or len(connected) <= 5, connected  # four ranks, and mpirun's daemon


def test_it_starts_at_once(solo):
    """Nothing sleeps on the way from the command line to the trainers."""
    it = solo("server: serve", "trainer: connect; touch up")
    started = time.monotonic()
    it.start()
    wait_until((it.workspace / "up").exists, "the trainer's file")
    took = time.monotonic() - started
    assert it.finish().code == 0
    assert took < 2 * load()
