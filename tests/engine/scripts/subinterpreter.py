"""Trains by one thread and by a team after there was a subinterpreter; prints a weight's sum of each."""

import numpy as np

from fastmlp import NeuralNetwork

try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
interpreters.destroy(interpreters.create())
X, y = np.random.RandomState(0).randn(400, 800), np.arange(400) % 10
for n_threads in (1, 2):
    net = NeuralNetwork(800, [120], 10, seed=1, n_threads=n_threads)
    net.fit(X, y, epochs=1, seed=0)
    print(float(net.params["W1"].sum()))
