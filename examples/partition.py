"""Makes a labelled graph and cuts it into partitions for distributed training.

The labels are planted communities: most edges stay inside a node's own community, and a node's
features are its community's centre drowned in noise. One node's features tell little; the mean
over its neighbours tells nearly all. So a GraphSAGE that scores far above the features-only
accuracy printed here has really received its neighbours' features from the other machines.
"""

import argparse
import contextlib
import io
import json
import os
import shutil
import time

import dgl
import numpy as np
import torch
import torch.nn.functional as F

TRAIN_SHARE = 0.5
VALIDATION_SHARE = 0.1


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--num_parts", type=int, required=True, help="one for each machine")
    parser.add_argument("--output", default="data",
                        help="folder for the parts; an earlier partition of the same graph there "
                             "is replaced")
    parser.add_argument("--graph_name", default="graph", help="also names OUTPUT/NAME.json")
    parser.add_argument("--num_nodes", type=int, default=10000)
    parser.add_argument("--avg_degree", type=float, default=20, help="neighbours of a node")
    parser.add_argument("--num_classes", type=int, default=8)
    parser.add_argument("--num_features", type=int, default=32)
    parser.add_argument("--signal", type=float, default=0.9,
                        help="distance of a class's centre from 0; the noise around it has sigma 1")
    parser.add_argument("--inside", type=float, default=0.9,
                        help="share of edges that stay inside a community")
    parser.add_argument("--part_method", choices=("random", "metis"), default="random")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.num_parts < 1 or arguments.num_nodes < 10 * arguments.num_classes:
        parser.error("wants at least 1 part and 10 nodes for each class")
    if not 2 <= arguments.num_classes <= arguments.num_features:
        parser.error("wants 2 classes or more, and as many features as classes or more")
    return arguments


def planted_edges(rng, labels, num_edges, inside):
    """Returns num_edges pairs (u, v): u is any node, v is of u's community with probability
    `inside`."""
    u = rng.integers(len(labels), size=num_edges)
    members = np.argsort(labels, kind="stable")
    counts = np.bincount(labels)
    first = np.cumsum(counts) - counts
    own = labels[u]
    neighbour = members[first[own] + (rng.random(num_edges) * counts[own]).astype(np.int64)]
    stranger = rng.integers(len(labels), size=num_edges)
    v = np.where(rng.random(num_edges) < inside, neighbour, stranger)
    return u, v


def make_graph(arguments):
    rng = np.random.default_rng(arguments.seed)
    n = arguments.num_nodes
    # Every class has a member, so that there are as many classes as the user wanted.
    labels = rng.permutation(np.arange(n) % arguments.num_classes)
    u, v = planted_edges(rng, labels, int(n * arguments.avg_degree / 2), arguments.inside)
    graph = dgl.graph((np.concatenate([u, v]), np.concatenate([v, u])), num_nodes=n)

    square = rng.normal(size=(arguments.num_features, arguments.num_features))
    centres = arguments.signal * np.linalg.qr(square)[0][: arguments.num_classes]
    features = centres[labels] + rng.normal(size=(n, arguments.num_features))

    lot = rng.random(n)
    train, validation = lot < TRAIN_SHARE, lot >= 1 - VALIDATION_SHARE
    graph.ndata["feat"] = torch.from_numpy(features.astype(np.float32))
    graph.ndata["label"] = torch.from_numpy(labels)
    graph.ndata["train_mask"] = torch.from_numpy(train)
    graph.ndata["val_mask"] = torch.from_numpy(validation)
    graph.ndata["test_mask"] = torch.from_numpy(~train & ~validation)
    # Partitioning renumbers the nodes; with this, predictions can be written in the first order.
    graph.ndata["orig_id"] = torch.arange(n)
    return graph


def features_only_accuracy(graph, num_classes):
    """Returns the test accuracy of a logistic regression on single nodes.

    Around equally wide centres with the same noise in all directions no other classifier of single
    nodes does better, however deep.
    """
    torch.manual_seed(0)
    features, labels = graph.ndata["feat"], graph.ndata["label"]
    train, test = graph.ndata["train_mask"], graph.ndata["test_mask"]
    model = torch.nn.Linear(features.shape[1], num_classes)
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=100)

    def loss():
        optimizer.zero_grad()
        value = F.cross_entropy(model(features[train]), labels[train])
        value.backward()
        return value

    optimizer.step(loss)
    with torch.no_grad():
        right = model(features[test]).argmax(dim=1) == labels[test]
    return right.float().mean().item()


def remove_surplus_parts(part_config, num_parts):
    """Removes the folders of the graph's earlier partition that the new one does not overwrite."""
    try:
        with open(part_config) as file:
            earlier = json.load(file)["num_parts"]
    except (FileNotFoundError, ValueError, KeyError):
        return
    for part in range(num_parts, earlier):
        folder = os.path.join(os.path.dirname(part_config), f"part{part}")
        if os.path.isdir(folder):
            shutil.rmtree(folder)
            print(f"removed {folder}: of an earlier partition into {earlier}")


def write_partitions(graph, arguments):
    # partition_graph prints a lot; its output matters only when it fails.
    talk = io.StringIO()
    try:
        with contextlib.redirect_stdout(talk):
            dgl.distributed.partition_graph(
                graph, arguments.graph_name, arguments.num_parts, arguments.output,
                part_method=arguments.part_method,
            )
    except Exception:
        print(talk.getvalue())
        raise


def main():
    arguments = parse_arguments()
    np.random.seed(arguments.seed)  # random partitioning draws from numpy's global generator
    dgl.seed(arguments.seed)
    graph = make_graph(arguments)
    print(f"graph '{arguments.graph_name}': {graph.num_nodes()} nodes, {graph.num_edges()} edges, "
          f"{arguments.num_classes} classes, {arguments.num_features} features")
    masks = {mask: int(graph.ndata[mask].sum()) for mask in ("train_mask", "val_mask", "test_mask")}
    print("nodes for training {train_mask}, validation {val_mask}, test {test_mask}".format(**masks))

    accuracy = features_only_accuracy(graph, arguments.num_classes)
    print(f"test accuracy of the features alone: {accuracy:.4f}")

    start = time.monotonic()
    part_config = os.path.join(arguments.output, arguments.graph_name + ".json")
    remove_surplus_parts(part_config, arguments.num_parts)
    write_partitions(graph, arguments)
    parts = "1 part" if arguments.num_parts == 1 else f"{arguments.num_parts} parts"
    print(f"{parts} by '{arguments.part_method}' in "
          f"{time.monotonic() - start:.1f} s: {part_config}")

    facts = {"features_only_test_accuracy": accuracy, "num_classes": arguments.num_classes,
             "num_nodes": graph.num_nodes(), "num_edges": graph.num_edges(), **masks}
    with open(os.path.join(arguments.output, "features_only.json"), "w") as file:
        json.dump(facts, file, indent=2)
        file.write("\n")


if __name__ == "__main__":
    main()
