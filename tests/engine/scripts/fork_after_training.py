"""Forks after a team has trained. Prints a sum of weights: parent, child (and its number of threads), parent."""

import os

import numpy as np

from fastmlp import NeuralNetwork
from fastmlp.engine import threads

X, y = np.random.RandomState(0).randn(200, 800), np.arange(200) % 10


def train():
    net = NeuralNetwork(800, [120], 10, seed=1, n_threads=2)
    net.fit(X, y, epochs=3, batch_size=100, seed=0)
    return float(net.params["W1"].sum())


print(train(), flush=True)
child = os.fork()
if child == 0:
    print(train(), threads.available_threads(), flush=True)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print(train())
