"""Model files and checkpoints with their bytes changed, and files that were made to do harm.

Each must load to something valid, to the very same content where a checksum guards it, or be refused by an error that
the reader's documentation has and that names the file; in bounded memory, without a warning, with nothing in it
executed and nothing written outside the folder that it was given.
"""

import contextlib
import copy
import functools
import io
import json
import shutil
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np

from fastmlp import DivergenceError, ModelFileError, NeuralNetwork, Standardizer
from fastmlp.files.models import digest
from fastmlp.functions.optimizers import OPTIMIZERS
from robustness import damage
from robustness.calls import state

X, Y = np.arange(24.0).reshape(8, 3) / 24, np.arange(8) % 2


class Kind(NamedTuple):
    name: str  # the file's own, which every error must mention
    wholes: Callable[[], list[bytes]]  # files that load, from which all others are made
    load: Callable[[Path], Any]  # reads the file in its folder, and gives what was in it, checked
    refusals: tuple[type[Exception], ...]  # the errors that are documented
    guarded: bool = False  # whether what is loaded must be what one of the wholes holds
    # makes another file of one of the wholes
    change: Callable[[bytes, Sequence[bytes], Random], bytes] = damage.changed


# what a header may hold at any of its places
VALUES = (
    *(None, True, 0, -1, 1.5, 2**31 - 1, 2**63, 10**40, float("nan"), "", "float32", "a\0", {}, {"n_channels": 3}),
    *([], [3], [[3]], [3, 4, 2], [3, 2**31 - 1, 2], ["a", "b"], ["a", "a"], {"center": "channel"}, {"x": 1}),
)


def models(suffix: str) -> list[bytes]:
    """Networks with everything that a file may hold, and with nothing, and files of every version."""
    standardizers = {"float32": None, "float64": Standardizer().fit(24 * X), "f4": Standardizer(3).fit(24 * X)}
    old = Path(__file__).parent.parent / "tests" / "files" / "models"
    written = [file.read_bytes() for file in sorted(old.glob(f"*{suffix}"))]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"net{suffix}")
        for dtype, standardizer in standardizers.items():
            for optimizer in OPTIMIZERS:
                net = NeuralNetwork(3, [4], 2, dtype=dtype, seed=0, standardizer=standardizer)
                net.fit(X, Y, epochs=1, batch_size=4, optimizer=optimizer, seed=0)
                if dtype == "f4":
                    net.class_names, net.feature_names = ["a", "\u00e9"], ["p", "q", "r"]
                net.save(path)
                written.append(path.read_bytes())
    return written


def load_model(path: Path) -> Any:
    """A network that works, and that is the same when it was saved again."""
    net = NeuralNetwork.load(path)
    with np.errstate(all="ignore"):
        copy.deepcopy(net).forward(np.ones((2, net.input_size)))
    net.save(path)
    net.history = None  # a checkpoint's history is the training's, not the network's
    assert state(NeuralNetwork.load(path)) == state(net)
    return state(net)


def resealed(whole: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """A model file with another header and other arrays, and a checksum that is right again."""
    with np.load(io.BytesIO(whole)) as archive:
        arrays = dict(archive)
    header, whole_arrays = json.loads(arrays.pop("header").tobytes()), list(arrays.items())
    del header["sha256"]
    settings = header.get("training", header)  # of a checkpoint, what it has of its training
    for _ in range(random.choice((0, 1, 1, 2))):
        place = random.choice((header, settings))
        place[random.choice([*place, "class_names", "feature_names", "standardizer", "other"])] = random.choice(VALUES)
    if random.random() < 0.2:
        header.pop(random.choice(list(header)))
    for _ in range(random.choice((0, 0, 1, 2))):
        name, array = random.choice(whole_arrays)
        with np.errstate(all="ignore"):
            variants = [
                *(array.T, array[:0], array[..., None], array[::-1], np.zeros((0, 3)), np.zeros((3, 4, 2, 1))),
                *(array * np.nan, array * 0, np.negative(array), array + np.inf, np.full(array.shape, 1e308)),
                *(array.astype(kind) for kind in ("f4", "f8", ">f8", "f2", "i8", "c16", "?", "U9")),
            ]
        other = random.choice((name, name, "W1", "b9", "Adam.0.W1", "standardizer.scale", "training.history"))
        arrays[other] = random.choice(variants)
    if random.random() < 0.1:
        del arrays[random.choice(list(arrays))]
    header["sha256"] = digest(header, arrays)
    return damage.saved(np.savez, header=np.frombuffer(json.dumps(header).encode(), np.uint8), **arrays)


def train(path: Path, epochs: int) -> NeuralNetwork:
    """A training that goes on from a checkpoint where there is one."""
    net = NeuralNetwork(3, [4], 2, seed=0)
    net.fit(X, Y, epochs=epochs, batch_size=4, optimizer="Adam", seed=0, checkpoint=path, resume=True)
    return net


def checkpoints() -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "checkpoint.npz")
        return [train(path, epochs) and path.read_bytes() for epochs in range(1, 5)]


