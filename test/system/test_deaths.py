"""The cause explains each way of dying: out of memory, a full /dev/shm, exceptions."""

import os
import pathlib
import uuid

import pytest

from patience import wait_for_end
from test_failure import names

MEMORY = pathlib.Path("/sys/fs/cgroup/memory")
LIMIT = 200 << 20
SERVE = "server: serve"


@pytest.fixture
def memory_cgroup():
    """A cgroup (version 1) of LIMIT bytes."""
    own = [line.split(":", 2)[2] for line in
           pathlib.Path("/proc/self/cgroup").read_text().splitlines() if ":memory:" in line]
    if not own:
        pytest.skip("no memory cgroup of version 1 here")
    folder = MEMORY / own[0].lstrip("/") / f"test-{uuid.uuid4().hex}"
    try:
        folder.mkdir()
        (folder / "memory.limit_in_bytes").write_text(str(LIMIT))
    except OSError as error:
        pytest.skip(f"no memory cgroup can be made in {MEMORY}: {error}")
    yield folder
    folder.rmdir()


def within(it, cgroup):
    """The whole job runs in that cgroup."""
    words = it.words()
    enter = f"echo $$ > {cgroup}/cgroup.procs && exec \"$@\""
    it.words = lambda: ["sh", "-c", enter, "sh", *words]
    return it


@pytest.mark.alone  # the kernel counts its kills for all of the machine
def test_a_trainer_out_of_memory(solo, memory_cgroup):
    it = solo("trainer: connect; sleep 0.5; allocate 400; forever", SERVE)
    result = within(it, memory_cgroup).run()
    assert result.code == 137, result.said
    names(result, "trainer 0", "SIGKILL", "out of memory (the kernel killed it)",
          "its cgroup's limit is 200 MiB", "the machine has ", "its peak was ", "smaller batches")
    assert "probably" not in result.cause["hint"]
    assert "dmesg" not in result.err, "the hint is the one for those who know nothing"


@pytest.mark.alone  # the kernel counts its kills for all of the machine
def test_a_sampler_out_of_memory(solo, memory_cgroup):
    it = solo("trainer: connect; worker allocate 60, sleep 3, allocate 400; forever", SERVE,
              num_samplers=1)
    result = within(it, memory_cgroup).run()
    assert result.code == 137, result.said
    assert result.cause["role"] == "sampler", result.said
    names(result, "out of memory (the kernel killed it)", "1800 s")
    peak = result.cause["hint"].partition("its peak was ")[2].split(";")[0]
    assert int(peak.removesuffix(" MiB")) > 55, result.said


@pytest.mark.alone  # the kernel counts its kills for all of the machine
def test_a_shell_that_reports_a_kill_for_memory(solo, memory_cgroup):
    it = solo()
    it.command = [f"{it.build}/fake 'trainer: connect; sleep 0.5; allocate 400' 'server: serve'; "
                  "exit $?"]
    result = within(it, memory_cgroup).run()
    assert result.code == 137, result.said
    names(result, "as a shell reports SIGKILL: out of memory")


@pytest.mark.alone  # the kernel counts its kills for all of the machine
def test_a_kill_that_was_not_for_memory(solo):
    result = solo("trainer: connect; kill KILL", SERVE).run()
    assert result.code == 137, result.said
    names(result, "the kernel's memory killer was not at work")
    assert "dmesg" not in result.err


def test_a_full_shared_memory(solo, mounted):
    mounted(0, None, "/dev/shm", "-o", "size=8m")
    it = solo("trainer: connect; shm segment 16; forever", SERVE, private_shm="off").start()
    wait_for_end(it.process)
    left = pathlib.Path(f"/proc/{it.cluster.holders[0]}/root/dev/shm/segment")
    left.unlink(missing_ok=True)
    result = it.finish()
    assert result.code == 135, result.said
    names(result, "SIGBUS", "/dev/shm is full: 8 MiB of 8 MiB used")


def test_an_error_file(solo):
    it = solo()
    it.command = ["case $DGL_ROLE in server) exec " + f"{it.build}/fake 'server: listen; forever';; "
                  "esac; echo more words; echo '{\"message\": {\"message\": \"ValueError: no such "
                  "node\", \"extraInfo\": {}}}' > $TORCHELASTIC_ERROR_FILE; exit 1"]
    result = it.run()
    assert result.code == 1, result.said
    names(result, "exception: ValueError: no such node", "more words")
    assert result.cause["exception"] == "ValueError: no such node"


def test_an_error_file_of_the_users_own(solo, tmp_path):
    it = solo(trainer_env=f"TORCHELASTIC_ERROR_FILE={tmp_path}/mine.json")
    it.command = ["case $DGL_ROLE in server) exec " + f"{it.build}/fake 'server: listen; forever';; "
                  "esac; echo '{\"message\": \"KeyError: 7\"}' > $TORCHELASTIC_ERROR_FILE; exit 1"]
    result = it.run()
    assert result.cause["exception"] == "KeyError: 7", result.said
    assert os.path.exists(tmp_path / "mine.json")


def test_a_traceback_shows_its_exception_first(solo):
    it = solo("trainer: connect; printerr Traceback (most recent call last):; "
              "printerr ValueError: bad; exit 1", SERVE)
    result = it.run()
    block = result.err[result.err.rfind("dgl-mpilaunch: the job"):]
    assert 0 < block.find("exception: ValueError: bad") < block.find("last lines"), result.said


def test_the_one_that_dumps_core_died_first(job):
    """Its sockets close before it is a zombie, so the others have ended by then."""
    it = job("trainer 1: hold pipe; allocate 300; wait pipe.open; crash SEGV",
             "trainer 0: lose pipe; exit 9", machines=2, num_servers=0, part_config=None)
    words = it.words()
    it.words = lambda: ["sh", "-c", "ulimit -S -c \"$(ulimit -H -c)\" && exec \"$@\"", "sh", *words]
    result = it.run()
    assert result.code == 139, result.said
    names(result, "trainer 1 on vm1", "SIGSEGV")
