"""Files of every kind that fastmlp reads, with their bytes changed, and files that were made to do harm.

Each must load to something valid, to the very same content where a checksum guards it, or be refused by an error that
the reader's documentation has and that names the file; in bounded time and memory, without a warning, with nothing in
it executed and nothing written outside the folder that it was given.
"""

import contextlib
import functools
import hashlib
import io
import json
import os
import pickle
import shutil
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import click
import numpy as np

from fastmlp import DivergenceError, ModelFileError, NeuralNetwork, Standardizer
from fastmlp.cli import sources
from fastmlp.datasets import download, download_CIFAR10, get_CIFAR10_data
from fastmlp.files.models import digest
from fastmlp.tuning import ResultsFileError, search
from robustness import damage
from robustness.calls import state

# Seconds that one file may take.
PATIENCE = 30.0
# Errors that are about an option, or about all of a search.
NAMELESS = (click.UsageError, RuntimeError)
X, Y = np.arange(24.0).reshape(8, 3) / 24, np.arange(8) % 2


@functools.cache
def ground() -> Path:
    """Where this process works; nothing may change there but in a case's own folder."""
    return Path(tempfile.mkdtemp(prefix="fastmlp-fuzz-"))


# ---- models and checkpoints

# what a header may hold at any of its places
VALUES = (
    *(None, True, 0, -1, 1.5, 2**31 - 1, 2**63, 10**40, float("nan"), "", "float32", "a\0"),
    *([], [3], [[3]], [3, 4, 2], [3, 2**31 - 1, 2], ["a", "b"], ["a", "a"]),
    *({}, {"n_channels": 3}, {"center": "channel"}, {"x": 1}),
)


def models(suffix: str) -> list[bytes]:
    """Networks with everything that a file may hold, and with nothing, and files of every version."""
    standardizers = {"float32": None, "float64": Standardizer().fit(24 * X), "f4": Standardizer(3).fit(24 * X)}
    written = []
    with tempfile.TemporaryDirectory() as folder:
        for dtype, standardizer in standardizers.items():
            for optimizer in ("SGD", "Momentum", "Adam"):
                net = NeuralNetwork(3, [4], 2, dtype=dtype, seed=0, standardizer=standardizer)
                net.fit(X, Y, epochs=1, batch_size=4, optimizer=optimizer, seed=0)
                if (dtype, optimizer) == ("f4", "Adam"):
                    net.class_names, net.feature_names = ["a", "\u00e9"], ["p", "q", "r"]
                net.save(Path(folder, f"net{suffix}"))
                written.append(Path(folder, f"net{suffix}").read_bytes())
    old = Path(__file__).parent.parent / "tests" / "files" / "models"
    return written + [file.read_bytes() for file in sorted(old.glob(f"*{suffix}"))]


def load_model(path: Path) -> Any:
    """A network that works, and that is the same when it was saved again."""
    net = NeuralNetwork.load(path)
    with np.errstate(all="ignore"):
        net.predict(np.ones((2, net.input_size)))
    net.save(path)
    net.history = None  # a checkpoint's history is the training's, not the network's
    assert state(NeuralNetwork.load(path)) == state(net)
    return state(net)


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
    settings = header.get("training", header)  # of a checkpoint, what it has of its training
    for _ in range(random.choice((0, 1, 1, 2))):
        place = random.choice((header, settings))
        place[random.choice([*place, "class_names", "feature_names", "standardizer", "other"])] = random.choice(VALUES)
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
    return damage.npz(header=np.frombuffer(json.dumps(header).encode(), np.uint8), **arrays)


def train(path: Path, epochs: int) -> NeuralNetwork:
    """A training that goes on from a checkpoint where there is one."""
    net = NeuralNetwork(3, [4], 2, seed=0)
    net.fit(X, Y, epochs=epochs, batch_size=4, optimizer="Adam", seed=0, checkpoint=path, resume=True)
    return net


