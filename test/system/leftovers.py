"""What a job has left: processes, shared memory, ports, temporary files. It gets a few seconds."""

import contextlib
import os
import pathlib
import shutil
import time

from cluster import pids, read_bytes
from patience import LEFT_SECONDS, Deadline

# MPI's own, that it leaves when its ranks are killed: no fault of the job's.
MPI_SHARED_MEMORY = ("vader_segment.", "sm_segment.", "osc_", "ucx_shm_posix_", "mpich_",
                     "mpich_shar_tmp", "psm2_shm")


def describe(pid):
    words = read_bytes(f"/proc/{pid}/cmdline").replace(b"\0", b" ").decode(errors="replace")
    status = read_bytes(f"/proc/{pid}/status").decode(errors="replace")
    parent = next((line.split()[1] for line in status.splitlines() if line[:5] == "PPid:"), "?")
    return f"process {pid} (parent {parent}): {words[:160]}"


def is_marked(pid, marker):
    return marker.encode() in read_bytes(f"/proc/{pid}/environ")


def marked(marker):
    """All processes whose environment holds the marker, wherever they are."""
    return [pid for pid in pids() if is_marked(pid, marker)]


def signal_each(processes, number):
    """To each that is still there: the first signals may end the rest, or the kernel may have."""
    for pid in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


class Before:
    """What was there before a job that carries the marker and has this TMPDIR to itself."""

    def __init__(self, cluster, marker, temporary):
        self.cluster, self.marker, self.temporary = cluster, marker, pathlib.Path(temporary)
        self.processes = set(cluster.processes())
        self.shared_memory = cluster.shared_memory()
        self.listeners = cluster.listeners()

    def left(self):
        """Sentences; an empty list when nothing is left."""
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
        """Returns what is left after all. Shared memory is removed then, so that the next job can
        be seen to leave the same."""
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
