"""Peak memory of the assignment's training from raw bytes, in a fresh process, Python and its libraries included.

    python -m benchmarks.memory FOLDER [--epochs 40]

FOLDER holds CIFAR-10. 40 epochs of 3072-120-120-10 by Adam in float32, with validation after each and the test at the
end, from uint8 images that the network standardises as it reads them.
"""

import argparse
import json

from benchmarks.worker import memory
from fastmlp import NeuralNetwork, Standardizer, get_CIFAR10_data, training
from fastmlp.cli.presets import preset


def main() -> None:
    """Train, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--epochs", type=int, default=40)
    options = parser.parse_args()
    imported = memory("VmHWM")
    data = get_CIFAR10_data(folder=options.folder, dtype="uint8")
    standardizer = Standardizer.notebook().fit(data["X_train"])
    network = NeuralNetwork(3072, [120, 120], 10, 3, dtype="float32", seed=0, standardizer=standardizer)
    settings = preset("cifar10", "Adam").checked(epochs=options.epochs)
    validation = {"X_val": data["X_val"], "y_val": data["y_val"]}
    history = training.fit(network, data["X_train"], data["y_train"], settings, **validation)
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


if __name__ == "__main__":
    main()
