"""A real Slurm: srun, and batch scripts with srun and mpirun in them, under both MPIs; process
tracking and task plugins as most sites have them, and without."""

import contextlib
import os
import re
import signal

import pytest

import slurm
from conftest import build_of
from cluster import Cluster
from job import FOLDER
from odd import complaints
from patience import wait_until

pytestmark = [pytest.mark.xdist_group("slurm"),
              pytest.mark.skipif(not slurm.is_possible(), reason="Slurm's daemons need root")]

RUNS = ("server: serve", "trainer: connect; dump up; forever")
GOOD = ("server: serve", "trainer: connect")
SAVES = ("server: serve",
         *(f"trainer {k}: catch USR1; connect; dump up; await USR1; touch saved{k}"
           for k in range(4)))
PLAIN, CGROUP = "plain", "cgroup"
PLUGINS = {PLAIN: {}, CGROUP: {"tasks": "affinity,cgroup", "tracking": "cgroup"}}


@pytest.fixture(scope="module")
def slurms(tmp_path_factory):
    """slurms(kind): Slurm with the plugins of that kind on 4 machines of its own."""
    with contextlib.ExitStack() as stack:
        known = {}

        def get(kind):
            if kind == CGROUP and not slurm.has_cgroups():
                pytest.skip("no cgroup hierarchies of version 1")
            if kind not in known:
                machines = Cluster(tmp_path_factory.mktemp(f"sl-{kind}-") / "c", 4)
                stack.callback(machines.down)
                known[kind] = slurm.Slurm(machines, **PLUGINS[kind])
                stack.callback(known[kind].down)
            return known[kind]

        yield get


@pytest.fixture
def submit(slurms, mpi, tmp_path):
    """submit(kind, 'trainer 2: exit 3', batch='{srun}'): a job that has not been started."""
    made = []

    def get(kind, *script, batch=None, machines=4, **options):
        new = slurm.SlurmJob(slurms(kind), build_of(mpi), mpi, tmp_path / f"w{len(made)}", machines)
        new.script, new.batch = list(script), batch
        new.options.update(options)
        made.append(new)
        return new

    yield get
    for each in made:
        each.abandon()


def up(it):
    return it.start().wait_for(*(f"up.trainer-{k}" for k in range(it.machines)))


def all_saved(it):
    return all((it.workspace / f"saved{k}").exists() for k in range(it.machines))


# ---- how it is started, and its codes ----

STARTS = ("srun", "{srun}", "{mpirun}")


@pytest.mark.parametrize("kind", PLUGINS)
@pytest.mark.parametrize("start", STARTS)
def test_the_first_failure_is_the_code(submit, kind, start):
    it = submit(kind, "server: serve", "trainer 2: connect; exit 7", "trainer: connect; forever",
                batch=None if start == "srun" else start)
    result = it.run()
    assert (result.code, result.cause["host"], result.cause["how"]) == (7, "vm2", "exited"), \
        result.said


@pytest.mark.parametrize("start", STARTS)
def test_a_good_job(submit, start):
    it = submit(CGROUP, "server: dump seen; serve", "trainer: dump seen; connect",
                batch=None if start == "srun" else start)
    result = it.run()
    assert result.code == 0 and result.report["exit_code"] == 0, result.said
    for role in ("server", "trainer"):
        seen = result.dump(role, 3)["environment"]
        step = [name for name in seen if name.startswith(("SLURM_STEP", "SLURM_PROCID", "PMI",
                                                          "SLURM_LOCALID", "SLURM_CPU_BIND"))]
        assert not step, f"{role} has {step}"
        assert seen["SLURM_JOB_ID"] and seen["SLURM_JOB_NODELIST"] == "vm[0-3]"


def test_several_ranks_on_a_machine(submit):
    it = submit(PLAIN, *GOOD)
    it.allocation = lambda: ["-N4", "--ntasks-per-node=2"]
    result = it.run()
    assert result.code == 0, result.said


@pytest.mark.parametrize("kind, killed", [([], 2), (["-K"], 0), (["-K"], 2)])
def test_a_killed_rank_is_named_at_once(submit, kind, killed):
    """Without -K Slurm tells nobody; the rank's keeper does."""
    it = submit(PLAIN, *RUNS, lost_timeout=600)
    it.srun_options = kind
    os.kill(up(it).rank_on(killed), signal.SIGKILL)
    result = it.finish()
    assert result.code != 0, result.said
    assert f"vm{killed} is lost: its rank of dgl-mpilaunch has died" in result.err, result.said
    if killed:
        assert (result.cause["how"], result.cause["host"]) == ("lost", f"vm{killed}"), result.said


@pytest.mark.parametrize("killed", [0, 2])
def test_a_killed_keeper(submit, killed):
    it = submit(PLAIN, *RUNS)
    os.kill(up(it).keeper_on(killed), signal.SIGKILL)
    result = it.finish()
    assert (result.code, result.cause["host"]) == (125, f"vm{killed}"), result.said


def test_a_stopped_rank(submit):
    """Without -K MPICH's rank 0 must abort, and Slurm KILLs the stopped rank: 137."""
    it = submit(PLAIN, *RUNS, lost_timeout=3)
    it.srun_options = ["-K"]
    os.kill(up(it).rank_on(2), signal.SIGSTOP)
    result = it.finish()
    assert (result.code, result.cause["host"]) == (125, "vm2"), result.said


@pytest.mark.parametrize("options", [[], ["-K"]])
def test_one_rank_is_told_to_stop(submit, options):
    it = submit(PLAIN, *RUNS)
    it.srun_options = options
    os.kill(up(it).rank_on(2), signal.SIGTERM)
    result = it.finish()
    assert (result.code, result.cause["signal"]) == (143, signal.SIGTERM), result.said


