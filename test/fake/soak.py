"""A long and quiet job: servers are the fake's; each trainer keeps a pool of spawned samplers, and
workers, probes and other children come and go as in real training. For hours, at little cost:

    dgl-mpilaunch ... --num_samplers 2 -- python3 soak.py FAKE SECONDS
"""

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time

EPOCH = 20  # seconds
STEP = 0.1


def connect():
    """As DGL's clients: one connection from this trainer and each of its samplers to each server."""
    servers = int(os.environ["DGL_NUM_SERVER"])
    clients = 1 + int(os.environ["DGL_NUM_SAMPLER"])
    connections = []
    with open(os.environ["DGL_IP_CONFIG"]) as file:
        for line in file:
            ip, port = (line.split() + ["30050"])[:2]
            connections += [socket.create_connection((ip, int(port) + i))
                            for i in range(servers) for _ in range(clients)]
    return connections


def sample(number):
    time.sleep(STEP / 2)
    return sum(range(number % 1000))


def load(ends_well):
    """A DataLoader's worker: ends by itself, or is TERMed at the end of the epoch."""
    time.sleep(1 if ends_well else 3600)


def one_epoch(pool, number):
    fork = multiprocessing.get_context("fork")
    workers = [fork.Process(target=load, args=(k == 0,)) for k in range(2)]
    for worker in workers:
        worker.start()
    subprocess.run(["sh", "-c", "exit 1"], check=False)  # a probe that finds nothing
    subprocess.run(["sh", "-c", "kill -TERM $$"], check=False)
    end = time.monotonic() + EPOCH
    step = 0
    while time.monotonic() < end:
        pool.apply(sample, (step,))
        step += 1
        time.sleep(STEP)
    workers[1].terminate()
    for worker in workers:
        worker.join()
    print(f"epoch {number}: {step} steps", flush=True)


def main():
    fake, seconds = sys.argv[1], float(sys.argv[2])
    if os.environ["DGL_ROLE"] == "server":
        os.execv(fake, [fake, "server: serve"])
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    connections = connect()
    end = time.monotonic() + seconds
    pool = multiprocessing.get_context("spawn").Pool(int(os.environ["DGL_NUM_SAMPLER"]))
    number = 0
    while time.monotonic() < end:
        number += 1
        one_epoch(pool, number)
    pool.close()
    pool.join()
    print(f"ended well after {number} epochs, {len(connections)} connections", flush=True)


if __name__ == "__main__":
    main()
