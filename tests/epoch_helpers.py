"""An epoch in two ways, as the notebook writes it and in the kernels; and what a build of the kernels makes of one."""

import numpy as np
from choices import LEARNING_RATES, OPTIMIZERS
from conftest import batch, trained_state

from fastmlp import NeuralNetwork, Standardizer, _kernels
from fastmlp.engine import threads
from fastmlp.functions.losses import LOSSES


def three_calls(net, X, y, order, batch_size, regularization, optimizer, t=None, sample_weight=None):
    """An epoch as the notebook writes it; gives loss and score of a row."""
    loss, sums, row = 0.0, 0, LOSSES[net.loss]
    weights = np.ones(len(y)) if sample_weight is None else sample_weight
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        if not weights[rows].any():
            continue
        given = {} if sample_weight is None else {"sample_weight": weights[rows]}
        sums = sums + row.sums(net.forward(X[rows], training=True), y[rows], weights[rows])
        loss += net.backward(y[rows], regularization, **given) * weights[rows].sum()
        net.update(LEARNING_RATES[optimizer], opt=optimizer, t=t)
    return loss / weights[order].sum(), row.summed_score(sums, y, order, weights)


def fused(net, X, y, order, batch_size, regularization, optimizer, t=None, sample_weight=None):
    """The same by `train_epoch`."""
    return net.train_epoch(
        X,
        y,
        order,
        batch_size=batch_size,
        learning_rate=LEARNING_RATES[optimizer],
        regularization=regularization,
        optimizer=optimizer,
        time_step=t,
        sample_weight=sample_weight,
    )


def results_of_build(shape, dtype):
    """The name of the kernels' build in this process, and what a network's training by a team of two leads to."""
    threads.SERIAL_WORK = 0
    sizes, n_rows = shape
    X, y = batch(n_rows, sizes[0], sizes[-1])
    X = (50 * X).astype(np.int8).view(np.uint8)
    net = NeuralNetwork(
        sizes[0], sizes[1:-1], sizes[-1], seed=1, dtype=dtype, n_threads=2, standardizer=Standardizer().fit(X)
    )
    for optimizer in OPTIMIZERS:
        loss, accuracy = fused(net, X, y, np.arange(n_rows), max(1, n_rows // 2), 0.1, optimizer)
    results = {"loss": np.array(loss), "accuracy": np.array(accuracy), "scores": net.forward(X), **trained_state(net)}
    return _kernels.Update.__module__.rpartition(".")[2], results