# ---- signals to srun ----

@pytest.mark.parametrize("kind", PLUGINS)
@pytest.mark.parametrize("number", ["TERM", "HUP", "KILL"])
def test_srun_gets_a_signal(submit, kind, number):
    """srun has Slurm KILL the whole step. Nothing but DGL's own shared memory could be left."""
    it = submit(kind, *RUNS)
    result = up(it).signal(signal.Signals["SIG" + number]).finish()
    assert result.code in (137, -9), result.said


def test_one_interrupt_is_only_a_notice_of_srun(submit):
    it = submit(PLAIN, *RUNS)
    it.stderr = open(it.file("said"), "w", encoding="ascii")  # pylint: disable=consider-using-with
    with it.stderr:
        up(it).signal(signal.SIGINT)

        def said():
            return it.file("said").read_text(encoding="ascii")
        wait_until(lambda: "one more within 1 sec" in said(), "srun's notice", said)
        assert "Ctrl-C stops the job when it is pressed twice within a second" in said()
        assert it.process.poll() is None
        it.signal(signal.SIGTERM)
        it.finish()


# ---- scancel ----

@pytest.mark.parametrize("kind", PLUGINS)
@pytest.mark.parametrize("options", [[], ["-s", "TERM"], ["--full"]], ids=" ".join)
def test_scancel(submit, kind, options):
    it = submit(kind, *RUNS, batch="{srun}")
    result = up(it).cancel(*options).finish()
    assert result.code == 143, result.said
    assert result.cause["how"] in ("told to stop", "killed by a signal"), result.cause


@pytest.mark.parametrize("kind", PLUGINS)
@pytest.mark.parametrize("start", STARTS[1:])
def test_pre_emption_by_scancel(submit, mpi, kind, start):
    if (mpi, kind, start) == ("mpich", CGROUP, "{mpirun}"):
        pytest.skip("Slurm signals MPICH's proxy alone, which hands nothing on (doc/slurm.md)")
    it = submit(kind, *SAVES, batch=start, preempt_signal="USR1")
    result = up(it).cancel("-s", "USR1").finish()
    assert (result.code, result.cause["how"]) == (75, "pre-empted"), result.said
    assert all_saved(it)


def test_the_time_limit_warns_first(submit):
    """sbatch --signal=USR1@60; here Slurm's shortest limit, a minute, is over at once."""
    it = submit(PLAIN, *SAVES, batch="{srun}", preempt_signal="USR1")
    it.batch_options = ["--time=1", "--signal=USR1@60"]
    result = up(it).finish()
    assert (result.code, result.cause["how"]) == (75, "pre-empted"), result.said
    assert all_saved(it)


# ---- Slurm's own parts die ----

def test_a_step_daemon_is_killed(submit, mpi):
    """Slurm would wait for ever for the code of that daemon's rank, and so KILLs it after KillWait
    and two seconds more."""
    it = submit(PLAIN, *RUNS)
    daemon, = up(it).slurm.step_daemons(2)
    os.kill(daemon, signal.SIGKILL)
    result = it.finish()
    assert result.code == {"openmpi": 125, "mpich": 137}[mpi], result.said
    assert (result.cause["how"], result.cause["host"]) == ("parent gone", "vm2"), result.said


def test_a_lost_machine(submit):
    it = submit(PLAIN, *RUNS, lost_timeout=3)
    it.srun_options = ["-K"]
    with up(it).cluster.cut_off(2):
        # what is left there ends by itself, and only then the network may come back
        result, _ = it.end()
        wait_until(lambda: not it.own_processes(), "the machine that is cut off has ended its part")
    assert (result.code, result.cause["host"]) == (125, "vm2"), result.said
    it.slurm.wait_idle()


def test_a_node_is_set_down(submit):
    it = submit(PLAIN, *RUNS)
    up(it).slurm.on("scontrol", "update", "nodename=vm2", "state=down", "reason=test")
    try:
        result = it.finish()
    finally:
        it.slurm.on("scontrol", "update", "nodename=vm2", "state=resume")
    assert (result.code, result.cause["how"]) == (143, "told to stop"), result.said
    it.slurm.wait_idle()


# ---- what does not fit ----

@pytest.mark.parametrize("plugin", ["none", "pmi2", "pmix"])
def test_srun_without_the_right_pmi(submit, mpi, plugin):
    if plugin == slurm.MPI_PLUGIN[mpi]:
        pytest.skip("that is the right one")
    it = submit(PLAIN, *GOOD)
    it.plugin = plugin
    result = it.run()
    assert result.code == 2, result.said
    line, = complaints(result)
    assert f"use 'srun --mpi={slurm.MPI_PLUGIN[mpi]}'" in line, line


def test_an_allocation_with_more_machines(submit):
    it = submit(PLAIN, *GOOD, machines=3)
    it.allocation = lambda: ["-N4", "--ntasks-per-node=1"]
    result = it.run()
    assert result.code == 2, result.said
    assert re.search(r"ranks without a line: rank 3 on vm3 .*\n.*--ntasks-per-node=1", result.err)


def test_an_allocation_in_another_order(submit):
    it = submit(PLAIN, "server: dump seen; serve", "trainer: dump seen; connect")
    it.ip_config.reverse()
    result = it.run()
    assert result.code == 0, result.said
    hosts = [machine["host"] for machine in result.report["attempts"][-1]["machines"]]
    assert hosts == ["vm3", "vm2", "vm1", "vm0"]