def checkpoints() -> list[bytes]:
    """After each of four epochs."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "checkpoint.npz")
        return [(train(path, epochs), path.read_bytes())[1] for epochs in range(1, 5)]


def resume(path: Path) -> Any:
    """What a training of four epochs ends with, also one whose checkpoint holds parameters that lead nowhere."""
    try:
        return {**state(train(path, 4)), "random numbers": None}
    except DivergenceError as error:
        return error.epoch, error.batch


# ---- CIFAR-10

# Bytes of a file in an archive that must not be unpacked if it has more.
LARGEST = 100_000


def batches(python: bool) -> dict[str, bytes]:
    """The six files of either version, of three images each."""
    random, found = np.random.default_rng(0), {}
    for i, name in enumerate(download.BATCHES):
        images, labels = random.integers(0, 256, (3, 3072), np.uint8), random.integers(0, 10, 3)
        if python:
            batch = {b"labels": labels.tolist(), b"data": images, b"filenames": [b"a.png"] * 3}
            found[name] = pickle.dumps(batch, i)
        else:
            found[f"{name}.bin"] = np.column_stack([labels.astype(np.uint8), images]).tobytes()
    return found


def load_cifar10(path: Path) -> None:
    """Images and labels of the right types."""
    # the first file has three images, and those of the second one are looked at
    data = get_CIFAR10_data(4, 2, 1, folder=path.parent, dtype=np.uint8)
    for part, n in (("train", 4), ("val", 2), ("test", 1)):
        images, labels = data[f"X_{part}"], data[f"y_{part}"]
        assert (images.shape, images.dtype, labels.shape, labels.dtype) == ((n, 3072), np.uint8, (n,), np.int64)
        assert set(labels.tolist()) <= set(range(10))


@contextlib.contextmanager
def official(content: bytes, source: Path) -> Iterator[None]:
    """Take an archive for the official one; it comes from a file."""
    kept = download.ARCHIVES["binary"]
    md5 = hashlib.md5(content).hexdigest()
    download.ARCHIVES["binary"] = kept._replace(url=source.as_uri(), md5=md5, largest=LARGEST)
    try:
        yield
    finally:
        download.ARCHIVES["binary"] = kept


@functools.cache
def archives(hostile: bool = False) -> list[bytes]:
    members = {f"cifar-10-batches-bin/{name}": content for name, content in batches(python=False).items()}
    return damage.hostile_tars(members, ground() / "trace", LARGEST) if hostile else [damage.tar(dict(members))]


def hostile_archive(whole: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """One with members that lead elsewhere, changed or not."""
    made = random.choice([whole, *archives(hostile=True)])
    return made if random.random() < 0.3 else damage.changed(made, others, random)


def unpack(path: Path) -> None:
    """The archive, whose MD5 sum counts as right, unpacked into its folder."""
    with official(path.read_bytes(), path):
        folder = download_CIFAR10(path.parent, progress=False)
    assert sorted(os.listdir(folder)) == sorted(batches(python=False))
    assert all(file.is_file() and not file.is_symlink() for file in folder.iterdir())
    assert sorted(os.listdir(path.parent)) == ["cifar-10-batches-bin"], "something is left beside the files"


def fetch(path: Path) -> Any:
    """What a server has, whose MD5 sum may be wrong, after an earlier try that left something."""
    server = path.parent / "server"
    server.mkdir()
    source = path.rename(server / path.name)
    content = source.read_bytes()
    path.with_name(f"{path.name}.part").write_bytes(content[: len(content) // 2])
    with official(archives()[0], source):
        folder = download_CIFAR10(path.parent, progress=False)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


# ---- people's own tables


def csv_files() -> list[bytes]:
    rows = [f"{i},{i * 0.5 - 3},{'abc'[i % 3]}" for i in range(30)]
    plain = "\n".join(["length,width,class", *rows]) + "\n"
    numbers = plain.replace(",a\n", ",10\n").replace(",b\n", ",2.0\n").replace(",c\n", ",-1\n")
    quoted = plain.replace("width", '"width, ""mm"""').replace(",a\n", ',"a\nb"\n').replace(",b\n", ",\u00e9\n")
    texts = plain, numbers, quoted, "\ufeff" + plain.replace(",", ";"), plain.replace(",", "\t")
    return [text.encode() for text in texts]


