"""Model files and checkpoints for the fuzzer: whole ones, and ones that say something else under a right checksum."""

import functools
import io
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from fastmlp import DivergenceError, NeuralNetwork, Standardizer
from fastmlp.files.models import digest
from robustness import fuzz_bytes
from robustness.fuzz_twin import state

ROWS = np.arange(24.0).reshape(8, 3), np.arange(8) % 2
# what a header may hold at any of its places
VALUES = (
    *(None, True, 0, -1, 1.5, 2**31 - 1, 2**63, 10**40, float("nan"), "", "float32", "a\0"),
    *([], [3], [[3]], [3, 4, 2], [3, 2**31 - 1, 2], ["a", "b"], ["a", "a"]),
    *({}, {"n_channels": 3}, {"center": "channel"}, {"x": 1}),
)


@functools.cache
def networks() -> list[NeuralNetwork]:
    """Networks with everything that a file may hold, and with nothing."""
    X, y = np.arange(24.0).reshape(8, 3), np.arange(8) % 2
    found = []
    standardizers = (None, Standardizer().fit(X), Standardizer(3).fit(X))
    for dtype, standardizer in zip(("float32", "float64", "float32"), standardizers, strict=True):
        for optimizer in ("SGD", "Momentum", "Adam"):
            net = NeuralNetwork(3, [4], 2, dtype=dtype, seed=0, standardizer=standardizer)
            net.fit(X / 24, y, epochs=1, batch_size=4, optimizer=optimizer, seed=0)
            found.append(net)
    found[-1].class_names, found[-1].feature_names = ["a", "\u00e9"], ["p", "q", "r"]
    return found


def models(suffix: str) -> list[bytes]:
    """Their files, and those of every version."""
    written = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"net{suffix}")
        for net in networks():
            net.save(path)
            written.append(path.read_bytes())
    old = Path(__file__).parent.parent / "tests" / "files" / "models"
    return written + [file.read_bytes() for file in sorted(old.glob(f"*{suffix}"))]


def load_model(path: Path) -> Any:
    """A network that works, and that is the same when it was saved again."""
    net = NeuralNetwork.load(path)
    with np.errstate(all="ignore"):
        net.predict(np.ones((2, net.input_size)))
    net.save(path)
    found, again = state(net), state(NeuralNetwork.load(path))
    for kept in (found, again):
        del kept["random numbers"], kept["history"]  # a checkpoint's history is the training's, not the network's
    assert again == found
    return found


def variants(array: np.ndarray) -> list[np.ndarray]:
    """Arrays of other shapes, types and content."""
    return [
        *(array.T, array[:0], array[..., None], array[::-1], np.zeros((0, 3)), np.zeros((3, 4, 2, 1)), np.array(1.0)),
        *(array * np.nan, array * 0, np.negative(array), array + np.inf, np.full(array.shape, 1e308)),
        *(array.astype(kind) for kind in ("f4", "f8", ">f8", "f2", "i8", "c16", "?", "U9")),
    ]


def resealed(whole: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """A model file with another header and other arrays, and a checksum that is right again."""
    with np.load(io.BytesIO(whole)) as archive:
        arrays = dict(archive)
    header, whole_arrays = json.loads(arrays.pop("header").tobytes()), list(arrays.items())
    del header["sha256"]
    settings = header.get("training", header)  # of a checkpoint, what it says of its training
    for _ in range(random.choice((0, 1, 1, 2))):
        place = random.choice((header, settings))
        key = random.choice([*place, "class_names", "feature_names", "standardizer", "other"])
        place[key] = random.choice(VALUES)
    if random.random() < 0.2:
        header.pop(random.choice(list(header)))
    for _ in range(random.choice((0, 0, 1, 2))):
        name, array = random.choice(whole_arrays)
        other = random.choice((name, name, "W1", "b9", "Adam.0.W1", "standardizer.scale", "training.history"))
        with np.errstate(all="ignore"):
            arrays[other] = random.choice(variants(array))
    if random.random() < 0.1:
        del arrays[random.choice(list(arrays))]
    header["sha256"] = digest(header, arrays)
    return fuzz_bytes.npz(header=np.frombuffer(json.dumps(header).encode(), np.uint8), **arrays)


def resealed_or_changed(whole: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """A damaged file, or a whole one of another network."""
    return random.choice((resealed, fuzz_bytes.changed))(whole, others, random)


def models_npz() -> list[bytes]:
    return models(".npz")


def models_safetensors() -> list[bytes]:
    return models(".safetensors")


def train(path: Path, epochs: int) -> NeuralNetwork:
    """A training that goes on from a checkpoint where there is one."""
    net = NeuralNetwork(3, [4], 2, seed=0)
    X, y = ROWS
    net.fit(X / 24, y, epochs=epochs, batch_size=4, optimizer="Adam", seed=0, checkpoint=path, resume=True)
    return net


@functools.cache
def checkpoints() -> list[bytes]:
    """After each of four epochs."""
    written = []
    with tempfile.TemporaryDirectory() as folder:
        for epochs in range(1, 5):
            train(Path(folder, "checkpoint.npz"), epochs)
            written.append(Path(folder, "checkpoint.npz").read_bytes())
    return written


def resume(path: Path) -> Any:
    """What a training of four epochs ends with, also one whose checkpoint holds parameters that lead nowhere."""
    try:
        found = state(train(path, 4))
    except DivergenceError as error:
        return error.epoch, error.batch
    del found["random numbers"]
    return found
