"""Machines and shells that are odd, but real: the job works there, or one sentence says at once what
cannot work and what to do."""

import os
import pathlib

import pytest

from conftest import MPIS

SEE = ("server: dump seen; serve", "trainer: dump seen; print text; connect")


def well(result):
    assert result.code == 0, result.said
    assert "all ended well" in result.err, result.said
    return result


def complaints(result):
    return [line for line in result.err.splitlines() if line.startswith("dgl-mpilaunch: ")]


# ---- names ----

NAMES = {
    "space": "my work space",
    "quotes": "it's \"quoted\"",
    "dollar": "$HOME `id` $(id) ${x}",
    "backslash": "a\\b\\\\n\\",
    "newline": "two\nlines",
    "UTF-8": "ünïcödé-图-😀",
    "no UTF-8": b"latin-\xfc\xff".decode(errors="surrogateescape"),
    "shell": "a;b&c|d>e<f*?[x]{y}#~!()",
    "dash": "-rf",
    "equals": "A=b,c:d%s%n",
}


def in_folder(it, tmp_path, name):
    """The job's workspace and all that is in it lie in a folder of this name."""
    it.workspace = tmp_path / name
    it.hostfile = lambda: tmp_path / "hosts"
    it.cwd = tmp_path
    it.options["workspace"] = str(it.workspace)
    return it


def path_of(text):
    """In the fake's dumps each byte is a character."""
    return os.fsdecode(text.encode("latin-1"))


@pytest.mark.parametrize("name", NAMES)
def test_odd_names(make, tmp_path, name):
    """Of the workspace, ip_config, the partition, the run folder, and so of the logs and reports;
    mpirun is started inside."""
    mpi = MPIS[list(NAMES).index(name) % 2]
    name = NAMES[name]
    it = in_folder(make(mpi, *SEE, machines=2), tmp_path, name)
    it.write()
    for old in ("ip_config.txt", "data"):
        (it.workspace / old).rename(it.workspace / (name + old))
    it.write = lambda: None
    it.options.update(ip_config=f"./{name}ip_config.txt", part_config=f"./{name}data/graph.json",
                      run_dir=f"./runs{name}", workspace=".")
    it.cwd = it.workspace
    result = well(it.run())
    dump = result.dump("trainer", 1)
    assert path_of(dump["cwd"]) == str(it.workspace)
    assert path_of(dump["environment"]["DGL_CONF_PATH"]) == f"./{name}data/graph.json"
    assert result.log("vm1.trainer-1.log") == "text\n"
    assert result.report["exit_code"] == 0 and (result.run_dir / "report.html").exists()


def long_folder(base, size):
    """A path of so many bytes below base."""
    path = str(base)
    while len(path) < size:
        path += "/" + "d" * min(200, max(size - len(path) - 1, 1))
    assert len(path) in (size, size + 1), len(path)
    return pathlib.Path(path)


@pytest.mark.parametrize("size, mpi", [(3800, "openmpi"), (3990, "mpich"), (4050, "openmpi")])
def test_long_paths(make, mpi, tmp_path, size):
    """PATH_MAX is 4096. Where the workspace leaves no room for the run folder, there is none."""
    it = in_folder(make(mpi, *SEE, machines=2), tmp_path, long_folder(tmp_path, size))
    it.write()
    it.options["part_config"] = "data/" + "./" * ((4070 - size) // 2) + "graph.json"
    result = well(it.run())
    if size > 3900:
        assert len(complaints(result)) == 2, result.said
        assert "too long for files in it; name a folder by --run_dir" in result.err, result.said
    assert result.dump("trainer", 1)["cwd"] == str(it.workspace)


def test_the_cause_behind_a_long_path(make, tmp_path):
    """What is too long for PATH_MAX is said with the reason, not cut off before it."""
    it = in_folder(make("mpich", machines=2), tmp_path, long_folder(tmp_path, 3900))
    it.write()
    it.options["ip_config"] = "ip/" * 90
    result = it.run()
    assert result.code == 2 and "File name too long" in result.err, result.said
    result = make("mpich", run_dir=str(long_folder(tmp_path, 4000)), machines=2).run()
    assert result.code == 2 and "--run_dir: " in result.err, result.said
    assert "too long for files in it" in result.err, result.said
