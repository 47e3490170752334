"""The launcher's own ip_config: of host names, with another port, of the machines themselves."""

import contextlib
import signal
import subprocess

import pytest

from conftest import build_of
from cluster import Cluster
from dryrun import parse
from job import Job, write_partition
from patience import wait_until


def reading(it):
    """Its processes print the list as they find it, and then do as DGL's."""
    it.command = [f'cat "$DGL_IP_CONFIG"; exec {it.build}/fake "server: serve" "trainer: connect"']
    return it


def lists(result, machines):
    """Returns what the trainers have printed: a list a machine."""
    return [(result.run_dir / "logs" / f"{host}.trainer-{k}.log").read_text().splitlines()
            for k, host in enumerate(machines)]


def said_all(result, *words):
    for each in words:
        assert each in result.err, f"'{each}' is not said:\n{result.said}"


def expect(result, lines, *words, hosts=None):
    """All machines have this list, and the run folder has a copy."""
    assert result.code == 0, result.said
    hosts = hosts or [f"vm{k}" for k in range(len(lines))]
    assert lists(result, hosts) == [lines] * len(lines), result.said
    assert (result.run_dir / "ip_config.txt").read_text().splitlines() == lines
    said_all(result, *words)


def refused(result, *words, code=2):
    assert result.code == code, result.said
    said_all(result, *words)
    assert not (result.workspace / "dgl-mpilaunch-runs").exists()


def with_port(ips, port=30050):
    return [f"{ip} {port}" for ip in ips]


# ---- a file of the user's ----

def test_host_names(job):
    it = reading(job(port=30070))
    it.hosts = it.ip_config
    it.ip_config = ["vm0", it.cluster.ips[1] + " 30060", "vm2", "vm3"]
    ips = it.cluster.ips
    expect(it.run(), [f"{ips[0]} 30070", f"{ips[1]} 30060", f"{ips[2]} 30070", f"{ips[3]} 30070"],
           "has host names", "$DGL_IP_CONFIG")


def test_a_port_for_a_file_of_addresses(openmpi):
    it = openmpi(port=31000, num_servers=2, machines=2)
    it.command = ["--", "/bin/sh", "-c", 'cat "$1"; shift; exec "$@"', "sh", "{ip_config}",
                  str(it.build / "fake"), "server: serve", "trainer: connect"]
    result = it.run()
    expect(result, with_port(it.ip_config, 31000), "--port is given")
    assert {machine["port"] for machine in result.report["attempts"][0]["machines"]} == {31000}


def test_the_command_names_a_file_itself(solo):
    it = solo(port=31000)
    it.command = [f"cat ip_config.txt; exec {it.build}/fake"]
    result = it.run()
    assert result.code == 0, result.said
    said_all(result, "does the command name an ip_config of its own?")


# ---- auto, one network ----

def auto(it, value="auto", **options):
    it.options["ip_config"] = value
    it.options.update(options)
    it.hosts = it.ip_config
    return reading(it)


def test_auto_without_mpi(solo):
    it = auto(solo())
    expect(it.run(), with_port(it.ip_config), "takes 10.77.0.0/24 (eth0, 10000 Mbit/s), the only "
           "network of this machine")


def test_auto_with_several_ranks_on_a_machine_that_has_a_bridge(job):
    """The same address of Docker's bridge is on each machine."""
    it = auto(job(machines=2, num_servers=2))
    it.mpirun_options = ["-N", "2", "--oversubscribe"] if it.mpi == "openmpi" else ["-ppn", "2",
                                                                                    "-n", "4"]
    with contextlib.ExitStack() as undo:
        for k in range(2):
            it.cluster.on(k, "ip", "link", "add", "docker0", "type", "bridge")
            undo.callback(it.cluster.on, k, "ip", "link", "del", "docker0")
            it.cluster.on(k, "ip", "addr", "add", "172.17.0.1/16", "dev", "docker0")
            it.cluster.on(k, "ip", "link", "set", "docker0", "up")
        expect(it.run(), with_port(it.ip_config), "the only network of all 2 machines",
               "2 of the ranks sleep")


def test_a_job_that_starts_again_has_a_list_again(openmpi):
    it = auto(openmpi(machines=2), max_restarts=1, restart_delay=0)
    it.command = ['cat "$DGL_IP_CONFIG"; [ "$DGL_JOB_RESTART_COUNT" = 1 ] || exit 3; '
                  f'exec {it.build}/fake "server: serve" "trainer: connect"']
    result = it.run()
    assert result.code == 0, result.said
    assert result.log("vm1.trainer-1.1.log").splitlines() == with_port(it.ip_config)


