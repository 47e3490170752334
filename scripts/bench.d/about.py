"""What was measured, and on what: the machine and the versions."""

import os
import platform
import re
import subprocess
import time

from bed import VENV
from cluster import SOURCE


def said_by(*words):
    """Returns what a program prints, or "" where there is none."""
    try:
        return subprocess.run(words, cwd=SOURCE, capture_output=True, text=True).stdout.strip()
    except OSError:
        return ""


def found(pattern, text):
    match = re.search(pattern, text, re.MULTILINE)
    return match[1].strip() if match else "?"


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def packages():
    """Versions of Python, torch and DGL, without importing them."""
    text = said_by(str(VENV / "bin/python3"), "-c", "import importlib.metadata as m, platform\n"
                   "print(platform.python_version(), m.version('torch'), m.version('dgl'))")
    return dict(zip(("Python", "torch", "DGL"), text.split() if text else "???"))


def load():
    return os.getloadavg()[0]


def about(builds):
    launcher = next(iter(builds.values())) / "dgl-mpilaunch"
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "?")
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "machine": {
            "CPU": found(r"^model name\s*: (.*)", read("/proc/cpuinfo")),
            "cores": os.cpu_count(),
            "memory": f"{int(found(r'^MemTotal: *([0-9]+)', read('/proc/meminfo'))) / 1e6:.0f} GB",
            "kernel": platform.release(),
            "system": system,
        },
        "versions": {
            "dgl-mpilaunch": found(r"(\S+)$", said_by(str(launcher), "--version").split("\n")[0]),
            "commit": said_by("git", "describe", "--always", "--dirty") or "?",
            "Open MPI": found(r"(\d+\.\d+\.\d+)", said_by("mpirun.openmpi", "--version")),
            "MPICH": found(r"(\d+\.\d+\.\d+)", said_by("mpichversion")),
            **packages(),
        },
    }


def sentences(facts):
    """The same in two lines."""
    return [", ".join(f"{name} {value}" for name, value in facts[part].items())
            for part in ("machine", "versions")]
