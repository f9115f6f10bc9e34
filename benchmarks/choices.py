"""What activations, dropout, weights of rows and clipping cost, and a small regression compared with PyTorch.

    python -m benchmarks.choices [--optimizer SGD] [--rounds 9] [--threads 2]

* The step of a 64-64-1 regression, batches of 32, with relu, tanh and gelu: by the three calls, by `train_epoch`, and
  in PyTorch, eager, where it is installed. All train from the same weights on the same batches, and must come to the
  same loss before they are measured.
* The step by `train_epoch` with dropout=0.3, with weights of rows, and with gradients whose norm is computed and which
  are left as they are or clipped, compared with none of these, of that network and of the assignment's.

All in one process, with one thread, or the second table with more. In a round each takes its turn, for at least 50 ms;
a pause before it lets threads of the one before go to sleep. Times, in µs, and ratios of the same round are medians of
the rounds' ± half their range.
"""

import argparse
import functools
import importlib.util
import itertools
import time
from collections.abc import Callable

import numpy as np

from benchmarks.environment import provenance
from benchmarks.products import DTYPES, text
from benchmarks.report import table
from benchmarks.rounds import progress
from fastmlp import NeuralNetwork

ROUNDS, BLOCK, PAUSE = 9, 0.05, 0.1
RATE = 0.001
REGRESSION = {"sizes": (64, [64], 1), "batch": 32, "rows": 16_000, "loss": "squared_error"}
ASSIGNMENT = {"sizes": (3072, [120, 120], 10), "batch": 200, "rows": 2_000, "loss": "cross_entropy"}
# one that no gradient has, and one that all are scaled down to
CLIP_NORMS = 1e9, 1e-3
# of the losses of an epoch in which all compute the same
TOLERANCES = {"float32": 1e-3, "float64": 1e-9}
PYTORCH = "PyTorch"
# what is measured, a comparison, an exponential and an error function, by PyTorch's names
ACTIVATIONS = {"relu": "ReLU", "tanh": "Tanh", "gelu": "GELU"}
SHOWN = ("processor", "processors", "python", "fastmlp", "SIMD", "numpy", "torch", "BLAS", "variables", "commit")

Epochs = dict[str, Callable[[], float]]


def described(case: dict) -> str:
    """Sizes, loss and batch size."""
    n_in, hidden, n_out = case["sizes"]
    return f"{'-'.join(map(str, [n_in, *hidden, n_out]))}, {case['loss']}, batch {case['batch']}"


