"""Shared by training and inference: the model, joining the job, sampled prediction, files.

The scripts are ordinary DGL scripts: nothing here knows which launcher started them.
"""

import argparse
import contextlib
import os
import signal
import sys
import traceback

import dgl
import dgl.nn.pytorch as dglnn
import torch
import torch.distributed as dist
import torch.nn.functional as F


class GraphSAGE(torch.nn.Module):
    """One SAGE layer with mean aggregation for each entry of the fan-out."""

    def __init__(self, num_features, num_hidden, num_classes, num_layers):
        super().__init__()
        sizes = [num_features] + [num_hidden] * (num_layers - 1) + [num_classes]
        self.layers = torch.nn.ModuleList(
            dglnn.SAGEConv(a, b, "mean") for a, b in zip(sizes, sizes[1:])
        )

    def forward(self, blocks, h):
        for layer, block in zip(self.layers[:-1], blocks):
            h = F.relu(layer(block, h))
        return self.layers[-1](blocks[-1], h)


def fan_out(text):
    """'10,10' -> [10, 10], one number for each layer; -1 takes all neighbours."""
    try:
        numbers = [int(word) for word in text.split(",")]
    except ValueError:
        numbers = [0]
    if any(number < 1 and number != -1 for number in numbers):
        raise argparse.ArgumentTypeError(f"'{text}' is not numbers such as 10,10")
    return numbers


def counted(number, noun):
    """'1 trainer', '4 trainers'."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def add_job_options(parser):
    parser.add_argument("--ip_config", required=True, help="a line for each machine")
    parser.add_argument("--part_config", required=True, help="JSON that the partitioning wrote")
    parser.add_argument("--graph_name", default="graph")
    parser.add_argument("--checkpoint", default="model.pt", help="lives on rank 0's machine")
    parser.add_argument("--batch_size", type=int, default=128)


def join_job(arguments):
    """Returns the DistGraph. A server never comes back from here: it serves, then exits."""
    dgl.distributed.initialize(arguments.ip_config)
    dist.init_process_group(backend="gloo")
    return dgl.distributed.DistGraph(arguments.graph_name, part_config=arguments.part_config)


def run(main):
    """Runs main; if it raises, prints why and leaves at once.

    DGL waits at exit, in an atexit handler, until all trainers have come there. A trainer that
    ended by an exception would wait there for ever for trainers that wait for it, and most
    launchers could not see that it failed.
    """
    try:
        main()
    except Exception:
        traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)


class Preemption:
    """Remembers that SIGUSR1 has come: the batch system will soon stop this job for another one.

    Make it after joining the job. The launcher starts all processes with the signal ignored, since
    a batch system may send it to all of them; DGL's sampler workers, which start when a trainer
    joins, then go on ignoring it.
    """

    def __init__(self):
        self.asked = False
        signal.signal(signal.SIGUSR1, self.note)

    def note(self, *_):
        self.asked = True

    def asked_anywhere(self):
        """Returns the same answer on all trainers; all of them must call it."""
        return sum_over_trainers(float(self.asked))[0] > 0


def sum_over_trainers(*numbers):
    total = torch.tensor(numbers, dtype=torch.float64)
    dist.all_reduce(total)
    return total.tolist()


@torch.no_grad()
def predict(model, graph, loader):
    """Yields (nodes, predicted classes) for each mini-batch of this trainer."""
    model.eval()
    for inputs, nodes, blocks in loader:
        yield nodes, model(blocks, graph.ndata["feat"][inputs]).argmax(dim=1)
    model.train()


@contextlib.contextmanager
def replacing(path):
    """A temporary name that becomes `path` at the end, so that nobody ever finds half a file."""
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{os.getpid()}.{name}")
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def read_checkpoint(path):
    """Returns rank 0's checkpoint on every trainer, or None if there is none.

    Only rank 0 reads: machines need not share a file system.
    """
    found = [None]
    if dist.get_rank() == 0 and os.path.exists(path):
        found = [torch.load(path, map_location="cpu", weights_only=True)]
    dist.broadcast_object_list(found, src=0)
    return found[0]
