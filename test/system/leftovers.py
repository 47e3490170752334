"""Finds what a job has left: processes, shared memory, ports, temporary files. It waits a few
seconds for them to go."""

import contextlib
import os
import pathlib
import shutil
import time

from cluster import pids, read_bytes
from patience import LEFT_SECONDS, Deadline

# MPI leaves these when its ranks are killed; the job is not to blame.
MPI_SHARED_MEMORY = ("vader_segment.", "sm_segment.", "osc_", "ucx_shm_posix_",
                     "mpich_shar_tmp", "psm2_shm")


def describe(pid):
    words = read_bytes(f"/proc/{pid}/cmdline").replace(b"\0", b" ").decode(errors="replace")
    status = read_bytes(f"/proc/{pid}/status").decode(errors="replace")
    parent = next((line.split()[1] for line in status.splitlines() if line[:5] == "PPid:"), "?")
    return f"process {pid} (parent {parent}): {words[:160]}"


def is_marked(pid, marker):
    return marker.encode() in read_bytes(f"/proc/{pid}/environ")


def marked(marker):
    """Returns all processes whose environment holds the marker, wherever they are."""
    return [pid for pid in pids() if is_marked(pid, marker)]


def signal_each(processes, number):
    """Signals each process that is still there: the first signals may have ended others."""
    for pid in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


class Before:
    """Remembers what was there before a job that carries the marker and has this TMPDIR to
    itself."""

    def __init__(self, cluster, marker, temporary):
        self.cluster, self.marker, self.temporary = cluster, marker, pathlib.Path(temporary)
        self.processes = set(cluster.processes())
        self.shared_memory = cluster.shared_memory()
        self.listeners = cluster.listeners()

    def left(self):
        """Returns a list of sentences, empty when nothing is left."""
        processes = set(marked(self.marker)) | set(self.cluster.processes()) - self.processes
        found = [describe(pid) for pid in sorted(processes) if read_bytes(f"/proc/{pid}/cmdline")]
        found += [f"shared memory on machine {machine}: {name}" for machine, name
                  in sorted(self.cluster.shared_memory() - self.shared_memory)
                  if not name.startswith(MPI_SHARED_MEMORY)]
        found += [f"port {listener.port} in LISTEN on machine {listener.machine}"
                  for listener in sorted(self.cluster.listeners() - self.listeners)]
        found += [f"file {path}" for path in sorted(self.temporary.glob("dgl-mpilaunch*"))]
        return found

    def wait_until_nothing_is_left(self):
        """Returns what is left in the end. Then it removes shared memory, or it would not see the
        next job leave the same."""
        deadline = Deadline(LEFT_SECONDS)
        while True:
            found = self.left()
            if not found or deadline.passed():
                self._remove_shared_memory()
                return found
            time.sleep(0.05)

    def _remove_shared_memory(self):
        for machine, name in self.cluster.shared_memory() - self.shared_memory:
            path = pathlib.Path(f"/proc/{self.cluster.holders[machine]}/root/dev/shm/{name}")
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
