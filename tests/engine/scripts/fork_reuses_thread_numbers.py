"""Forks while a thread is inside a network. Exits with 0 if a child's thread with that thread's number can call it.

Prints the child's exit code: 1 if the network is closed to the child's main thread, 2 if no thread got the number.
"""

import os
import threading

import numpy as np

from fastmlp import NeuralNetwork

X, y = np.ones((9, 4)), np.arange(9) % 3
net = NeuralNetwork(4, [5], 3, seed=0)
inside, done = threading.Event(), threading.Event()
numbers = []


def callback(network, history):
    numbers.append(threading.get_ident())
    inside.set()
    done.wait(60)


worker = threading.Thread(target=net.fit, args=(X, y), kwargs={"epochs": 1, "callbacks": [callback]})
worker.start()
inside.wait(60)
child = os.fork()
if child == 0:
    barrier, found = threading.Barrier(21), []

    def work():
        barrier.wait()
        if threading.get_ident() == numbers[0]:
            found.append(net.forward(X))
        barrier.wait()

    for _ in range(20):
        threading.Thread(target=work, daemon=True).start()
    barrier.wait()
    barrier.wait()
    try:
        net.forward(X)
    except RuntimeError:
        os._exit(1)
    os._exit(0 if found else 2)
done.set()
worker.join()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
