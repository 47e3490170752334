"""Each process finds the right variables, folder, arguments, signals, CPUs and descriptors."""

import os
import resource
import stat
import sys

import pytest

from odd import behind

MPI_NAMES = ("OMPI_", "PMIX_", "PMI_", "PMI2_", "PRTE_", "ORTE_", "MPIR_", "HYDRA_", "HYDI_",
             "MPI_LOCAL", "DGL_MPILAUNCH_")
SEE = ("server: dump seen; serve", "trainer: dump seen; connect")


def have(dump, expected):
    seen = dump["environment"]
    assert {name: seen.get(name) for name in expected} == expected


@pytest.mark.parametrize("samplers", [0, 2])
def test_dgls_and_torchs_variables(job, samplers):
    it = job(*SEE, machines=2, num_trainers=2, num_servers=2, num_samplers=samplers,
             num_omp_threads=3)
    result = it.run()
    assert result.code == 0, result.said
    common = {"DGL_NUM_SAMPLER": str(samplers), "DGL_NUM_CLIENT": str(4 * (1 + samplers)),
              "DGL_NUM_SERVER": "2", "DGL_CONF_PATH": "data/graph.json",
              "DGL_IP_CONFIG": "ip_config.txt", "DGL_GRAPH_FORMAT": "csc",
              "DGL_JOB_ID": result.report["job_id"], "DGL_JOB_RESTART_COUNT": "0",
              "PYTHONUNBUFFERED": "1", "GLOO_SOCKET_IFNAME": "eth0", "TP_SOCKET_IFNAME": "eth0"}
    for k in range(4):
        server = result.dump("server", k)
        have(server, {**common, "DGL_ROLE": "server", "DGL_SERVER_ID": str(k),
                      "OMP_NUM_THREADS": "1", "RANK": None})
    ports = set()
    for k in range(4):
        trainer = result.dump("trainer", k)
        have(trainer, {**common, "DGL_ROLE": "client", "DGL_DIST_MODE": "distributed",
                       "DGL_GROUP_ID": "0", "OMP_NUM_THREADS": "3", "DGL_SERVER_ID": None,
                       "RANK": str(k), "WORLD_SIZE": "4", "LOCAL_RANK": str(k % 2),
                       "LOCAL_WORLD_SIZE": "2", "GROUP_RANK": str(k // 2),
                       "GROUP_WORLD_SIZE": "2", "ROLE_RANK": str(k), "ROLE_WORLD_SIZE": "4",
                       "ROLE_NAME": "default", "MASTER_ADDR": it.ip_config[0],
                       "TORCHELASTIC_RESTART_COUNT": "0", "TORCHELASTIC_MAX_RESTARTS": "0",
                       "TORCHELASTIC_USE_AGENT_STORE": "False"})
        assert trainer["environment"]["TORCHELASTIC_RUN_ID"]
        ports.add(trainer["environment"]["MASTER_PORT"])
    port, = ports
    assert 1024 <= int(port) <= 65535 and int(port) not in (1234, 30050, 30051)


def test_the_jobs_folder(job):
    """Each machine has a private one with its trainers' error files; finish() proves that it
    goes."""
    it = job("server: dump seen; serve", "trainer: dump seen; wait go; connect", machines=2,
             num_trainers=2)
    it.start().wait_for(*(f"seen.trainer-{k}" for k in range(4)))
    modes = [stat.filemode(it.job_dir(k).stat().st_mode) for k in range(2)]
    folders = [f"/dev/shm/{it.job_dir(k).name}" for k in range(2)]
    (it.workspace / "go").touch()
    result = it.finish()
    assert result.code == 0, result.said
    assert modes == ["drwx------"] * 2
    error_files = set()
    for k in range(4):
        have(result.dump("trainer", k), {"DGL_JOB_DIR": folders[k // 2]})
        error_file = result.dump("trainer", k)["environment"]["TORCHELASTIC_ERROR_FILE"]
        assert error_file.startswith(folders[k // 2] + "/"), error_file
        error_files.add(error_file)
    assert len(error_files) == 4, error_files
    for k in range(2):
        have(result.dump("server", k), {"DGL_JOB_DIR": folders[k]})


def test_nothing_of_mpi_is_there(job):
    result = job(*SEE, machines=2).run()
    assert result.code == 0, result.said
    for role in ("server", "trainer"):
        for k in range(2):
            seen = result.dump(role, k)
            assert [name for name in seen["environment"] if name.startswith(MPI_NAMES)] == []
            assert set(seen["fds"]) == {"0", "1", "2"}, seen["fds"]
            assert seen["fds"]["0"] == "/dev/null"


def test_folder_signals_and_cpus_are_the_starts(job):
    """They are the same as for this program without the launcher: signals under the same mpirun,
    CPUs without mpirun."""
    it = job(*SEE, machines=2)
    it.write()
    fake = str(it.build / "fake")
    it.cluster.on(0, fake, f"any: dump {it.workspace}/free")
    it.cluster.vcluster("run", "--mpi", it.mpi, "-n", "1", fake, f"any: dump {it.workspace}/plain")
    result = it.run()
    assert result.code == 0, result.said
    plain, free = (result.dump("trainer", 0, name) for name in ("plain", "free"))
    for role in ("server", "trainer"):
        for k in range(2):
            seen = result.dump(role, k)
            assert seen["cwd"] == str(it.workspace)
            assert seen["argv"] == [fake, *SEE]
            for name in ("SigBlk", "SigIgn", "SigCgt"):
                assert seen[name] == plain[name], name
            assert seen["Cpus_allowed_list"] == free["Cpus_allowed_list"]
            assert seen["pgid"] == seen["pid"], "no process group of its own"


def cpus_of(result, machine):
    return {result.dump(role, machine)["Cpus_allowed_list"] for role in ("server", "trainer")}


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two CPUs")
@pytest.mark.parametrize("options", [None, ["--bind-to", "none"]], ids=["", "unbound"])
@pytest.mark.parametrize("mpi", [None, "openmpi", "mpich"])
def test_a_mask_that_the_user_gave(make, mpi, options):
    """A taskset in front of mpirun counts whatever mpirun binds to. One behind mpirun counts if
    mpirun binds to nothing. It counts without mpirun too. OMP_NUM_THREADS follows."""
    it = make(mpi, *SEE, machines=2)
    cpu = max(os.sched_getaffinity(0))
    words, launcher = it.words, it.launcher
    if options and it.mpi:
        it.mpirun_options = [*options, *(["-N", "1"] if mpi == "openmpi" else ["-ppn", "1"])]
    if options or not it.mpi:
        it.launcher = lambda: ["taskset", "-c", str(cpu), *launcher()]
    else:
        it.words = lambda: ["taskset", "-c", str(cpu), *words()]
    result = it.run()
    assert result.code == 0, result.said
    for machine in range(it.machines):
        assert cpus_of(result, machine) == {str(cpu)}
        have(result.dump("trainer", machine), {"OMP_NUM_THREADS": "1"})


STRANGE_START = """
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGALRM])
for number in (signal.SIGPIPE, signal.SIGXFSZ):
    signal.signal(number, signal.SIG_DFL)
for number in (signal.SIGHUP, signal.SIGUSR2):
    signal.signal(number, signal.SIG_IGN)
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_a_strange_mask_is_passed_on(solo):
    """Above all nohup's ignored HUP."""
    it = solo(*SEE)
    words = it.launcher()
    it.launcher = lambda: [sys.executable, "-c", STRANGE_START, *words]
    result = it.run()
    assert result.code == 0, result.said
    blocked, ignored = 1 << 9 | 1 << 13, 1 << 0 | 1 << 11
    for role in ("server", "trainer"):
        seen = result.dump(role, 0)
        assert int(seen["SigBlk"], 16) == blocked
        assert int(seen["SigIgn"], 16) & ignored == ignored


def test_omp_num_threads(solo):
    """It is the option's value, else the shell's, else max(cpus / 2 / num_trainers, 1)."""
    without = solo(*SEE)
    cpus = int(without.cluster.on(0, "nproc").stdout)
    words = without.launcher()
    without.launcher = lambda: ["env", "-u", "OMP_NUM_THREADS", *words]
    have(without.run().dump("trainer", 0), {"OMP_NUM_THREADS": str(max(cpus // 2, 1))})
    shell = solo(*SEE)
    shell.environment["OMP_NUM_THREADS"] = "5"
    result = shell.run()
    have(result.dump("trainer", 0), {"OMP_NUM_THREADS": "5"})
    have(result.dump("server", 0), {"OMP_NUM_THREADS": "1"})
    option = solo(*SEE, num_omp_threads=7, num_server_threads=2)
    option.environment["OMP_NUM_THREADS"] = "5"
    result = option.run()
    have(result.dump("trainer", 0), {"OMP_NUM_THREADS": "7"})
    have(result.dump("server", 0), {"OMP_NUM_THREADS": "2"})


TRAVELS = {"LD_LIBRARY_PATH": "/opt/lib", "PYTHONPATH": "/opt/py", "VIRTUAL_ENV": "/opt/venv",
           "CONDA_PREFIX": "/opt/conda", "DGLBACKEND": "pytorch", "OMP_PROC_BIND": "true",
           "MKL_NUM_THREADS": "2", "NCCL_DEBUG": "WARN", "GLOO_SOCKET_IFNAME": "lo",
           "TP_SOCKET_IFNAME": "lo", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


def test_rank_0s_environment_travels(job):
    """The agent passes on as little as sshd does."""
    it = job(*SEE, machines=2)
    it.environment.update(TRAVELS, VCLUSTER_CLEAN_ENV="1", PATH="/opt/bin:/usr/bin:/bin:/usr/sbin",
                          SECRET="a", MINE="b c", YOURS_1="d")
    if it.mpi == "mpich":  # MPICH's mpirun passes everything on by itself
        it.mpirun_options = ["-ppn", "1", "-genvnone"]
    it.more = ["--pass_env", "MINE,YOURS*"]
    result = it.run()
    assert result.code == 0, result.said
    for role in ("server", "trainer"):
        seen = result.dump(role, 1)
        path = "/opt/py" if role == "server" else f"{python_hook(seen)}:/opt/py"
        have(seen, {**TRAVELS, "MINE": "b c", "YOURS_1": "d", "PYTHONPATH": path,
                    "PATH": "/opt/bin:/usr/bin:/bin:/usr/sbin"})
        if it.mpi == "openmpi":
            assert "SECRET" not in seen["environment"]


OF_A_MACHINE = {"NCCL_SOCKET_IFNAME": "ib0", "NCCL_IB_HCA": "mlx5_0", "OMP_PLACES": "{0}",
                "OMP_PROC_BIND": "close", "CUDA_MPS_PIPE_DIRECTORY": "/one"}
DEVICES = {"CUDA_VISIBLE_DEVICES": "0", "ROCR_VISIBLE_DEVICES": "1", "ZE_AFFINITY_MASK": "2"}


def test_a_machines_own_values_count(job):
    """Rank 0's values are only defaults; its variables that name GPUs do not travel at all."""
    it = job(*SEE, machines=3)
    it.environment["VCLUSTER_CLEAN_ENV"] = "1"
    if it.mpi == "mpich":
        it.mpirun_options = ["-ppn", "1", "-genvnone"]
    ones = {**OF_A_MACHINE, **DEVICES}
    twos = {name: f"{value}-of-vm1" for name, value in ones.items()}
    steps = {"SLURM_PROCID": "7", "SLURM_STEP_ID": "0", "SLURM_CPU_BIND_LIST": "0x1"}
    for machine, own in ((0, {**ones, **steps, "SLURM_JOB_NAME": "x"}), (1, {**twos, **steps})):
        behind(it, "env", *(f"{name}={value}" for name, value in own.items()), machine=machine)
    it.more = ["--pass_env", "CUDA_*,ROCR_*,ZE_AFFINITY_MASK"]
    result = it.run()
    assert result.code == 0, result.said
    assert "--pass_env: ZE_AFFINITY_MASK says which GPUs" in result.err, result.said
    for role in ("server", "trainer"):
        have(result.dump(role, 0), {**ones, **dict.fromkeys(steps), "SLURM_JOB_NAME": "x"})
        have(result.dump(role, 1), {**twos, **dict.fromkeys(steps)})
        have(result.dump(role, 2), {**OF_A_MACHINE, **dict.fromkeys(DEVICES)})


def python_hook(dump):
    """The folder that stands in front of a trainer's PYTHONPATH."""
    return dump["environment"]["DGL_JOB_DIR"] + "/python"


@pytest.mark.parametrize("given, rest", [(None, ""), ("", ""), ("/a", ":/a"), ("/a:", ":/a:")])
def test_python_path_of_trainers_alone(solo, given, rest):
    """An empty entry means the current directory; there is none unless the user has put it
    there."""
    it = solo(*SEE)
    words = it.launcher()
    value = ["-u", "PYTHONPATH"] if given is None else [f"PYTHONPATH={given}"]
    it.launcher = lambda: ["env", *value, *words]
    result = it.run()
    assert result.code == 0, result.said
    have(result.dump("server", 0), {"PYTHONPATH": given})
    trainer = result.dump("trainer", 0)
    have(trainer, {"PYTHONPATH": python_hook(trainer) + rest})


def test_python_path_that_is_given(solo):
    it = solo(*SEE)
    it.more = ["--trainer_env", "PYTHONPATH=/mine"]
    trainer = it.run().dump("trainer", 0)
    have(trainer, {"PYTHONPATH": python_hook(trainer) + ":/mine"})


def test_python_path_with_the_hook_off(solo):
    it = solo(*SEE, python_hook="off")
    it.environment["PYTHONPATH"] = "/mine"
    have(it.run().dump("trainer", 0), {"PYTHONPATH": "/mine"})


def test_a_python_trainer_that_hangs_at_exit(solo):
    """It hangs as in DGL's barrier, but without DGL."""
    it = solo(num_servers=0, part_config=None)
    it.command = ["--", sys.executable, "-c", "import atexit, sys, time\n"
                  "atexit.register(time.sleep, 10000); sys.exit(3)"]
    result = it.run()
    assert (result.code, result.cause["role"], result.cause["exit_code"]) == (3, "trainer", 3)
    assert result.seconds > 10, result.said
    assert "exit handlers still ran" in result.out, result.said


def test_python_without_the_hook(solo):
    """Where PYTHONPATH cannot name the hook's folder, the launcher warns and goes on without it."""
    it = solo(num_servers=0, part_config=None, private_shm="off")
    it.write()
    odd = it.workspace / "a:b"
    odd.mkdir()
    words = it.launcher
    it.command = ["echo ${PYTHONPATH-none}"]
    it.launcher = lambda: ["env", "-u", "PYTHONPATH", f"TMPDIR={odd}", *words()]
    result = it.run()
    assert result.code == 0, result.said
    assert "[vm0 trainer 0] none" in result.out and "':'" in result.err, result.said


def test_pass_env_none(openmpi):
    it = openmpi(*SEE, machines=2)
    it.environment.update(DGLBACKEND="mxnet", VCLUSTER_CLEAN_ENV="1")
    it.more = ["--pass_env", "none"]
    result = it.run()
    assert result.code == 0, result.said
    assert "DGLBACKEND" not in result.dump("trainer", 1)["environment"]


def test_envs_that_are_given(job):
    it = job(machines=2)
    it.more = ["--server_env", "A=server", "B=server", "--trainer_env=A=trainer",
               "--extra_envs", "B=all $HOME 'x'", "DGL_GRAPH_FORMAT=coo", "OMP_NUM_THREADS=9"]
    it.script = list(SEE)
    result = it.run()
    assert result.code == 0, result.said
    for k in range(2):
        common = {"B": "all $HOME 'x'", "DGL_GRAPH_FORMAT": "coo", "OMP_NUM_THREADS": "9"}
        have(result.dump("server", k), {**common, "A": "server"})
        have(result.dump("trainer", k), {**common, "A": "trainer"})


def test_extra_envs_last_does_not_swallow_the_command(solo):
    it = solo(num_servers=0, part_config=None, run_dir="none")
    it.command = ["--extra_envs", "A=1", "B=2", "echo $A $B"]
    result = it.run()
    assert result.code == 0, result.said
    assert result.out == "[vm0 trainer 0] 1 2\n"


def test_no_servers(job):
    it = job("trainer: dump seen", num_servers=0, part_config=None, num_trainers=2, machines=2)
    result = it.run()
    assert result.code == 0, result.said
    for k in range(4):
        seen = result.dump("trainer", k)["environment"]
        assert [name for name in seen if name in ("DGL_ROLE", "DGL_DIST_MODE")
                or name.startswith("DGL_SERVER")] == []
        have({"environment": seen}, {"RANK": str(k), "WORLD_SIZE": "4",
                                     "MASTER_ADDR": it.ip_config[0]})
    assert {p["role"] for p in result.processes()} == {"trainer"}


def console(it):
    result = it.run()
    assert result.code == 0, result.said
    return [line.removeprefix("[vm0 trainer 0] ") for line in result.out.splitlines()]


def test_words_after_dashes_meet_no_shell(solo):
    it = solo(num_servers=0, run_dir="none")
    hostile = ["a b", "$HOME", "'", '"', "`id`", "*", "\\n", "", "--help", "{other}", "x\ny"]
    it.command = ["--", sys.executable, "-c", "import sys; print(ascii(sys.argv[1:]))", *hostile,
                  "{ip_config}", "--conf={part_config}", "{workspace}/x"]
    assert console(it) == [ascii([*hostile, "ip_config.txt", "--conf=data/graph.json",
                                  f"{it.workspace}/x"])]


def test_a_quoted_command_is_the_shells(solo):
    it = solo(num_servers=0, run_dir="none")
    it.command = ["""echo "$DGL_IP_CONFIG" '{ip_config}' $((1 + 1)) 'a"b' "c'd" \\\\ &&
                  [[ x == x ]] && pwd | tr -d '\\n'"""]
    assert console(it) == ["ip_config.txt {ip_config} 2 a\"b c'd \\", str(it.workspace)]


def test_a_local_rank_as_an_argument(solo):
    """As GraphStorm's scripts and those for torch.distributed.launch take it."""
    it = solo(num_trainers=2)
    rank = "print local rank ${LOCAL_RANK:-0}"
    it.command = [f'{it.build}/fake "server: {rank}; serve" "trainer: {rank}; connect"']
    assert sorted(line.split()[-1] for line in console(it)) == ["0", "0", "1"]


def test_absolute_and_relative_configs(solo):
    it = solo(*SEE)
    it.write()
    it.options.update(ip_config=str(it.workspace / "ip_config.txt"),
                      part_config=str(it.workspace / "data/graph.json"),
                      workspace=it.workspace.name)
    result = it.run()
    assert result.code == 0, result.said
    have(result.dump("trainer", 0), {"DGL_IP_CONFIG": str(it.workspace / "ip_config.txt"),
                                     "DGL_CONF_PATH": str(it.workspace / "data/graph.json")})
    assert result.dump("trainer", 0)["cwd"] == str(it.workspace)


def test_the_soft_limit_of_open_files_is_raised(solo):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    it = solo(num_servers=0, part_config=None, run_dir="none")
    words = it.launcher
    of_its_rank = "/proc/$(awk '{print $4}' /proc/$PPID/stat)/limits"
    it.command = [f"ulimit -Sn; awk '/open files/ {{print $4}}' {of_its_rank}"]
    it.launcher = lambda: ["/bin/sh", "-c", 'ulimit -Sn 256; exec "$@"', "sh", *words()]
    assert console(it) == [str(min(hard, 65536))] * 2


def test_stdin_is_empty(solo):
    it = solo(num_servers=0, part_config=None, run_dir="none")
    it.command = ["wc -c"]
    assert console(it) == ["0"]


def test_a_servers_variables_in_the_users_shell(job):
    """A shell that was opened from a server has them: in a job without servers DGL must not see
    them."""
    it = job(machines=2, num_servers=0, part_config=None)
    it.environment.update(DGL_ROLE="server", DGL_SERVER_ID="7")
    it.command = ["env | grep -E '^(DGL_ROLE|DGL_SERVER_ID|RANK)='"]
    result = it.run()
    assert result.code == 0, result.said
    assert [result.log(f"vm{k}.trainer-{k}.log") for k in range(2)] == ["RANK=0\n", "RANK=1\n"]


@pytest.mark.parametrize("closed", ["0<&-", "2>&-", "0<&- 2>&-"])
@pytest.mark.parametrize("mpirun", [False, True])
def test_standard_descriptors_that_are_closed(solo, job, mpirun, closed):
    """A socket or log file of ours must not become the children's stderr."""
    it = (job if mpirun else solo)("server: dump seen; serve",
                                   "trainer: dump seen; print text; printerr more; connect")
    words = it.launcher
    it.launcher = lambda: ["/bin/sh", "-c", f'exec "$@" {closed}', "sh", *words()]
    result = it.run()
    assert result.code == 0, result.said
    for k in range(it.machines):
        assert result.log(f"vm{k}.trainer-{k}.log").split() == ["text", "more"]
        for role in ("server", "trainer"):
            fds = result.dump(role, k)["fds"]
            assert set(fds) == {"0", "1", "2"} and fds["0"] == "/dev/null", fds
    assert result.out.count("text") == it.machines, result.said
