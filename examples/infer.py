"""Distributed inference from a checkpoint of train_graphsage.py: writes a class for every node."""

import argparse

import dgl
import numpy as np
import torch
import torch.distributed as dist

import common


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    common.add_job_options(parser)
    parser.add_argument("--output", default="predictions.npy",
                        help="NAME.npy: a class for each node; NAME.csv: lines 'node,class'")
    parser.add_argument("--fan_out", type=common.fan_out,
                        help="neighbours sampled in each layer, -1 for all (default: as trained)")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if not arguments.output.endswith((".npy", ".csv")):
        parser.error(f"--output '{arguments.output}' is neither .npy nor .csv")
    return arguments


def load_model(arguments):
    checkpoint = common.read_checkpoint(arguments.checkpoint)
    if checkpoint is None:
        raise FileNotFoundError(f"no checkpoint {arguments.checkpoint}: train first")
    model = common.GraphSAGE(**checkpoint["shape"])
    model.load_state_dict(checkpoint["model"])
    fan_out = arguments.fan_out or checkpoint["fan_out"]
    if len(fan_out) != checkpoint["shape"]["num_layers"]:
        raise ValueError("--fan_out wants " +
                         common.counted(checkpoint["shape"]["num_layers"], "number"))
    return model, fan_out


def make_loader(graph, fan_out, batch_size):
    """Loads this trainer's share of all nodes; the shares are disjoint and cover the graph."""
    nodes = dgl.distributed.node_split(
        torch.ones(graph.num_nodes(), dtype=torch.bool), graph.get_partition_book(),
        force_even=True,
    )
    sampler = dgl.dataloading.NeighborSampler(fan_out)
    return dgl.dataloading.DistNodeDataLoader(graph, nodes, sampler, batch_size=batch_size)


def predict_share(model, graph, loader):
    """Returns (original node ids, classes) of this trainer's share, and the two counts of its test
    accuracy."""
    ids, classes = [], []
    right = count = 0
    for nodes, batch in common.predict(model, graph, loader):
        ids.append(graph.ndata["orig_id"][nodes])
        classes.append(batch)
        test = graph.ndata["test_mask"][nodes].bool()
        right += int((batch == graph.ndata["label"][nodes])[test].sum())
        count += int(test.sum())
    nothing = torch.empty(0, dtype=torch.int64)
    return torch.cat(ids or [nothing]), torch.cat(classes or [nothing]), right, count


def gather_on_rank_0(num_nodes, ids, classes):
    """Returns all nodes' classes on rank 0, in the order of the graph before it was partitioned;
    None on the others."""
    shares = [None] * dist.get_world_size() if dist.get_rank() == 0 else None
    dist.gather_object((ids.numpy(), classes.numpy()), shares)
    if shares is None:
        return None
    everything = np.full(num_nodes, -1, dtype=np.int64)
    for share_ids, share_classes in shares:
        everything[share_ids] = share_classes
    if (everything < 0).any():
        raise RuntimeError(f"{(everything < 0).sum()} nodes were predicted by nobody")
    return everything


def write_predictions(path, classes):
    with common.replacing(path) as temporary:
        if path.endswith(".npy"):
            with open(temporary, "wb") as file:  # np.save would append .npy to a bare name
                np.save(file, classes)
        else:
            table = np.column_stack([np.arange(len(classes)), classes])
            np.savetxt(temporary, table, fmt="%d", delimiter=",", header="node,class", comments="")


def main():
    arguments = parse_arguments()
    graph = common.join_job(arguments)
    torch.manual_seed(arguments.seed + dist.get_rank())
    model, fan_out = load_model(arguments)
    loader = make_loader(graph, fan_out, arguments.batch_size)
    ids, classes, right, count = predict_share(model, graph, loader)
    right, count = common.sum_over_trainers(right, count)
    predictions = gather_on_rank_0(graph.num_nodes(), ids, classes)
    if predictions is not None:
        write_predictions(arguments.output, predictions)
        print(f"{len(predictions)} predictions by "
              f"{common.counted(dist.get_world_size(), 'trainer')}: {arguments.output}", flush=True)
        print(f"test accuracy {right / max(count, 1):.4f}", flush=True)


if __name__ == "__main__":
    common.run(main)
