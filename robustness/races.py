"""What ThreadSanitizer watches: ways to use networks from many threads.

    python -m robustness.races SCENARIO REPETITIONS

A line is printed for each repetition that has passed. `robustness.sanitize` runs them all in the build that they need;
in any other one, only the results are checked.
"""

import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from fastmlp import NeuralNetwork, Standardizer
from fastmlp.tuning import search
from robustness.product import OPTIMIZERS, always_parallel

# Sizes and rows with which each product is cut in each of the three ways, rows in tiles, and small products not at all.
SHAPES = {
    "terms": ((2048, 48, 10), 60),
    "rows in tiles": ((40, 32, 9), 1100),
    "columns": ((30, 1531, 3), 97),
    "inputs over terms": ((11, 1409, 53), 60),
    "deep": ((20, 8, 7, 6, 5, 4), 130),
}
N_THREADS = 3


def at_once(*calls: Callable[[], object]) -> None:
    """Make all calls at the same time, each in a thread of its own; the first error of any is raised."""
    start = threading.Barrier(len(calls))
    with ThreadPoolExecutor(len(calls)) as pool:
        for future in [pool.submit(lambda call=call: (start.wait(), call())) for call in calls]:
            future.result()


def batch(shape: str, repetition: int) -> tuple[tuple[int, ...], np.ndarray, np.ndarray]:
    """Sizes of a network, and rows of pixels with their labels."""
    sizes, n_rows = SHAPES[shape]
    random = np.random.RandomState(repetition)
    return sizes, random.randint(256, size=(n_rows, sizes[0])).astype(np.uint8), random.randint(sizes[-1], size=n_rows)


def trained(shape: str, repetition: int, n_threads: int) -> dict[str, np.ndarray]:
    """Parameters after an epoch of two batches, and after the three calls."""
    sizes, X, y = batch(shape, repetition)
    optimizer = OPTIMIZERS[repetition % len(OPTIMIZERS)]
    # pixels are gathered and standardised, and floats of the network's own type are used where they are
    standardizer = Standardizer().fit(X) if repetition % 2 else None
    dtype = ("float32", "float64")[repetition // 2 % 2]
    options = {"dtype": dtype, "n_threads": n_threads, "seed": 0, "standardizer": standardizer}
    net = NeuralNetwork(sizes[0], sizes[1:-1], sizes[-1], **options)
    rows = X if standardizer is not None else (X / 255).astype(dtype)
    rates = {"learning_rate": 1e-3, "regularization": 0.1}
    net.fit(rows, y, epochs=1, batch_size=len(X) - 1, optimizer=optimizer, seed=0, **rates)
    net.forward(rows)
    net.backward(y, 0.1)
    net.update(1e-3, opt=optimizer)
    return net.params.copy()


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return all(np.array_equal(one[name], other[name]) for name in one)


def training(repetition: int) -> None:
    """A team gives what one thread gives."""
    for shape in SHAPES:
        assert same(trained(shape, repetition, 1), trained(shape, repetition, N_THREADS)), shape


def concurrent_networks(repetition: int) -> None:
    """Networks in threads of their own, each with a team."""
    expected = trained("terms", repetition, 1)

    def train() -> None:
        assert same(trained("terms", repetition, 2), expected)

    at_once(train, train, train)


def predictions(repetition: int) -> None:
    """One network asked by several threads, with numbers of rows that need different room."""
    sizes, X, y = batch("rows in tiles", repetition)
    net = NeuralNetwork(sizes[0], sizes[1:-1], sizes[-1], n_threads=2, seed=0)
    outputs, classes, evaluation = net.predict_proba(X), net.predict(X), net.evaluate(X, y)

    def probabilities() -> None:
        assert np.array_equal(net.predict_proba(X), outputs)

    def some_classes() -> None:
        assert np.array_equal(net.predict(X[:600]), classes[:600])

    def evaluated() -> None:
        assert net.evaluate(X, y) == evaluation

    at_once(probabilities, some_classes, evaluated, probabilities)


def refusals(repetition: int) -> None:
    """One network trained by two threads, until one of them has been refused."""
    sizes, X, y = batch("rows in tiles", repetition)
    net = NeuralNetwork(sizes[0], sizes[1:-1], sizes[-1], n_threads=2, seed=0)
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


def tuning(repetition: int) -> None:
    """A search with several networks at a time gives what one at a time gives."""
    _, X, y = batch("deep", repetition)
    space = {"hidden_sizes": [[30], [20, 10]], "optimizer": list(OPTIMIZERS), "batch_size": 50, "epochs": 2}
    one, several = (search(space, X, y, X, y, n_workers=n).trials for n in (1, 4))
    assert [trial.rank for trial in one] == [trial.rank for trial in several]


SCENARIOS = {scenario.__name__: scenario for scenario in (training, concurrent_networks, predictions, refusals, tuning)}


def main(name: str, repetitions: int) -> None:
    always_parallel()
    for repetition in range(repetitions):
        SCENARIOS[name](repetition)
        print(name, repetition, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
