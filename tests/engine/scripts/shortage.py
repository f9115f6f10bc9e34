"""A network that runs short of memory or of threads. Arguments: `blas` and a method, `threads`, or `loops`."""

import re
import resource
import sys
import threading
from pathlib import Path

import numpy as np

from fastmlp import NeuralNetwork

X, y = np.random.RandomState(0).randn(400, 800), np.arange(400) % 10
CALLS = {
    "forward": lambda net: net.forward(X),
    "predict": lambda net: net.predict(X),
    "fit": lambda net: net.fit(X, y, epochs=1, seed=0),
}


def network(n_threads):
    """Has its workspace for all rows, but no team yet."""
    net = NeuralNetwork(800, [120], 10, seed=1, n_threads=1)
    net.forward(X)
    net.n_threads = n_threads
    return net


def limit(mib):
    """The process may take so much more memory."""
    size = 1024 * int(re.search(r"VmSize:\s+(\d+)", Path("/proc/self/status").read_text())[1])
    resource.setrlimit(resource.RLIMIT_AS, (size + (mib << 20), resource.RLIM_INFINITY))


def blas(method):
    call, net, serial = CALLS[method], network(2), network(1)
    limit(20)
    before = net.params.copy()
    try:
        call(net)
    except MemoryError as error:
        print(error)
    print(all(np.array_equal(before[name], net.params[name]) for name in before))
    call(serial)
    limit(1000)
    call(net)
    print(np.array_equal(net.predict(X), serial.predict(X)))


def threads():
    """BLAS has its buffers already, but a second thread has no team yet."""
    net = network(2)
    expected = net.forward(X)
    ready, found = threading.Event(), []

    def work():
        ready.wait()
        try:
            net.forward(X)
        except RuntimeError as error:
            found.append(str(error))
        net.n_threads = 1
        found.append(np.array_equal(net.forward(X), expected))

    thread = threading.Thread(target=work)
    thread.start()
    limit(1)  # a stack is larger
    ready.set()
    thread.join()
    print(*found, sep="\n")


def loops():
    net, rows = NeuralNetwork(4, [10], 3, seed=0), np.ones((5, 4))
    net.forward(rows)
    limit(20)
    print(net.fit(rows, [0, 1, 2, 0, 1], epochs=3, seed=0))


{"blas": blas, "threads": threads, "loops": loops}[sys.argv[1]](*sys.argv[2:])
