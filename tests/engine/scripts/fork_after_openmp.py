"""Forks after another library has started OpenMP's threads. Arguments: OpenMP's path; `early` or `late`, the import.

Prints the sum of a weight and the number of threads, of the child and then of the parent.
"""

import ctypes
import os
import sys

import numpy as np

library, when = sys.argv[1:]
if when == "early":
    import fastmlp  # noqa: F401


def train():
    from fastmlp import NeuralNetwork
    from fastmlp.engine import threads

    X, y = np.random.RandomState(0).randn(400, 800), np.arange(400) % 10
    net = NeuralNetwork(800, [120], 10, seed=1, n_threads=2)
    net.fit(X, y, epochs=1, seed=0)
    return float(net.params["W1"].sum()), threads.available_threads()


work = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda context: None)
ctypes.CDLL(library).GOMP_parallel(work, None, 2, 0)
child = os.fork()
if child == 0:
    print(*train(), flush=True)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print(*train())
