"""The training of train_graphsage.py, with mini-batches from samplers that the launcher starts.

    dgl-mpilaunch ... --num_samplers 2 --sampler_cmd "python3 sampler.py" \\
        "python3 train_external_samplers.py --ip_config ip_config.txt ..."
"""

import os
import sys

import common
import sampler
import train_graphsage


def join_job(arguments):
    if os.environ.get("DGL_ROLE") == "server":
        return common.join_job(arguments)
    if "DGL_JOB_NUM_SAMPLERS" not in os.environ:
        sys.exit("there are no samplers: this is for dgl-mpilaunch with --sampler_cmd; "
                 "train_graphsage.py trains without")
    samplers = sampler.Samplers()
    graph = common.join_job(arguments)
    samplers.meet()
    return graph


if __name__ == "__main__":
    common.run(lambda: train_graphsage.main(join_job))
