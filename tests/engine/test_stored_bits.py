"""Trainings that no BLAS product enters end with the bits that they had in earlier versions, on every processor."""

import hashlib

import numpy as np
import pytest

from fastmlp import NeuralNetwork, _kernels

# the parameters' SHA-256, up to 16 digits: with fused multiply-add, and without
STORED = {
    ("float32", "SGD"): {True: "f6ef502177655c35", False: "9a878293344475d9"},
    ("float32", "Momentum"): {True: "3313b5a01dea4b32", False: "e775c7404afcf29d"},
    ("float64", "SGD"): {True: "e65f1e85af2d8359", False: "2c666d94def8dda9"},
    ("float64", "Momentum"): {True: "ff3abc4ae921230e", False: "57d4e8ee7fd385f6"},
}


def numbers(*shape):
    """Numbers from -50/64 to 50/64, exact in both dtypes; those of a generator may depend on the processor."""
    return (((np.arange(np.prod(shape)) * 37) % 101 - 50) / 64).reshape(shape)


@pytest.mark.parametrize(("dtype", "optimizer"), STORED)
def test_tiny_networks_have_stored_bits(dtype, optimizer):
    net = NeuralNetwork(4, [10], 3, dtype=dtype)
    for array in net.params.values():
        array[...] = numbers(*array.shape)
    X, y = numbers(30, 4), np.arange(30) * 7 % 3
    for _ in range(6):
        net.train_epoch(X, y, batch_size=5, learning_rate=0.05, regularization=0.01, optimizer=optimizer)
    content = b"".join(array.tobytes() for array in net.params.values())
    assert hashlib.sha256(content).hexdigest()[:16] == STORED[dtype, optimizer][_kernels.build_info()["has_tiles"]]
