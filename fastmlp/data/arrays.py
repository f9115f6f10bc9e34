"""Rows and targets of users' .npz and .npy files."""

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np
from numpy.lib.format import MAGIC_PREFIX

from fastmlp.files.access import reading, undisturbed
from fastmlp.files.archives import Archive, read_archive, read_array
from fastmlp.remedies import argument, listed
from fastmlp.tables.parts import PARTS
from fastmlp.tables.task import MAX_CLASSES_OF_NUMBERS, ROWS_OF_A_CLASS
from fastmlp.validation import real_array

SUFFIXES = (".npz", ".npy")


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz file by their names in lower case, which must be different; that of an .npy file is `x`."""
    found = undisturbed(lambda: _read_arrays(path))
    count = Counter(name.lower() for name, _ in found)
    if twice := [name for name, _ in found if count[name.lower()] > 1]:
        raise ValueError(f"{path} must have different names for its arrays, also in small letters, got {listed(twice)}")
    return {name.lower(): array for name, array in found}


def _read_arrays(path: Path) -> list[tuple[str, np.ndarray]]:
    with reading(path) as file:
        try:
            is_array = file.read(len(MAGIC_PREFIX)) == MAGIC_PREFIX
            n_bytes = file.seek(0, os.SEEK_END)
            file.seek(0)
            return [("x", read_array(file, n_bytes))] if is_array else list(read_archive(Archive(file)))
        except MemoryError:
            raise
        except Exception as error:  # zipfile, zlib and NumPy raise errors of many types for damaged files
            raise ValueError(f"{path} is not a file of NumPy arrays: {error}") from error


def parts_of_classes(path: Path) -> tuple[dict[str, tuple[np.ndarray, np.ndarray]], list[str]]:
    """Rows and class numbers of the parts that a file has, of which one is `train`, and the names of the classes."""
    arrays = read_arrays(path)
    names = _class_names(path, arrays)
    texts = {part: (X, _labels(path, arrays, y, len(X), names)) for part, (X, y) in _parts(path, arrays).items()}
    if names is None:  # those of a file are its only labels
        names = class_names_of(f"y in {path}", [text for _, labels in texts.values() for text in labels])
    return {part: (X, encoded(f"y in {path}", labels, names)) for part, (X, labels) in texts.items()}, names


def parts_of_numbers(path: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Rows and numbers to be predicted of the parts that a file has, of which one is `train`."""
    arrays = read_arrays(path)
    return {part: (X, _numbers(path, arrays, y, len(X))) for part, (X, y) in _parts(path, arrays).items()}


def rows_of(path: Path, class_names: Sequence[str] | None) -> tuple[np.ndarray, np.ndarray | None]:
    """The rows of a file, and their targets if it has them: of these classes, or numbers where there are none."""
    arrays = read_arrays(path)
    name = next((name for name in ("X_test", "X") if name.lower() in arrays), None)
    if name is None:
        raise ValueError(f"{path} must hold X, or X_test, got {listed(list(arrays))}")
    X, y = matrix(path, name, arrays[name.lower()]), name.replace("X", "y")
    if y.lower() not in arrays:
        return X, None
    if class_names is None:
        return X, _numbers(path, arrays, y, len(X))
    labels = _labels(path, arrays, y, len(X), _class_names(path, arrays))
    return X, encoded(f"y in {path}", labels, class_names)


def _parts(path: Path, arrays: dict[str, np.ndarray]) -> dict[str, tuple[np.ndarray, str]]:
    """The rows of each part of a file, and the name of its targets; X and y are a training part too."""
    parts: dict[str, tuple[np.ndarray, str]] = {}
    for part in PARTS:
        for suffix in (f"_{part}", *([""] if part == "train" else [])):
            if part not in parts and f"x{suffix}" in arrays and f"y{suffix}" in arrays:
                parts[part] = matrix(path, f"X{suffix}", arrays[f"x{suffix}"]), f"y{suffix}"
    if "train" not in parts:
        raise ValueError(f"{path} must hold X and y, or X_train and y_train, got {listed(list(arrays))}")
    n_features = parts["train"][0].shape[1]
    for part, (X, _) in parts.items():
        if X.shape[1] != n_features:
            raise ValueError(f"X_{part} in {path} must have {n_features} features as X_train, got {X.shape[1]}")
    return parts


def matrix(path: Path, name: str, values: np.ndarray) -> np.ndarray:
    """An array of a file as rows of finite numbers; images are flattened."""
    values = real_array(f"{name} in {path}", values)
    if values.ndim < 2 or 0 in values.shape:
        raise ValueError(f"{name} in {path} must have shape (n_rows, n_features), none of them 0, got {values.shape}")
    rows = values.reshape(len(values), -1)
    if rows.dtype.kind == "f" and not np.isfinite(rows).all():
        i, j = (int(index[0]) for index in np.nonzero(~np.isfinite(rows)))
        raise ValueError(f"{name} in {path}, row {i}: column {j} must be finite, got {rows[i, j]}")
    return rows


def _numbers(path: Path, arrays: dict[str, np.ndarray], name: str, n_rows: int) -> np.ndarray:
    """Targets of a regression, one for each row."""
    y = real_array(f"{name} in {path}", arrays[name.lower()]).astype(np.float64)
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if y.shape != (n_rows,) or not np.isfinite(y).all():
        raise ValueError(f"{name} in {path} must be {n_rows} finite numbers, one for each row, got shape {y.shape}")
    return y


