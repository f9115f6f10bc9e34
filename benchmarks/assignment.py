"""The assignment on CIFAR-10: 3072-120-120-10, batches of 200, with the settings of `fastmlp train --data cifar10`.

    python -m benchmarks.assignment accuracy FOLDER --images "which images these are"
    python -m benchmarks.assignment stages FOLDER [--rounds 9]
    python -m benchmarks.assignment memory FOLDER
    python -m benchmarks.assignment search FOLDER [--optimizer SGD] [--rounds 3]

FOLDER holds CIFAR-10.

* accuracy: whole trainings of networks of 3 and 2 layers, by SGD and Adam, in float32, with several seeds, and their
  first epochs in NumPy. The seed is NumPy's global one, as in the notebook: it decides the weights and the order of the
  rows.
* stages: an epoch of the notebook as its user changes it: NumPy, one import line, float32, fit, images as bytes; after
  it, as in the notebook, the 1,000 validation and the 10,000 test images.
* memory: peak memory of a process, Python and its libraries included, that trains from uint8 images, which the network
  standardises as it reads them, with validation after each epoch and the test at the end.
* search: a grid of 24 combinations, five epochs each on 10,000 images, by `fastmlp.tuning.search` in float32, one
  network a processor; the same networks by `fit` one after the other, each with all threads; and in NumPy in float64.
  Samples a second count the training rows; validation after each epoch takes its time in all three.

Stages and search run in one process with all its threads, and what is compared takes turns. NumPy's BLAS has threads of
its own: a pause before each turn lets those of the one before go to sleep. Times and ratios are medians of the rounds',
with half their range.
"""

import argparse
import itertools
import json
import sys
import time

import numpy as np

from benchmarks.environment import RESULTS, provenance, write
from benchmarks.rounds import quoted
from benchmarks.worker import memory
from fastmlp import NeuralNetwork, Standardizer, get_CIFAR10_data, reference, tuning
from fastmlp.cli.presets import preset

PAUSE = 0.3
HIDDEN_SIZES = {3: (120, 120), 2: (120,)}
REFERENCE_EPOCHS = 5
SEARCH_ROWS, SEARCH_EPOCHS = 10_000, 5
RATES = {"SGD": [0.01, 0.03, 0.06, 0.1], "Adam": [0.0001, 0.0003, 0.0006, 0.001]}


def network_of(make, n_layers=3, **options):
    """A network of fastmlp or of the reference."""
    return make(3072, HIDDEN_SIZES[n_layers], 10, n_layers, **options)


def in_turns(functions, rounds):
    """Seconds of each call of each function, by its name, and what the last ones returned."""
    seconds, results = {name: [] for name in functions}, {}
    for _ in range(rounds):
        for name, function in functions.items():
            time.sleep(PAUSE)
            start = time.perf_counter()
            results[name] = function()
            seconds[name].append(time.perf_counter() - start)
    return {name: np.array(times) for name, times in seconds.items()}, results


def accuracy(options):
    """Train all networks, print the accuracies of each, and write them."""
    data = get_CIFAR10_data(folder=options.folder, dtype=np.float32)
    doubles = data["X_train"].astype(np.float64)
    runs = []
    for n_layers, optimizer, seed in itertools.product(HIDDEN_SIZES, ("SGD", "Adam"), options.seeds):
        settings = preset("cifar10", optimizer).settings | {"epochs": options.epochs}
        np.random.seed(seed)
        network = network_of(NeuralNetwork, n_layers, dtype=np.float32)
        loss = network.fit(data["X_train"], data["y_train"], **settings).train_loss
        settings["epochs"] = min(REFERENCE_EPOCHS, options.epochs)
        np.random.seed(seed)
        expected = network_of(reference.NeuralNetwork, n_layers).fit(doubles, data["y_train"], **settings).train_loss
        run = {"layers": n_layers, "optimizer": optimizer, "seed": seed}
        run |= {f"{part}_accuracy": network.score(data[f"X_{part}"], data[f"y_{part}"]) for part in ("test", "val")}
        run["largest_loss_difference"] = float(np.abs(loss[: len(expected)] / expected - 1).max())
        runs.append(run)
        print(json.dumps(run), flush=True)
    return {"images": options.images, "epochs": options.epochs, "runs": runs}


def stages(options):
    """Time an epoch of each stage."""
    data = {dtype: get_CIFAR10_data(folder=options.folder, dtype=dtype) for dtype in ("float64", "float32", "uint8")}
    standardizer = Standardizer.notebook().fit(data["uint8"]["X_train"])
    epochs = {
        "a solution in NumPy": three_calls(reference.NeuralNetwork, data["float64"], "float64"),
        "one import line": three_calls(NeuralNetwork, data["float64"], "float64"),
        "and float32": three_calls(NeuralNetwork, data["float32"], "float32"),
        "and `fit`": by_fit(data["float32"]),
        "and images as bytes": by_fit(data["uint8"], standardizer=standardizer),
    }
    for epoch in epochs.values():  # once without being measured
        epoch()
    seconds, _ = in_turns(epochs, options.rounds)
    first = next(iter(seconds.values()))
    found = {}
    for name, times in seconds.items():
        found[name] = quoted(times, "seconds") | quoted(first / times, "speedup")
        print(f"{name}: {json.dumps(found[name])}")
    return {"rounds": options.rounds, "stages": found}


