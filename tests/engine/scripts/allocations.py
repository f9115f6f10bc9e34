"""Prints, by optimiser, how much an epoch of 2 and one of 30 batches allocate. Arguments: a dtype, and optimisers.

The library that counts is preloaded.
"""

import ctypes
import sys

import numpy as np

from fastmlp import NeuralNetwork
from fastmlp.engine import engine, threads

stored, *optimizers = sys.argv[1:]
count = ctypes.c_long.in_dll(ctypes.CDLL(None), "allocations")
threads.SERIAL_WORK = 0  # a team, however small the work
engine.SPAN = 1e9  # an epoch is one call of the kernels
random = np.random.RandomState(0)
X, y = random.randint(0, 256, (3000, 300)).astype(stored), random.randint(0, 10, 3000)


def n_allocations(net, optimizer, n_rows):
    order = np.arange(n_rows)
    before = count.value
    net.train_epoch(X, y, order, batch_size=100, learning_rate=1e-6, optimizer=optimizer)
    return count.value - before


for optimizer in optimizers:
    net = NeuralNetwork(300, [120, 40], 10, dtype="float32", seed=0, n_threads=2)
    n_allocations(net, optimizer, 100)
    few, many = (min(n_allocations(net, optimizer, n_rows) for _ in range(3)) for n_rows in (200, 3000))
    print(optimizer, few, many)
assert count.value > 1000  # the library is at work