def _class_names(path: Path, arrays: dict[str, np.ndarray]) -> list[str] | None:
    """The class names of an .npz file: an array of words, or a text of JSON as in `test.npz`."""
    given = arrays.get("class_names")
    if given is None:
        return None
    if given.shape == () and given.dtype.kind == "U":
        (text,) = label_texts(path, "class_names", given.reshape(1), 1)
        try:
            names = json.loads(text)
            valid = isinstance(names, list) and "".join(names).encode() != b""
        except (RecursionError, TypeError, ValueError):  # a lone surrogate is a ValueError
            valid = False
        if not valid:
            raise ValueError(f"class_names in {path} must be an array of words, or a list of texts in JSON")
    else:
        names = label_texts(path, "class_names", given, given.size)
        numbers = list(filter(is_number, names))
        if numbers:
            raise ValueError(
                f"class_names in {path} must be words, which numbers in y count from 0, got {listed(numbers)}"
            )
    if len(set(names)) < len(names):
        raise ValueError(f"class_names in {path} must be different from each other, got {listed(names)}")
    return names


def _labels(path: Path, arrays: dict[str, np.ndarray], name: str, n_rows: int, names: list[str] | None) -> list[str]:
    """The labels of an .npz file, as texts; numbers are class numbers where the file has class names."""
    values = arrays[name.lower()]
    labels = label_texts(path, name, values, n_rows)
    if names is None or values.dtype.kind == "U":
        return labels
    return [names[number] for number in encoded(f"{name} in {path}", labels, numbered(len(names)))]


def numbered(n: int) -> list[str]:
    """The names of n classes that have none."""
    return [str(number) for number in range(n)]


def label_texts(path: Path, name: str, values: np.ndarray, n_rows: int) -> list[str]:
    """An array of a file as labels, one for each row."""
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    # a small file may declare any number of texts of length 0
    if values.shape != (n_rows,) or values.dtype.kind not in "biufU" or not values.itemsize:
        raise ValueError(
            f"{name} in {path} must be {n_rows} numbers or texts, one for each row, got {values.dtype} {values.shape}"
        )
    try:
        return [str(value) for value in values.tolist()]
    except (SystemError, ValueError) as error:
        raise ValueError(f"{name} in {path} must hold texts of valid characters: {error}") from None


def encoded(what: str, labels: Sequence[str], class_names: Sequence[str]) -> np.ndarray:
    """Labels as class numbers; where no class name is a number, a label may also be a class number."""
    numbers = {name: number for number, name in enumerate(class_names)}
    if not any(name.lstrip("-").isdecimal() for name in class_names):
        numbers |= {str(number): number for number in range(len(class_names))}
    try:
        return np.array([numbers[text] if text in numbers else numbers[_whole(text)] for text in labels], np.int64)
    except KeyError as error:
        raise ValueError(f"{what} must hold classes that are known, {listed(list(class_names))}, got {error}") from None


def class_names_of(what: str, texts: Iterable[str]) -> list[str]:
    """The different labels: numbers in numerical order, or texts in alphabetical order."""
    names = {_whole(text) for text in texts}
    if len(names) < 2:
        raise ValueError(f"{what} must hold two classes or more, got only {listed(list(names))}")
    if all(map(is_number, names)):
        fractions = names - {name for name in names if name.lstrip("-").isdecimal()}
        if fractions:
            raise ValueError(
                f"{what} must hold classes, texts or whole numbers, got {len(names):,} different numbers, as "
                f"{min(fractions)}; have other labels, or {_grouping()}"
            )
        # int refuses thousands of digits
        return sorted(names, key=lambda name: (Decimal(name), name))
    return sorted(names)


def _grouping() -> str:
    return f"group its values into a few classes; numbers are learnt with {argument('task', 'regression')}"


def _whole(text: str) -> str:
    """A whole number in its shortest form: 3.0 and +3 are 3."""
    return re.sub(r"^(?:\+(?=\d))?(-?\d+)(?:\.0*)?$", r"\1", text)


def check_classes(path: Path, y: Mapping[str, np.ndarray], class_names: Sequence[str]) -> None:
    """Refuse labels that are prices or ids rather than classes, and a class without a training row.

    The labels are class numbers by part.
    """
    what, advice = f"y in {path}", f"have other labels in y, or {_grouping()}"
    counts = np.bincount(np.concatenate(list(y.values())), minlength=len(class_names))
    n_rows, n_classes = int(counts.sum()), int(np.count_nonzero(counts))
    most = max(MAX_CLASSES_OF_NUMBERS, n_rows // ROWS_OF_A_CLASS)
    if n_classes > most:
        raise ValueError(
            f"{what} must hold classes, {most} at most for its {n_rows:,} rows, got {n_classes:,}, as numbers "
            f"and ids have; {advice}"
        )
    unseen = np.flatnonzero((counts > 0) & (np.bincount(y["train"], minlength=len(counts)) == 0))
    if len(unseen):
        raise ValueError(
            f"{what} must have each of its {n_classes} classes in the {len(y['train']):,} of its {n_rows:,} rows "
            f"that train, got none of {listed([class_names[k] for k in unseen.tolist()])} there; add or leave out "
            f"rows of these classes, or {advice}"
        )


def is_number(text: str) -> bool:
    """Whether Python reads a text as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True