def three_calls(make, data, dtype):
    """An epoch of the notebook's loop, on a network of this class."""
    network = network_of(make, dtype=dtype)
    settings = preset("cifar10", "Adam").settings
    batch, rate, regularization = (settings[name] for name in ("batch_size", "learning_rate", "regularization"))
    X_train, y_train = data["X_train"], data["y_train"]

    def epoch():
        indices = np.random.permutation(len(X_train))
        for i in range(0, len(X_train), batch):
            X_batch = X_train[indices[i : i + batch], :]
            y_batch = y_train[indices[i : i + batch]]
            scores = network.forward(X_batch)
            np.sum(np.argmax(scores, axis=1) == y_batch)
            network.backward(y_batch, regularization)
            network.update(rate, settings["beta1"], settings["beta2"], 1e-8, "Adam", 1)
        for part in ("val", "test"):
            np.mean(np.argmax(network.forward(data[f"X_{part}"]), axis=1) == data[f"y_{part}"])

    return epoch


def by_fit(data, **options):
    """The same in one call, and the test."""
    network = network_of(NeuralNetwork, dtype="float32", **options)
    settings = preset("cifar10", "Adam").settings | {"epochs": 1}

    def epoch():
        network.fit(data["X_train"], data["y_train"], X_val=data["X_val"], y_val=data["y_val"], **settings)
        network.score(data["X_test"], data["y_test"])

    return epoch


def peak_memory(options):
    """Train, and print what it took."""
    imported = memory("VmHWM")
    data = get_CIFAR10_data(folder=options.folder, dtype="uint8")
    standardizer = Standardizer.notebook().fit(data["X_train"])
    network = network_of(NeuralNetwork, dtype="float32", seed=0, standardizer=standardizer)
    settings = preset("cifar10", "Adam").settings | {"epochs": options.epochs}
    history = network.fit(data["X_train"], data["y_train"], X_val=data["X_val"], y_val=data["y_val"], **settings)
    found = {
        "VmHWM": memory("VmHWM"),
        "RssAnon": memory("RssAnon"),
        "after import": imported,
        "images": sum(array.nbytes for array in data.values()),
        "seconds an epoch": float(history.seconds.mean()),
        "test accuracy": network.score(data["X_test"], data["y_test"]),
    }
    found = {name: f"{v / 2**20:.0f} MiB" if isinstance(v, int) else round(v, 4) for name, v in found.items()}
    print(json.dumps(found, indent=1))


def search(options):
    """Print the samples a second of a search and of its networks one by one; fail if the results do not agree."""
    varied = {"num_layers": [2, 3, 4], "learning_rate": RATES[options.optimizer], "regularization": [0.0001, 0.001]}
    settings = {"optimizer": options.optimizer, "learning_rate_decay": 0.85, "epochs": SEARCH_EPOCHS}
    double = get_CIFAR10_data(SEARCH_ROWS, 1000, 0, folder=options.folder)
    single = {name: array.astype("f4") if name.startswith("X") else array for name, array in double.items()}

    def searched():
        parts = [single[name] for name in ("X_train", "y_train", "X_val", "y_val")]
        return [trial.history.val_accuracy for trial in tuning.search(varied | settings, *parts, seed=0).trials]

    def one_by_one(make, data, dtype):
        found = []
        for n_layers, *values in itertools.product(*varied.values()):
            network = make(3072, [120] * (n_layers - 1), 10, dtype=dtype, seed=0)
            wanted = settings | dict(zip(list(varied)[1:], values, strict=True))
            validation = {"X_val": data["X_val"], "y_val": data["y_val"]}
            found.append(network.fit(data["X_train"], data["y_train"], seed=0, **validation, **wanted).val_accuracy)
        return found

    functions = {
        "search": searched,
        "one by one": lambda: one_by_one(NeuralNetwork, single, "float32"),
        "NumPy": lambda: one_by_one(reference.NeuralNetwork, double, "float64"),
    }
    seconds, accuracies = in_turns(functions, options.rounds)
    for name, times in seconds.items():
        rate = len(accuracies[name]) * SEARCH_EPOCHS * SEARCH_ROWS / np.median(times)
        ratio = "{ratio:.2f} ± {ratio_spread:.2f}".format(**quoted(times / seconds["search"], "ratio"))
        print(f"{name}: {rate:,.0f} samples a second, {ratio} times the search's time")
    same = np.array_equal(accuracies["search"], accuracies["one by one"])
    difference = np.abs(np.subtract(accuracies["search"], accuracies["NumPy"])).max()
    print(f"same accuracies one by one: {same}; largest difference to NumPy's: {difference:.4f}")
    # single precision and double differ by a few of the 1,000 validation images
    if not same or difference >= 0.1:
        sys.exit(1)


def main():
    """Run one of them; what the pages quote is written to a file of results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, dest="name")
    command = {}
    for name, function in ("accuracy", accuracy), ("stages", stages), ("memory", peak_memory), ("search", search):
        command[name] = commands.add_parser(name, help=function.__doc__)
        command[name].add_argument("folder")
        command[name].set_defaults(function=function)
    command["accuracy"].add_argument("--images", required=True)
    command["accuracy"].add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    for name in "accuracy", "memory":
        command[name].add_argument("--epochs", type=int, default=40)
    command["search"].add_argument("--optimizer", choices=list(RATES), default="SGD")
    for name, rounds in ("stages", 9), ("search", 3):
        command[name].add_argument("--rounds", type=int, default=rounds)
    options = parser.parse_args()
    record = options.function(options)
    if record:
        head = provenance("benchmarks.assignment")
        head["command"] = head["command"].replace(options.folder, "FOLDER")
        write(RESULTS / f"{options.name}.json", head | record)


if __name__ == "__main__":
    main()
