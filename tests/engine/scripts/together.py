"""Trains with fastmlp and with other libraries, in the order in which they are named, and back. Arguments: the names.

For each, prints the digest of its results before and after the others have computed; and of fastmlp's again while the
threads of each are at work, and in a forked child.
"""

import functools
import hashlib
import multiprocessing
import os
import sys
import threading

import numpy as np

names = sys.argv[1:]
for name in names:
    __import__(name)


def fastmlp_digest():
    from fastmlp import NeuralNetwork

    X, y = np.random.RandomState(0).randn(400, 300), np.arange(400) % 10
    net = NeuralNetwork(300, [100], 10, seed=1)
    net.fit(X, y, epochs=2, optimizer="Adam", seed=0)
    return hashlib.sha256(b"".join(array.tobytes() for array in net.params.values())).hexdigest()


def sklearn_digest():
    from sklearn.ensemble import HistGradientBoostingClassifier

    X, y = np.random.RandomState(0).randn(400, 20), np.arange(400) % 3
    classifier = HistGradientBoostingClassifier(max_iter=1, max_leaf_nodes=4, random_state=0).fit(X, y)
    return hashlib.sha256(classifier.predict_proba(X).tobytes()).hexdigest()


def torch_digest():
    import torch

    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(300, 100), torch.nn.ReLU(), torch.nn.Linear(100, 10))
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    X, y = torch.randn(400, 300), torch.arange(400) % 10
    for _ in range(3):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(X), y).backward()
        optimizer.step()
    return hashlib.sha256(net[0].weight.detach().numpy()).hexdigest()


def numba_digest():
    return hashlib.sha256(numba_sums()(np.random.RandomState(0).randn(400, 300))).hexdigest()


@functools.cache
def numba_sums():
    import numba

    @numba.njit(parallel=True)
    def sums(X):
        found = np.empty(len(X))
        for i in numba.prange(len(X)):
            found[i] = X[i].sum()
        return found

    return sums


def while_at_work(other):
    """fastmlp's digest while a thread of Python computes another library's, again and again."""
    begun, done = threading.Event(), threading.Event()

    def work():
        while not done.is_set():
            other()
            begun.set()

    worker = threading.Thread(target=work)
    worker.start()
    begun.wait()
    try:
        return fastmlp_digest()
    finally:
        done.set()
        worker.join()


digests = {"fastmlp": fastmlp_digest, "sklearn": sklearn_digest, "torch": torch_digest, "numba": numba_digest}
for name in names + names[::-1]:
    print(name, digests[name]())
for name in names:
    if name != "fastmlp":
        print("fastmlp", while_at_work(digests[name]))
if hasattr(os, "fork"):
    with multiprocessing.get_context("fork").Pool(1) as pool:
        print("fastmlp", pool.apply(fastmlp_digest))
