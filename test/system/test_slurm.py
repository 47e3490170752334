"""A real Slurm: srun, and batch scripts with srun and mpirun in them, under both MPIs; process
tracking and task plugins as most sites have them, and without."""

import json
import os
import re
import shlex
import signal
import time

import pytest

import slurm
from cluster import SOURCE, is_gone
from job import up
from mpis import MPIS, PYPIS
from odd import complaints
from patience import wait_until
from slurm import CGROUP, PLAIN, PLUGINS

pytestmark = pytest.mark.xdist_group("slurm")

RUNS = ("server: serve", "trainer: connect; dump up; forever")
GOOD = ("server: serve", "trainer: connect")
SAVES = ("server: serve",
         *(f"trainer {k}: catch USR1; connect; dump up; await USR1; touch saved{k}"
           for k in range(4)))
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


@pytest.mark.parametrize("mpi", PYPIS)
def test_another_mpi(submit):
    """By srun -K: the first failure, a rank that is told to stop, and pre-emption."""
    def make(*script, **options):
        it = submit(CGROUP, *script, **options)
        it.srun_options = ["-K"]
        return it

    result = make("server: serve", "trainer 2: connect; exit 7",
                  "trainer: connect; forever").run()
    assert (result.code, result.cause["host"]) == (7, "vm2"), result.said
    for script, options, number, code in ((RUNS, {}, signal.SIGTERM, 143),
                                          (SAVES, {"preempt_signal": "USR1"}, signal.SIGUSR1, 75)):
        it = make(*script, **options)
        os.kill(up(it).rank_on(1), number)
        result = it.finish()
        assert (result.code, result.cause["signal"]) == (code, number), result.said


def test_salloc(submit):
    it = submit(CGROUP, *GOOD)
    it.srun = lambda: ["salloc", *it.allocation(), *it.mpirun()]
    result = it.run()
    assert result.code == 0 and result.report["exit_code"] == 0, result.said


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


@pytest.mark.slow
@pytest.mark.parametrize("mpi", ["openmpi"])
def test_the_time_limit_warns_first(submit):
    """sbatch --signal=USR1@180; here the limit is lowered when the job is up, so that Slurm, which
    warns once, finds processes to warn."""
    it = submit(PLAIN, *SAVES, batch="{srun}", preempt_signal="USR1")
    it.batch_options = ["--time=10", "--signal=USR1@180"]
    done = up(it).slurm.on("scontrol", "update", f"jobid={it.job_id}", "TimeLimit=3")
    assert done.returncode == 0, done.stderr
    result = it.finish()
    assert (result.code, result.cause["how"]) == (75, "pre-empted"), result.said
    assert all_saved(it)


TEMPLATE = SOURCE / "scripts/dgl-mpilaunch.sbatch"


def codes(it):
    """Returns exit code -> report, of the runs that have ended."""
    reports = (json.loads(path.read_text())
               for path in (it.workspace / "dgl-mpilaunch-runs").glob("2*/report.json"))
    return {report["exit_code"]: report for report in reports
            if report["complete"] or report["attempts"][-1]["cause"]}


def filled_in(it):
    """Returns the template with the four places changed that are the site's."""
    text = TEMPLATE.read_text(encoding="ascii")
    for pattern, own in ((r"--nodes=4 ", f"--nodes={it.machines} "),
                         (r"--cpus-per-task=16 ", "--cpus-per-task=2 "),
                         (r"# module load .*", f"PATH={it.build}:$PATH"),
                         (r"job=\((.|\n)*?\)\n", f"job=({shlex.join(it.launcher()[1:])})\n")):
        text, n = re.subn(pattern, lambda _, own=own: own, text)
        assert n == 1, pattern
    return text


def test_the_template_is_queued_again(submit):
    """Pre-empted once, the job ends with 75, is queued again and ends well."""
    it = submit(CGROUP, "server: serve",
                *(f"trainer {k}: catch USR1; connect; touch up{k}; wait go{k}; touch done{k}"
                  for k in range(4)), batch="template", ip_config="auto")
    it.script_text = lambda: filled_in(it)
    it.allocation = lambda: []
    it.start().wait_for(*(f"up{k}" for k in range(4)))
    for k in range(4):
        (it.workspace / f"up{k}").unlink()
    it.cancel("-s", "USR1")
    wait_until(lambda: "SIGUSR1" in it.said(), "the trainers have the signal", it.said)
    for k in range(4):
        (it.workspace / f"go{k}").touch()
    wait_until(lambda: {"JobState=PENDING", "Restarts=1"} <= set(it.state().split()),
               "it is queued again", it.state)
    # Slurm would wait two minutes; what it still has to KILL of the first step, -K's, has the same
    # name as the next one, and is not to be seen
    over = time.monotonic() + 2 * slurm.KILL_WAIT
    wait_until(lambda: time.monotonic() > over, "the first step's KILL is over")
    it.slurm.on("scontrol", "update", f"jobid={it.job_id}", "StartTime=now")
    it.wait_for(*(f"up{k}" for k in range(4)))
    result = it.finish()
    assert result.code == 0 and codes(it).keys() == {0, 75}, result.said


@pytest.mark.slow
@pytest.mark.parametrize("mpi", ["openmpi"])
def test_the_template_goes_on_without_a_lost_machine(submit):
    it = submit(PLAIN, "server: serve",
                *(f"trainer {k}: connect; touch up{k}; wait go" for k in range(3)),
                batch="template", machines=3, ip_config="auto", lost_timeout=3)
    it.script_text = lambda: filled_in(it)
    it.allocation = lambda: []
    it.cwd = it.workspace
    it.start().wait_for(*(f"up{k}" for k in range(3)))
    with it.cluster.cut_off(2):
        wait_until(lambda: "Submitted batch job" in it.said(), "it is submitted again", it.said)
        (it.workspace / "go").touch()
        wait_until(lambda: 0 in codes(it), "the second job ends well", it.said)
        result, _ = it.end()
        wait_until(lambda: not it.own_processes(), "the machine that is cut off has ended its part")
    assert result.code == 125 and codes(it).keys() == {0, 125}, result.said
    hosts = [machine["host"] for machine in codes(it)[0]["attempts"][-1]["machines"]]
    assert hosts == ["vm0", "vm1", "vm3"], result.said
    it.slurm.revive(2)


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


