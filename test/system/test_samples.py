"""What the processes and the machine use: in the report, and a warning before the kernel kills."""

import json
import pathlib

import pytest

from patience import wait_for_end
from test_deaths import memory_cgroup, within  # noqa: F401 (fixture)
from test_state import top

SERVE = "server: serve"
OFTEN = 0.05


def test_peaks_and_curves_are_in_the_report(job):
    it = job(SERVE, "trainer 1: connect; worker allocate 30, wait go; allocate 20; wait go",
             "trainer 0: connect; wait go", machines=2, sample_interval=OFTEN).start()

    def all_are_sampled():
        seen = json.loads(top(it, "--json").stdout or "{}").get("attempts")
        peaks = [process["peak"] for machine in seen[0]["machines"]
                 for process in machine["processes"]] if seen else []
        return len(peaks) == 4 and all(peaks) and \
            max(peak["private_kb"] for peak in peaks) > 50 << 10

    it.wait_while_running(all_are_sampled, "all are sampled, and trainer 1 has allocated all")
    (it.workspace / "go").touch()
    result = it.finish()
    assert result.code == 0, result.said
    for machine in result.report["attempts"][0]["machines"]:
        moments = machine["curve"]
        assert 1 <= len(moments) <= 64
        assert 0 < moments[-1]["memory_kb"] <= machine["memory_kb"]
        assert machine["shm_kb"] > 0
    peak = {(process["role"], process["id"]): process["peak"] for process in result.processes()}
    assert peak["trainer", 1]["private_kb"] > 50 << 10
    assert peak["trainer", 1]["processes"] == 2
    assert peak["trainer", 0]["processes"] == 1
    assert peak["server", 0]["files"] >= 3


def test_no_samples_on_request(solo):
    result = solo(SERVE, "trainer: connect; sleep 0.3", sample_interval=0).run()
    machine, = result.report["attempts"][0]["machines"]
    assert machine["curve"] == []
    assert {process["peak"] for process in machine["processes"]} == {None}


@pytest.fixture
def said(solo, tmp_path):
    """(clauses) -> (job whose stderr goes to a file, that file)."""
    files = []

    def get(*clauses, **options):
        it = solo(SERVE, *clauses, sample_interval=OFTEN, **options)
        it.stderr = open(tmp_path / "stderr", "w", encoding="utf-8")
        files.append(it.stderr)
        return it, tmp_path / "stderr"

    yield get
    for file in files:
        file.close()


def finish_when_said(it, file, words):
    """Waits for these words, lets the trainer end, and checks that they were said once and are in
    the report."""
    it.wait_while_running(lambda: words in file.read_text(), words)
    (it.workspace / "go").touch()
    wait_for_end(it.process)
    for left in pathlib.Path(f"/proc/{it.cluster.holders[0]}/root/dev/shm").glob("segment"):
        left.unlink()  # in a file system that is not the launcher's
    result = it.finish()
    assert result.code == 0, file.read_text()
    assert file.read_text().count(words) == 2, "at once, and in the end"
    warnings = result.report["attempts"][0]["machines"][0]["warnings"]
    assert len([text for text in warnings if words in text]) == 1, warnings


def test_memory_that_is_nearly_full(said, memory_cgroup):  # noqa: F811
    it, file = said("trainer: connect; allocate 60; touch up; wait go")
    within(it, memory_cgroup).start().wait_for("up")
    used = int((memory_cgroup / "memory.usage_in_bytes").read_text())
    (memory_cgroup / "memory.limit_in_bytes").write_text(str(used + used // 50))
    finish_when_said(it, file, "of 0.1 GiB of memory are in use, and the kernel kills when it is "
                     "full; the job's processes have 0.1 GiB of it, trainer 0 (pid ")


def test_shared_memory_that_is_nearly_full(said, mounted):
    mounted(0, None, "/dev/shm", "-o", "size=20m")
    it, file = said("trainer: connect; shm segment 19; wait go", private_shm="off")
    finish_when_said(it.start(), file, "of 0.02 GiB of /dev/shm are in use")
