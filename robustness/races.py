"""What ThreadSanitizer watches: ways to use networks from many threads.

    python -m robustness.races SCENARIO REPETITIONS

A line is printed for each repetition that has passed. `robustness.sanitize` runs them all in the build that they need;
in any other one, only the results are checked.
"""

import itertools
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from fastmlp import NeuralNetwork, Standardizer
from fastmlp.functions.optimizers import OPTIMIZERS
from robustness.running import always_parallel

# Sizes and rows with which each product is cut along its rows and along its columns, rows are in chunks, a network is
# narrow, small products are not cut, and the loss of each row is computed by another thread than its last layer.
SHAPES = {
    "packed": ((2048, 48, 10), 60),
    "narrow": ((40, 32, 9), 1100),
    "rows in chunks": ((90, 96, 9), 1100),
    "columns": ((30, 1531, 3), 97),
    "inputs over columns": ((11, 1409, 53), 60),
    "deep": ((20, 8, 7, 6, 5, 4), 130),
    "outputs of many rows": ((5, 7, 3), 500),
}


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """The results of calls that begin at the same time, each in a thread of its own."""
    start = threading.Barrier(len(calls))
    with ThreadPoolExecutor(len(calls), initializer=start.wait) as pool:
        return list(pool.map(lambda call: call(), calls))


def made(shape: str, repetition: int, **options: Any) -> tuple[NeuralNetwork, np.ndarray, np.ndarray]:
    """A network, and rows of pixels with their labels."""
    sizes, n_rows = SHAPES[shape]
    random = np.random.RandomState(repetition)
    X, y = random.randint(256, size=(n_rows, sizes[0])).astype(np.uint8), random.randint(sizes[-1], size=n_rows)
    return NeuralNetwork(sizes[0], sizes[1:-1], sizes[-1], seed=0, **options), X, y


def trained(shape: str, repetition: int, n_threads: int, dropout: float = 0.0) -> list[bytes]:
    """Parameters after an epoch of two batches, after one of which every other batch is skipped, and the three calls.

    Of the last ones, and in an epoch before, gradients are clipped. Dropout is that of the inputs, and of each hidden
    layer.
    """
    choices = tuple(itertools.product(("float32", "float64"), (False, True), OPTIMIZERS))
    dtype, standardized, optimizer = choices[repetition % len(choices)]
    rates = [dropout] * (len(SHAPES[shape][0]) - 1)
    net, X, y = made(shape, repetition, dtype=dtype, n_threads=n_threads, dropout=rates)
    # pixels are gathered and standardised, and floats of the network's own type are used where they are
    if standardized:
        net.standardizer = Standardizer().fit(X)
    else:
        X = (X / 255).astype(dtype)
    settings = {"batch_size": len(X) - 1, "optimizer": optimizer, "learning_rate": 1e-3, "regularization": 0.1}
    net.fit(X, y, **settings, epochs=1, seed=0)
    # the first row weighs 0, and fills the batches that are skipped
    weights, others = np.arange(len(X)) % 3, np.arange(1, len(X))
    net.train_epoch(X, y, np.concatenate([0 * others, others] * 2), sample_weight=weights, **settings)
    net.train_epoch(X, y, clip_norm=0.1, **settings)
    net.forward(X, training=True)
    net.backward(y, 0.1, sample_weight=weights)
    net._engine.clip_gradients(0.1)
    net.update(1e-3, opt=optimizer)
    return [array.tobytes() for array in net.params.values()]


def training(repetition: int) -> None:
    """A team gives what one thread gives."""
    for shape, dropout in itertools.product(SHAPES, (0.0, 0.3)):
        assert trained(shape, repetition, 1, dropout) == trained(shape, repetition, 3, dropout), (shape, dropout)


def concurrent_networks(repetition: int) -> None:
    """Networks in threads of their own, each with a team."""
    expected = trained("packed", repetition, 1, 0.3)
    assert at_once(*[lambda: trained("packed", repetition, 2, 0.3)] * 3) == [expected] * 3


def predictions(repetition: int) -> None:
    """One network asked by several threads, with numbers of rows that need different room."""
    net, X, y = made("rows in chunks", repetition, n_threads=2)
    several = [lambda: net.predict(X[:600]).tobytes(), lambda: net.evaluate(X, y)]
    calls = [*several, *[lambda: net.predict_proba(X).tobytes()] * 2]
    assert at_once(*calls) == [call() for call in calls]


def refusals(repetition: int) -> None:
    """One network trained by two threads, until one of them has been refused."""
    net, X, y = made("rows in chunks", repetition, n_threads=2)
    refused: list[str] = []

    def train() -> None:
        while not refused:
            try:
                net.fit(X, y, epochs=1, batch_size=len(X))
            except RuntimeError as error:
                refused.append(str(error))

    at_once(train, train)
    assert all("at work in another thread" in message for message in refused)
    net.forward(X)  # and nobody is left inside


SCENARIOS = {scenario.__name__: scenario for scenario in (training, concurrent_networks, predictions, refusals)}


if __name__ == "__main__":
    always_parallel()
    for repetition in range(int(sys.argv[2])):
        SCENARIOS[sys.argv[1]](repetition)
        print(repetition, flush=True)