def npz_files() -> list[bytes]:
    random = np.random.default_rng(0)
    rows, labels = random.standard_normal((30, 3)), np.arange(30) % 3
    images = random.integers(0, 256, (30, 2, 2, 3), np.uint8)
    parts = {f"{name}_{part}": a for part in ("train", "test") for name, a in (("X", images), ("y", labels[:, None]))}
    packed = io.BytesIO()
    np.savez_compressed(packed, X=np.asfortranarray(rows), y=np.array(list("abc"))[labels])
    names = np.array(["a", "b", "\u00e9"])
    named = damage.npz(X=rows.astype("f4"), y=labels, class_names=names)
    return [damage.npz(X=rows, y=labels), damage.npz(**parts), named, packed.getvalue()]


def load_table(path: Path) -> None:
    """A data set that a network can be trained on, and rows to predict."""
    target = "class" if sources.is_csv(str(path)) else None
    data = sources.load(str(path), None, target)
    net = data.network([2], seed=0, dtype=np.float64)
    for part in sources.PARTS:
        rows, labels = data.arrays[f"X_{part}"], data.arrays[f"y_{part}"]
        assert rows.shape == (len(labels), net.input_size)
        assert np.isfinite(rows).all()
        assert ((labels >= 0) & (labels < data.n_classes)).all()
    sources.rows_of(net, str(path), target)


def npy_files() -> list[bytes]:
    rows = np.random.default_rng(0).standard_normal((9, 3))
    return [damage.npy(rows), damage.npy(rows.T.astype(">f4").T), damage.npy((9 * rows).astype("i2"))]


def load_rows(path: Path) -> None:
    """Rows that a network can predict."""
    net = NeuralNetwork(3, [2], 2, seed=0)
    net.predict(sources.rows_of(net, str(path), None).X)


# ---- searches


def searched(folder: Path | None) -> Any:
    """A search of two networks, in a folder that may have results."""
    return search({"hidden_sizes": [[2], [3]], "epochs": 2}, X, Y, X, Y, folder=folder, n_workers=1)


@functools.cache
def search_files() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        searched(Path(folder))
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def go_on(path: Path) -> None:
    """A search that goes on from these results, and may be gone on with again."""
    found = searched(path.parent)
    assert searched(path.parent).best.hyper_parameters == found.best.hyper_parameters


# ---- all kinds


class Target(NamedTuple):
    """One kind of file.

    Attributes
    ----------
    name : str
        The file's own, which every error must mention.
    wholes : callable
        Gives files that load, from which all others are made.
    load : callable
        Reads the file in its folder, and gives what was in it, checked.
    refusals : tuple
        The errors that are documented.
    guarded : bool
        Whether what is loaded must be what one of the wholes holds.
    beside : callable
        Gives the other files of its folder.
    change : callable
        Makes another file of one of the wholes.
    """

    name: str
    wholes: Callable[[], list[bytes]]
    load: Callable[[Path], Any]
    refusals: tuple[type[Exception], ...]
    guarded: bool = False
    beside: Callable[[], dict[str, bytes]] = dict
    change: Callable[[bytes, Sequence[bytes], Random], bytes] = damage.changed


def cifar10(python: bool) -> Target:
    files = functools.cache(lambda: batches(python))
    name = list(files())[1]
    return Target(name, lambda: list(files().values()), load_cifar10, (OSError, ValueError), beside=files)


