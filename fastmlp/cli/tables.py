"""Rows from users' files: .csv with a header line, .npz and .npy."""

import csv
import io
import os
import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.format import MAGIC_PREFIX

from fastmlp.files.access import reading, undisturbed
from fastmlp.files.archives import Archive, read_archive, read_array
from fastmlp.validation import real_array

DELIMITERS = ",;\t"


class Table(NamedTuple):
    """Rows of features, and their labels as in the file."""

    X: np.ndarray
    labels: Sequence[str] | None


def columns(path: Path) -> list[str]:
    """The names in a CSV file's header line."""

    def read() -> list[str]:
        with _reader(path) as lines:
            return _header(path, lines)

    return undisturbed(read)


def read_csv(path: Path, features: Sequence[str], label: str | None) -> Table:
    """The feature columns of a CSV file, as float64, and its column of labels.

    Raises
    ------
    ValueError
        If a column is missing, or a feature is not a finite number; with the line.
    """
    return undisturbed(lambda: _read_csv(path, features, label))


def _read_csv(path: Path, features: Sequence[str], label: str | None) -> Table:
    with _reader(path) as lines:
        header = _header(path, lines)
        place_of = {name: place for place, name in enumerate(header)}
        missing = [name for name in (*features, *([] if label is None else [label])) if name not in place_of]
        if missing:
            raise ValueError(f"{path} has no column {some(missing)}; its columns are {some(header)}")
        places = [place_of[name] for name in features]
        label_place = None if label is None else place_of[label]
        numbers, labels, line_numbers = array("d"), [], array("q")
        for row in lines:
            if not row:  # an empty line
                continue
            if len(row) != len(header):
                raise ValueError(
                    f"{path}, line {lines.line_num}: must have {len(header)} fields as its header, got {len(row)}"
                )
            try:
                numbers.extend([float(row[place]) for place in places])
            except ValueError:
                raise ValueError(f"{path}, line {lines.line_num}: {_bad(row, places, header)}") from None
            if label_place is not None:
                labels.append(row[label_place].strip())
                if not labels[-1]:
                    raise ValueError(f"{path}, line {lines.line_num}: column {label!r} must hold a class, got nothing")
            line_numbers.append(lines.line_num)
    if not line_numbers:
        raise ValueError(f"{path} must have at least one row below its header line, got none")
    X = np.frombuffer(numbers).reshape(len(line_numbers), len(places))
    _check_finite(f"{path}, line", X, line_numbers, features)
    return Table(X, labels if label is not None else None)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz file by their names in lower case; that of an .npy file is `x`.

    Raises
    ------
    ValueError
        If it is another file, or two names differ by case alone.
    MemoryError
        If there is not enough memory for the file's arrays.
    """
    found = undisturbed(lambda: _read_arrays(path))
    count = Counter(name.lower() for name, _ in found)
    twice = [name for name, _ in found if count[name.lower()] > 1]
    if twice:
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
    # a small file may declare any number of texts without bytes
    if values.shape != (n_rows,) or values.dtype.kind not in "biufU" or not values.itemsize:
        raise ValueError(
            f"{name} in {path} must be {n_rows} numbers or texts, one for each row, got {values.dtype} {values.shape}"
        )
    try:
        return [str(value) for value in values.tolist()]
    except (SystemError, ValueError) as error:
        raise ValueError(f"{name} in {path} must hold texts of characters that there are: {error}") from None


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
def _reader(path: Path) -> Iterator[Any]:
    """The rows of a CSV file; the delimiter is the most frequent one of its header."""
    try:
        with reading(path) as content, io.TextIOWrapper(content, "utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            outside_quotes = re.sub('"[^"]*"', "", first)
            yield csv.reader(file, delimiter=max(DELIMITERS, key=outside_quotes.count))
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a CSV file in UTF-8: {error}") from error


def _header(path: Path, lines: Iterator[list[str]]) -> list[str]:
    header = [name.strip() for name in next(lines, [])]
    if not any(header):
        raise ValueError(f"{path} must start with a line of column names, got an empty one")
    twice = sorted(name for name, count in Counter(header).items() if count > 1)
    if twice:
        raise ValueError(f"{path} must have different names for its columns, got {some(twice)} more than once")
    return header


def _bad(row: list[str], places: Sequence[int], header: list[str]) -> str:
    """A message about the first field that is not a number."""
    place = next(place for place in places if not is_number(row[place]))
    got = repr(row[place]) if row[place].strip() else "nothing"
    advice = "leave the column out by --ignore, or code its classes as columns of 0 and 1"
    if got == "nothing":
        advice = "fill in a number, or leave the row or (by --ignore) the column out"
    elif is_number(row[place].replace(",", ".")):
        advice = "write decimals with a point"
    return f"column {header[place]!r} must hold numbers, got {got}; {advice}"


def _check_finite(what: str, X: np.ndarray, rows: Sequence[int], columns: Sequence[object]) -> None:
    """Refuse numbers that are not finite; with the row and the column."""
    if X.dtype.kind == "f" and not np.isfinite(X).all():
        i, j = (int(index[0]) for index in np.nonzero(~np.isfinite(X)))
        raise ValueError(f"{what} {rows[i]}: column {columns[j]!r} must be finite, got {X[i, j]}")
