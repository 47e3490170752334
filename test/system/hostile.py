"""For the tests of hostile input: the launcher without mpirun, in little memory, and its files."""

import dataclasses
import json
import os
import re
import subprocess

import pytest

from job import plain_environment, write_partition
from leftovers import marked
from patience import wait_for_end, wait_until

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


def check_each(cases, check):
    """Checks all cases, and says of each that fails what it was and why."""
    failed = []
    for case in cases:
        try:
            check(case)
        except AssertionError as error:
            failed.append(f"{case!r:.200}: {error}")
    assert not failed, "\n\n".join(failed)


FILES = {"ip_config": "ip_config.txt", "part_config": "data/graph.json", "config": "job.json"}
KINDS = pytest.mark.parametrize("kind", FILES)


def prepare(it, kind):
    """The file of this kind, which is not there yet; and the words that name it."""
    path = it.workspace / FILES[kind]
    remove(path)
    it.write()
    remove(path)
    return path, ["--config", str(path)] if kind == "config" else []


def good(it, kind):
    """What it should hold."""
    if kind == "ip_config":
        return "\n".join(it.ip_config) + "\n"
    if kind == "config":
        return json.dumps({"kill_grace": 1})
    write_partition(it.workspace / "copy", it.machines)
    return (it.workspace / "copy/graph.json").read_text()


def remove(path):
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink(missing_ok=True)


def make_huge(path):
    path.touch()
    os.truncate(path, 1 << 30)
