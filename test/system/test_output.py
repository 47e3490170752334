"""Console and log files get all lines, whole, each with its process."""

import collections
import fcntl
import os
import re
import signal
import sys
import termios
import time

import pytest

from patience import wait_until

LINE = re.compile(r"\[(vm\d) (server|trainer) (\d+)\] (.*)")
NOT_SHOWN = re.compile(r"\.\.\. (\d+) lines? not shown here, see (.*)")
MANY, WIDTH = 20000, 90


def lines_of(text):
    """Returns (role, id) -> its lines; a line of another process is an error."""
    found = collections.defaultdict(list)
    for line in text.splitlines():
        match = LINE.fullmatch(line)
        assert match, f"not a whole line of a process: '{line[:300]}'"
        host, role, number, rest = match.groups()
        found[role, int(number)].append(rest)
        assert host == f"vm{number}", line
    return found


def is_numbered(lines, count):
    return lines == [f"{i} ".ljust(WIDTH, "x") for i in range(count)]


def test_whole_lines_from_all_machines(job):
    """No log files are written, so no line may be lost."""
    result = job(f"trainer: connect; lines {MANY} {WIDTH}", run_dir="none").run()
    assert result.code == 0, result.said[-3000:]
    found = lines_of(result.out)
    assert set(found) == {("trainer", k) for k in range(4)}
    for who, lines in found.items():
        assert is_numbered(lines, MANY), (who, len(lines))
    assert sorted(os.listdir(result.workspace)) == ["data", "ip_config.txt"]


def test_log_files_are_complete(job):
    result = job(f"trainer: connect; lines {MANY} {WIDTH}").run()
    assert result.code == 0, result.said[-3000:]
    shown = lines_of(result.out)
    for k in range(4):
        log = f"vm{k}.trainer-{k}.log"
        assert is_numbered(result.log(log).splitlines(), MANY), k
        # a reader that is too slow loses lines; the console says how many and where they are
        told = [NOT_SHOWN.fullmatch(line) for line in shown["trainer", k]]
        assert all(match[2].endswith("logs/" + log) for match in told if match)
        assert sum(int(match[1]) if match else 1 for match in told) == MANY
    assert {p["log"] for p in result.processes()} == {
        str(result.run_dir.resolve() / f"logs/vm{k}.{role}-{k}.log")
        for k in range(4) for role in ("server", "trainer")}


def test_a_slow_reader_loses_nothing_without_log_files(job):
    it = job(f"trainer: connect; lines {MANY} {WIDTH}", run_dir="none")
    it.start()
    time.sleep(2)
    result = it.finish()
    assert result.code == 0, result.said[-3000:]
    assert all(is_numbered(lines, MANY) for lines in lines_of(result.out).values())


def test_both_streams_and_a_last_line_without_newline(job):
    result = job("server: printerr serving; serve", "trainer: print one; connect; noeol two",
                 run_dir="none").run()
    assert result.code == 0, result.said
    found = lines_of(result.out)
    for k in range(4):
        assert found["server", k] == ["serving"]
        assert found["trainer", k] == ["one", "two"]


def test_output_before_death_is_not_lost(job):
    result = job("trainer 1: connect; lines 500 90; noeol the very last; kill KILL",
                 "trainer: connect; forever").run()
    assert result.code == 137, result.said
    found = lines_of(result.out)["trainer", 1]
    assert found[-1] == "the very last" and is_numbered(found[:-1], 500)
    assert len(result.cause["last_lines"]) == 20
    assert result.cause["last_lines"][-1] == "the very last"


def test_the_cause_is_the_last_that_we_say(job):
    result = job("trainer 2: connect; print text; exit 3", "trainer: connect; forever").run()
    ours = result.err[result.err.index("dgl-mpilaunch: the job"):]
    block = ours.splitlines()
    assert block[1].startswith("  "), ours
    end = next((i for i, line in enumerate(block[1:], 1) if not line.startswith("  ")), len(block))
    assert not any("dgl-mpilaunch: " in line for line in block[end:]), ours


