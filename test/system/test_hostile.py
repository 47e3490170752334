"""Hostile input: files that are huge, endless, no files at all or changing, absurd words and
variables. Each is refused soon, in little memory, with exit code 2 and a sentence that names it and
holds no control character; and nothing is left."""

import contextlib
import dataclasses
import json
import os
import re
import socket
import subprocess
import threading

import pytest

from job import plain_environment, write_partition
from leftovers import marked
from patience import Deadline, wait_for_end, wait_until

MEMORY = 200_000_000  # bytes; with more, the launcher ends by SIGABRT


@dataclasses.dataclass
class Answer:
    code: int
    out: str
    err: str

    @property
    def said(self):
        return f"exit code {self.code}\n{self.out[-2000:]}{self.err}"


def start(it, words, prefix, environment):
    output = [open(it.workspace.parent / name, "w+b") for name in ("out", "err")]
    bounded = [*prefix, "prlimit", f"--data={MEMORY}", str(it.build / "dgl-mpilaunch")]
    process = subprocess.Popen([*bounded, *words], stdin=subprocess.DEVNULL,
                               stdout=output[0], stderr=output[1], cwd=it.workspace.parent,
                               env=environment)
    return process, output


def ask(it, words, prefix=(), **variables):
    """Runs the launcher without mpirun; proves that nothing is left of it."""
    name, value = it.marker.split("=")
    temporary = it.workspace.parent / "tmp"
    temporary.mkdir(exist_ok=True)
    process, output = start(it, words, prefix, {**plain_environment(), name: value,
                                        "TMPDIR": str(temporary), **variables})
    try:
        code = wait_for_end(process)
    finally:
        process.kill()
    texts = []
    for file in output:
        file.seek(0)
        texts.append(file.read().decode(errors="surrogateescape"))
        file.close()
    wait_until(lambda: not marked(it.marker), "all of its processes are gone")
    assert not list(temporary.iterdir())
    return Answer(code, *texts)


def dry_run(it, *more, command=("x",), prefix=(), **variables):
    it.command = []
    return ask(it, ["--dry_run", *it.launcher()[1:], *more, *command], prefix, **variables)


def check_refused(it, answer, *words):
    """One line on stderr that is harmless and says these words; nothing was made."""
    assert answer.code == 2, answer.said
    assert answer.out == "" and answer.err.startswith("dgl-mpilaunch: error: "), answer.said
    assert answer.err.count("\n") == 1, answer.said
    assert not re.search("[\0-\x09\x0b-\x1f\x7f-\x9f]|[\ud800-\udfff]", answer.err), \
        repr(answer.err)
    for word in words:
        assert word in answer.err, f"'{word}' is not said:\n{answer.said}"
    assert not (it.workspace / "dgl-mpilaunch-runs").exists()


# ---- files ----

FILES = {"ip_config": "ip_config.txt", "part_config": "data/graph.json", "config": "job.json"}
KINDS = pytest.mark.parametrize("kind", FILES)


def prepare(it, kind):
    """The file of this kind, which is not there yet; and the words that name it."""
    it.write()
    path = it.workspace / FILES[kind]
    path.unlink(missing_ok=True)
    return path, ["--config", str(path)] if kind == "config" else []


def good(it, kind):
    """What it should hold."""
    if kind == "ip_config":
        return "\n".join(it.ip_config) + "\n"
    if kind == "config":
        return json.dumps({"kill_grace": 1})
    write_partition(it.workspace / "copy", it.machines)
    return (it.workspace / "copy/graph.json").read_text()


def make_huge(path):
    path.touch()
    os.truncate(path, 1 << 30)


