"""Hostile files that a job meets: on several machines, torch's error files, and where it writes."""

import json
import os
import re

import pytest

from hostile import FILES, check_each, make_huge, prepare

# ---- several machines ----

BOTH = {"1 GiB": make_huge, "a FIFO": os.mkfifo}
HOSTILE = {**BOTH, "an endless device": lambda path: path.symlink_to("/dev/zero")}
COPIES = {**BOTH, "NULs": lambda path: path.write_bytes(bytes(9))}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("what", HOSTILE)
def test_ranks_leave_together(job, kind, what):
    it = job(machines=2)
    path, words = prepare(it, kind)
    HOSTILE[what](path)
    it.more = words
    result = it.run()
    assert result.code == 2, result.said
    assert result.err.count("dgl-mpilaunch: ") == 1 and path.name in result.err, result.said


@pytest.mark.parametrize("kind", ["ip_config", "part_config"])
@pytest.mark.parametrize("what", COPIES)
def test_a_copy_on_another_machine(job, mounted, tmp_path, kind, what):
    """Each machine compares its own with what rank 0 has read."""
    it = job(machines=2)
    it.write()
    COPIES[what](tmp_path / "copy")
    mounted(1, tmp_path / "copy", it.workspace / FILES[kind])
    result = it.run()
    assert result.code == 3, result.said
    assert result.cause["host"].endswith("vm1") and FILES[kind] in result.err, result.said


# ---- what a process leaves for us to read ----

FILE = "$TORCHELASTIC_ERROR_FILE"
ERROR_FILES = {
    "a FIFO": f"mkfifo {FILE}",
    "a folder": f"mkdir {FILE}",
    "an endless device": f"ln -s /dev/zero {FILE}",
    "a link to itself": f"ln -s {FILE} {FILE}",
    "1 GiB": f"truncate -s 1G {FILE}",
    "NULs": f"truncate -s 1000 {FILE}",
    "deep JSON": f"head -c 100000 /dev/zero | tr '\\0' '[' > {FILE}",
    "no UTF-8": f"printf '\\377\\376' > {FILE}",
    "a number": f"echo 1e400 > {FILE}",
    "a message that is none": f"echo '{{\"message\": [{{}}]}}' > {FILE}",
    "another process's memory": f"ln -s /proc/self/mem {FILE}",
}


def error_job(it, what):
    it.command = [f"[ -z \"$RANK\" ] && exec {it.build}/fake 'server: serve'; {what}; exit 3"]
    it.options["python_hook"] = "off"
    return it.run()


def test_error_files(solo):
    """No help, and no harm: each attempt ends as it would without."""
    makes = " ".join(f"{k}) {make};;" for k, make in enumerate(ERROR_FILES.values()))
    result = error_job(solo(max_restarts=len(ERROR_FILES) - 1, max_same_failures=0,
                            restart_delay=0),
                       f"case $DGL_JOB_RESTART_COUNT in {makes} esac")
    assert result.code == 3, result.said
    causes = dict(zip(ERROR_FILES, (each["cause"] for each in result.report["attempts"]),
                      strict=True))

    def check(what):
        cause = causes[what]
        assert (cause["how"], cause["exit_code"], cause["exception"]) == ("exited", 3, None), cause

    check_each(ERROR_FILES, check)


def test_an_error_file_with_escapes(solo):
    text = json.dumps({"message": "ValueError: \x1b[31m\r\x07\x9b2J " + "x" * 5000})
    result = error_job(solo(), f"printf '%s' '{text}' > {FILE}")
    assert result.code == 3, result.said
    assert "ValueError: " in result.err, result.said
    assert not re.search("[\0-\x08\x0b-\x1f\x7f-\x9f]", result.err), repr(result.err)
    assert len(result.err) < 5000


# ---- where we write ----

def test_log_files_that_are_fifos(solo, tmp_path):
    """Nobody reads them; the job runs without."""
    it = solo("server: serve", "trainer: print hello; connect", run_dir=tmp_path / "runs")
    result = it.run()
    assert result.code == 0, result.said
    logs = list((tmp_path / "runs/logs").iterdir())
    assert len(logs) >= 2
    for log in logs:
        log.unlink()
        os.mkfifo(log)
    again = it.run()
    assert again.code == 0 and "hello" in again.out, again.said
    assert "trainer-0.log" in again.err, again.said


def test_a_report_that_is_a_fifo(solo, tmp_path):
    """It is replaced, as a file would be."""
    it = solo("server: serve", "trainer: connect", run_dir=tmp_path / "runs")
    (tmp_path / "runs").mkdir()
    os.mkfifo(tmp_path / "runs/report.json")
    result = it.run()
    assert result.code == 0, result.said
    assert result.report["complete"]
