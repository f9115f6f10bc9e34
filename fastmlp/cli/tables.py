"""Rows and classes of users' files: .csv with a header line, .npz and .npy."""

import csv
import io
import os
import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import MAGIC_PREFIX

from fastmlp.files.access import reading, undisturbed
from fastmlp.files.archives import Archive, read_archive, read_array
from fastmlp.validation import real_array

DELIMITERS = ",;\t"
# More than FEW classes need at least this many rows each on average, which prices and ids do not have.
FEW, ROWS_OF_A_CLASS = 20, 10
GROUP = (
    "group its values into a few classes: the command trains classifiers, and a regression is "
    'NeuralNetwork(..., loss="squared_error") in Python'
)


def columns(path: Path) -> list[str]:
    """The names in a CSV file's header line."""

    def read() -> list[str]:
        with _reader(path) as (header, _):
            return header

    return undisturbed(read)


def read_csv(path: Path, features: Sequence[str], label: str | None) -> tuple[np.ndarray, list[str] | None]:
    """The feature columns of a CSV file, as float64, and its column of labels; a ValueError names the line at fault."""
    return undisturbed(lambda: _read_csv(path, features, label))


def _read_csv(path: Path, features: Sequence[str], label: str | None) -> tuple[np.ndarray, list[str] | None]:
    with _reader(path) as (header, lines):
        position = {name: i for i, name in enumerate(header)}
        if missing := [name for name in (*features, *([] if label is None else [label])) if name not in position]:
            raise ValueError(f"{path} has no column {some(missing)}; its columns are {some(header)}")
        positions = [position[name] for name in features]
        numbers, labels, line_numbers = array("d"), [], array("q")
        for row in lines:
            if not row:  # an empty line
                continue
            if len(row) != len(header):
                raise ValueError(
                    f"{path}, line {lines.line_num}: must have {len(header)} fields as its header, got {len(row)}"
                )
            try:
                numbers.extend([float(row[i]) for i in positions])
            except ValueError:
                raise ValueError(f"{path}, line {lines.line_num}: {_bad(row, positions, header)}") from None
            if label is not None:
                labels.append(row[position[label]].strip())
                if not labels[-1]:
                    raise ValueError(f"{path}, line {lines.line_num}: column {label!r} must hold a class, got nothing")
            line_numbers.append(lines.line_num)
    if not line_numbers:
        raise ValueError(f"{path} must have at least one row below its header line, got none")
    X = np.frombuffer(numbers).reshape(len(line_numbers), len(features))
    _check_finite(f"{path}, line", X, line_numbers, features)
    return X, labels if label is not None else None


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz file by their names in lower case, which must be different; that of an .npy file is `x`."""
    found = undisturbed(lambda: _read_arrays(path))
    count = Counter(name.lower() for name, _ in found)
    if twice := [name for name, _ in found if count[name.lower()] > 1]:
        raise ValueError(f"{path} must have different names for its arrays, also in small letters, got {some(twice)}")
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


def matrix(path: Path, name: str, values: np.ndarray) -> np.ndarray:
    """An array of a file as rows of finite numbers; images are flattened."""
    values = real_array(f"{name} in {path}", values)
    if values.ndim < 2 or 0 in values.shape:
        raise ValueError(f"{name} in {path} must have shape (n_rows, n_features), none of them 0, got {values.shape}")
    rows = values.reshape(len(values), -1)
    _check_finite(f"{name} in {path}, row", rows, range(len(rows)), range(rows.shape[1]))
    return rows


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
        raise ValueError(f"{what} must hold classes that are known, {some(class_names)}, got {error}") from None


def class_names_of(what: str, texts: Iterable[str]) -> list[str]:
    """The different labels: numbers in numerical order, or texts in alphabetical order."""
    names = {_whole(text) for text in texts}
    if len(names) < 2:
        raise ValueError(f"{what} must hold two classes or more, got only {some(names)}")
    if all(map(is_number, names)):
        fractions = names - {name for name in names if name.lstrip("-").isdecimal()}
        if fractions:
            raise ValueError(
                f"{what} must hold classes, texts or whole numbers, got {len(names):,} different numbers, as "
                f"{min(fractions)}; name another column or other labels, or {GROUP}"
            )
        # int refuses thousands of digits
        return sorted(names, key=lambda name: (Decimal(name), name))
    return sorted(names)


def _whole(text: str) -> str:
    """A whole number in its shortest form: 3.0 and +3 are 3."""
    return re.sub(r"^(?:\+(?=\d))?(-?\d+)(?:\.0*)?$", r"\1", text)


def check_classes(path: Path, label: str | None, y: Mapping[str, np.ndarray], class_names: Sequence[str]) -> None:
    """Refuse labels that are prices or ids rather than classes, and a class without a training row.

    The labels are class numbers by part; `label` is the column of a .csv file, or None for an .npz file.
    """
    what, advice = f"y in {path}", f"have other labels in y, or {GROUP}"
    if label is not None:
        what = f"column {label!r} in {path}"
        advice = f"name a column of classes by --label, and leave an id out by --ignore, or {GROUP}"
    counts = np.bincount(np.concatenate(list(y.values())), minlength=len(class_names))
    n_rows, n_classes = int(counts.sum()), int(np.count_nonzero(counts))
    most = max(FEW, n_rows // ROWS_OF_A_CLASS)
    if n_classes > most:
        raise ValueError(
            f"{what} must hold classes, {most} at most for its {n_rows:,} rows, got {n_classes:,}, as numbers "
            f"and ids have; {advice}"
        )
    unseen = np.flatnonzero((counts > 0) & (np.bincount(y["train"], minlength=len(counts)) == 0))
    if len(unseen):
        raise ValueError(
            f"{what} must have each of its {n_classes} classes in the {len(y['train']):,} of its {n_rows:,} rows "
            f"that train, got none of {some(class_names[k] for k in unseen.tolist())} there; add or leave out rows of "
            f"these classes, or {advice}"
        )


def is_number(text: str) -> bool:
    """Whether Python reads a text as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def some(names: Iterable[str]) -> str:
    """Names for a message, ten at most."""
    names = list(names)
    return ", ".join(map(repr, names[:10])) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def printable(text: str) -> str:
    """A text with escapes for unprintable characters, as in Python's `repr`."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


@contextmanager
def _reader(path: Path) -> Iterator[tuple[list[str], Any]]:
    """The column names of a CSV file and its other lines; the delimiter is the most frequent one of the first line."""
    try:
        with reading(path) as content, io.TextIOWrapper(content, "utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            outside_quotes = re.sub('"[^"]*"', "", first)
            lines = csv.reader(file, delimiter=max(DELIMITERS, key=outside_quotes.count))
            yield _header(path, next(lines, [])), lines
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a CSV file in UTF-8: {error}") from error


def _header(path: Path, fields: Sequence[str]) -> list[str]:
    header = [name.strip() for name in fields]
    if not any(header):
        raise ValueError(f"{path} must start with a line of column names, got an empty one")
    if twice := sorted(name for name, count in Counter(header).items() if count > 1):
        raise ValueError(f"{path} must have different names for its columns, got {some(twice)} more than once")
    return header


def _bad(row: list[str], positions: Sequence[int], header: list[str]) -> str:
    """A message about the first field that is not a number."""
    i = next(i for i in positions if not is_number(row[i]))
    got = repr(row[i]) if row[i].strip() else "nothing"
    advice = "leave the column out by --ignore, or code its classes as columns of 0 and 1"
    if got == "nothing":
        advice = "fill in a number, or leave the row or (by --ignore) the column out"
    elif is_number(row[i].replace(",", ".")):
        advice = "write decimals with a point"
    return f"column {header[i]!r} must hold numbers, got {got}; {advice}"


def _check_finite(what: str, X: np.ndarray, rows: Sequence[int], columns: Sequence[object]) -> None:
    """Refuse numbers that are not finite; with the row and the column."""
    if X.dtype.kind == "f" and not np.isfinite(X).all():
        i, j = (int(index[0]) for index in np.nonzero(~np.isfinite(X)))
        raise ValueError(f"{what} {rows[i]}: column {columns[j]!r} must be finite, got {X[i, j]}")
