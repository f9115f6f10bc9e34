"""Trains small networks from numbers that have the same bits everywhere; prints a line of hashes for each training.

The lines are those of the table in tests/engine/test_stored_bits.py. The number of threads may be given.
"""

import hashlib
import sys
from typing import NamedTuple

import numpy as np

from fastmlp import NeuralNetwork, Standardizer
from fastmlp.engine import threads
from fastmlp.functions.losses import LOSSES
from fastmlp.functions.optimizers import OPTIMIZERS


class Training(NamedTuple):
    """A network, its rows and settings; targets are numbers where the loss is not cross-entropy."""

    sizes: tuple[int, ...]
    n_rows: int
    batch_size: int
    activation: str | tuple[str, ...] = "relu"
    loss: str = "cross_entropy"
    stored: str = "float32"
    regularization: float = 0.0
    standardized: bool = False
    optimizers: tuple[str, ...] = ("SGD", "Adam")
    dropout: tuple[float, ...] = ()
    weighted: bool = False
    clip_norm: float | None = None


TRAININGS = {
    "assignment": Training((3072, 120, 120, 10), 300, 200, stored="uint8", regularization=0.01, standardized=True),
    "tiny": Training((4, 10, 3), 33, 5, stored="float64", regularization=0.01, optimizers=tuple(OPTIMIZERS)),
    "narrow": Training((4, 32, 16, 4), 2500, 2000, activation="logistic", regularization=0.01),
    "regression": Training((10, 64, 64, 1), 2500, 1000, activation="tanh", loss="squared_error"),
    "activations": Training((9, 40, 40, 40, 40, 40, 7), 700, 600, ("leaky_relu", "elu", "gelu", "gelu_tanh", "silu")),
    # the largest narrow network, with a batch of more rows than a chunk has and one of as many; and a larger network
    "narrow at the limits": Training((63, 128), 1025, 513, optimizers=("SGD",)),
    "beyond the limits": Training((63, 129), 513, 513, optimizers=("SGD",)),
    "dropped and weighted": Training(
        (70, 90, 60, 3), 1300, 600, ("tanh", "gelu"), optimizers=("SGD",), dropout=(0.1, 0.3, 0.2), weighted=True
    ),
    "clipped": Training((70, 90, 3), 700, 600, regularization=0.01, clip_norm=0.1),
    "counts": Training((10, 64, 1), 700, 600, loss="poisson", optimizers=("SGD",)),
    "yes or no": Training((10, 64, 1), 700, 600, loss="binary_cross_entropy", optimizers=("SGD",)),
    "row by row": Training((70, 90, 3), 9, 1),
    "wide": Training((600, 700, 10), 150, 100, activation="tanh", regularization=0.01, standardized=True),
}


def numbers(*shape: int, exponent: int = 0) -> np.ndarray:
    """Numbers from -1 to 1, times 2**exponent: multiples of a power of two, exact in both dtypes."""
    i = np.arange(np.prod(shape), dtype=np.int64)
    return (((i * i * 75 + i * 74) % 65537 - 32768) * 2.0 ** (exponent - 15)).reshape(shape)


def digests(*contents: list[np.ndarray]) -> list[str]:
    """A hash of each list of arrays."""
    return [hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()[:12] for arrays in contents]


def hashes(training: Training, dtype: str, optimizer: str, n_threads: int) -> list[str]:
    """Of the parameters after three epochs, the predictions, and all losses and scores."""
    n_in, *hidden, n_out = training.sizes
    standardizer = None
    X = numbers(training.n_rows, n_in)
    if training.standardized:
        X = 128 + 127 * X
        standardizer = Standardizer.of_statistics(128 + 8 * numbers(n_in), 64 + 4 * numbers(n_in))
    X = X.astype(training.stored)
    y = (100 * numbers(training.n_rows)).astype(np.int64) % n_out
    if training.loss != "cross_entropy":
        y = numbers(training.n_rows) ** (1 if LOSSES[training.loss].standardizes else 2)  # from 0 to 1
    net = NeuralNetwork(
        n_in,
        hidden,
        n_out,
        activation=training.activation,
        loss=training.loss,
        dtype=dtype,
        n_threads=n_threads,
        standardizer=standardizer,
        dropout=list(training.dropout) or 0.0,
        seed=0,
    )
    for array in net.params.values():
        array[...] = numbers(*array.shape, exponent=-(len(array).bit_length() // 2) if array.ndim == 2 else -4)
    order = np.arange(training.n_rows) * 7 % training.n_rows
    history = [
        net.train_epoch(
            X,
            y,
            order,
            batch_size=training.batch_size,
            learning_rate=2.0**-6,
            regularization=training.regularization,
            clip_norm=training.clip_norm,
            optimizer=optimizer,
            sample_weight=1 + numbers(training.n_rows) if training.weighted else None,
        )
        for _ in range(3)
    ]
    history.append(net.evaluate(X, y, reg=training.regularization))
    predictions = net.predict(X) if training.loss != "cross_entropy" else net.predict_proba(X)
    if training.loss == "poisson":  # its score has the bits of NumPy's logarithm, which differ from version to version
        history = [loss for loss, _ in history]
    return digests([*net.params.values()], [predictions], [np.array(history)])


def statistics() -> list[str]:
    """Hashes of the means and scales of columns whose sums round, by features and of all together."""
    X = 300 + numbers(1000, 37) / 7
    measured = [Standardizer().fit(X[:, :n_columns]) for n_columns in (1, 2, 37)]
    measured.append(Standardizer(1, "channel").fit(X))
    return digests([m.mean_ for m in measured], [m.scale_ for m in measured])


if __name__ == "__main__":
    threads.SERIAL_WORK = 0  # small networks use a team too
    n_threads = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    print("standardizer:", *statistics())
    for name in TRAININGS:
        for dtype in ("float32", "float64"):
            for optimizer in TRAININGS[name].optimizers:
                print(f"{name} {dtype} {optimizer}:", *hashes(TRAININGS[name], dtype, optimizer, n_threads), flush=True)
