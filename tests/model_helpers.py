"""Helpers for tests of model files."""

import numpy as np
from conftest import batch

from fastmlp import NeuralNetwork


def trained(sizes=(4, 6, 3), optimizers=("Adam",), **options):
    net = NeuralNetwork(sizes[0], sizes[1:-1], sizes[-1], seed=0, **options)
    train(net, optimizers)
    return net


def train(net, optimizers=("Adam",), n_steps=5):
    X, y = batch(9, net.input_size, net.output_size)
    for i in range(n_steps):
        net.forward(X)
        net.backward(y, 0.01)
        net.update(0.01, opt=optimizers[i % len(optimizers)])


def write_npz(path, **arrays):
    """`numpy.savez` under exactly this name."""
    with open(path, "wb") as file:
        np.savez(file, **arrays)
