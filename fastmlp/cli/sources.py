"""Data of the commands: named data sets, and users' files."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np

from fastmlp.cli import tables
from fastmlp.datasets import CIFAR10_CLASSES, get_CIFAR10_data, load_digits
from fastmlp.files.access import replacing
from fastmlp.files.archives import write_archive
from fastmlp.functions.losses import LOSSES
from fastmlp.network import NeuralNetwork
from fastmlp.preprocessing import Standardizer

NAMED = ("digits", "cifar10")
PARTS = ("train", "val", "test")


class DataSet(NamedTuple):
    """Raw rows in three parts, with their standardizer and names.

    Attributes
    ----------
    name : str
        For messages, and for the folder of the results.
    arrays : dict
        `X_train`, `y_train`, `X_val`, ..., `y_test`; the labels are class numbers from 0.
    """

    name: str
    arrays: dict[str, np.ndarray]
    n_classes: int
    standardizer: Standardizer
    class_names: list[str] | None = None
    feature_names: list[str] | None = None

    def network(self, hidden_sizes: Sequence[int], **options: Any) -> NeuralNetwork:
        """A network for this data."""
        n_in = self.arrays["X_train"].shape[1]
        network = NeuralNetwork(n_in, hidden_sizes, self.n_classes, standardizer=self.standardizer, **options)
        network.class_names, network.feature_names = self.class_names, self.feature_names
        return network


def existing(data: str) -> str:
    """DATA as a user gives it: the name of a data set, or an existing file or folder."""
    if data not in NAMED and not Path(data).exists():
        raise click.BadParameter(f"{data!r} is neither {' nor '.join(NAMED)}, nor an existing file or folder")
    return data


def kind(data: str) -> str:
    """The kind of DATA: `digits`, `cifar10`, or `file`."""
    if data in NAMED:
        return data
    return "cifar10" if Path(data).is_dir() else "file"


def is_csv(data: str) -> bool:
    """Whether DATA is a .csv or .tsv file."""
    return kind(data) == "file" and Path(data).suffix.lower() in (".csv", ".tsv")


def load(data: str, folder: Path | None, label: str | None, ignore: Sequence[str] = ()) -> DataSet:
    """The three parts of a data set, or of a file, whose labels must be classes that can be learned."""
    if folder is not None and data != "cifar10":
        raise click.UsageError(f"--folder is for --data cifar10, got --data {data}")
    if is_csv(data):
        return _csv(Path(data), label, ignore)
    if label is not None or ignore:
        raise click.UsageError(f"--label and --ignore are for columns of a .csv file, got --data {data}")
    if kind(data) == "digits":
        return _digits()
    if kind(data) == "cifar10":
        return _cifar10(folder if data == "cifar10" else Path(data))
    return _npz(Path(data))


def rows_of(network: NeuralNetwork, data: str, label: str | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Raw rows to predict, of a file or of a data set's test part, and their labels if they are known."""
    if not LOSSES[network.loss].of_classes:
        raise ValueError(f"the network must be a classifier, got one with loss={network.loss!r}: use it in Python")
    if kind(data) == "file":
        X, y = _rows_of_file(network, Path(data), label)
    else:
        folder = None if data == "cifar10" else data
        digits = kind(data) == "digits"
        arrays = _digits().arrays if digits else get_CIFAR10_data(1, 0, folder=folder, dtype=np.uint8)
        X, y = arrays["X_test"], arrays["y_test"]
    if X.shape[1] != network.input_size:
        raise ValueError(f"{data} must have rows of {network.input_size} features, as the network, got {X.shape[1]}")
    if y is not None and y.max() >= network.output_size:
        raise ValueError(f"{data} has the label {y.max()}; the classes are 0 to {network.output_size - 1}")
    return X, y


def likely_label(network: NeuralNetwork, data: str) -> str | None:
    """The only column of a CSV file that is not a feature of the network."""
    if not is_csv(data) or network.feature_names is None:
        return None
    features = set(network.feature_names)
    others = [name for name in tables.columns(Path(data)) if name not in features]
    return others[0] if len(others) == 1 else None