@pytest.mark.parametrize("mpi", ["openmpi"])
def test_a_node_daemon_is_killed(submit):
    """The job does not need it, and Slurm hears of its end when the daemon is there again."""
    it = submit(PLAIN, "server: serve", "trainer: connect; dump up; wait go")
    node = up(it).slurm.node_daemon(2)
    os.kill(node, signal.SIGKILL)
    wait_until(lambda: is_gone(node), "slurmd has ended")
    (it.workspace / "go").touch()
    wait_until(lambda: not it.own_processes(), "the job has ended")
    it.slurm.start_node(2)
    wait_until(lambda: it.slurm.node_daemon(2) not in (0, node), "slurmd is there again")
    it.before.processes.add(it.slurm.node_daemon(2))
    result = it.finish()
    assert (result.code, result.report["exit_code"]) == (0, 0), result.said


@pytest.mark.slow
def test_a_lost_machine(submit):
    it = submit(PLAIN, *RUNS, lost_timeout=3)
    it.srun_options = ["-K"]
    with up(it).cluster.cut_off(2):
        # what is left there ends by itself, and only then the network may come back
        result, _ = it.end()
        wait_until(lambda: not it.own_processes(), "the machine that is cut off has ended its part")
    assert (result.code, result.cause["host"]) == (125, "vm2"), result.said
    it.slurm.revive(2)


def test_a_node_is_set_down(submit):
    it = submit(PLAIN, *RUNS)
    up(it).slurm.on("scontrol", "update", "nodename=vm2", "state=down", "reason=test")
    try:
        result = it.finish()
    finally:
        it.slurm.revive(2)
    # Slurm sends TERM to one process of the step after the other: a server's end may come first
    assert result.code == 143 and result.cause["signal"] == signal.SIGTERM, result.said


# ---- others at the same time ----

def test_two_jobs_on_the_same_nodes(submit):
    """Steps of one allocation would wait for each other's CPUs; jobs share the nodes."""
    first, second = (submit(CGROUP, *RUNS, batch="{srun}") for _ in range(2))
    first.ip_config = [f"{ip} 31000" for ip in first.ip_config]
    for it in (first, second):
        it.batch_options = ["--oversubscribe"]
        it.allocation = lambda: ["-N4", "--ntasks-per-node=1", "--cpus-per-task=1"]
        up(it)
    second.cancel()
    assert second.end()[0].code == 143
    assert first.process.poll() is None
    first.cancel()
    assert first.finish().code == 143


SIDE_BY_SIDE = {
    "tasks of an array": ("{srun}", ["--array=0-1", "--oversubscribe", "--open-mode=append"]),
    "steps of one job": ("{srun} & {srun}; code=$?; wait; exit $code", []),
}


@pytest.mark.parametrize("how", SIDE_BY_SIDE)
def test_side_by_side(submit, how):
    """They use the same nodes and workspace at the same time, and find ports of their own."""
    batch, options = SIDE_BY_SIDE[how]
    it = submit(PLAIN, "server: serve", "trainer: connect; wait go", batch=batch,
                ip_config="auto")
    it.batch_options, it.srun_options = options, ["--overlap"]
    it.allocation = lambda: ["-N4", "--ntasks-per-node=1", "--cpus-per-task=1"]
    it.start()
    wait_until(lambda: sum(it.program_of(pid) == "fake" for pid in it.own_processes()) == 16,
               "both run", it.said)
    (it.workspace / "go").touch()
    result = it.finish()
    assert result.code == 0, result.said
    runs = [run for run in (it.workspace / "dgl-mpilaunch-runs").iterdir() if not run.is_symlink()]
    reports = [json.loads((run / "report.json").read_text()) for run in runs]
    assert [(each["exit_code"], each["complete"]) for each in reports] == [(0, True)] * 2
    first, second = ((run / "ip_config.txt").read_text() for run in runs)
    assert first != second, "they have met on one port"


@pytest.mark.parametrize("number", ["TERM", "KILL"])
def test_an_ordinary_user_with_shared_memory_of_his_own(submit, as_user, number):
    """Slurm KILLs rank, keeper and children at once, where it tracks processes by cgroups. What an
    ordinary user leaves without --private_shm on, his next job sweeps (test_shm)."""
    it = as_user(submit(CGROUP, "server: shm left 1; serve", RUNS[1], private_shm="on"),
                 whole=True)
    result = up(it).signal(signal.Signals["SIG" + number]).finish()
    assert result.code in (137, -9), result.said


# ---- what does not fit ----

@pytest.mark.parametrize("plugin", ["none", "pmi2", "pmix"])
def test_srun_without_the_right_pmi(submit, mpi, plugin):
    """Without -K, by which srun ends a task that has not got as far as to refuse: 143 then."""
    if plugin == slurm.MPI_PLUGIN[MPIS[mpi].family]:
        pytest.skip("that is the right one")
    it = submit(PLAIN, *GOOD)
    it.plugin = plugin
    result = it.run()
    assert result.code == 2, result.said
    line, = complaints(result)
    assert f"use 'srun --mpi={slurm.MPI_PLUGIN[MPIS[mpi].family]}'" in line, line


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
