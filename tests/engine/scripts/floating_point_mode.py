"""Whether threads compute as they did before, after what fastmlp does. Argument: the library that looks.

The main thread, threads made before the import and after the training, and OpenMP's.
"""

import ctypes
import queue
import sys
import threading

import numpy as np

modes = ctypes.CDLL(sys.argv[1])
todo, done = queue.Queue(), queue.Queue()


def check():
    arrays = [np.full(100, dtype(np.finfo(dtype).smallest_subnormal)) for dtype in (np.float32, np.float64)]
    return bool(modes.untouched()) and all((array * array.dtype.type(1) > 0).all() for array in arrays)


def work():
    for task in iter(todo.get, None):
        done.put(task())


def elsewhere(task, thread=None):
    if thread is None:
        threading.Thread(target=lambda: done.put(task())).start()
    else:
        todo.put(task)
    return done.get(timeout=60)


def train():
    net = NeuralNetwork(300, [100], 10, seed=0, n_threads=3)
    net.fit(X, y, epochs=1)
    net.predict(X)
    net.forward(X)
    net.backward(y)
    net.update(0.1)
    return check() and modes.untouched_members(3) == 3


before = threading.Thread(target=work)
before.start()
from fastmlp import NeuralNetwork, Standardizer  # noqa: E402, one thread is older than the import

X, y = np.random.RandomState(0).randn(400, 300), np.arange(400) % 10
print("after the import", check(), elsewhere(check, before), elsewhere(check))
print("after training here", train(), elsewhere(check, before), elsewhere(check))
print("after training there", elsewhere(train, before), elsewhere(train), check(), elsewhere(check))
Standardizer().fit(X).transform(X)
print("after standardising", check())
todo.put(None)