def write_test_rows(path: Path, data: DataSet) -> None:
    """Write the test rows of a file, for `fastmlp evaluate`.

    The class names are a text of JSON: NumPy's arrays of texts pad all to the longest one, and cut them at zeros.
    """
    arrays = {"X": data.arrays["X_test"], "y": data.arrays["y_test"]}
    if data.class_names is not None:
        arrays["class_names"] = np.array(json.dumps(data.class_names))
    with replacing(path) as file:
        write_archive(file, arrays)


def _digits() -> DataSet:
    """The digits, scaled to 0 to 1: 1,297 for training, 200 for validation and 300 for the test."""
    X, y = load_digits()
    # the same shuffle for any seed; the file is sorted by writers
    chosen = np.split(np.random.RandomState(0).permutation(len(X)), [1297, 1497])
    parts = {part: (X[rows], y[rows]) for part, rows in zip(PARTS, chosen, strict=True)}
    return DataSet("digits", _arrays(parts), 10, Standardizer.of_statistics(np.zeros(64), np.full(64, 16.0)))


def _cifar10(folder: Path | None) -> DataSet:
    arrays = get_CIFAR10_data(folder=folder, dtype=np.uint8)
    standardizer = Standardizer.notebook().fit(arrays["X_train"])
    return DataSet("cifar10", arrays, 10, standardizer, list(CIFAR10_CLASSES))


def _csv(path: Path, label: str | None, ignore: Sequence[str]) -> DataSet:
    header = tables.columns(path)
    if label not in header:
        got = "no --label" if label is None else f"--label {label}"
        if any(map(tables.is_number, header)):
            got += "; are these the columns' names? The first line must hold them"
        raise click.UsageError(f"--label must name the column of classes, one of {tables.some(header)}, got {got}")
    if "" in header:
        raise ValueError(
            f"{path} must have a name for each column, got none for number {header.index('') + 1}; pandas writes its "
            "index into such a column, unless told index=False"
        )
    ignored = set(ignore)
    if unknown := [name for name in ignore if name not in header]:
        raise click.UsageError(f"--ignore must name columns, some of {tables.some(header)}, got {tables.some(unknown)}")
    feature_names = [name for name in header if name != label and name not in ignored]
    if not feature_names:
        raise ValueError(f"{path} must have columns of features beside {label!r}, got none")
    X, labels = tables.read_csv(path, feature_names, label)
    assert labels is not None
    return _data_set(path, {"train": (X, labels)}, None, feature_names, label)


def _npz(path: Path) -> DataSet:
    if path.suffix.lower() != ".npz":
        raise ValueError(f"{path} must end in .csv, .tsv or .npz to train on it")
    arrays = tables.read_arrays(path)
    names = _class_names(path, arrays)
    parts = {part: rows for part in PARTS if (rows := _part(path, arrays, part, names)) is not None}
    if "train" not in parts:
        raise ValueError(f"{path} must hold X and y, or X_train and y_train, got {tables.some(arrays)}")
    n_features = parts["train"][0].shape[1]
    for part, (X, _) in parts.items():
        if X.shape[1] != n_features:
            raise ValueError(f"X_{part} in {path} must have {n_features} features as X_train, got {X.shape[1]}")
    return _data_set(path, parts, names)


def _data_set(
    path: Path,
    parts: dict[str, tuple[np.ndarray, list[str]]],
    names: list[str] | None,
    feature_names: list[str] | None = None,
    label: str | None = None,
) -> DataSet:
    """The data set of a file's parts, of which each has rows and labels; class names, if any, are the only labels."""
    what = f"{label or 'y'} in {path}"
    if names is None:
        names = tables.class_names_of(what, [text for _, labels in parts.values() for text in labels])
    arrays = _split(path, {part: (X, tables.encoded(what, labels, names)) for part, (X, labels) in parts.items()})
    try:
        standardizer = Standardizer().fit(arrays["X_train"])
    except ValueError as error:  # the square of a finite number may be infinite
        raise ValueError(f"{path}: {error}") from None
    tables.check_classes(path, label, {part: arrays[f"y_{part}"] for part in PARTS}, names)
    named = names if names != _numbers(len(names)) else None
    return DataSet(tables.printable(path.stem), arrays, len(names), standardizer, named, feature_names)


