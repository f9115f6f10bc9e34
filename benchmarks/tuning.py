"""A search for hyper-parameters against the same networks one after the other.

    python -m benchmarks.tuning FOLDER [--optimizer SGD] [--rounds 3]

FOLDER holds CIFAR-10. A grid of 24 combinations, three numbers of layers, four rates and two strengths of
regularisation, five epochs each on 10,000 images, is trained in three ways, in turns:

* search: `fastmlp.tuning.search` in float32, one network a processor;
* one by one: the same networks with `fit` one after the other, each by all threads;
* NumPy: the same by `fastmlp.reference` in float64, NumPy's BLAS with all threads.

Samples a second count the training rows; validation after each epoch takes its time in all three.
"""

import argparse
import itertools
import json
import sys
import time

import numpy as np

from benchmarks.environment import provenance
from fastmlp import NeuralNetwork, get_CIFAR10_data, reference, training
from fastmlp.training import Settings
from fastmlp.tuning import search

ROWS, EPOCHS, SEED = 10_000, 5, 0
RATES = {"SGD": [0.01, 0.03, 0.06, 0.1], "Adam": [0.0001, 0.0003, 0.0006, 0.001]}


def grid(optimizer: str) -> dict:
    """The space of the search."""
    return {
        "num_layers": [2, 3, 4],
        "learning_rate": RATES[optimizer],
        "regularization": [0.0001, 0.001],
        "optimizer": optimizer,
        "learning_rate_decay": 0.85,
        "epochs": EPOCHS,
    }


def one_by_one(make, data: dict, space: dict, dtype: str) -> list[list[float]]:
    """Validation accuracy by epoch of each network, trained one after the other."""
    found = []
    choices = {name: values if isinstance(values, list) else [values] for name, values in space.items()}
    for values in itertools.product(*choices.values()):
        wanted = dict(zip(choices, values, strict=True))
        hidden_sizes = [120] * (wanted.pop("num_layers") - 1)
        network = make(3072, hidden_sizes, 10, dtype=dtype, seed=SEED)
        settings = Settings(**wanted)
        history = training.fit(
            network, data["X_train"], data["y_train"], settings, seed=SEED, X_val=data["X_val"], y_val=data["y_val"]
        )
        found.append(history.val_accuracy.tolist())
    return found


def searched(data: dict, space: dict) -> list[list[float]]:
    """The same by a search."""
    found = search(space, data["X_train"], data["y_train"], data["X_val"], data["y_val"], seed=SEED)
    return [trial.history.val_accuracy.tolist() for trial in found.trials]


def main() -> int:
    """Train in turns, print samples a second, and tell by the exit status whether the results agree."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--optimizer", choices=list(RATES), default="SGD")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    space = grid(options.optimizer)
    double = get_CIFAR10_data(ROWS, 1000, 0, folder=options.folder)
    single = {name: array.astype("f4") if name.startswith("X") else array for name, array in double.items()}
    ways = {
        "search": lambda: searched(single, space),
        "one by one": lambda: one_by_one(NeuralNetwork, single, space, "float32"),
        "NumPy": lambda: one_by_one(reference.NeuralNetwork, double, space, "float64"),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    accuracies = {}
    for _ in range(options.rounds):
        for name, way in ways.items():
            time.sleep(0.2)  # threads of another BLAS spin on for a while
            start = time.perf_counter()
            accuracies[name] = np.array(way())
            seconds[name].append(time.perf_counter() - start)
    samples = len(accuracies["search"]) * EPOCHS * ROWS
    ratios = {name: np.array(taken) / seconds["search"] for name, taken in seconds.items()}
    same = bool((accuracies["search"] == accuracies["one by one"]).all())
    difference = float(np.abs(accuracies["search"] - accuracies["NumPy"]).max())
    record = {
        **provenance("benchmarks.tuning"),
        "samples a second": {name: round(samples / float(np.median(taken))) for name, taken in seconds.items()},
        "search is so many times as fast": {
            name: f"{np.median(r):.2f} ({r.min():.2f} to {r.max():.2f})" for name, r in ratios.items()
        },
        "same accuracies one by one": same,
        "largest difference of an accuracy to NumPy's": difference,
    }
    print(json.dumps(record, indent=1))
    # single precision parts from double by a few of the 1,000 validation images
    return 0 if same and difference < 0.1 else 1


if __name__ == "__main__":
    sys.exit(main())
