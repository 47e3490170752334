"""scripts/vcluster itself, on which the other tests rest."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

import patience
from cluster import VCLUSTER, Cluster, is_gone, net_of
from patience import wait_for_end, wait_until


@pytest.fixture
def two(tmp_path):
    cluster = Cluster(tmp_path / "c", 2)
    yield cluster
    cluster.down()


def test_a_machine_of_its_own(two):
    seen = two.on(1, "sh", "-c", "hostname; ip -br address show eth0; ls /dev/shm /sys/class/net; "
                                 "getent hosts vm0")
    assert "vm1" in seen.stdout and "10.77.0.2/24" in seen.stdout, seen.stdout
    assert seen.stdout.split()[-2:] == ["10.77.0.1", "vm0"]
    assert two.ips == ["10.77.0.1", "10.77.0.2"]


def test_on_keeps_folder_streams_code_and_pid(two, tmp_path):
    done = two.on(0, "sh", "-c", "pwd; cat; echo err >&2; exit 9", input="in", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (9, f"{tmp_path}\nin", "err\n")
    process = subprocess.Popen(two.words("on", "1", "sleep", "1000"))
    wait_until(lambda: net_of(process.pid) == two.nets[1], "sleep is on the machine")
    process.send_signal(signal.SIGTERM)
    assert wait_for_end(process) == -signal.SIGTERM
    assert two.on(0, "no-such-command").returncode == 127


def reaches(cluster):
    ping = "import socket; socket.create_connection(('10.77.0.2', 9), 0.5)"
    return "refused" in cluster.on(0, "python3", "-c", ping).stderr


def test_link(two):
    assert reaches(two)
    two.vcluster("link", "1", "down")
    assert not reaches(two)
    two.vcluster("link", "1", "up")
    wait_until(lambda: reaches(two), "the machine is back")


def test_down_ends_what_runs(tmp_path):
    cluster = Cluster(tmp_path / "c", 2)
    process = subprocess.Popen(cluster.words("on", "1", "setsid", "sleep", "1000"))
    wait_until(lambda: net_of(process.pid) == cluster.nets[1], "sleep is on the machine")
    cluster.down()
    assert wait_for_end(process) == -signal.SIGKILL
    cluster.down()


def test_the_machines_die_with_their_folder(tmp_path):
    cluster = Cluster(tmp_path / "c", 3)
    shutil.rmtree(tmp_path / "c")
    wait_until(lambda: all(is_gone(pid) for pid in cluster.holders), "the machines are gone")


def test_two_clusters_at_once(two, tmp_path):
    other = Cluster(tmp_path / "other", 3)
    assert other.ips[:2] == two.ips
    assert not set(other.nets) & set(two.nets)
    other.down()
    assert two.on(1, "hostname").stdout == "vm1\n"


def test_up_twice_is_an_error(two):
    done = subprocess.run(two.words("up", "2"), capture_output=True, text=True)
    assert done.returncode == 1 and "down" in done.stderr


def test_errors_name_a_remedy(tmp_path):
    for words in (["on", "0", "true"], ["ips"], ["up", "0"], ["up", "300"], ["nonsense"]):
        done = subprocess.run([str(VCLUSTER), "--dir", str(tmp_path / "none"), *words],
                              capture_output=True, text=True)
        assert done.returncode in (1, 2) and "vcluster" in done.stderr, words
    assert not (tmp_path / "none").exists()


def test_sixteen_come_up_in_a_second(tmp_path):
    started = time.monotonic()
    cluster = Cluster(tmp_path / "c", 16)
    took = time.monotonic() - started  # 17 starts of python included
    cluster.down()
    assert took < 5 * patience.load()


@pytest.mark.skipif(os.geteuid() != 0, reason="all other tests are an ordinary user's already")
def test_an_ordinary_user():
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
    if subprocess.run([*nobody, "unshare", "-Urn", "true"]).returncode:
        pytest.skip("this kernel lets no user have namespaces")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        script = shutil.copy(VCLUSTER, folder)
        shutil.copytree(f"{VCLUSTER}.d", f"{script}.d")
        state = str(pathlib.Path(folder) / "c")

        def vcluster(*words):
            return subprocess.run([*nobody, script, "--dir", state, *words], capture_output=True,
                                  text=True, cwd=folder, timeout=patience.seconds())

        assert vcluster("up", "2").stderr == ""
        try:
            assert vcluster("on", "1", "hostname").stdout == "vm1\n"
            done = vcluster("run", "--mpi", "mpich", "-hosts", "10.77.0.1,10.77.0.2", "-ppn", "1",
                            "hostname")
            assert sorted(done.stdout.split()) == ["vm0", "vm1"], done.stderr
        finally:
            done = vcluster("down")
        assert done.returncode == 0 and not os.path.exists(state), done.stderr
