"""Forks while a kernel has set BLAS's number of threads to one: the child finds what the user had set."""

import ctypes
import os
import threading

import numpy as np

from fastmlp import NeuralNetwork
from fastmlp.engine.blas import find_blas

get = ctypes.CFUNCTYPE(ctypes.c_int)(find_blas().get_threads)
ctypes.CFUNCTYPE(None, ctypes.c_int)(find_blas().set_threads)(2)
net = NeuralNetwork(3000, [2000], 10, n_threads=1)
X = np.ones((1, 3000))
done = threading.Event()


def work():
    while not done.is_set():
        net.forward(X)


worker = threading.Thread(target=work)
worker.start()
while get() != 1:
    pass
child = os.fork()
if child == 0:
    os._exit(get() != 2)
done.set()
worker.join()
print(os.waitpid(child, 0)[1])