def make_million_lines(path):
    path.write_text("".join(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}\n" for n in range(1, 10**6)))


def make_socket(path):
    """A path in its address may have 107 bytes only."""
    with socket.socket(socket.AF_UNIX) as it:
        os.chdir(path.parent)
        it.bind(path.name)


BIG = "is it the right file?"
NO_FILE = "is not a regular file"
HOSTILE = {
    "1 GiB": (make_huge, BIG),
    "a million lines": (make_million_lines, ""),
    "NULs": (lambda path: path.write_bytes(bytes(1000)), ":1"),
    "no UTF-8": (lambda path: path.write_bytes(b"\xff\xfe\x1b[31m\xc3\x28"), ":1"),
    "a line of 200 kB": (lambda path: path.write_text("7" * 200_000), ""),
    "nothing": (lambda path: path.touch(), "is empty"),
    "a FIFO": (os.mkfifo, NO_FILE),
    "a folder": (lambda path: path.mkdir(), NO_FILE),
    "a socket": (make_socket, NO_FILE),
    "an endless device": (lambda path: path.symlink_to("/dev/zero"), NO_FILE),
    "a random device": (lambda path: path.symlink_to("/dev/urandom"), NO_FILE),
    "a terminal": (lambda path: path.symlink_to("/dev/tty"), ""),
    "no file": (lambda path: None, "No such file or directory"),
    "a link to nothing": (lambda path: path.symlink_to("nothing"), "No such file or directory"),
    "a link to itself": (lambda path: path.symlink_to(path.name), "symbolic links"),
    "unreadable memory": (lambda path: path.symlink_to("/proc/self/mem"), "cannot read"),
    "a kernel's endless text": (lambda path: path.symlink_to("/proc/self/pagemap"), ""),
}


@KINDS
@pytest.mark.parametrize("what", HOSTILE)
def test_a_file(solo, kind, what, monkeypatch):
    it = solo()
    path, words = prepare(it, kind)
    make, says = HOSTILE[what]
    monkeypatch.chdir(path.parent)  # for make_socket
    make(path)
    check_refused(it, dry_run(it, *words), path.name, says)


@KINDS
def test_a_file_that_may_not_be_read(solo, kind):
    it = solo()
    path, words = prepare(it, kind)
    path.write_text(good(it, kind))
    path.chmod(0)
    root = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]  # which reads everything
    answer = dry_run(it, *words, prefix=root if os.access(path, os.R_OK) else [])
    check_refused(it, answer, path.name, "Permission denied")


@KINDS
@pytest.mark.parametrize("name", ["escape-\x1b[31m\x07", "two\rlines", "latin-\udcff", "c1-\x9b31m",
                                  "x" * 255])
def test_a_file_of_a_hostile_name(solo, kind, name):
    it = solo()
    prepare(it, kind)
    answer = dry_run(it, f"--{kind}", str(it.workspace / ("f" * 200) / name))
    check_refused(it, answer, kind, "No such file or directory")


@KINDS
@pytest.mark.parametrize("length", [1800, 4000, 100_000])
def test_a_path_that_is_too_long(solo, kind, length):
    """The reason still stands behind it."""
    it = solo()
    prepare(it, kind)
    answer = dry_run(it, f"--{kind}", ("d" * 99 + "/") * (length // 100))
    check_refused(it, answer, kind, "File name too long" if length > 4096
                  else "No such file or directory")


# ---- JSON ----

NUMBERS = ["1e400", "-1e400", "9223372036854775808", "99999999999999999999", "-1", "1.5", "NaN",
           "1" * 4000, "\"2\"", "null", "1e-400"]


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_in_part_config(solo, number):
    it = solo()
    path, _ = prepare(it, "part_config")
    path.write_text(good(it, "part_config").replace('"num_parts": 1', f'"num_parts": {number}'))
    check_refused(it, dry_run(it), "graph.json")


@pytest.mark.parametrize("number", [each for each in NUMBERS if each != '"2"'])
def test_a_number_in_config(solo, number):
    it = solo()
    path, words = prepare(it, "config")
    path.write_text('{"num_server_threads": %s}' % number)
    check_refused(it, dry_run(it, *words), "job.json")


@pytest.mark.parametrize("port", ["0", "-1", "65536", "9223372036854775808",
                                  "99999999999999999999", "1e400", "+1", "0x50", "9" * 200])
def test_a_port(solo, port):
    it = solo()
    path, _ = prepare(it, "ip_config")
    path.write_text(f"{it.ip_config[0]} {port}\n")
    check_refused(it, dry_run(it), "ip_config.txt:1")


@pytest.mark.parametrize("kind", ["part_config", "config"])
@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 40_000, "[" * 100_000 + "]" * 100_000,
                                  '{"num_trainers": ' + "[" * 100_000, "\"" + "\\" * 100_000,
                                  "-" * 100_000, "\n" * 200_000 + "x"],
                         ids=["arrays", "objects", "closed arrays", "a value", "backslashes",
                              "minus", "lines"])
def test_json_that_is_deep_or_long(solo, kind, text):
    it = solo()
    path, words = prepare(it, kind)
    path.write_text(text)
    check_refused(it, dry_run(it, *words), path.name)


