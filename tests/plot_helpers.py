"""Histories and trials of a search, to be drawn."""

from fastmlp import History
from fastmlp.history import Epoch
from fastmlp.tuning import Trial

NAN = float("nan")


def history(n_epochs, validation=True):
    return History(
        Epoch(2 / i, 1 - 0.5 / i, 3 / i if validation else NAN, 1 - 0.6 / i if validation else NAN, 0.1 * 0.9**i, 1.0)
        for i in range(1, n_epochs + 1)
    )


def trial(n_epochs=20, best=0.6, **wanted):
    """Of a search: validation accuracy goes up to `best`."""
    rows = [Epoch(1.0, 0.5, 1.0, best * (1 - 0.5**i), 0.1, 1.0) for i in range(1, n_epochs + 1)]
    return Trial({**wanted, "epochs": n_epochs}, n_epochs, History(rows))


def trials():
    rates, sizes = (0.05, 0.1, 0.2), ([120, 120], [120])
    return [
        trial(best=0.9 - rate - 0.1 * len(size), learning_rate=rate, hidden_sizes=size, regularization=strength)
        for size in sizes
        for rate in rates
        for strength in (0.0, 1e-4)
    ]
