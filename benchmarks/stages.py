"""An epoch of the assignment's notebook as its user changes it: NumPy, one import line, float32, fit, images as bytes.

    python -m benchmarks.stages FOLDER [--rounds 9]

FOLDER holds CIFAR-10. 3072-120-120-10 by Adam, 245 batches of 200, and after the epoch the 1,000 validation and the
10,000 test images, as the notebook does. The stages take turns, round after round; what is written is the median of
the rounds' times, and of their ratios, with half their range. All run in one process with all its threads: NumPy's
BLAS has its own, and a pause before each stage lets the threads of the one before go to sleep.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from benchmarks.environment import provenance
from fastmlp import NeuralNetwork, Standardizer, get_CIFAR10_data, reference
from fastmlp.cli.presets import preset

RESULTS = Path(__file__).with_name("results") / "stages.json"
PAUSE = 0.3


def three_calls(make, data, dtype):
    """The notebook's loop, on a network of this class."""
    network = make(3072, [120, 120], 10, 3, dtype=dtype)
    settings = preset("cifar10", "Adam").checked()
    X_train, y_train = data["X_train"], data["y_train"]

    def epoch():
        indices = np.random.permutation(len(X_train))
        for i in range(0, len(X_train), settings.batch_size):
            X_batch = X_train[indices[i : i + settings.batch_size], :]
            y_batch = y_train[indices[i : i + settings.batch_size]]
            scores = network.forward(X_batch)
            np.sum(np.argmax(scores, axis=1) == y_batch)
            network.backward(y_batch, settings.regularization)
            network.update(settings.rate, settings.beta1, settings.beta2, settings.epsilon, "Adam", 1)
        for part in ("val", "test"):
            np.mean(np.argmax(network.forward(data[f"X_{part}"]), axis=1) == data[f"y_{part}"])

    return epoch


def fit(data, dtype, standardizer=None):
    """The same in one call, and the test."""
    network = NeuralNetwork(3072, [120, 120], 10, 3, dtype=dtype, standardizer=standardizer)
    settings = preset("cifar10", "Adam").settings | {"epochs": 1}

    def epoch():
        network.fit(data["X_train"], data["y_train"], X_val=data["X_val"], y_val=data["y_val"], **settings)
        network.score(data["X_test"], data["y_test"])

    return epoch


def stages(folder):
    """Each stage by the name that the page gives it."""
    data = {dtype: get_CIFAR10_data(folder=folder, dtype=dtype) for dtype in ("float64", "float32", "uint8")}
    standardizer = Standardizer.notebook().fit(data["uint8"]["X_train"])
    return {
        "a solution in NumPy": three_calls(reference.NeuralNetwork, data["float64"], "float64"),
        "one import line": three_calls(NeuralNetwork, data["float64"], "float64"),
        "and float32": three_calls(NeuralNetwork, data["float32"], "float32"),
        "and `fit`": fit(data["float32"], "float32"),
        "and images as bytes": fit(data["uint8"], "float32", standardizer),
    }


def table(record):
    """The results as a table in Markdown."""
    seconds = {name: np.array(times) for name, times in record["seconds"].items()}
    first = next(iter(seconds.values()))
    lines = ["| stage | seconds an epoch | times as fast |", "|---|---|---|"]
    for name, times in seconds.items():
        ratios = first / times
        faster = "" if times is first else f"{np.median(ratios):.2f} ± {np.ptp(ratios) / 2:.2f}"
        lines.append(f"| {name} | {np.median(times):.2f} | {faster} |")
    return lines


def main():
    """Measure, show, and keep the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    epochs = stages(options.folder)
    seconds = {name: [] for name in epochs}
    for epoch in epochs.values():  # once without being measured
        epoch()
    for _ in range(options.rounds):
        for name, epoch in epochs.items():
            time.sleep(PAUSE)
            start = time.perf_counter()
            epoch()
            seconds[name].append(time.perf_counter() - start)
    record = {**provenance("benchmarks.stages"), "seconds": seconds}
    record["command"] = record["command"].replace(options.folder, "FOLDER")
    options.out.write_text(json.dumps(record, indent=1) + "\n")
    print("\n".join(table(record)))


if __name__ == "__main__":
    main()