LARGE = {
    "numbers": ("[" + "1," * 14_000_000 + "1]", "more than 1000000 commas"),
    "objects": ("[" + "{}," * 900_000 + "1]", "more than 1000000 commas"),
    "members": ("{" + ",".join(f'"key{n:08}":"val{n:06}"' for n in range(999_990)) + "}",
                "num_parts"),
    "a text": ('"' + "x" * 30_000_000 + '"', "num_parts"),
    "texts": ("[" + ('"' + "x" * 90 + '",') * 300_000 + "1]", "num_parts"),
}


@pytest.mark.parametrize("what", LARGE)
def test_a_large_part_config(solo, what):
    """It is well formed: what is made of its values must not take all the memory."""
    it = solo()
    path, _ = prepare(it, "part_config")
    value, says = LARGE[what]
    path.write_text('{"num_parts": 0, "node_map": %s}' % value)
    check_refused(it, dry_run(it), "graph.json", says)


# ---- files that change ----

@contextlib.contextmanager
def over_and_over(step):
    """While the block runs, in another thread."""
    stop = threading.Event()

    def run():
        while not stop.is_set():
            step()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def fill(path, mib):
    with open(path, "wb") as file:
        file.write(b" " * (mib << 20))


def check_change_is_seen(it, path, step):
    """A run may be over before the other thread has had its turn."""
    deadline = Deadline()
    with over_and_over(step):
        answer = dry_run(it)
        while "changed while it was read" not in answer.err and not deadline.passed():
            check_refused(it, answer, path.name)
            answer = dry_run(it)
    check_refused(it, answer, path.name, "changed while it was read; try again")


@pytest.mark.parametrize("kind", ["ip_config", "part_config"])
def test_a_file_that_grows(solo, kind):
    it = solo()
    path, _ = prepare(it, kind)
    fill(path, 24)
    with open(path, "ab", buffering=0) as file:
        check_change_is_seen(it, path, lambda: file.write(b" "))


@pytest.mark.parametrize("kind", ["ip_config", "part_config"])
def test_a_file_that_shrinks(solo, kind):
    it = solo()
    path, _ = prepare(it, kind)
    fill(path, 24)
    sizes = [24 << 20]

    def shrink():
        sizes[0] -= 1
        os.truncate(path, sizes[0])

    check_change_is_seen(it, path, shrink)


@KINDS
def test_a_file_that_is_replaced(solo, kind):
    """By rename, so that each is whole: no reader sees a change."""
    it = solo()
    path, words = prepare(it, kind)
    text = good(it, kind)
    path.write_text(text)

    def replace():
        path.with_suffix(".new").write_text(text + " " * 1000 if kind != "ip_config" else text)
        path.with_suffix(".new").rename(path)

    with over_and_over(replace):
        answers = [dry_run(it, *words) for _ in range(10)]
    assert all(answer.code == 0 for answer in answers), [answer.said for answer in answers]


# ---- under MPI ----

@KINDS
@pytest.mark.parametrize("what", ["1 GiB", "a FIFO", "an endless device"])
def test_ranks_leave_together(job, kind, what):
    it = job(machines=2)
    path, words = prepare(it, kind)
    HOSTILE[what][0](path)
    it.more = words
    result = it.run()
    assert result.code == 2, result.said
    assert result.err.count("dgl-mpilaunch: ") == 1 and path.name in result.err, result.said


COPIES = {"1 GiB": make_huge, "a FIFO": os.mkfifo, "NULs": lambda path: path.write_bytes(bytes(9))}


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


# ---- words and variables ----

WORDS = {
    "a word of 128 kB": ["--" + "x" * 131_000],
    "a value of 128 kB": ["--num_trainers=" + "9" * 131_000],
    "an escape in an option's name": ["--\x1b[31mred\x07"],
    "an escape in a value": ["--private_shm=\x1b]0;title\x07"],
    "an escape behind a value that is missing": ["--run_dir", "--num_trainers=\x1b[31m"],
    "an escape in a bare word": ["\x1b[2J", "\x1b[H"],
    "a control character of two bytes": ["--\u009b31m"],
    "no UTF-8": ["--\udcff\udcfe"],
    "a short option that is none": ["-\x1b"],
    "a hundred thousand bare words": ["w"] * 100_000,
    "a hundred thousand wrong options": ["--nothing"] * 100_000,
    "a count of 20 digits": ["--num_trainers=99999999999999999999"],
    "a count of 2^63": ["--max_restarts=9223372036854775808"],
    "a time of 1e400": ["--kill_grace=1e400"],
    "a time of many digits": ["--kill_grace=" + "1" * 1000],
    "a size that overflows": ["--shm_size=9007199254740993T"],
    "all that fits int, together": ["--num_trainers=4096", "--num_samplers=4096",
                                    "--num_servers=4096", "--ip_config=many"],
}


