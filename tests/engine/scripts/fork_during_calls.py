"""Forks ten times while one thread trains and another predicts: each child trains the same networks, by one thread."""

import os
import threading

import numpy as np

from fastmlp import NeuralNetwork
from fastmlp.engine import threads

X, y = np.random.RandomState(0).randn(400, 300), np.arange(400) % 10
net, other = (NeuralNetwork(300, [120], 10, seed=1, n_threads=2) for _ in range(2))
done = threading.Event()


def train():
    while not done.is_set():
        net.fit(X, y, epochs=1, learning_rate=1e-6, seed=0)


def predict():
    while not done.is_set():
        net.predict(X)


def child():
    other.fit(X, y, epochs=1, seed=0)
    assert threads.available_threads() == 1
    net.fit(X, y, epochs=1, seed=0)
    net.predict(X)
    return other.params["W1"].sum()


workers = [threading.Thread(target=work) for work in (train, predict)]
for worker in workers:
    worker.start()
net.predict(X)
codes = []
for _ in range(10):
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            os.write(writer, repr(child()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    codes.append((os.waitpid(process, 0)[1], os.read(reader, 100)))
done.set()
for worker in workers:
    worker.join()
other.fit(X, y, epochs=1, seed=0)
print(set(codes) == {(0, repr(other.params["W1"].sum()).encode())})
