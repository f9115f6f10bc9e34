"""Whether a system has computed what it was timed for: its result compared with that of the float64 reference."""

from functools import lru_cache
from pathlib import Path

import numpy as np

from benchmarks.cases import EPSILON, Case
from fastmlp import reference

# How far the loss and the weights may be from the reference's, as a share of how far training has moved them. There is
# room for rounding, which Adam enlarges where gradients are small: a ReLU that rounding turns on or off for a batch of
# one row has moved float32 weights by 0.06. And in float64 for scikit-learn, which adds epsilon elsewhere, and for
# compiled PyTorch, whose scalars are float32.
TOLERANCES = {("float32", "SGD"): 0.05, ("float32", "Adam"): 0.1, ("float64", "SGD"): 1e-4, ("float64", "Adam"): 1e-4}
# the share of predictions that must be those of the reference with the same weights
MIN_AGREEMENT = 0.998
LOSS_ROWS = 2000


def errors(case: Case, folder: Path, block: int, result: dict[str, np.ndarray]) -> list[str]:
    """What is wrong with a system's weights and predictions after a block; the reference computes all losses."""
    found, tolerance = [], TOLERANCES[case.dtype, case.optimizer]
    predictions = {name.removeprefix("classes of "): result.pop(name) for name in list(result) if " of " in name}
    start, stop = case.rows_of_block(block)
    if case.kind == "predict":
        weights = dict(np.load(folder / "weights.npz"))
        X = np.load(folder / "X.npy", mmap_mode="r")[start:stop]
        return _prediction_errors(case, weights, X, predictions["X"])
    expected, initial = _expected(case, folder, block)
    rows = slice(start, min(stop, start + LOSS_ROWS))
    X, y = np.load(folder / "X.npy", mmap_mode="r")[rows].astype(np.float64), np.load(folder / "y.npy")[rows]
    loss, right, before = (
        _network(case, weights).evaluate(X, y, case.regularization)[0] for weights in (result, expected, initial)
    )
    if not abs(loss - right) <= tolerance * abs(before - right):  # also if it is not a number
        found.append(f"loss {loss:.6g} where the reference has {right:.6g}")
    if case.kind == "train":
        moved = {name: np.linalg.norm(initial[name] - w) for name, w in expected.items()}
        distance = np.max([np.linalg.norm(result[name] - w) / moved[name] for name, w in expected.items()])
        if not distance <= tolerance:
            found.append(f"weights differ by {distance:.2g} of how far training moved them")
    else:  # after a whole epoch rounding alone makes float32 weights differ
        for name, classes in predictions.items():
            found += _prediction_errors(case, result, np.load(folder / f"{name}.npy"), classes)
    return found


def _prediction_errors(case, weights, X, classes):
    """Compare predictions with those of the reference with the same weights."""
    agreement = np.mean(_network(case, weights).predict_proba(X).argmax(axis=1) == classes)
    return [] if agreement >= MIN_AGREEMENT else [f"{1 - agreement:.2%} of the predictions differ"]


def _network(case, weights):
    network = reference.NeuralNetwork(case.sizes[0], case.sizes[1:-1], case.sizes[-1], seed=0)
    for name, w in weights.items():
        network.params[name] = w.astype(np.float64)
    return network


@lru_cache(maxsize=1)  # all systems are checked with the same block
def _expected(case, folder, block):
    """The reference's weights after one block, and those before it."""
    start, stop = case.rows_of_block(block)
    X, y = np.load(folder / "X.npy", mmap_mode="r"), np.load(folder / "y.npy")
    initial = dict(np.load(folder / "weights.npz"))
    network = _network(case, initial)
    for rows in np.split(start + np.random.RandomState(block).permutation(stop - start), case.steps):
        network.forward(X[rows])
        network.backward(y[rows], case.regularization)
        network.update(case.learning_rate, eps=EPSILON, opt=case.optimizer)
    return network.params, initial