@pytest.mark.parametrize("what", WORDS)
def test_words(solo, what):
    it = solo()
    it.write()
    (it.workspace / "many").write_text("".join(f"10.0.{n >> 8}.{n & 255}\n"
                                               for n in range(1, 1000)))
    check_refused(it, dry_run(it, *WORDS[what]))


def test_a_hundred_thousand_words_behind_dashes(solo):
    it = solo()
    it.write()
    answer = dry_run(it, command=["--", *["w"] * 100_000])
    assert answer.code == 0, answer.said
    assert answer.out.count(" w" * 99_999) > 0


def test_very_many_variables(solo):
    """Each replaces one of the same name, in a time that grows with the square."""
    it = solo()
    it.write()
    envs = [f"N{n}=1" for n in range(100_000)]
    check_refused(it, dry_run(it, "--extra_envs", *envs), "--extra_envs", "more than 10000")
    answer = dry_run(it, "--extra_envs", *envs[:10_000], command=["--", "x"])
    assert answer.code == 0 and "N9999=1" in answer.out, answer.said


def test_a_plan_of_hostile_names(solo):
    """--dry_run shows them so that a shell could read them back, on a line each."""
    it = solo()
    it.workspace = it.workspace.parent / "w\x1b[31m"
    it.options.update(workspace=str(it.workspace), part_config="data/graph.json")
    it.write()
    part = json.loads((it.workspace / "data/graph.json").read_text())
    part["part-0"]["node_feats"] = "a\n  trainer 9\x9b\x07"
    (it.workspace / "data/graph.json").write_text(json.dumps(part, ensure_ascii=False))
    answer = dry_run(it, "--trainer_env", "A=\x1b\x9bé", command=["--", "\x1b", "{workspace}"],
                     **{"DGL_\x1b": "1"})
    assert answer.code == 0, answer.said
    assert not re.search("[\0-\x09\x0b-\x1f\x7f-\x9f]", answer.out + answer.err), \
        repr(answer.out)
    assert "needs $'data/a\\012  trainer 9\\302\\233\\007'\n" in answer.out
    assert "env A=$'\\033\\302\\233\\303\\251'\n" in answer.out


VARIABLES = {
    "an unknown one with an escape": ({"DGL_MPILAUNCH_\x1b[31m": "1"}, True),
    "a very long name": ({"DGL_MPILAUNCH_" + "X" * 100_000: "1"}, True),
    "a very long value": ({"DGL_MPILAUNCH_MAX_RESTARTS": "1" * 100_000}, True),
    "an escape in a value": ({"DGL_MPILAUNCH_PRIVATE_SHM": "\x1b[31m"}, True),
    "a FIFO as --config": ({"DGL_MPILAUNCH_CONFIG": "fifo"}, True),
    "threads that are no number": ({"OMP_NUM_THREADS": "\x1b[31m"}, False),
    "a job of Slurm with an escape": ({"SLURM_JOB_ID": "\x1b[31m/../.."}, False),
    "a job of Slurm with a long id": ({"SLURM_JOB_ID": "7" * 10_000}, False),
    "a directory that is none": ({"PWD": "/nowhere/\x1b[31m"}, False),
    "a locale that is none": ({"LC_ALL": "\x1b[31m", "LANG": "x" * 10_000}, False),
    "ten thousand that travel": ({f"DGL_X{n}": "1" for n in range(10_000)}, False),
}


@pytest.mark.parametrize("what", VARIABLES)
def test_variables(solo, what):
    it = solo()
    it.write()
    os.mkfifo(it.workspace.parent / "fifo")
    variables, refused = VARIABLES[what]
    answer = dry_run(it, **variables)
    if refused:
        check_refused(it, answer)
        return
    assert answer.code == 0, answer.said
    assert "\x1b" not in answer.out + answer.err, repr(answer.said)


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


@pytest.mark.parametrize("what", ERROR_FILES)
def test_an_error_file(solo, what):
    """No help, and no harm: the job ends as it would without."""
    result = error_job(solo(), ERROR_FILES[what])
    assert result.code == 3, result.said
    assert result.cause["how"] == "exited" and result.cause.get("exception") is None, result.cause


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