def _class_names(path: Path, arrays: dict[str, np.ndarray]) -> list[str] | None:
    """The class names of an .npz file: an array of words, or a text of JSON as from `write_test_rows`."""
    given = arrays.get("class_names")
    if given is None:
        return None
    if given.shape == () and given.dtype.kind == "U":
        (text,) = tables.label_texts(path, "class_names", given.reshape(1), 1)
        try:
            names = json.loads(text)
            valid = isinstance(names, list) and "".join(names).encode() != b""
        except (RecursionError, TypeError, ValueError):  # a lone surrogate is a ValueError
            valid = False
        if not valid:
            raise ValueError(f"class_names in {path} must be an array of words, or a list of texts in JSON")
    else:
        names = tables.label_texts(path, "class_names", given, given.size)
        numbers = list(filter(tables.is_number, names))
        if numbers:
            raise ValueError(
                f"class_names in {path} must be words, which numbers in y count from 0, got {tables.some(numbers)}"
            )
    if len(set(names)) < len(names):
        raise ValueError(f"class_names in {path} must be different from each other, got {tables.some(names)}")
    return names


def _labels(path: Path, arrays: dict[str, np.ndarray], name: str, n_rows: int, names: list[str] | None) -> list[str]:
    """The labels of an .npz file, as texts; numbers are class numbers where the file has class names."""
    values = arrays[name.lower()]
    labels = tables.label_texts(path, name, values, n_rows)
    if names is None or values.dtype.kind == "U":
        return labels
    return [names[number] for number in tables.encoded(f"{name} in {path}", labels, _numbers(len(names)))]


def _part(
    path: Path, arrays: dict[str, np.ndarray], part: str, names: list[str] | None
) -> tuple[np.ndarray, list[str]] | None:
    """The rows and labels of a part of an .npz file; X and y are a training part too."""
    for suffix in (f"_{part}", *([""] if part == "train" else [])):
        if f"x{suffix}" in arrays and f"y{suffix}" in arrays:
            X = tables.matrix(path, f"X{suffix}", arrays[f"x{suffix}"])
            return X, _labels(path, arrays, f"y{suffix}", len(X), names)
    return None


def _split(path: Path, parts: dict[str, tuple[np.ndarray, np.ndarray]]) -> dict[str, np.ndarray]:
    """The arrays of all parts; a missing one is a tenth of the training rows, the same random ones for any seed."""
    X, y = parts["train"]
    missing = [part for part in ("val", "test") if part not in parts]
    n = max(1, len(X) // 10)
    if len(X) <= n * len(missing):
        raise ValueError(f"{path} must have at least {1 + len(missing)} rows to train on, got {len(X)}")
    order = np.random.RandomState(0).permutation(len(X))
    chosen = {part: order[i * n : (i + 1) * n] for i, part in enumerate(missing)}
    chosen["train"] = np.sort(order[len(missing) * n :])
    return _arrays(parts | {part: (X[rows], y[rows]) for part, rows in chosen.items()})


def _rows_of_file(network: NeuralNetwork, path: Path, label: str | None) -> tuple[np.ndarray, np.ndarray | None]:
    if is_csv(str(path)):
        features = network.feature_names or [name for name in tables.columns(path) if name != label]
        X, labels = tables.read_csv(path, features, label)
    elif path.suffix.lower() in (".npz", ".npy"):
        arrays = tables.read_arrays(path)
        name = next((name for name in ("X_test", "X") if name.lower() in arrays), None)
        if name is None:
            raise ValueError(f"{path} must hold X, or X_test, got {tables.some(arrays)}")
        X = tables.matrix(path, name, arrays[name.lower()])
        y = name.replace("X", "y")
        labels = _labels(path, arrays, y, len(X), _class_names(path, arrays)) if y.lower() in arrays else None
    else:
        raise ValueError(f"{path} must end in .csv, .tsv, .npz or .npy, or be a folder with CIFAR-10")
    names = network.class_names or _numbers(network.output_size)
    return X, None if labels is None else tables.encoded(f"{label or 'y'} in {path}", labels, names)


def _numbers(n: int) -> list[str]:
    return [str(number) for number in range(n)]


def _arrays(parts: dict[str, tuple[np.ndarray, np.ndarray]]) -> dict[str, np.ndarray]:
    return {f"{array}_{part}": parts[part][i] for part in PARTS for i, array in enumerate("Xy")}
