"""An epoch in two ways: as the notebook writes it, and in the kernels."""

import numpy as np
from choices import LEARNING_RATES


def three_calls(net, X, y, order, batch_size, regularization, optimizer, t=None):
    """An epoch as the notebook writes it; gives loss and accuracy of a row."""
    loss, n_correct = 0.0, 0
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        scores = net.forward(X[rows])
        n_correct += np.count_nonzero(scores.argmax(axis=1) == y[rows])
        loss += net.backward(y[rows], regularization) * len(rows)
        net.update(LEARNING_RATES[optimizer], opt=optimizer, t=t)
    return loss / len(order), n_correct / len(order)


def fused(net, X, y, order, batch_size, regularization, optimizer, t=None):
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
    )
