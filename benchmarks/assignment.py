"""The assignment's runs on CIFAR-10, and the same runs' first epochs in plain NumPy.

    python -m benchmarks.assignment --folder FOLDER --images "which images these are"

Networks of 3 and 2 layers, SGD and Adam, float32, several seeds, with the settings that `fastmlp train --data cifar10`
uses. The seed is NumPy's global one, as in the notebook: it decides the weights and the order of the rows.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from fastmlp import NeuralNetwork, get_CIFAR10_data, reference, training
from fastmlp.cli.presets import preset
from fastmlp.environment import environment

RESULTS = Path(__file__).with_name("results") / "assignment.json"

HIDDEN_SIZES = {3: (120, 120), 2: (120,)}
REFERENCE_EPOCHS = 5
# From the assignment's notebook, on the official images: final test accuracy as printed (3 layers only).
PRINTED = {(3, "SGD"): "0.528 to 0.530", (3, "Adam"): "0.531 to 0.533"}


def train(make, data, n_layers, optimizer, seed, epochs, dtype):
    """Train one network; returns it and its history."""
    np.random.seed(seed)
    network = make(3072, HIDDEN_SIZES[n_layers], 10, n_layers, dtype=dtype)
    settings = preset("cifar10", optimizer).checked(epochs=epochs)
    history = training.fit(network, data["X_train"].astype(dtype, copy=False), data["y_train"], settings)
    return network, history


def run(folder, images, seeds, epochs, out):
    """Train all networks, report each, and write the results."""
    data = get_CIFAR10_data(folder=folder, dtype=np.float32)
    doubles = {"X_train": data["X_train"].astype(np.float64), "y_train": data["y_train"]}
    runs = []
    for n_layers in HIDDEN_SIZES:
        for optimizer in ("SGD", "Adam"):
            for seed in seeds:
                network, history = train(NeuralNetwork, data, n_layers, optimizer, seed, epochs, np.float32)
                first = min(REFERENCE_EPOCHS, epochs)
                _, expected = train(reference.NeuralNetwork, doubles, n_layers, optimizer, seed, first, np.float64)
                difference = np.abs(history.train_loss[:first] / expected.train_loss - 1).max()
                runs.append(
                    {
                        "layers": n_layers,
                        "optimizer": optimizer,
                        "seed": seed,
                        "test_accuracy": network.score(data["X_test"], data["y_test"]),
                        "val_accuracy": network.score(data["X_val"], data["y_val"]),
                        "train_loss": history.train_loss.tolist(),
                        "reference_train_loss": expected.train_loss.tolist(),
                        "largest_loss_difference": float(difference),
                    }
                )
                print({name: value for name, value in runs[-1].items() if not name.endswith("train_loss")}, flush=True)
    record = {
        "command": f"python -m benchmarks.assignment --folder FOLDER --images IMAGES --epochs {epochs} "
        f"--seeds {' '.join(map(str, seeds))}",
        "images": images,
        "epochs": epochs,
        "environment": environment(),
        "runs": runs,
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(record, indent=1) + "\n")


def table(record):
    """The results as a table in Markdown."""
    lines = [
        f"Final test accuracy after {record['epochs']} epochs, float32, on {record['images']}; beside it what the "
        "assignment's notebook prints, on the official images.",
        "",
        "| network | optimiser | mean | seeds | printed | first epochs' loss against NumPy |",
        "|---|---|---|---|---|---|",
    ]
    for n_layers, hidden in HIDDEN_SIZES.items():
        for optimizer in ("SGD", "Adam"):
            runs = [run for run in record["runs"] if (run["layers"], run["optimizer"]) == (n_layers, optimizer)]
            accuracies = [run["test_accuracy"] for run in runs]
            sizes = "-".join(map(str, (3072, *hidden, 10)))
            lines.append(
                f"| {sizes} | {optimizer} | {np.mean(accuracies):.4f} | "
                f"{', '.join(f'{accuracy:.4f}' for accuracy in accuracies)} | {PRINTED.get((n_layers, optimizer), '')} "
                f"| within {max(run['largest_loss_difference'] for run in runs):.1g} |"
            )
    versions = record["environment"]
    lines += [
        "",
        f"`{record['command']}`; fastmlp {versions['fastmlp']}, NumPy {versions['numpy']}, "
        f"SciPy {versions['scipy']}, {versions['BLAS']}, {versions['processor']}, {versions['threads']} threads.",
    ]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--images", required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    run(arguments.folder, arguments.images, arguments.seeds, arguments.epochs, arguments.out)


if __name__ == "__main__":
    main()
