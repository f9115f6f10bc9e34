"""A training with a checkpoint."""

from conftest import batch

from fastmlp import NeuralNetwork

SETTINGS = {
    "epochs": 6,
    "batch_size": 16,
    "optimizer": "SGD",
    "learning_rate_decay": 0.9,
    "regularization": 0.01,
    "seed": 3,
}
X, Y = batch(100, 5, 3)


def make(**options):
    return NeuralNetwork(5, [7], 3, **{"seed": 0, **options})


def fit(net, path, **changes):
    return net.fit(X, Y, checkpoint=path, **{**SETTINGS, **changes})
