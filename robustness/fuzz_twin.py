"""Trainings by hand, of the calls that they are made of, and what tells two networks apart."""

import contextlib
import copy
import math
from pathlib import Path
from typing import Any

import numpy as np

from fastmlp import DivergenceError, History, NeuralNetwork
from fastmlp.training import LEARNING_RATES, Epoch


def exact(array: Any) -> tuple[str, tuple[int, ...], bytes]:
    """What tells two arrays apart, other than the bits of a NaN."""
    array = np.asarray(array)
    same_nans = np.where(np.isnan(array), np.nan, array) if array.dtype.kind == "f" else array
    return array.dtype.str, array.shape, same_nans.tobytes()


def state(net: NeuralNetwork) -> dict[str, Any]:
    """Everything that a call could change, but for the number of threads."""
    snapshot, standardizer, generator = net.snapshot(), net.standardizer, np.random.get_state()
    return {
        "parameters": exact(snapshot["flat_params"]),
        # moments of zeros are those of an optimiser that is new to the network
        "moments": {k: [exact(m) for m in moments] for k, moments in snapshot["moments"].items() if np.any(moments)},
        "updates": snapshot["n_updates"],
        "gradients": {name: exact(array) for name, array in net.gradients.items()},
        "outputs": {name: exact(array) for name, array in net.outputs.items()},
        "standardizer": standardizer and (exact(standardizer.mean_), exact(standardizer.scale_), repr(standardizer)),
        "names": (net.class_names, net.feature_names),
        "history": None if net.history is None else [exact(epoch[:-1]) for epoch in net.history],
        "sizes": (repr(net), net.input_size, net.hidden_sizes, net.output_size, net.num_layers),
        "random numbers": (generator[1].tobytes(), generator[2:]),
    }


def epoch_by_hand(
    net: NeuralNetwork,
    X: np.ndarray,
    y: np.ndarray,
    order: np.ndarray,
    *,
    batch_size: int = 200,
    learning_rate: float | None = None,
    regularization: float = 0.0,
    optimizer: str = "SGD",
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    time_step: int | None = None,
) -> tuple[float, float] | int:
    """What `train_epoch` does, by the three calls; gives the batch in which it diverged, 0 at the end, where it did."""
    rate = LEARNING_RATES[optimizer] if learning_rate is None else learning_rate
    total, n_correct = 0.0, 0
    diverged = None
    for batch, start in enumerate(range(0, len(order), batch_size), 1):
        rows = order[start : start + int(batch_size)]
        n_correct += int(np.count_nonzero(net.predict(X[rows]) == y[rows]))
        net.forward(X[rows])
        applied = math.isfinite(net.backward(y[rows]))
        loss = net.backward(y[rows], regularization)
        if applied:
            net.update(rate, beta1, beta2, epsilon, optimizer, time_step)
        if not math.isfinite(loss):
            diverged = batch
            break
        total += loss * len(rows)
    if diverged is None and not all(np.isfinite(array).all() for array in net.params.values()):
        diverged = 0
    net._forget_batch()
    return (total / len(order), n_correct / len(order)) if diverged is None else diverged


class CutError(Exception):
    """The process of a training is gone."""


def cut_off(net: NeuralNetwork, path: Path, **arguments: Any) -> None:
    """Leave the checkpoint of a training like that of a network, as it is at the end of the first epoch."""

    def cut(network: Any, history: History) -> None:
        if len(history) == 2:
            raise CutError

    with contextlib.suppress(CutError, DivergenceError):
        copy.deepcopy(net).fit(**{**arguments, "callbacks": [cut]}, checkpoint=path)


def fit_by_hand(
    net: NeuralNetwork,
    X: np.ndarray,
    y: np.ndarray,
    validated: bool,
    *,
    epochs: int,
    seed: int,
    batch_size: int = 200,
    drop_last: bool = False,
    optimizer: str = "SGD",
    learning_rate: float | None = None,
    learning_rate_decay: float = 1.0,
    regularization: float = 0.0,
    time_step: str = "update",
    **rates: float,
) -> bool:
    """What `fit` does, by `train_epoch`, validated on the training rows; gives whether it diverged."""
    random, n = np.random.RandomState(seed), len(X)
    rate = float(LEARNING_RATES[optimizer] if learning_rate is None else learning_rate)
    net.history = History()
    for epoch in range(1, epochs + 1):
        before = net.snapshot()
        order = random.permutation(n)[: n - n % int(batch_size) if drop_last else n]
        options = {"batch_size": batch_size, "learning_rate": rate, "regularization": regularization, **rates}
        t = epoch if time_step == "epoch" else None
        try:
            trained = net.train_epoch(X, y, order, optimizer=optimizer, time_step=t, **options)
        except DivergenceError:
            net.restore(before)
            return True
        held_out = net.evaluate(X, y, regularization) if validated else (math.nan, math.nan)
        net.history.epochs.append(Epoch(*trained, *held_out, rate, 0.0))
        rate *= float(learning_rate_decay)
    return False
