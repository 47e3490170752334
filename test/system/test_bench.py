"""scripts/bench: it measures and writes what it found, goes on after a row that fails, and takes
all down when it is told to end. The figures themselves are not judged."""

import json
import os
import pathlib
import signal
import subprocess
import uuid
import xml.etree.ElementTree

import pytest

import patience
from cluster import SOURCE
from conftest import build_of
from leftovers import marked
from mpis import DEBIANS
from patience import wait_until

pytestmark = pytest.mark.xdist_group("bench")  # one after the other: each looks at /tmp


def folders():
    return set(pathlib.Path("/tmp").glob("mb-*"))


@pytest.fixture
def bench(tmp_path):
    """bench(WORDS...) starts it; afterwards nothing of it may be left."""
    marker = f"BENCH_TEST={uuid.uuid4().hex}"
    name, value = marker.split("=")
    before, started = folders(), []

    def start(*words):
        with open(tmp_path / "said", "w") as said:
            started.append(subprocess.Popen(
                [SOURCE / "scripts/bench", *words], stdout=said, stderr=subprocess.STDOUT,
                env={**os.environ, name: value}))
        return started[-1]

    yield start
    for process in started:
        assert process.poll() is not None
    wait_until(lambda: not marked(marker) and not folders() - before, "all is taken down",
               lambda: f"{marked(marker)} {folders() - before}")


def test_it_measures(bench, tmp_path):
    for mpi in DEBIANS:
        build_of(mpi)
    files = {name: tmp_path / name for name in ("json", "plot", "table")}
    code = bench("--quick", "--only", "START", "children", *(
        word for name, path in files.items() for word in (f"--{name}", path))).wait(
            patience.seconds())
    said = (tmp_path / "said").read_text()
    assert code == 0, said
    data = json.loads(files["json"].read_text())
    assert {figure["row"] for figure in data["figures"]} == {"start", "children"}
    for figure in data["figures"]:
        assert len(figure["ours"]) == len(figure["peer"]) == 1 and figure["ratio"] > 0, figure
    bars = xml.etree.ElementTree.parse(files["plot"]).findall("{*}rect")
    assert len(bars) == 1 + sum(figure["target"] is not None for figure in data["figures"])
    assert files["table"].read_text().count("\n| ") == 1 + len(data["figures"]), said


def test_a_row_that_fails_says_why_and_the_others_go_on(bench, tmp_path):
    build = tmp_path / "build-openmpi"
    build.mkdir()
    (build / "Makefile").write_text("bench-peers:\n")
    (build / "dgl-mpilaunch").write_text("#!/bin/sh\necho no such luck\nexit 3\n")
    (build / "dgl-mpilaunch").chmod(0o755)
    code = bench("--quick", "--mpi", "openmpi", "--build-root", tmp_path, "--only", "children",
                 "logs").wait(patience.seconds())
    said = (tmp_path / "said").read_text()
    assert code == 1, said
    assert said.count("failed: it ended in 3") == 2 * 2 and "no such luck" in said, said


def test_it_takes_all_down_when_it_is_told_to_end(bench, tmp_path):
    process = bench("--only", "idle", "--mpi", "mpich")
    wait_until(lambda: list(pathlib.Path("/tmp").glob("mb-*/w/came.*")), "children run",
               lambda: (tmp_path / "said").read_text())
    process.send_signal(signal.SIGTERM)
    assert process.wait(patience.seconds()) == 128 + signal.SIGTERM
