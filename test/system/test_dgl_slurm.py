"""Real DGL under srun."""

import shutil

from realdgl import check_accuracy
from slurm import CGROUP


def test_a_training(submit, partitioned, dgl_environment):
    it = submit(CGROUP, machines=2, num_samplers=1)
    shutil.copytree(partitioned(2), it.workspace)
    it.environment.update(dgl_environment)
    it.command = ["python3 train_graphsage.py --ip_config ip_config.txt --part_config "
                  "data/graph.json --num_epochs 4 --batch_size 16 --lr 0.05"]
    result = it.run()
    assert result.code == 0, result.said
    check_accuracy(result.out, it.workspace)