MODEL, DATA = (ModelFileError,), (OSError, ValueError)
TABLE = (OSError, TypeError, ValueError, click.UsageError)
ARCHIVE = "cifar-10-binary.tar.gz"
TARGETS = {
    "model files (.npz)": Target("net.npz", lambda: models(".npz"), load_model, MODEL, True),
    "model files (.safetensors)": Target("net.safetensors", lambda: models(".safetensors"), load_model, MODEL, True),
    "model files with a right checksum": Target("net.npz", lambda: models(".npz"), load_model, MODEL, change=resealed),
    "checkpoints": Target("checkpoint.npz", checkpoints, resume, MODEL, True),
    "checkpoints with a right checksum": Target(
        "checkpoint.npz", checkpoints, resume, (*MODEL, ValueError), change=resealed
    ),
    "CIFAR-10, binary version": cifar10(python=False),
    "CIFAR-10, Python version": cifar10(python=True),
    "archives that count as official": Target(ARCHIVE, archives, unpack, DATA, change=hostile_archive),
    "archives as a server sends them": Target(ARCHIVE, archives, fetch, DATA, True),
    "a search's trials.jsonl": Target(
        "trials.jsonl",
        lambda: [search_files()["trials.jsonl"]],
        go_on,
        (ResultsFileError, RuntimeError),
        beside=search_files,
    ),
    "a search's best.npz": Target(
        "best.npz",
        lambda: [search_files()["best.npz"]],
        lambda path: searched(path.parent).network.evaluate(X, Y),  # whatever has become of the file
        (),
        True,
        search_files,
        lambda whole, others, random: random.choice((resealed, damage.changed))(whole, others, random),
    ),
    "tables (.csv)": Target("table.csv", csv_files, load_table, TABLE),
    "tables (.tsv)": Target("table.tsv", csv_files, load_table, TABLE),
    "tables (.npz)": Target("table.npz", npz_files, load_table, TABLE),
    "tables (.npy)": Target("table.npy", npy_files, load_rows, TABLE),
}
KINDS = tuple(TARGETS)


@functools.cache
def corpus(kind: str) -> tuple[list[bytes], list[bytes], list[Any]]:
    """Files that load, files that were made to do harm, and what is in the former."""
    target = TARGETS[kind]
    wholes = target.wholes()
    return wholes, damage.hostile(ground() / "trace"), [in_a_folder(target, whole, target.load) for whole in wholes]


def in_a_folder(target: Target, content: bytes, use: Callable[[Path], Any]) -> Any:
    """Do something with a file in a folder of its own, three below the one in which nothing else may change."""
    folder = ground() / "a" / "b" / "c" / "case"
    folder.mkdir(parents=True)
    try:
        for name, other in {**target.beside(), target.name: content}.items():
            (folder / name).write_bytes(other)
        return use(folder / target.name)
    finally:
        shutil.rmtree(folder)


def outside(folder: Path) -> set[Path]:
    """Everything in this process's place but what is in a case's folder."""
    return {path for path in ground().rglob("*") if folder not in path.parents}


def broken(kind: str, random: Random) -> str | None:
    """Try a file; gives what is wrong with what came of it."""
    target, (wholes, hostile, known), choice = TARGETS[kind], corpus(kind), random.random()
    if choice < 0.02:
        content = random.choice(wholes)
    elif choice < 0.12:
        content = random.choice(hostile)
    elif choice < 0.2:
        content = damage.changed(random.choice(hostile), wholes, random)
    else:
        content = target.change(random.choice(wholes), [*wholes, *hostile], random)

    def use(path: Path) -> str | None:
        before, began = outside(path.parent), time.monotonic()
        try:
            found = target.load(path)
        except target.refusals as error:
            if content in wholes:
                return f"a whole file was refused: {error!r}"
            if path.name not in str(error) and not isinstance(error, NAMELESS):
                return f"the error does not name the file: {error!r}"
        except Exception:
            return traceback.format_exc(limit=-6)
        else:
            if target.guarded and found not in known:
                return "it was loaded to something else than was saved"
        if outside(path.parent) != before:
            return f"it wrote {outside(path.parent) - before}"
        seconds = time.monotonic() - began
        return None if seconds < PATIENCE else f"it took {seconds:.0f} seconds"

    return in_a_folder(target, content, use)


def run(start: int, n_cases: int, count: Callable[[], object] = int) -> list[tuple[int, str]]:
    """Try n_cases files, counted one by one, of each kind in turn; gives what went wrong with which."""
    warnings.simplefilter("error")
    # as documented
    warnings.filterwarnings("ignore", "(?s).*the last line is torn", UserWarning)
    failures = []
    with contextlib.chdir(ground()):
        for case in range(n_cases):
            count()
            text = broken(KINDS[case % len(KINDS)], Random(f"{start} {case}"))
            if text is not None:
                failures.append((case, text))
    shutil.rmtree(ground())
    return failures
