"""Distributed GraphSAGE on a partitioned graph: prints loss and test accuracy, keeps a checkpoint.

Started again after a failure, it goes on after the last epoch that it had finished. After SIGUSR1 it
leaves the epoch, writes a checkpoint, and ends.
"""

import argparse
import time

import dgl
import torch
import torch.distributed as dist
import torch.nn.functional as F

import common


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    common.add_job_options(parser)
    parser.add_argument("--num_epochs", type=int, default=5)
    parser.add_argument("--fan_out", type=common.fan_out, default=[10, 10],
                        help="neighbours sampled in each layer, the outermost layer first")
    parser.add_argument("--num_hidden", type=int, default=32)
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--print_first_step", action="store_true",
                        help="print 'first step SECONDS', seconds since 1970, after that step")
    return parser.parse_args()


def count_classes(graph, nodes):
    """Returns the highest label of any trainer's training nodes, plus one."""
    highest = torch.tensor(-1)
    if len(nodes) > 0:
        highest = graph.ndata["label"][nodes].max()
    dist.all_reduce(highest, op=dist.ReduceOp.MAX)
    return int(highest) + 1


def make_loader(graph, arguments, mask, shuffle):
    nodes = dgl.distributed.node_split(
        graph.ndata[mask], graph.get_partition_book(), force_even=True
    )
    sampler = dgl.dataloading.NeighborSampler(arguments.fan_out)
    loader = dgl.dataloading.DistNodeDataLoader(
        graph, nodes, sampler, batch_size=arguments.batch_size, shuffle=shuffle
    )
    return nodes, loader


class Training:
    """The model, its optimizer and the epoch: the content of a checkpoint."""

    def __init__(self, arguments, graph, num_classes):
        self.path = arguments.checkpoint
        self.epoch = 0
        self.shape = {
            "num_features": graph.ndata["feat"].shape[1],
            "num_hidden": arguments.num_hidden,
            "num_classes": num_classes,
            "num_layers": len(arguments.fan_out),
        }
        self.fan_out = arguments.fan_out
        model = common.GraphSAGE(**self.shape)
        self.optimizer = torch.optim.Adam(model.parameters(), lr=arguments.lr)
        self.resume(model)
        self.model = torch.nn.parallel.DistributedDataParallel(model)

    def resume(self, model):
        checkpoint = common.read_checkpoint(self.path)
        if checkpoint is None:
            return
        if checkpoint["shape"] != self.shape:
            raise ValueError(f"{self.path} holds another model: {checkpoint['shape']}, not "
                             f"{self.shape}; remove it or name another --checkpoint")
        model.load_state_dict(checkpoint["model"])
        self.optimizer.load_state_dict(checkpoint["optimizer"])
        self.epoch = checkpoint["epoch"]
        if dist.get_rank() == 0:
            print(f"resumed from {self.path} after epoch {self.epoch}", flush=True)

    def save(self):
        if dist.get_rank() != 0:
            return
        with common.replacing(self.path) as temporary:
            torch.save({"epoch": self.epoch, "shape": self.shape, "fan_out": self.fan_out,
                        "model": self.model.module.state_dict(),
                        "optimizer": self.optimizer.state_dict()}, temporary)


def train_epoch(training, graph, loader, preemption, after_step):
    """Returns the mean loss over all trainers' training nodes; leaves early when pre-empted."""
    total, count = 0.0, 0
    # Trainers may have different numbers of mini-batches; join lets one that is done take part for
    # the others.
    with training.model.join():
        for inputs, nodes, blocks in loader:
            scores = training.model(blocks, graph.ndata["feat"][inputs])
            loss = F.cross_entropy(scores, graph.ndata["label"][nodes])
            training.optimizer.zero_grad()
            loss.backward()
            training.optimizer.step()
            total += loss.item() * len(nodes)
            count += len(nodes)
            after_step()
            if preemption.asked:
                break
    total, count = common.sum_over_trainers(total, count)
    return total / max(count, 1)


def test_accuracy(training, graph, loader):
    right = count = 0
    for nodes, classes in common.predict(training.model.module, graph, loader):
        right += int((classes == graph.ndata["label"][nodes]).sum())
        count += len(nodes)
    right, count = common.sum_over_trainers(right, count)
    return right / max(count, 1)


class FirstStep:
    """Says once, from rank 0, when the first training step was done."""

    def __init__(self, wanted):
        self.wanted = wanted and dist.get_rank() == 0

    def __call__(self):
        if self.wanted:
            print(f"first step {time.time():.3f}", flush=True)
        self.wanted = False


def main(join_job=common.join_job):
    arguments = parse_arguments()
    graph = join_job(arguments)
    torch.manual_seed(arguments.seed + dist.get_rank())
    train_nodes, train_loader = make_loader(graph, arguments, "train_mask", shuffle=True)
    _, test_loader = make_loader(graph, arguments, "test_mask", shuffle=False)
    training = Training(arguments, graph, count_classes(graph, train_nodes))
    after_step = FirstStep(arguments.print_first_step)

    say = print if dist.get_rank() == 0 else lambda *_, **__: None
    trainers = common.counted(dist.get_world_size(), "trainer")
    say(f"{trainers}, {graph.num_nodes()} nodes, {training.shape}", flush=True)
    if training.epoch >= max(arguments.num_epochs, 1):
        epochs = common.counted(arguments.num_epochs, "epoch")
        say(f"nothing left to train: the checkpoint has all {epochs} "
            f"(--num_epochs {arguments.num_epochs})", flush=True)
    preemption = common.Preemption()
    while training.epoch < arguments.num_epochs:
        start = time.monotonic()
        loss = train_epoch(training, graph, train_loader, preemption, after_step)
        if preemption.asked_anywhere():
            training.save()
            say(f"pre-empted in epoch {training.epoch + 1}: checkpoint written", flush=True)
            return
        training.epoch += 1
        training.save()
        say(f"epoch {training.epoch} loss {loss:.4f} seconds {time.monotonic() - start:.1f}",
            flush=True)
    say(f"test accuracy {test_accuracy(training, graph, test_loader):.4f}", flush=True)


if __name__ == "__main__":
    common.run(main)