@pytest.mark.parametrize("show, shown", [
    ("trainer:1,server", ["server 0", "server 1", "trainer 1"]),
    ("trainer:2-9,trainer:0", ["trainer 0", "trainer 2", "trainer 3"]),
    ("none", []),
])
def test_only_some_are_shown(job, show, shown):
    result = job("server: print up; serve", "trainer: connect; print text; noeol end", machines=2,
                 num_trainers=2, show=show).run()
    assert result.code == 0, result.said
    named = {re.match(r"\[vm\d (\w+ \d)\] ", line)[1] for line in result.out.splitlines()}
    assert sorted(named) == shown, result.said
    assert (result.run_dir / "logs/vm0.trainer-1.log").read_text() == "text\nend"


@pytest.mark.parametrize("show", ["trainers", "trainer:", "trainer:3-1", "server,,trainer",
                                  "server,", "trainer:x", "none,server", "trainer:99999999999"])
def test_a_list_that_cannot_be_read(solo, show):
    result = solo(show=show).run()
    assert result.code == 2 and "--show takes 'none', or a comma list" in result.err, result.said


def test_timestamps(job):
    it = job("server: serve", "trainer: connect; print text; lines 50 30", machines=2)
    it.more = ["--timestamps"]
    result = it.run()
    assert result.code == 0, result.said
    assert len(result.out.splitlines()) == 102
    for line in result.out.splitlines():
        assert re.match(r"\d\d:\d\d:\d\d\.\d{3} \[vm\d trainer \d\] ", line), line
    assert (result.run_dir / "logs/vm0.trainer-0.log").read_text().startswith("text\n")


def phases_of(result):
    """Returns the launcher's lines, without numbers of seconds and without the job's id."""
    text = result.err.replace(os.path.realpath(result.run_dir), "DIR")
    text = text.replace(result.report["job_id"], "ID")
    return re.sub(r"\d+\.\d s", "N s", text).splitlines()


def test_each_phase_is_a_line(job):
    result = job("server: serve", "trainer: connect", machines=2, num_trainers=2).run()
    assert phases_of(result)[:3] == [
        "dgl-mpilaunch: job ID: starting 2 servers on 2 machines; logs: DIR/logs",
        "dgl-mpilaunch: all servers listen after N s; starting 4 trainers on 2 machines",
        "dgl-mpilaunch: all trainers have ended well after N s; the servers leave"], result.said


def test_each_phase_of_a_failure_without_servers(job):
    result = job("trainer 1: attempt 0 exit 3", "trainer: sleep 0.2", machines=2, num_servers=0,
                 part_config=None, max_restarts=1, restart_delay=0).run()
    lines = phases_of(result)
    assert lines[0] == "dgl-mpilaunch: job ID: starting 2 trainers on 2 machines; logs: DIR/logs"
    assert lines[1] == "dgl-mpilaunch: ending all processes", result.said
    assert "dgl-mpilaunch: attempt 2: starting 2 trainers on 2 machines" in lines, result.said


def test_quiet_says_errors_only(job):
    it = job("trainer: connect; print text", run_dir="none")
    it.more = ["--quiet"]
    result = it.run()
    assert result.code == 0, result.said
    said = [line for line in result.err.splitlines() if "] plm:rsh: Warning: setpgid(" not in line]
    assert not said, result.said  # Open MPI's mpirun may warn of its own race with a child
    assert len(lines_of(result.out)) == 4


def test_run_dir_that_is_given(job, tmp_path):
    result = job(run_dir=str(tmp_path / "runs/mine")).run()
    assert result.code == 0, result.said
    run_dir = tmp_path / "runs/mine"
    assert {path.name for path in run_dir.iterdir()} >= {"logs", "report.json", "report.html"}
    assert "dgl-mpilaunch-runs" not in os.listdir(result.workspace)


def test_run_dir_that_is_given_and_cannot_be_written(job):
    it = job()
    it.write()
    it.options["run_dir"] = str(it.workspace / "ip_config.txt/x")
    result = it.run()
    assert result.code == 2, result.said
    assert "ip_config.txt/x" in result.err, result.said


def said_that_nothing_can_be_written(it, where):
    result = it.run()
    assert result.code == 2, result.said
    assert result.err.count(where) == 1, result.said
    assert "report" not in result.err, result.said


@pytest.mark.parametrize("time_", range(5))
def test_run_dir_that_is_a_file(job, time_):
    """It is said more than once: MPICH drops a rank's line at the moment when another rank
    leaves."""
    it = job()
    it.write()
    it.options["run_dir"] = str(it.workspace / "ip_config.txt")
    said_that_nothing_can_be_written(it, "ip_config.txt")