def test_the_order_of_machines(job):
    it = auto(job(), machines="vm2,vm0 vm3, vm1")
    expect(it.run(), with_port(it.cluster.ips[k] for k in (2, 0, 3, 1)),
           hosts=["vm2", "vm0", "vm3", "vm1"])


WRONG = {
    "an interface that is not there": ("auto:eth7", {}, ["vm0 has no interface 'eth7'", "eth0 10.77"]),
    "no network": ("auto:10.0.0.0/40", {}, ["auto:10.0.0.0/40: not a network"]),
    "nobody's network": ("auto:10.99.0.0/16", {}, ["no interface of vm0", "eth0 10.77.0.1/24"]),
    "loopback": ("auto:lo", {}, ["there is no network", "vm1: ", "lo 127.0.0.1/8"]),
    "an unknown machine": ("auto", {"machines": "vm0,vmX"}, ["calls itself 'vmX'", "vm0, vm1"]),
    "a machine twice": ("auto", {"machines": "vm1,vm1"}, ["'vm1' stands in the list twice"]),
    "a machine less": ("auto", {"machines": "vm1"}, ["names 1 of 2 machines", ": vm0"]),
    "an order of a file": ("ip_config.txt", {"machines": "vm1"}, ["--machines is for"]),
    "no port": ("auto", {"port": "70000"}, ["--port", "70000"]),
    "too many ports": ("auto", {"port": "65535", "num_servers": 2}, ["--port 65535"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_wish(openmpi, name):
    value, options, words = WRONG[name]
    refused(auto(openmpi(machines=2), value, **options).run(), *words)


@pytest.mark.parametrize("parts", [1, 3])
def test_another_number_of_parts(openmpi, parts):
    it = auto(openmpi(machines=2))
    write_partition(it.workspace / "data", parts)
    refused(it.run(), f"{parts} partition", "the ranks are on 2 machines")


# ---- --spare ----

def test_more_machines_than_parts(job):
    it = auto(job(machines=4), machines="vm1, vm0")
    it.more = ["--spare"]
    write_partition(it.workspace / "data", 2)
    expect(it.run(), with_port([it.ip_config[1], it.ip_config[0]]),
           "vm2, vm3: not needed, idle until the end (--spare)", hosts=["vm1", "vm0"])


def test_more_lines_than_parts(openmpi):
    it = reading(openmpi(machines=4))
    write_partition(it.workspace / "data", 3)
    it.more = ["--spare"]
    expect(it.run(), with_port(it.ip_config[:3]), "vm3: not needed", "more machines than there are")


def test_ranks_that_are_not_in_the_file(job):
    it = job("server: serve", "trainer 1: exit 7", "trainer: forever", machines=2)
    it.hosts = it.cluster.ips
    it.more = ["--spare"]
    result = it.run()
    assert result.code == 7, result.said
    said_all(result, "vm2, vm3: not needed", "trainer 1 on vm1")


def test_a_job_with_spare_machines_is_told_to_stop(job):
    it = job("server: serve", "trainer: touch up; forever", machines=2)
    it.hosts = it.cluster.ips
    it.more = ["--spare"]
    it.let_ranks_report()
    result = it.start().wait_for("up").signal(signal.SIGTERM).finish()
    assert result.code == {"openmpi": 1, "mpich": 143}[it.mpi], result.said


def test_rank_0_cannot_be_spare(openmpi):
    it = openmpi(machines=2)
    it.hosts, it.ip_config = it.cluster.ips, it.cluster.ips[2:]
    it.more = ["--spare"]
    refused(it.run(), "rank 0, on vm0, leads the job")


# ---- ports ----

@contextlib.contextmanager
def listening(cluster, machine, port):
    """A process of another user's, as it were, that listens there."""
    script = f"import socket; s = socket.create_server(('', {port})); print(flush=True); input()"
    with subprocess.Popen(cluster.words("on", str(machine), "python3", "-c", script),
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        yield
        other.stdin.close()


def test_the_first_port_that_is_free_on_all_machines(openmpi):
    it = auto(openmpi(machines=2, num_servers=2))
    with listening(it.cluster, 1, 30053):
        expect(it.run(), with_port(it.ip_config))  # 30050 and 30051


def test_a_port_that_one_machine_lacks(openmpi):
    it = auto(openmpi(machines=2, num_servers=4))
    with listening(it.cluster, 1, 30053):
        expect(it.run(), with_port(it.ip_config, 30054))


def late(it):
    """Its servers listen when the test says so (go)."""
    it.command = [f'cat "$DGL_IP_CONFIG"; exec {it.build}/fake '
                  f'"server: touch up; wait go; serve" "trainer: connect"']
    return it


def go(it):
    (it.workspace / "go").touch()
    return it


def end_both(jobs):
    """Returns the results; each job sees the other's processes."""
    results = [it.end()[0] for it in jobs]
    assert [result.code for result in results] == [0, 0], "".join(r.said for r in results)
    return results


def test_two_jobs_at_the_same_time(make):
    """Each chooses before the other's servers listen."""
    jobs = [late(auto(make(mpi, num_servers=2))).start() for mpi in ("openmpi", "mpich")]
    for it in jobs:
        it.wait_for("up")
    for it in jobs:
        go(it)
    ports = [int((result.run_dir / "ip_config.txt").read_text().split()[1])
             for result in end_both(jobs)]
    assert abs(ports[0] - ports[1]) >= 2, ports


def test_a_job_beside_one_with_a_file(openmpi):
    first = late(openmpi(machines=2)).start().wait_for("up")
    second = auto(openmpi(machines=2)).start()
    wait_until(lambda: second.process.poll() is not None, "the second job has ended")
    results = end_both([second, go(first)])
    assert results[0].report["attempts"][0]["machines"][0]["port"] == 30051


# ---- --dry_run ----

def test_dry_run_says_what_it_cannot_show(solo):
    it = auto(solo())
    it.machines, it.more = 3, ["--dry_run"]
    it.write()
    result = it.run()
    assert result.code == 0, result.said
    plan = parse(result.out)
    assert [machine.ip for machine in plan.machines] == [f"{{machine {k}}}" for k in range(3)]
    assert plan.facts["ip_config"] == "{job_dir}/ip_config.txt"
    said_all(result, "it cannot show which network", "eth0 10.77.0.1/24")


# ---- several networks ----

@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    """Three machines with two networks."""
    cluster = Cluster(tmp_path_factory.mktemp("tw") / "c", 3, "10.78.0.0/24")
    yield cluster
    cluster.down()


@pytest.fixture
def on_twin(twin, tmp_path, mpi):
    made = []

    def get(*args, **options):
        it = Job(twin, build_of(mpi), mpi, tmp_path / f"w{len(made)}", 3)
        made.append(it)
        return auto(it, *args, **options)

    yield get
    for it in made:
        it.abandon()


def second(twin):
    return [f"10.78.0.{k + 1}" for k in range(twin.size)]


def test_a_network_by_interface_and_by_range(on_twin, twin):
    expect(on_twin("auto:eth1").run(), with_port(second(twin)), "takes eth1 (eth1, 10000 Mbit/s)")
    expect(on_twin("auto:10.78.0.0/16").run(), with_port(second(twin)), "takes 10.78.0.0/16 (eth1")


def test_the_fastest_network(on_twin, twin, tmp_path):
    fast = tmp_path / "fast"
    fast.write_text("100000\n")
    with contextlib.ExitStack() as undo:
        for k in range(twin.size):
            target = "/sys/class/net/eth1/speed"
            assert twin.on(k, "mount", "--bind", str(fast), target).returncode == 0
            undo.callback(twin.on, k, "umount", target)
        expect(on_twin().run(), with_port(second(twin)),
               "takes 10.78.0.0/24 (eth1, 100000 Mbit/s), of 2 networks the fastest")


@pytest.mark.parametrize("cut, other", [("eth0", "eth1"), ("eth1", "eth0")])
def test_a_network_that_is_cut(on_twin, twin, cut, other):
    """mpirun uses the other one, since the hostfile names it, and so does MPI. But Open MPI's daemons
    try eth0 first, whatever the hostfile says, and hang."""
    ips = second(twin) if other == "eth1" else twin.ips
    it = on_twin()
    if it.mpi == "openmpi" and cut == "eth0":
        it.environment["OMPI_MCA_oob_tcp_if_include"] = other
    it.hosts = ips
    with twin.cut_off(2, cut):
        expect(it.run(), with_port(ips), f"takes 10.7{other[3:] == '1' and 8 or 7}.0.0/24 ({other}")


def test_no_network_joins_all(on_twin, twin):
    it = on_twin("auto:eth1")
    it.environment.update(UCX_NET_DEVICES="eth0", OMPI_MCA_btl_tcp_if_include="eth0")
    with twin.cut_off(2, "eth1"):
        refused(it.run(), "there is no network on which all 3 machines reach each other",
                "vm0 does not reach vm2 there: Connection timed out", "vm2: ", "eth1 10.78.0.3/24")
