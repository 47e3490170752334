"""Virtual machines for the tests, made by scripts/vcluster, and a view of them from outside.

Reads /proc itself, not through vcluster, and never signals anything.
"""

import collections
import contextlib
import os
import pathlib
import subprocess

import patience

SOURCE = pathlib.Path(__file__).resolve().parents[2]
VCLUSTER = SOURCE / "scripts/vcluster"

Listener = collections.namedtuple("Listener", "machine port")
LISTEN = "0A"  # in /proc/net/tcp


def pids():
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]


def read_bytes(path):
    """Returns b"" when the process has gone or may not be looked into."""
    try:
        return pathlib.Path(path).read_bytes()
    except OSError:
        return b""


def net_of(pid):
    try:
        return os.readlink(f"/proc/{pid}/ns/net")
    except OSError:
        return ""


def parent_of(pid):
    """Returns None when the process has gone."""
    words = read_bytes(f"/proc/{pid}/stat").decode(errors="replace").rpartition(")")[2].split()
    return int(words[1]) if words else None


class Cluster:
    """`size` machines. Its folder is its name; several may be up at once."""

    def __init__(self, folder, size, *also):
        """also: subnets of further networks, on eth1 and so on."""
        self.folder, self.size = folder, size
        self.vcluster("up", str(size), *(["--subnet", "10.64.0.0/16"] if size > 254 else []),
                      *(word for subnet in also for word in ("--also", subnet)))
        self.ips = self.vcluster("ips").split()
        self.holders = [int(self.vcluster("pid", str(k))) for k in range(size)]
        self.nets = [net_of(pid) for pid in self.holders]

    def words(self, *words):
        return [str(VCLUSTER), "--dir", str(self.folder), *words]

    def vcluster(self, *words):
        done = subprocess.run(self.words(*words), capture_output=True, text=True,
                              timeout=patience.seconds())
        assert done.returncode == 0, f"vcluster {' '.join(words)}: {done.stderr}"
        return done.stdout

    def on(self, machine, *words, **options):
        return subprocess.run(self.words("on", str(machine), *words), capture_output=True,
                              text=True, timeout=patience.seconds(), **options)

    @contextlib.contextmanager
    def cut_off(self, machine, interface="eth0"):
        """Its packets vanish meanwhile."""
        self.vcluster("link", str(machine), "down", interface)
        try:
            yield
        finally:
            self.vcluster("link", str(machine), "up", interface)

    def down(self):
        self.vcluster("down")
        assert not os.path.exists(self.folder), "vcluster down leaves its folder"

    def machine_of(self, pid):
        """Returns the machine that a process is on, or None."""
        net = net_of(pid)
        return self.nets.index(net) if net in self.nets else None

    def processes(self):
        """pid -> machine, of all processes on the machines but those that hold them."""
        found = {pid: self.machine_of(pid) for pid in pids() if pid not in self.holders}
        return {pid: machine for pid, machine in found.items() if machine is not None}

    def shared_memory(self):
        """Returns (machine, name) of each file in the machines' own /dev/shm."""
        folders = [f"/proc/{pid}/root/dev/shm" for pid in self.holders]
        return {(k, name) for k, folder in enumerate(folders) if os.path.isdir(folder)
                for name in os.listdir(folder)}

    def listeners(self):
        found = set()
        for k, pid in enumerate(self.holders):
            for table in ("tcp", "tcp6"):
                for line in read_bytes(f"/proc/{pid}/net/{table}").decode().splitlines()[1:]:
                    word = line.split()
                    if word[3] == LISTEN:
                        found.add(Listener(k, int(word[1].rpartition(":")[2], 16)))
        return found


def is_gone(pid):
    """True when the process has ended, reaped or not."""
    return not read_bytes(f"/proc/{pid}/cmdline")
