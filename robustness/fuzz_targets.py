"""The kinds of files that fastmlp reads: whole ones, how they are changed, and how they are read and checked."""

import contextlib
import functools
import hashlib
import io
import os
import pickle
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import click
import numpy as np

from fastmlp import ModelFileError, NeuralNetwork
from fastmlp.cli import sources
from fastmlp.datasets import download, download_CIFAR10, get_CIFAR10_data
from fastmlp.tuning import ResultsFileError, search
from robustness import fuzz_bytes
from robustness.fuzz_models import (
    checkpoints,
    load_model,
    models_npz,
    models_safetensors,
    resealed,
    resealed_or_changed,
    resume,
)


@functools.cache
def ground() -> Path:
    """Where this process works; nothing may change there but in a case's own folder."""
    return Path(tempfile.mkdtemp(prefix="fastmlp-fuzz-"))


def trace() -> Path:
    """What appears where something of a file has been executed."""
    return ground() / "trace"


class Target(NamedTuple):
    """One kind of file.

    Attributes
    ----------
    what : str
    name : str
        The file's own, which every error must mention.
    wholes : callable
        Gives files that load, from which all others are made.
    load : callable
        Reads the file in its folder, and gives what was in it, checked.
    refusals : tuple
        The errors that are documented.
    beside : callable
        Writes what lies beside it in its folder.
    guarded : bool
        Whether what is loaded must be what one of the wholes holds.
    change : callable
        Makes another file of one of the wholes.
    """

    what: str
    name: str
    wholes: Callable[[], list[bytes]]
    load: Callable[[Path], Any]
    refusals: tuple[type[Exception], ...]
    beside: Callable[[Path], object] = lambda folder: None
    guarded: bool = False
    change: Callable[[bytes, Sequence[bytes], Random], bytes] = fuzz_bytes.changed


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


def write_batches(folder: Path, python: bool) -> None:
    for name, content in batches(python).items():
        (folder / name).write_bytes(content)


def load_cifar10(path: Path) -> None:
    """Images and labels of the right types."""
    # the first file has three images, and those of the second one are looked at
    data = get_CIFAR10_data(4, 2, 1, folder=path.parent, dtype=np.uint8)
    for part, n in (("train", 4), ("val", 2), ("test", 1)):
        X, y = data[f"X_{part}"], data[f"y_{part}"]
        assert (X.shape, X.dtype, y.shape, y.dtype) == ((n, 3072), np.uint8, (n,), np.int64)
        assert (y >= 0).all()
        assert (y < 10).all()


@contextlib.contextmanager
def official(content: bytes, source: Path) -> Any:
    """Take an archive for the official one; it comes from a file."""
    kept = download.ARCHIVES["binary"]
    md5 = hashlib.md5(content).hexdigest()
    download.ARCHIVES["binary"] = kept._replace(url=source.as_uri(), md5=md5, largest=LARGEST)
    try:
        yield
    finally:
        download.ARCHIVES["binary"] = kept


def members() -> dict[str, bytes]:
    return {f"cifar-10-batches-bin/{name}": content for name, content in batches(python=False).items()}


def archives() -> list[bytes]:
    return [fuzz_bytes.tar(dict(members()))]