def data(case: dict, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows, and targets or labels."""
    random = np.random.default_rng(0)
    X = random.standard_normal((case["rows"], case["sizes"][0])).astype(dtype)
    return X, X[:, :10].argmax(axis=1) if case["loss"] == "cross_entropy" else np.sin(X[:, :1]) + X[:, 1:2] ** 2


def of_activation(case: dict, dtype: str, activation: str, optimizer: str) -> Epochs:
    """An epoch by each library, which returns the mean loss of its batches."""
    X, y = data(case, dtype)
    starts = range(0, case["rows"], case["batch"])
    make = functools.partial(
        NeuralNetwork, *case["sizes"], activation=activation, loss=case["loss"], dtype=dtype, n_threads=1, seed=0
    )
    net, fused = make(), make()

    def three_calls():
        total = 0.0
        for i in starts:
            net.forward(X[i : i + case["batch"]])
            total += net.backward(y[i : i + case["batch"]])
            net.update(RATE, opt=optimizer)
        return total / len(starts)

    def train_epoch():
        return fused.train_epoch(X, y, batch_size=case["batch"], learning_rate=RATE, optimizer=optimizer)[0]

    found = {"three calls": three_calls, "train_epoch": train_epoch}
    if importlib.util.find_spec("torch"):
        found[PYTORCH] = by_torch(make(), X, y, case["batch"], optimizer)
    return found


def by_torch(net: NeuralNetwork, X: np.ndarray, y: np.ndarray, batch: int, optimizer: str) -> Callable[[], float]:
    """The same in PyTorch, of a network with one hidden layer and its weights."""
    import torch
    from torch import nn

    torch.set_num_threads(1)
    X, y = torch.tensor(X), torch.tensor(y)
    linears = [nn.Linear(*net.params[f"W{i}"].shape, dtype=X.dtype) for i in (1, 2)]
    with torch.no_grad():
        for i, linear in enumerate(linears, 1):
            linear.weight.copy_(torch.tensor(net.params[f"W{i}"].T))
            linear.bias.copy_(torch.tensor(net.params[f"b{i}"]))
    model, criterion = nn.Sequential(linears[0], getattr(nn, ACTIVATIONS[net.activation])(), linears[1]), nn.MSELoss()
    stepper = getattr(torch.optim, optimizer)(model.parameters(), lr=RATE)

    def epoch():
        total = torch.zeros((), dtype=X.dtype)
        for i in range(0, len(X), batch):
            stepper.zero_grad()
            loss = criterion(model(X[i : i + batch]), y[i : i + batch])
            loss.backward()
            stepper.step()
            total += loss.detach()
        return float(total) / (len(X) // batch)

    return epoch


def of_options(case: dict, dtype: str, optimizer: str, n_threads: int) -> Epochs:
    """An epoch by `train_epoch`, plain and with each option."""
    X, y = data(case, dtype)
    weights = np.random.default_rng(1).uniform(0.5, 2, len(X))

    def by(dropout=0.0, **given):
        options = {"loss": case["loss"], "dropout": dropout, "dtype": dtype, "n_threads": n_threads, "seed": 0}
        net = NeuralNetwork(*case["sizes"], **options)
        settings = {"batch_size": case["batch"], "learning_rate": RATE, "optimizer": optimizer, **given}
        return lambda: net.train_epoch(X, y, **settings)[0]

    return {
        "plain": by(),
        "dropout=0.3": by(dropout=0.3),
        "sample_weight": by(sample_weight=weights),
        **{f"clip_norm={norm:g}": by(clip_norm=norm) for norm in CLIP_NORMS},
    }


def times(epochs: Epochs, n_steps: int, rounds: int, title: str) -> dict[str, np.ndarray]:
    """Seconds of a step by name and round, in turns; in the other order in every second round."""
    found = {name: [] for name in epochs}
    for number in progress(range(rounds), title):
        for name in list(epochs)[:: -1 if number % 2 else 1]:
            time.sleep(PAUSE)
            n_epochs, start, elapsed = 0, time.perf_counter(), 0.0
            while elapsed < BLOCK:
                epochs[name]()
                n_epochs += 1
                elapsed = time.perf_counter() - start
            found[name].append(elapsed / n_epochs / n_steps)
    return {name: np.array(seconds) for name, seconds in found.items()}


def activation_row(case: dict, dtype: str, activation: str, optimizer: str, rounds: int) -> list[str]:
    """The row of one activation: times, and PyTorch's as a multiple of the others."""
    epochs = of_activation(case, dtype, activation, optimizer)
    losses = {name: epoch() for name, epoch in epochs.items()}  # that warms up, too
    np.testing.assert_allclose(list(losses.values()), losses["train_epoch"], TOLERANCES[dtype], err_msg=str(losses))
    found = times(epochs, case["rows"] // case["batch"], rounds, f"{activation}, {dtype}")
    texts = [text(1e6 * seconds, 1) for seconds in found.values()]
    if PYTORCH in found:
        texts += [text(found[PYTORCH] / found[name], 1) for name in ("three calls", "train_epoch")]
    return [activation, dtype, *texts]


def options_row(case: dict, dtype: str, optimizer: str, rounds: int, n_threads: int = 1) -> dict[str, str]:
    """The row of one network: the time of a plain step, and that with each option as a multiple of it."""
    epochs = of_options(case, dtype, optimizer, n_threads)
    for epoch in epochs.values():
        epoch()
    name = described(case)
    found = times(epochs, case["rows"] // case["batch"], rounds, f"{name}, {dtype}")
    plain = found.pop("plain")
    others = {f"{option} / plain": text(seconds / plain, 3) for option, seconds in found.items()}
    return {"network": name, "dtype": dtype, "plain, µs": text(1e6 * plain, 1), **others}


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--optimizer", choices=["Adam", "SGD"], default="Adam", help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="default: %(default)s")
    parser.add_argument("--threads", type=int, default=1, help="of the second table (default: %(default)s)")
    options = parser.parse_args()
    found = provenance("benchmarks.choices")
    print(f"{found['command']}, {found['date']}")
    for name in SHOWN:
        print(f"{name}: {found['environment'][name]}")
    heads = ["activation", "dtype", "three calls, µs", "train_epoch, µs"]
    if importlib.util.find_spec("torch"):
        heads += ["PyTorch, µs", "PyTorch / three calls", "PyTorch / train_epoch"]
    lines = [
        activation_row(REGRESSION, dtype, activation, options.optimizer, options.rounds)
        for activation, dtype in itertools.product(ACTIVATIONS, DTYPES)
    ]
    print(f"\n{described(REGRESSION)}, {options.optimizer}\n\n{table(heads, lines)}")
    rows = [
        options_row(case, dtype, options.optimizer, options.rounds, options.threads)
        for case, dtype in itertools.product((ASSIGNMENT, REGRESSION), DTYPES)
    ]
    print(
        f"\n{options.optimizer}, threads: {options.threads}\n\n{table(list(rows[0]), [row.values() for row in rows])}"
    )


if __name__ == "__main__":
    main()
