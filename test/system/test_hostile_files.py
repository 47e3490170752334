"""Hostile files: huge, endless, no files at all, deep or large JSON, or changing while they are read.
Each is refused soon, in little memory, with exit code 2 and a sentence that names it and holds no
control character; and nothing is left."""

import contextlib
import os
import socket
import threading

import pytest

from hostile import KINDS, check_each, check_refused, dry_run, good, make_huge, prepare
from patience import Deadline


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
def test_names_and_long_paths(solo, kind):
    """The reason still stands behind a path that is too long."""
    it = solo()
    prepare(it, kind)
    names = ["escape-\x1b[31m\x07", "two\rlines", "latin-\udcff", "c1-\x9b31m", "x" * 255]
    paths = {str(it.workspace / ("f" * 200) / name): "No such file or directory" for name in names}
    for length, says in ((1800, "No such file or directory"), (4000, "No such file or directory"),
                         (100_000, "File name too long")):
        paths[("d" * 99 + "/") * (length // 100)] = says
    check_each(paths, lambda path: check_refused(it, dry_run(it, f"--{kind}", path), kind,
                                                 paths[path]))


# ---- JSON ----

NUMBERS = ["1e400", "-1e400", "9223372036854775808", "99999999999999999999", "-1", "1.5", "NaN",
           "1" * 4000, "\"2\"", "null", "1e-400"]


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_in_part_config(solo, number):
    it = solo()
    path, _ = prepare(it, "part_config")
    text = good(it, "part_config")
    path.write_text(text.replace('"num_parts": 1', f'"num_parts": {number}'))
    check_refused(it, dry_run(it), "graph.json")


@pytest.mark.parametrize("number", [each for each in NUMBERS if each != '"2"'])
def test_a_number_in_config(solo, number):
    it = solo()
    path, words = prepare(it, "config")
    path.write_text('{"num_server_threads": %s}' % number)
    check_refused(it, dry_run(it, *words), "job.json")


@pytest.mark.parametrize("port", ["0", "-1", "65536", "9223372036854775808", "99999999999999999999",
                                  "1e400", "+1", "0x50", "9" * 200])
def test_a_port(solo, port):
    it = solo()
    path, _ = prepare(it, "ip_config")
    path.write_text(f"{it.ip_config[0]} {port}\n")
    check_refused(it, dry_run(it), "ip_config.txt:1")


DEEP = {
    "arrays": "[" * 100_000,
    "objects": '{"a":' * 40_000,
    "closed arrays": "[" * 100_000 + "]" * 100_000,
    "a value": '{"num_trainers": ' + "[" * 100_000,
    "backslashes": "\"" + "\\" * 100_000,
    "minus": "-" * 100_000,
    "lines": "\n" * 200_000 + "x",
}


@pytest.mark.parametrize("kind", ["part_config", "config"])
@pytest.mark.parametrize("what", DEEP)
def test_json_that_is_deep_or_long(solo, kind, what):
    it = solo()
    path, words = prepare(it, kind)
    path.write_text(DEEP[what])
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
    """It is well formed: the program must not take all the memory to hold its values."""
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
