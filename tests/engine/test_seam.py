"""A step in two halves: the bits of the fused way, and what may be done with the complete gradient between them."""

import math
import pickle

import numpy as np
import pytest
from choices import LEARNING_RATES, OPTIMIZERS
from conftest import SHAPES, assert_same, batch

from fastmlp.architecture import Architecture
from fastmlp.engine import Engine
from fastmlp.engine.batches import Batch, EpochSettings, Examples
from fastmlp.engine.parameters import initialize
from fastmlp.functions.optimizers import checked_optimizer

ARCHITECTURE = Architecture.of((6, 9, 4), np.dtype(np.float64))


def make(n_threads=1, architecture=ARCHITECTURE):
    engine = Engine(architecture)
    engine.n_threads = n_threads
    initialize(engine.params, "he", np.random.RandomState(0))
    return engine


def state(engine):
    return {
        "params": engine.flat_params,
        **{f"{name}{i}": m for name, ms in engine.moments.items() for i, m in enumerate(ms)},
    }


def train(engine, X, y, optimizer, rates, l2=0.1, size=32):
    return engine.train_epoch(Examples(X, y), np.arange(len(X)), EpochSettings(size, optimizer, rates, l2))


@pytest.mark.usefixtures("no_gate")
@pytest.mark.parametrize("n_threads", [1, 2, 3])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_two_halves_give_the_bits_of_the_fused_way(name, n_threads):
    X, y = batch(100, 6, 4)
    optimizer, rates = checked_optimizer(name, 0.9, 0.999, 1e-8), LEARNING_RATES[name] * np.array([1, 0.5, 2, 0.1])
    fused, halves = make(n_threads), make(n_threads)
    train(fused, X, y, optimizer, rates)
    for rate, start in zip(rates, range(0, 100, 32), strict=True):
        rows = slice(start, start + 32)
        halves.compute_gradients(Batch(X[rows], y[rows], 0.1))
        assert halves.clip_gradients(1e9) > 0  # changes nothing
        halves.apply(optimizer, rate)
    assert_same(state(halves), state(fused))
    assert halves.n_updates == fused.n_updates == 4


@pytest.mark.usefixtures("no_gate")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["SGD", "AdamW", "RMSprop"])
@pytest.mark.parametrize(
    "shape", ["odd", "inputs that are packed", "narrow", "rows in chunks", "input gradients over outputs"]
)
def test_two_halves_clip_as_an_epoch_does(shape, name, dtype):
    sizes, n_rows = SHAPES[shape]
    architecture = Architecture.of(sizes, np.dtype(dtype), dropout=[0.1, *[0.3] * (len(sizes) - 2)])
    X, y = batch(2 * n_rows + n_rows // 2, sizes[0], sizes[-1], dtype=dtype)
    weights, optimizer = 0.5 + np.arange(len(X)) % 3, checked_optimizer(name, 0.9, 0.999, 1e-8)
    batches = [slice(start, start + n_rows) for start in range(0, len(X), n_rows)]
    clip_norm, found = math.inf, {}
    for n_threads in (1, 2, 5):
        halves, norms = make(n_threads, architecture), []
        for rows in batches:
            halves.compute_gradients(Batch(X[rows], y[rows], 0.1, sample_weight=weights[rows]))
            if not norms:
                clip_norm = 0.9 * np.linalg.norm(halves.flat_gradients)
            norms.append(halves.clip_gradients(clip_norm))
            halves.apply(optimizer, LEARNING_RATES[name])
        assert norms[0] > clip_norm
        whole = make(n_threads, architecture)
        settings = EpochSettings(n_rows, optimizer, LEARNING_RATES[name], 0.1, clip_norm=clip_norm)
        whole.train_epoch(Examples(X, y, weights), np.arange(len(X)), settings)
        found = found or state(whole)
        assert_same(state(halves), found)
        assert_same(state(whole), found)


def test_gradients_of_parts_add_up_to_that_of_the_whole():
    X, y = batch(60, 6, 4)
    whole, parts = make(), make()
    loss = whole.compute_gradients(Batch(X, y, 0.1))
    losses = [
        parts.compute_gradients(Batch(X[i : i + 20], y[i : i + 20], 0.1 if i == 0 else 0.0, 60.0, accumulate=i > 0))
        for i in (0, 20, 40)
    ]
    np.testing.assert_allclose(parts.flat_gradients, whole.flat_gradients, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(sum(losses), loss, rtol=1e-13)


def test_a_batch_without_weight_adds_nothing():
    X, y = batch(60, 6, 4)
    engine = make()
    engine.compute_gradients(Batch(X, y))
    before = engine.flat_gradients.copy()
    assert engine.compute_gradients(Batch(X, y, denominator=0, accumulate=True)) == 0
    np.testing.assert_array_equal(engine.flat_gradients, before)
    assert engine.compute_gradients(Batch(X, y, denominator=0)) == 0
    assert not engine.flat_gradients.any()


@pytest.mark.parametrize("max_norm", [0.1, 1e-3])
def test_a_large_gradient_is_scaled_to_the_norm(max_norm):
    X, y = batch(60, 6, 4)
    engine = make()
    engine.compute_gradients(Batch(10 * X, y))
    before = engine.flat_gradients.copy()
    norm = engine.clip_gradients(max_norm)
    np.testing.assert_allclose(norm, np.linalg.norm(before), rtol=1e-13)
    np.testing.assert_allclose(engine.flat_gradients, before * (max_norm / norm), rtol=1e-13)


def test_gradients_without_a_batch_are_clipped():
    """Those of a copy, which has no workspace yet, and of a batch without weight."""
    X, y = batch(60, 6, 4)
    engine = make()
    engine.compute_gradients(Batch(10 * X, y))
    copied = pickle.loads(pickle.dumps(engine))
    assert copied.clip_gradients(0.1) == engine.clip_gradients(0.1) > 0.1
    np.testing.assert_array_equal(copied.flat_gradients, engine.flat_gradients)
    empty = make()
    empty.compute_gradients(Batch(X, y, denominator=0))
    assert empty.clip_gradients(0.1) == 0