def resume(path: Path) -> Any:
    """What a training of four epochs ends with, also one whose checkpoint holds parameters that lead nowhere."""
    try:
        return {**state(train(path, 4)), "random numbers": None}
    except DivergenceError as error:
        return error.epoch, error.batch


MODEL, CHECKPOINT = (ModelFileError,), (ModelFileError, ValueError)
npz_models = functools.partial(models, ".npz")
TARGETS = {
    "model files (.npz)": Kind("net.npz", npz_models, load_model, MODEL, True),
    "model files (.safetensors)": Kind("net.safetensors", lambda: models(".safetensors"), load_model, MODEL, True),
    "model files with a right checksum": Kind("net.npz", npz_models, load_model, MODEL, change=resealed),
    "checkpoints": Kind("checkpoint.npz", checkpoints, resume, MODEL, True),
    "checkpoints with a right checksum": Kind("checkpoint.npz", checkpoints, resume, CHECKPOINT, change=resealed),
}
KINDS = tuple(TARGETS)


@functools.cache
def ground() -> Path:
    """Where this process works, with folders in folders, since harmful files want to leave theirs."""
    folder = Path(tempfile.mkdtemp(prefix="fastmlp-fuzz-"))
    (folder / "a" / "b" / "c").mkdir(parents=True)
    return folder


@contextlib.contextmanager
def placed(kind: Kind, content: bytes) -> Iterator[Path]:
    """A file in a folder of its own, outside of which nothing may be written."""
    with tempfile.TemporaryDirectory(dir=ground() / "a" / "b" / "c") as folder:
        path = Path(folder, kind.name)
        path.write_bytes(content)
        yield path
    left = [path for path in ground().rglob("*") if path.name not in "abc"]
    assert not left, f"{left} has been written"


@functools.cache
def corpus(what: str) -> tuple[list[bytes], list[bytes], list[Any]]:
    """Files that load, files that were made to do harm, and what is in the former."""
    kind, known = TARGETS[what], []
    wholes = kind.wholes()
    for whole in wholes:
        with placed(kind, whole) as path:
            known.append(kind.load(path))
    return wholes, damage.hostile(ground() / "trace"), known


def try_file(what: str, random: Random) -> None:
    """Load a file; an assertion fails, or an error that is not documented comes out, where that is wrong."""
    kind, (wholes, hostile, known), choice = TARGETS[what], corpus(what), random.random()
    if choice < 0.02:
        content = random.choice(wholes)
    elif choice < 0.12:
        content = random.choice(hostile)
    elif choice < 0.2:
        content = damage.changed(random.choice(hostile), wholes, random)
    else:
        content = kind.change(random.choice(wholes), [*wholes, *hostile], random)
    with placed(kind, content) as path:
        try:
            found = kind.load(path)
        except kind.refusals as error:
            refusal = error
        else:
            assert not kind.guarded or found in known, "it was loaded to something else than was saved"
            refusal = None
    if refusal is not None:
        assert content not in wholes, f"a whole file was refused: {refusal!r}"
        assert kind.name in str(refusal), f"it does not name the file: {refusal!r}"


def run(start: int, n_cases: int) -> tuple[int, list[tuple[int, str]]]:
    """Try n_cases files, of each kind in turn; gives their number, and what went wrong with which."""
    warnings.simplefilter("error")
    failures = []
    with contextlib.chdir(ground()):
        for case in range(n_cases):
            try:
                try_file(KINDS[case % len(KINDS)], Random(f"{start} {case}"))
            except Exception:
                failures.append((case, traceback.format_exc(limit=-6)))
    shutil.rmtree(ground())
    return n_cases, failures
