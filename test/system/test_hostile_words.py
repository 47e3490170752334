"""Hostile words and variables: absurdly long, many or large, or with control characters. Each is
refused soon, in little memory, with exit code 2 and one harmless sentence, or does no harm."""

import json
import os
import re

import pytest

from hostile import check_refused, dry_run

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
