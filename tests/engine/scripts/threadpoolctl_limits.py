"""A limit of threadpoolctl on a team of three. Argument: `started` if the team is to be there before.

Prints the number of threads to use and how many a training starts: before the limit (if so asked), under it, after it.
"""

import os
import sys

import numpy as np
from threadpoolctl import threadpool_limits

from fastmlp import NeuralNetwork
from fastmlp.engine import quotas, threads

X, y = np.random.RandomState(0).randn(400, 300), np.arange(400) % 10
net = NeuralNetwork(300, [100], 10, seed=1)


def started():
    before = len(os.listdir("/proc/self/task"))
    net.fit(X, y, epochs=1)
    return len(os.listdir("/proc/self/task")) - before


# three processors, whatever this machine has
quotas.processor_quota = lambda: None
os.sched_getaffinity = lambda process: {0, 1, 2}
if sys.argv[1:] == ["started"]:
    print(started())
with threadpool_limits(limits=1, user_api="openmp"):
    print(threads.available_threads(), started())
print(threads.available_threads(), started())
