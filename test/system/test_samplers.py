"""--sampler_cmd: samplers that the launcher starts: their environment and their end."""

import json
import os
import shlex
import signal

import pytest

from test_failure import names
from test_watch import warnings_of

SERVE = "server: serve"


@pytest.fixture
def sampled(job):
    """Makes a job under each MPI whose samplers run this script and whose other processes run their
    own."""
    return lambda script, *others, **options: with_samplers(job, script, *others, **options)


@pytest.fixture
def sampled_alone(solo):
    return lambda script, *others, **options: with_samplers(solo, script, *others, **options)


def with_samplers(make, script, *others, **options):
    it = make(SERVE, *others, **{"num_samplers": 1, **options})
    it.options["sampler_cmd"] = sampler_cmd(it, *script.split(" | "))
    return it


def sampler_cmd(it, *script):
    return shlex.join([str(it.build / "fake"), *script])


def samplers_of(result):
    return {process["id"]: process for process in result.processes("sampler")}


def check_end(result, code, number, *words):
    assert result.code == code, result.said
    assert (result.cause["role"], result.cause["id"]) == ("sampler", number), result.cause
    names(result, f"sampler {number} on ", *words)


def test_what_they_find(sampled):
    it = sampled("sampler: connect; dump seen", "trainer: connect; dump seen", machines=2,
                 num_trainers=2, num_samplers=2)
    it.more = ["--sampler_env", "OWN=1", "OMP_NUM_THREADS=3", "--trainer_env", "THEIRS=1"]
    result = it.run()
    assert result.code == 0, result.said
    for number in range(8):
        seen = result.dump("sampler", number)["environment"]
        wanted = {"DGL_ROLE": "sampler", "DGL_DIST_MODE": "distributed", "DGL_GROUP_ID": "0",
                  "DGL_NUM_SAMPLER": "0", "DGL_NUM_CLIENT": "12", "DGL_NUM_SERVER": "1",
                  "DGL_IP_CONFIG": "ip_config.txt", "DGL_CONF_PATH": "data/graph.json",
                  "DGL_JOB_TRAINER_RANK": str(number // 2), "DGL_JOB_SAMPLER_ID": str(number),
                  "DGL_JOB_NUM_SAMPLERS": "2", "DGL_JOB_ID": result.report["job_id"],
                  "OMP_NUM_THREADS": "3", "OWN": "1", "THEIRS": None, "RANK": None,
                  "WORLD_SIZE": None, "MASTER_PORT": None, "DGL_SERVER_ID": None}
        assert {name: seen.get(name) for name in wanted} == wanted
        trainer = result.dump("trainer", number // 2)["environment"]
        assert seen["DGL_JOB_DIR"] == trainer["DGL_JOB_DIR"]
        assert (trainer["DGL_NUM_SAMPLER"], trainer["DGL_JOB_NUM_SAMPLERS"]) == ("0", "2")
        assert "OWN" not in trainer
        assert (result.run_dir / f"logs/vm{number // 4}.sampler-{number}.log").exists()
    assert sorted(samplers_of(result)) == [*range(8)]


@pytest.mark.parametrize("end, code, word", [
    ("kill KILL", 137, "was killed by SIGKILL"), ("kill TERM", 143, "was killed by SIGTERM"),
    ("kill SEGV", 139, "was killed by SIGSEGV"), ("kill ABRT", 134, "was killed by SIGABRT"),
    ("exit 3", 3, "exited with code 3")])
def test_one_ends_badly(sampled, end, code, word):
    script = f"sampler 1: connect; print sampling; wait up; {end} | sampler: connect; forever"
    result = sampled(script, "trainer 1: connect; touch up; forever", "trainer: connect; forever",
                     machines=2).run()
    check_end(result, code, 1, word, "vm1", "sampling")


def test_one_leaves_alone(sampled):
    result = sampled("sampler 0: connect | sampler: connect; forever", "trainer: connect; forever",
                     machines=2, exit_timeout=1).run()
    check_end(result, 125, 0, "exited with code 0 before the trainers had ended",
              "sampler 0 left 10 s ago and trainers of this machine still run; "
              "DGL's barrier at exit waits for every sampler")


def test_one_that_leaves_a_little_early(sampled_alone):
    result = sampled_alone("sampler: connect", "trainer: connect; sleep 2").run()
    assert result.code == 0, result.said
    assert not warnings_of(result)


def test_they_outstay(sampled):
    result = sampled("sampler 1: connect; ignore TERM; forever | sampler: connect; forever",
                     "trainer: connect", machines=2, exit_timeout=1).run()
    assert result.code == 0, result.said
    for number in (0, 1):
        line, = [line for line in warnings_of(result) if line.startswith(f"sampler {number} ")]
        assert line.endswith(f"on vm{number} had not left 1 s after the trainers ended, "
                             "and was stopped")
    ended = samplers_of(result)
    assert [ended[k]["signal"] for k in (0, 1)] == [signal.SIGTERM, signal.SIGKILL], result.said


def test_a_restart_starts_them_again(sampled):
    result = sampled("sampler 1: connect; attempt 0 exit 3; dump seen | "
                     "sampler: connect; attempt 0 forever; dump seen",
                     "trainer: connect; attempt 0 forever", machines=2, max_restarts=1,
                     restart_delay=0).run()
    assert result.code == 0, result.said
    first, second = result.report["attempts"]
    assert (first["cause"]["role"], first["cause"]["id"]) == ("sampler", 1), first["cause"]
    assert not second["cause"]
    assert sorted(samplers_of(result)) == [0, 1]
    for number in (0, 1):
        assert result.dump("sampler", number)["environment"]["DGL_JOB_RESTART_COUNT"] == "1"
    assert (result.run_dir / "logs/vm1.sampler-1.1.log").exists()


def test_a_pre_emption_leaves_them_alone(sampled):
    it = sampled("sampler: connect; dump up; wait saved", machines=2, preempt_signal="USR1")
    it.script += ["trainer 0: catch USR1; connect; dump up; await USR1; touch saved",
                  "trainer: catch USR1; connect; dump up; await USR1"]
    it.start().wait_for(*(f"up.{role}-{k}" for role in ("trainer", "sampler") for k in (0, 1)))
    for number in (0, 1):
        pid = json.loads((it.workspace / f"up.sampler-{number}").read_text())["pid"]
        os.kill(pid, signal.SIGUSR1)  # to all, as a batch system may do
    os.kill(it.rank_on(1), signal.SIGUSR1)
    result = it.finish()
    assert result.code == 75, result.said
    assert {process["exit_code"] for process in result.processes()} == {0}, result.said


def test_a_command_that_is_not_found(job):
    it = job(SERVE, "trainer: connect; forever", machines=2, num_samplers=1,
             sampler_cmd="no-such-program")
    result = it.run()
    assert result.code == 127, result.said
    assert result.cause["role"] == "sampler"
    names(result, "no-such-program: command not found")


def test_it_starts_after_all_servers_listen(sampled):
    it = sampled("sampler: connect; touch started", "trainer: connect", machines=2)
    it.script[0] = "server 1: dump up; wait go; serve"
    it.script.append(SERVE)
    it.start().wait_for("up.server-1")
    assert not (it.workspace / "started").exists()
    (it.workspace / "go").touch()
    result = it.finish()
    assert result.code == 0, result.said
    assert (it.workspace / "started").exists()


@pytest.mark.parametrize("way", ["file", "environment"])
def test_other_ways_to_say_it(solo, way):
    it = solo(SERVE, "trainer: connect", num_samplers=2)
    it.write()
    command = sampler_cmd(it, "sampler: connect; dump seen")
    if way == "file":
        (it.workspace / "job.json").write_text(json.dumps({"sampler_cmd": command,
                                                           "sampler_env": ["OWN=1"]}))
        it.more = ["--config", str(it.workspace / "job.json")]
    else:
        it.environment["DGL_MPILAUNCH_SAMPLER_CMD"] = command
        it.environment["DGL_MPILAUNCH_SAMPLER_ENV"] = "OWN=1"
    result = it.run()
    assert result.code == 0, result.said
    for number in (0, 1):
        assert result.dump("sampler", number)["environment"]["OWN"] == "1"
