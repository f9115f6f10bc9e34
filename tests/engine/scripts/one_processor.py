"""Trains by a team of two and by one thread, on one processor; prints whether members of the team slept."""

import os

processor = min(os.sched_getaffinity(0))
os.sched_setaffinity(0, {processor})
import numpy as np  # noqa: E402, BLAS counts processors as it is loaded

from fastmlp import NeuralNetwork  # noqa: E402
from fastmlp.engine import pace  # noqa: E402

slept = []
pace.Pace.record = lambda pace, n_threads, n_rows, seconds, asleep, now: slept.append(asleep)
X, y = np.random.RandomState(0).randn(4000, 200), np.arange(4000) % 10
for n_threads in (2, 1):
    NeuralNetwork(200, [100], 10, seed=0, n_threads=n_threads).train_epoch(X, y, batch_size=200)
    print(sum(slept) > 0)
    slept.clear()
