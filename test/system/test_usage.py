"""Wrong usage and unreadable configs give exit code 2 and one message, whatever the number of
ranks; and questions that start nothing."""

import json
import pathlib
import platform
import re
import subprocess
import sys

import pytest

import patience
from job import plain_environment, write_partition
from odd import complaints


def said_once(result, *words):
    assert result.code == 2, result.said
    assert len(complaints(result)) == 1, result.said
    for word in words:
        assert word in result.err, f"'{word}' is not said:\n{result.said}"
    assert not (result.workspace / "dgl-mpilaunch-runs").exists()


WRONG = {
    "a typing error": (["--num_trianers", "2"], None, ["--num_trianers", "--num_trainers"]),
    "no number": (["--num_trainers", "two"], None, ["num_trainers", "two"]),
    "below the least": (["--num_trainers=0"], None, ["num_trainers"]),
    "nothing after the dashes": ([], ["--"], ["command"]),
    "bare words": ([], ["python3", "train.py"], ["--", "quote"]),
    "no command": ([], [], ["command"]),
    "a wrong format": (["--graph_format", "xyz"], None, ["graph_format"]),
    "no assignment": (["--server_env", "novalue"], None, ["server_env"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_words(job, name):
    more, command, words = WRONG[name]
    it = job(machines=2)
    it.more, it.command = more, command
    said_once(it.run(), *words)


@pytest.mark.parametrize("missing", ["workspace", "ip_config", "part_config", "num_trainers",
                                     "num_servers"])
def test_a_missing_option(job, missing):
    said_once(job(machines=2, **{missing: None}).run(), missing)


IP_CONFIGS = {
    "a name of nobody": ["{0}", "nobody.invalid"],
    "IPv6": ["{0}", "fe80::1"],
    "a third word": ["{0} 30050 1", "{1}"],
    "a comment": ["# machines", "{0}", "{1}"],
    "a blank line in between": ["{0}", "", "{1}"],
    "twice the same": ["{0}", "{0}"],
    "neighbours' ports": ["{0} 30050", "{0} 30051"],
    "a port out of range": ["{0} 65535", "{1}"],
    "no port": ["{0} x", "{1}"],
    "an address of too many parts": ["{0}.1", "{1}"],
}


@pytest.mark.parametrize("name", IP_CONFIGS)
def test_a_wrong_ip_config(job, name):
    it = job(machines=2, num_servers=2)
    it.write()
    lines = [line.format(*it.ip_config) for line in IP_CONFIGS[name]]
    (it.workspace / "ip_config.txt").write_text("\n".join(lines) + "\n")
    said_once(it.run(), "ip_config.txt:")


PART_CONFIGS = {
    "no JSON": "{", "an array": "[]", "empty": "", "no num_parts": "{}",
    "too deep": "[" * 100000, "a number of parts that is none": '{"num_parts": 1e99}',
    "zeros": "\0" * 100,
}


@pytest.mark.parametrize("name", PART_CONFIGS)
def test_a_wrong_part_config(job, name):
    it = job(machines=2)
    it.write()
    (it.workspace / "data/graph.json").write_text(PART_CONFIGS[name])
    said_once(it.run(), "graph.json")


def test_a_part_config_without_one_of_its_parts(job):
    it = job(machines=2)
    write_partition(it.workspace / "data", 2)
    known = json.loads((it.workspace / "data/graph.json").read_text())
    del known["part-1"]
    (it.workspace / "data/graph.json").write_text(json.dumps(known))
    said_once(it.run(), "part-1")


def ask(it, *words, behind=(), **variables):
    return subprocess.run([*behind, str(it.build / "dgl-mpilaunch"), *words], capture_output=True,
                          text=True, timeout=patience.seconds(), cwd=it.workspace.parent,
                          env={**plain_environment(), **variables})


def test_help_and_version_need_no_mpi(solo):
    it = solo()
    help_ = ask(it, "--help")
    assert help_.returncode == 0 and help_.stderr == ""
    for name in ("--num_trainers", "--dry_run", "--lost_timeout"):
        assert name in help_.stdout
    version = ask(it, "--version")
    assert version.returncode == 0
    assert re.fullmatch(r"dgl-mpilaunch \d+\.\d+\S*\n", version.stdout)


@pytest.mark.parametrize("word", ["--help", "--version"])
def test_help_and_version_are_said_once(job, word):
    it = job(machines=2)
    it.command = [word]
    result = it.run()
    assert result.code == 0, result.said
    assert result.out and result.out == ask(it, word).stdout


def test_dry_run_without_mpi(solo):
    """It plans for machines that do not exist, and leaves no trace."""
    it = solo("any: touch ran", num_trainers=2, num_servers=1)
    it.ip_config = ["10.1.2.3", "10.1.2.4 31000", "10.1.2.5"]
    it.machines = 3
    it.write()
    done = ask(it, "--dry_run", *it.launcher()[1:])
    assert done.returncode == 0, done.stderr
    for word in ("10.1.2.3", "10.1.2.4", "10.1.2.5", "DGL_SERVER_ID=2", "RANK=5", "WORLD_SIZE=6",
                 "any: touch ran", str(it.workspace)):
        assert word in done.stdout, f"'{word}' is not in\n{done.stdout}"
    assert sorted(path.name for path in it.workspace.iterdir()) == ["data", "ip_config.txt"]


# Runs the words as in a system without the call of this number.
WITHOUT = """
import os, sys
sys.path.insert(0, sys.argv[1])
import oldkernel
oldkernel.forbid([int(sys.argv[2])])
os.execvp(sys.argv[3], sys.argv[3:])
"""
SOCKETPAIR = {"x86_64": 53, "aarch64": 199}


def test_dry_run_without_mpirun_starts_nothing(solo):
    """Wherever it is asked for: without socketpair(2) there could be no keeper."""
    it = solo("any: touch ran")
    it.write()
    (it.workspace.parent / "job.json").write_text('{"dry_run": true}')
    behind = [sys.executable, "-IBS", "-c", WITHOUT, str(pathlib.Path(__file__).parent),
              str(SOCKETPAIR[platform.machine()])]
    for words, variables in ((["--dry_run"], {}), ([], {"DGL_MPILAUNCH_DRY_RUN": "1"}),
                             (["--config", "job.json"], {})):
        done = ask(it, *words, *it.launcher()[1:], behind=behind, **variables)
        assert done.returncode == 0 and "any: touch ran" in done.stdout, \
            f"{words} {variables}\n{done.stderr}"


@pytest.mark.parametrize("by_environment", [False, True])
def test_dry_run_under_mpirun_prints_once(job, by_environment):
    it = job("any: touch ran", machines=2)
    if by_environment:
        it.environment["DGL_MPILAUNCH_DRY_RUN"] = "1"
    else:
        it.more = ["--dry_run"]
    result = it.run()
    assert result.code == 0, result.said
    assert result.out.count("DGL_SERVER_ID=1") == 1, result.said
    assert not (result.workspace / "ran").exists()


@pytest.mark.parametrize("wrong", [False, True])
def test_dry_run_under_mpirun_does_without_mpi(job, wrong):
    """Rank 0 prints, and every rank leaves, before MPI_Init: that cannot work here."""
    it = job(machines=2)
    it.environment.update(OMPI_MCA_pml="none_such", UCX_TLS="none_such")
    it.more = ["--dry_run", "--num_trianers"] if wrong else ["--dry_run"]
    result = it.run()
    assert result.code == (2 if wrong else 0), result.said
    assert result.out.count("DGL_SERVER_ID=1") == (0 if wrong else 1), result.said
    assert result.err.count("--num_trianers") == (1 if wrong else 0), result.said


# kind -> the lines for machines 1 and 0, with their addresses for {1} and {0}
HOSTFILES = {
    "openmpi": "{1} slots=1\n{0} slots=1\n",
    "mpich": "{1}:1\n{0}:1\n",
    "slurm": "vm1\nvm0\n",
}


@pytest.fixture
def hostfile(solo):
    """hostfile(LINES, WORDS...) runs the launcher on machine 0 with these lines as ip_config."""
    it = solo()
    it.workspace.mkdir()

    def ask_there(lines, *words, cwd=it.workspace):
        if lines is not None:
            (it.workspace / "ip_config.txt").write_text("\n".join(lines) + "\n")
        return it.cluster.on(0, str(it.build / "dgl-mpilaunch"), *words, cwd=cwd)
    return ask_there


@pytest.mark.parametrize("kind", HOSTFILES)
def test_a_hostfile(hostfile, cluster, kind):
    done = hostfile([f"{cluster.ips[1]} 31000", cluster.ips[0]], "--print_hostfile", kind,
                    "--ip_config", "ip_config.txt")
    assert (done.returncode, done.stderr) == (0, ""), done
    assert done.stdout == HOSTFILES[kind].format(*cluster.ips)


def test_a_hostfile_from_a_jobs_whole_command_line(hostfile, cluster, tmp_path):
    done = hostfile(cluster.ips[:1], "--workspace", str(tmp_path / "w0"), "--ip_config",
                    "ip_config.txt", "--num_trainers", "2", "--print_hostfile=mpich", "python3 x",
                    cwd="/")
    assert (done.returncode, done.stdout) == (0, f"{cluster.ips[0]}:1\n"), done


NO_HOSTFILES = {
    "a wrong kind": (["{0}"], ["lam", "--ip_config", "ip_config.txt"],
                     ["lam", "openmpi, mpich, slurm"]),
    "no ip_config": (["{0}"], ["mpich"], ["--print_hostfile needs --ip_config"]),
    "auto": (None, ["mpich", "--ip_config", "auto"], ["--print_hostfile needs a file"]),
    "no file": (None, ["mpich", "--ip_config", "none.txt"], ["none.txt"]),
    "an unknown name in it": (["{0}", "vm99"], ["mpich", "--ip_config", "ip_config.txt"],
                     ["ip_config.txt:2", "vm99"]),
    "an address without a name": (["{0}", "192.0.2.7"], ["slurm", "--ip_config", "ip_config.txt"],
                                  ["ip_config.txt:2", "192.0.2.7", "scontrol show nodes"]),
}


@pytest.mark.parametrize("name", NO_HOSTFILES)
def test_no_hostfile(hostfile, cluster, name):
    lines, words, said = NO_HOSTFILES[name]
    lines = lines and [line.format(*cluster.ips) for line in lines]
    done = hostfile(lines, "--print_hostfile", *words)
    assert (done.returncode, done.stdout) == (2, ""), done
    for word in said:
        assert word in done.stderr, done.stderr


def test_a_hostfile_under_mpirun_is_printed_once(job):
    it = job(machines=2)
    it.more = ["--print_hostfile", "openmpi"]
    result = it.run()
    assert (result.code, result.out.count("slots=1")) == (0, 2), result.said


def test_all_ways_to_say_an_option(solo):
    it = solo("trainer: dump seen; connect", num_trainers=None, num_servers=None)
    it.write()
    (it.workspace.parent / "job.json").write_text(json.dumps({"num_trainers": 9,
                                                              "num_servers": 2}))
    it.more = ["--config", str(it.workspace.parent / "job.json"), "--num-samplers", "1"]
    it.environment["DGL_MPILAUNCH_NUM_TRAINERS"] = "2"
    result = it.run()
    assert result.code == 0, result.said
    seen = result.dump("trainer", 1)["environment"]
    assert (seen["WORLD_SIZE"], seen["DGL_NUM_SERVER"], seen["DGL_NUM_SAMPLER"]) == ("2", "2", "1")


def test_only_rank_0s_environment_counts(openmpi):
    """Another machine's DGL_MPILAUNCH_* changes nothing there."""
    it = openmpi("server: serve", "trainer: dump seen; connect", machines=2)
    it.mpirun_options = ["-np", "2", "-N", "1", "-x", "DGL_MPILAUNCH_GRAPH_FORMAT=coo"]
    result = it.run()
    assert result.code == 0, result.said
    formats = {result.dump("trainer", k)["environment"]["DGL_GRAPH_FORMAT"] for k in range(2)}
    assert formats == {"coo"}


def test_launch_pys_options_are_taken(solo):
    it = solo("server: serve", "trainer: connect")
    it.more = ["--ssh_port", "22", "--ssh_username", "me"]
    result = it.run()
    assert result.code == 0, result.said
    assert "ssh" in result.err and "mpirun" in result.err, result.said
