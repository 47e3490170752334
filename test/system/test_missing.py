"""A machine lacks something, or a program cannot be started: the launcher says so once, with the
machine, before anything runs."""

import os
import subprocess
import sys

import pytest

from job import write_partition
from odd import complaints
from patience import wait_until


def nothing_was_started(result):
    return result.report is None or not [p for p in result.processes() if p["start_s"] is not None]


def test_a_missing_workspace(job):
    result = job(workspace="/no/such/workspace").run()
    assert result.code == 3, result.said
    assert result.err.count("/no/such/workspace") == 1, result.said
    assert len(complaints(result)) == 1, result.said


def test_one_machine_lacks_the_workspace(job, mounted):
    it = job()
    it.write()
    mounted(2, None, it.workspace.parent)
    result = it.run()
    assert result.code == 3, result.said
    assert "vm2" in result.err and str(it.workspace) in result.err, result.said
    assert nothing_was_started(result)


def test_one_machine_has_another_ip_config(job, mounted, tmp_path):
    it = job()
    it.write()
    other = tmp_path / "other"
    other.write_text("\n".join(it.ip_config[:3]) + "\n10.77.0.9\n")
    mounted(2, other, it.workspace / "ip_config.txt")
    result = it.run()
    assert result.code == 3, result.said
    assert "vm2" in result.err and "ip_config.txt" in result.err, result.said
    assert nothing_was_started(result)


def test_one_machine_has_no_part_config(job, mounted):
    it = job()
    it.write()
    mounted(1, None, it.workspace / "data")
    result = it.run()
    assert result.code == 3, result.said
    assert "vm1" in result.err and "graph.json" in result.err, result.said
    assert nothing_was_started(result)


def test_one_machine_lacks_its_own_partition(job, mounted):
    it = job()
    it.write()
    mounted(2, None, it.workspace / "data/part2")
    result = it.run()
    assert result.code == 3, result.said
    assert "vm2" in result.err and "part2" in result.err, result.said
    assert nothing_was_started(result)


def test_a_machine_needs_no_other_partition(job, mounted):
    it = job()
    it.write()
    for machine in range(4):
        mounted(machine, None, it.workspace / f"data/part{(machine + 1) % 4}")
    result = it.run()
    assert result.code == 0, result.said


# The port may be in TIME_WAIT after another test's server.
LISTENS = """
import signal, socket
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("", 30050))
s.listen()
signal.pause()
"""


def test_a_port_that_is_taken(job):
    it = job()
    server = subprocess.Popen(it.cluster.words("on", "1", sys.executable, "-c", LISTENS))
    try:
        wait_until(lambda: any(at.port == 30050 and at.machine == 1
                               for at in it.cluster.listeners()), "a listener")
        result = it.run()
    finally:
        server.kill()
        server.wait()
    assert result.code == 3, result.said
    for word in ("vm1", "30050", str(server.pid)):
        assert word in result.err, result.said
    assert nothing_was_started(result)


COMMANDS = {
    "missing": (["--", "python9", "train.py"], (127,), "python9"),
    "missing through a shell": (["python9 train.py"], (127,), "python9"),
    "missing by its path": (["--", "./no-such-file"], (127,), "no-such-file"),
    "not executable": (["--", "./plain"], (126,), "plain"),
    "not executable, through a shell": (["./plain --now"], (126,), "plain"),
    "a folder": (["--", "./data"], (126,), "data"),
    "bad interpreter": (["--", "./bad"], (126, 127), "bad"),
    "bad interpreter through a shell": (["./bad now"], (126, 127), "bad"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_cannot_be_run(job, name):
    words, codes, said = COMMANDS[name]
    it = job(machines=2)
    it.write()
    (it.workspace / "plain").write_text("import sys\n")
    (it.workspace / "bad").write_text("#!/no/such/python3\nprint(1)\n")
    (it.workspace / "bad").chmod(0o755)
    it.command = words
    result = it.run()
    assert result.code in codes, result.said
    assert said in result.err and "server" in result.err, result.said
    if words[0] == "--" and name != "missing":
        assert "No such file" in result.err or "Permission denied" in result.err, result.said


def test_part_config_with_another_number_of_parts(job):
    it = job()
    write_partition(it.workspace / "data", 3)
    result = it.run()
    assert result.code == 2, result.said
    assert len(complaints(result)) == 1, result.said
    assert "3" in complaints(result)[0] and "4" in complaints(result)[0], result.said


@pytest.mark.parametrize("missing", ["ip_config.txt", "data/graph.json"])
def test_a_missing_config(job, missing):
    it = job()
    it.write()
    (it.workspace / missing).unlink()
    it.write = lambda: None
    result = it.run()
    assert result.code == 2, result.said
    assert len(complaints(result)) == 1 and missing in complaints(result)[0], result.said


@pytest.mark.parametrize("machines_started", [3, 2])
def test_a_machine_without_a_rank(job, machines_started):
    it = job()
    it.hosts = it.ip_config[:machines_started]
    result = it.run()
    assert result.code == 2, result.said
    assert it.ip_config[3] in result.err, result.said
    assert nothing_was_started(result)


def test_a_rank_without_a_line(job):
    it = job()
    it.hosts = list(it.ip_config)
    it.ip_config = it.ip_config[:3]
    write_partition(it.workspace / "data", 3)
    result = it.run()
    assert result.code == 2, result.said
    assert "vm3" in result.err, result.said
    own, others = ("'-N 1'", "'-ppn 1'") if it.mpi == "openmpi" else ("'-ppn 1'", "'-N 1'")
    assert own in result.err and others not in result.err, result.said


def test_an_address_that_no_machine_has(solo):
    it = solo()
    it.ip_config = ["10.77.99.99"]
    result = it.run()
    assert result.code == 2, result.said
    assert "10.77.99.99" in result.err, result.said


def test_python_appears_on_no_other_machine(job, mounted, tmp_path):
    """A command that one machine alone lacks."""
    it = job()
    it.write()
    tool = tmp_path / "tools"
    tool.mkdir()
    os.symlink(it.build / "fake", tool / "train")
    mounted(2, None, tool)
    it.command = ["--", str(tool / "train")]
    result = it.run()
    assert result.code == 127, result.said
    assert "vm2" in result.err and "train" in result.err, result.said
