"""Trains with fastmlp and with other libraries, in the order in which they are named, and back. Arguments: the names.

For each, prints the digest of its results before and after the others have computed.
"""

import hashlib
import sys

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


digests = {"fastmlp": fastmlp_digest, "sklearn": sklearn_digest, "torch": torch_digest}
for name in names + names[::-1]:
    print(name, digests[name]())