def test_run_dir_in_a_file_system_that_is_read_only(job, mounted, tmp_path):
    """Permissions do not stop root, so the file system must."""
    it = job()
    (tmp_path / "ro").mkdir()
    for machine in range(4):
        mounted(machine, None, tmp_path / "ro", "-o", "ro")
    it.options["run_dir"] = str(tmp_path / "ro/mine")
    said_that_nothing_can_be_written(it, str(tmp_path / "ro/mine"))


def test_default_run_dir_that_cannot_be_written(job):
    it = job("trainer: connect; print text")
    it.write()
    (it.workspace / "dgl-mpilaunch-runs").touch()
    result = it.run()
    assert result.code == 0, result.said
    assert "warning" in result.err and "dgl-mpilaunch-runs" in result.err, result.said
    assert result.out.count("text") == 4


def test_latest_leads_to_the_last_run(solo):
    it = solo()
    first = it.run()
    there = first.run_dir.resolve()
    again = it.run()
    assert again.run_dir.resolve() != there
    assert there.name == first.report["job_id"]
    assert re.fullmatch(r"\d{8}T\d{6}Z-\w+-[0-9a-f]{4}", there.name), there.name


@pytest.mark.parametrize("bytes_", [b"\xff\xfe\x00bin", "grün ✓".encode(),
                                    b"a\tb \x1b[31mred\x1b[0m"])
def test_strange_bytes_pass(solo, bytes_):
    it = solo(num_servers=0, part_config=None)
    (it.workspace.parent / "bytes").write_bytes(bytes_ + b"\n")
    it.command = ["--", "/bin/cat", str(it.workspace.parent / "bytes")]
    result = it.run()
    assert result.code == 0, result.said
    assert (result.run_dir / "logs/vm0.trainer-0.log").read_bytes() == bytes_ + b"\n"


def test_a_reader_that_goes_away(solo):
    """With 'dgl-mpilaunch … | head' the job goes on or stops as a whole; it does not hang."""
    read, write = os.pipe()
    it = solo(f"trainer: connect; lines {MANY} {WIDTH}")
    it.stdout = write
    it.start()
    os.close(write)
    os.close(read)
    it.finish()


def test_a_reader_that_pauses_gets_all_of_a_good_job(solo, tmp_path):
    """Like '| less': the launcher's lines on stderr come meanwhile, and later all lines of output,
    with log files or without. They fit into the credit of 1 MiB, so that none is left to the log
    files. (MPICH's mpirun itself passes no stderr on while nobody reads its stdout.)"""
    read, write = os.pipe()
    said = tmp_path / "stderr"
    it = solo("trainer: lines 40000 10", num_servers=0, part_config=None)
    with os.fdopen(read) as out, open(said, "w", encoding="utf-8") as it.stderr:
        it.stdout = write
        it.start()
        os.close(write)
        wait_until(lambda: "all ended well" in said.read_text(), "the summary",
                   said.read_text)
        assert it.process.poll() is None
        assert len(out.readlines()) == 40000
    result = it.finish()
    assert result.code == 0, said.read_text()


def test_the_cause_of_a_failure_does_not_wait_for_the_reader(solo):
    """The output waits, and is then dropped and counted; stderr has its own reader meanwhile."""
    read, write = os.pipe()
    it = solo("trainer: lines 20000 10; exit 3", num_servers=0, part_config=None)
    it.stdout = write
    try:
        result = it.run()
    finally:
        os.close(write)
        os.close(read)
    assert result.code == 3, result.said
    assert re.search(r"\d+ lines of output are not shown, because nobody reads them; the log files "
                     r"in '.*/logs' have them", result.err), result.said
    assert "the job failed: trainer 0 on vm0" in result.err, result.said


def bytes_in(pipe):
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4), sys.byteorder)


def test_a_signal_while_nobody_reads(solo):
    """Without log files the launcher may drop nothing while the job runs; a stop does not wait for
    a reader."""
    read, write = os.pipe()
    it = solo(f"trainer: lines {10 ** 9} {WIDTH}", num_servers=0, part_config=None,
              run_dir="none")
    it.stdout = write
    try:
        it.start()
        wait_until(lambda: bytes_in(read) > 60000, "the pipe is full")
        time.sleep(1)  # by then every buffer between the trainer and the pipe is full
        result = it.signal(signal.SIGTERM).finish()
    finally:
        os.close(write)
        os.close(read)
    assert result.code == 143, result.said