def hostile_archives(whole: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """One with members that lead elsewhere, changed or not."""
    made = random.choice([whole, *_hostile_tars()])
    return made if random.random() < 0.3 else fuzz_bytes.changed(made, others, random)


@functools.cache
def _hostile_tars() -> list[bytes]:
    return fuzz_bytes.hostile_tars(members(), trace(), LARGEST)


def unpack(path: Path) -> None:
    """The archive, whose MD5 sum counts as right, unpacked into its folder."""
    with official(path.read_bytes(), path):
        folder = download_CIFAR10(path.parent, progress=False)
    assert sorted(os.listdir(folder)) == sorted(batches(python=False))
    assert all(file.is_file() and not file.is_symlink() for file in folder.iterdir())
    assert sorted(os.listdir(path.parent)) == ["cifar-10-batches-bin"], "something is left beside the files"


def fetch(path: Path) -> Any:
    """What a server has, whose MD5 sum may be wrong, after an earlier try that left something."""
    source = path.rename(path.with_name(f"served-{path.name}"))
    content = source.read_bytes()
    path.with_name(f"{path.name}.part").write_bytes(content[: len(content) // 2])
    with official(archives()[0], source.rename(source.parent / "server" / path.name)):
        folder = download_CIFAR10(path.parent, progress=False)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


# ---- people's own tables


TABLE_REFUSALS = (OSError, TypeError, ValueError, click.UsageError)


def csv_files() -> list[bytes]:
    rows = [f"{i},{i * 0.5 - 3},{'abc'[i % 3]}" for i in range(30)]
    plain = "\n".join(["length,width,class", *rows]) + "\n"
    numbers = plain.replace(",a\n", ",10\n").replace(",b\n", ",2.0\n").replace(",c\n", ",-1\n")
    quoted = plain.replace("width", '"width, ""mm"""').replace(",a\n", ',"a\nb"\n').replace(",b\n", ",\u00e9\n")
    return [
        text.encode() for text in (plain, numbers, quoted, "\ufeff" + plain.replace(",", ";"), plain.replace(",", "\t"))
    ]


def npz_files() -> list[bytes]:
    random = np.random.default_rng(0)
    X, y = random.standard_normal((30, 3)), np.arange(30) % 3
    images = random.integers(0, 256, (30, 2, 2, 3), np.uint8)
    parts = {
        f"{name}_{part}": array for part in ("train", "test") for name, array in (("X", images), ("y", y[:, None]))
    }
    named = {"X": X.astype("f4"), "y": y, "class_names": np.array(["a", "b", "\u00e9"])}
    packed = io.BytesIO()
    np.savez_compressed(packed, X=np.asfortranarray(X), y=np.array(list("abc"))[y])
    return [fuzz_bytes.npz(X=X, y=y), fuzz_bytes.npz(**parts), fuzz_bytes.npz(**named), packed.getvalue()]


def load_table(path: Path) -> None:
    """A data set that a network can be trained on, and rows to predict."""
    data = sources.load(str(path), None, "class" if sources.is_csv(str(path)) else None)
    net = data.network([2], seed=0, dtype=np.float64)
    for part in sources.PARTS:
        X, y = data.arrays[f"X_{part}"], data.arrays[f"y_{part}"]
        assert X.shape == (len(y), net.input_size)
        assert np.isfinite(X).all()
        assert ((y >= 0) & (y < data.n_classes)).all()
    sources.rows_of(net, str(path), "class" if sources.is_csv(str(path)) else None)


def npy_files() -> list[bytes]:
    X = np.random.default_rng(0).standard_normal((9, 3))
    return [fuzz_bytes.npy(X), fuzz_bytes.npy(X.T.astype(">f4").T), fuzz_bytes.npy((9 * X).astype("i2"))]


def load_rows(path: Path) -> None:
    """Rows that a network can predict."""
    net = NeuralNetwork(3, [2], 2, seed=0)
    net.predict(sources.rows_of(net, str(path), None)[0])


# ---- searches


SEARCHED = np.arange(24.0).reshape(8, 3) / 24, np.arange(8) % 2


def searched(folder: Path | None) -> Any:
    """A search of two networks, in a folder that may have results."""
    X, y = SEARCHED
    return search({"hidden_sizes": [[2], [3]], "epochs": 2}, X, y, X, y, folder=folder, n_workers=1)


@functools.cache
def search_files() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        searched(Path(folder))
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def write_search(folder: Path) -> None:
    for name, content in search_files().items():
        (folder / name).write_bytes(content)


def go_on(path: Path) -> None:
    """A search that goes on from these results, and may be gone on with again."""
    found = searched(path.parent)
    assert searched(path.parent).best.hyper_parameters == found.best.hyper_parameters


def best_again(path: Path) -> Any:
    """What the best network does, whatever has become of its file."""
    return searched(path.parent).network.evaluate(*SEARCHED)


TARGETS = (
    Target("model files (.npz)", "net.npz", models_npz, load_model, (ModelFileError,), guarded=True),
    Target(
        "model files (.safetensors)", "net.safetensors", models_safetensors, load_model, (ModelFileError,), guarded=True
    ),
    Target("model files with a right checksum", "net.npz", models_npz, load_model, (ModelFileError,), change=resealed),
    Target("checkpoints", "checkpoint.npz", checkpoints, resume, (ModelFileError,), guarded=True),
    Target(
        "checkpoints with a right checksum",
        "checkpoint.npz",
        checkpoints,
        resume,
        (ModelFileError, ValueError),
        change=resealed,
    ),
    Target(
        "CIFAR-10, binary version",
        "data_batch_2.bin",
        lambda: list(batches(python=False).values()),
        load_cifar10,
        (OSError, ValueError),
        beside=lambda folder: write_batches(folder, python=False),
    ),
    Target(
        "CIFAR-10, Python version",
        "data_batch_2",
        lambda: list(batches(python=True).values()),
        load_cifar10,
        (OSError, ValueError),
        beside=lambda folder: write_batches(folder, python=True),
    ),
    Target(
        "archives that count as official",
        "cifar-10-binary.tar.gz",
        archives,
        unpack,
        (OSError, ValueError),
        change=hostile_archives,
    ),
    Target(
        "archives as a server sends them",
        "cifar-10-binary.tar.gz",
        archives,
        fetch,
        (OSError, ValueError),
        beside=lambda folder: (folder / "server").mkdir(),
        guarded=True,
    ),
    Target(
        "a search's trials.jsonl",
        "trials.jsonl",
        lambda: [search_files()["trials.jsonl"]],
        go_on,
        (ResultsFileError, RuntimeError),
        beside=write_search,
    ),
    Target(
        "a search's best.npz",
        "best.npz",
        lambda: [search_files()["best.npz"]],
        best_again,
        (),
        beside=write_search,
        guarded=True,
        change=resealed_or_changed,
    ),
    Target("tables (.csv)", "table.csv", csv_files, load_table, TABLE_REFUSALS),
    Target("tables (.tsv)", "table.tsv", csv_files, load_table, TABLE_REFUSALS),
    Target("tables (.npz)", "table.npz", npz_files, load_table, TABLE_REFUSALS),
    Target("tables (.npy)", "table.npy", npy_files, load_rows, TABLE_REFUSALS),
)
