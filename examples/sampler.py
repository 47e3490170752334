"""A sampler that the launcher starts (--sampler_cmd "python3 sampler.py"), and for its trainer a
class that takes the place of the sampler workers of DGL.

They meet at a Unix socket in the job's folder of their machine, DGL_JOB_DIR, which no other user
may enter. The trainer sends the tasks of DGL's loader, its samplers send the mini-batches back.
"""

import collections
import contextlib
import itertools
import os
import pickle
import queue
import threading
from multiprocessing.connection import Client, Listener

from dgl.distributed import dist_context
from dgl.distributed.constants import MAX_QUEUE_SIZE

import common


def socket_of(trainer):
    return os.path.join(os.environ["DGL_JOB_DIR"], f"trainer-{trainer}.socket")


def key():
    """Returns a key that shows that both ends are of the same job."""
    return os.environ["DGL_JOB_ID"].encode()


def packed(message):
    """Uses pickle itself: Connection.send would share tensors' memory, which works with a process's
    own children only."""
    return pickle.dumps(message, pickle.HIGHEST_PROTOCOL)


# ---- the trainer's side ----

class Samplers:
    """Make it before dgl.distributed.initialize() and call meet() after it. initialize() returns
    only when all clients have come to it, so a sampler that has joined DGL finds the socket. DGL
    calls the other methods."""

    def __init__(self):
        self.count = int(os.environ["DGL_JOB_NUM_SAMPLERS"])
        self.listener = Listener(socket_of(os.environ["RANK"]), backlog=self.count, authkey=key())
        self.connections = []
        self.numbers = itertools.count()
        self.asked = {}    # loader -> (number, connection) of its open tasks, the oldest first
        self.sampled = {}  # number -> mini-batch that came before its turn

    def meet(self):
        """From here on DGL's loaders sample by these samplers."""
        self.connections = [self.listener.accept() for _ in range(self.count)]
        self.next = itertools.cycle(self.connections)
        self.listener.close()
        dist_context.SAMPLER_POOL = self
        dist_context.NUM_SAMPLER_WORKERS = self.count

    def tell_all(self, *message):
        for connection in self.connections:
            connection.send_bytes(packed(message))

    def set_collate_fn(self, collate, loader):
        self.asked[loader] = collections.deque()
        self.tell_all("loader", loader, collate)

    def delete_collate_fn(self, loader):
        self.tell_all("no loader", loader, None)
        self.asked.pop(loader, None)

    def submit_task(self, loader, nodes):
        """Gives tasks to the samplers in turn. A loader asks for four times as many as there are
        samplers."""
        number, connection = next(self.numbers), next(self.next)
        self.asked[loader].append((number, connection))
        connection.send_bytes(packed(("sample", loader, (number, nodes))))

    def get_result(self, loader, timeout=None):
        """Returns mini-batches in the order of the tasks. No timeout: a sampler that dies ends the
        job."""
        number, connection = self.asked[loader].popleft()
        while number not in self.sampled:
            self.sampled.update([pickle.loads(connection.recv_bytes())])
        return self.sampled.pop(number)

    def close(self):
        """DGL calls this at exit, before the barrier where all clients wait for each other. It ends
        the samplers."""
        for connection in self.connections:
            connection.close()
        self.connections = []

    def join(self):
        """Does nothing: the launcher waits for the samplers."""


# ---- the sampler's side ----

def read(connection, messages):
    """Reads tasks also while mini-batches are sent: else each side could wait for the other to
    read."""
    try:
        while True:
            messages.put(connection.recv_bytes())
    except (EOFError, OSError):  # the trainer has closed, or died
        messages.put(None)


def sample_for(connection):
    messages, collates = queue.SimpleQueue(), {}
    threading.Thread(target=read, args=(connection, messages), daemon=True).start()
    for what, loader, content in map(pickle.loads, iter(messages.get, None)):
        if what == "loader":
            collates[loader] = content
        elif what == "no loader":
            del collates[loader]
        else:
            number, nodes = content
            batch = packed((number, collates[loader](nodes)))
            with contextlib.suppress(ConnectionError):  # the trainer needs no more
                connection.send_bytes(batch)


def main():
    dist_context._init_rpc(os.environ["DGL_IP_CONFIG"], int(os.environ["DGL_NUM_SERVER"]),
                           MAX_QUEUE_SIZE, "sampler", 1, int(os.environ["DGL_GROUP_ID"]))
    # Stays open until this process ends: if an exception closed it earlier, the trainer would fail
    # first.
    connection = Client(socket_of(os.environ["DGL_JOB_TRAINER_RANK"]), authkey=key())
    print(f"samples for trainer {os.environ['DGL_JOB_TRAINER_RANK']}", flush=True)
    sample_for(connection)


if __name__ == "__main__":
    common.run(main)
