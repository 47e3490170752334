"""Real DGL with samplers that the launcher starts (--sampler_cmd), by examples/sampler.py."""

import os
import re
import shutil
import signal

import pytest

from cluster import read_bytes
from leftovers import marked
from realdgl import (MPIS, accuracy_in, check_accuracy, in_turn, pre_empt,
                     wait_for_epoch)

MACHINES = 2
KEEP_ENVIRONMENT = "env > sampler-$DGL_JOB_SAMPLER_ID.env; exec python3 sampler.py"

# Samples as examples/ do, but without common.run: sampler 1 fails once the trainers train.
FAILING = """
import os
import sampler

sample_for = sampler.sample_for

def fail(connection):
    if os.environ["DGL_JOB_SAMPLER_ID"] == "1":
        raise ValueError("no such luck")
    sample_for(connection)

sampler.sample_for = fail
if __name__ == "__main__":
    sampler.main()
"""


def set_up(it, folder, environment, script, more):
    """Makes the job, in the same workspace if that is there."""
    if not it.workspace.exists():
        shutil.copytree(folder, it.workspace)
    it.command = [f"python3 {script} --ip_config ip_config.txt --part_config data/graph.json "
                  f"--checkpoint model.pt --batch_size 16 --lr 0.05 {more}"]
    it.environment.update(environment)
    return it


@pytest.fixture
def training(openmpi, partitioned, dgl_environment):
    def make(script="train_external_samplers.py", more="", **options):
        return set_up(openmpi(machines=MACHINES, **options), partitioned(MACHINES),
                      dgl_environment, script, more)
    return make


@pytest.fixture
def endless(job, partitioned, dgl_environment):
    """A job that trains for longer than its test runs."""
    return set_up(job(machines=MACHINES, num_samplers=1, sampler_cmd="python3 sampler.py"),
                  partitioned(MACHINES), dgl_environment, "train_external_samplers.py",
                  "--num_epochs 1000000")


def losses_in(console):
    return [float(loss) for loss in re.findall(r"epoch \d+ loss ([0-9.]+)", console)]


def pid_of(it, role, number):
    name = {"sampler": "DGL_JOB_SAMPLER_ID", "trainer": "RANK"}[role]
    pid, = [pid for pid in marked(it.marker)
            if f"\0{name}={number}\0".encode() in read_bytes(f"/proc/{pid}/environ")
            and read_bytes(f"/proc/{pid}/cmdline").startswith(b"python3\0")]
    return pid


def environment_of(workspace, number):
    lines = (workspace / f"sampler-{number}.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def check_sampler(result, machine, number, trainer, samplers):
    log = result.log(f"vm{machine}.sampler-{number}.log")
    assert f"samples for trainer {trainer}\n" in log, log
    seen = environment_of(result.workspace, number)
    wanted = {"DGL_ROLE": "sampler", "DGL_NUM_SAMPLER": "0", "OMP_NUM_THREADS": "1",
              "DGL_JOB_TRAINER_RANK": str(trainer), "DGL_JOB_NUM_SAMPLERS": str(samplers),
              "DGL_JOB_ID": result.report["job_id"], "RANK": None, "MASTER_PORT": None}
    assert {name: seen.get(name) for name in wanted} == wanted


def check_samplers(result, trainers, samplers):
    """Checks that each trainer had its own samplers on its machine, and that all ended well."""
    machines = sorted(result.report["attempts"][0]["machines"], key=lambda one: one["machine"])
    assert len(machines) == MACHINES
    for k, machine in enumerate(machines):
        assert not machine["warnings"], machine["warnings"]
        assert {process["exit_code"] for process in machine["processes"]} == {0}, machine
        own = [one["id"] for one in machine["processes"] if one["role"] == "sampler"]
        assert own == [*range(k * trainers * samplers, (k + 1) * trainers * samplers)]
        for number in own:
            check_sampler(result, k, number, number // samplers, samplers)


def test_each_trainer_has_its_own(training):
    result = training(more="--num_epochs 4", num_trainers=2, num_samplers=2,
                      sampler_cmd=KEEP_ENVIRONMENT).run()
    assert result.code == 0, result.said
    check_accuracy(result.out, result.workspace)
    check_samplers(result, 2, 2)
    assert not list(result.workspace.glob(".*")), "a temporary file is left"


def test_the_same_training(training):
    """With all neighbours only the order of the mini-batches is random, and that is torch's, of the
    same seed. The sums over neighbours may be taken in another order."""
    more = "--num_epochs 4 --fan_out=-1,-1"
    alone = training("train_graphsage.py", more).run()
    assert alone.code == 0, alone.said
    result = training(more=more, num_samplers=2, sampler_cmd=KEEP_ENVIRONMENT).run()
    assert result.code == 0, result.said
    check_samplers(result, 1, 2)
    print(losses_in(alone.out), losses_in(result.out), accuracy_in(alone.out))
    assert losses_in(result.out) == pytest.approx(losses_in(alone.out), abs=0.001), result.said
    assert accuracy_in(result.out) == pytest.approx(accuracy_in(alone.out), abs=0.002)


def test_a_pre_emption_and_what_is_left_to_train(training):
    options = {"num_samplers": 1, "sampler_cmd": "python3 sampler.py", "preempt_signal": "USR1"}
    it = training(more="--num_epochs 200", **options)
    result = pre_empt(it)
    trained = int(re.search(r"pre-empted in epoch (\d+)", result.out)[1]) - 1
    again = training(more=f"--num_epochs {trained + 6}", **options)
    shutil.copytree(it.workspace, again.workspace, dirs_exist_ok=True)
    result = again.run()
    assert result.code == 0, result.said
    assert f"resumed from model.pt after epoch {trained}\n" in result.out, result.said
    check_accuracy(result.out, again.workspace)


@pytest.mark.parametrize("mpi, role", in_turn("sampler", "trainer"))
def test_one_of_a_pair_is_killed(endless, role):
    """The other process of the pair sees its socket close and ends too; it must not become the
    cause."""
    endless.start()
    wait_for_epoch(endless, 1)
    os.kill(pid_of(endless, role, 1), signal.SIGKILL)
    result = endless.finish()
    assert result.code == 137, result.said
    cause = result.cause
    assert (cause["role"], cause["id"], cause["host"]) == (role, 1, "vm1"), cause
    assert f"the job failed: {role} 1 on vm1 (pid " in result.err, result.said


@pytest.mark.parametrize("mpi", MPIS[:1])
def test_one_raises_an_exception(endless):
    (endless.workspace / "failing.py").write_text(FAILING)
    endless.options["sampler_cmd"] = "python3 failing.py"
    result = endless.run()
    assert result.code == 1, result.said
    cause = result.cause
    assert (cause["role"], cause["id"], cause["exit_code"]) == ("sampler", 1, 1), cause
    block = result.err[result.err.rfind("dgl-mpilaunch: the job failed"):]
    assert "  exception: ValueError: no such luck\n" in block, result.said
    assert "in fail\n" in result.log("vm1.sampler-1.log")
