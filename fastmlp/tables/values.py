"""The values of a column of a frame, of any type: its different ones, and which of them each row has."""

import datetime
import math
import numbers
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np

from fastmlp.optional import require
from fastmlp.remedies import listed

TIMES = (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64)


class Values(NamedTuple):
    """What a column holds, before it is decided what it means.

    Attributes
    ----------
    content : {"numbers", "booleans", "texts", "categories", "dates", "others"}
        Categories are texts of a column that its owner has made categorical.
    codes : ndarray (n_rows,), int64
        The place of each row's value in `different`; -1 for a gap.
    different : list
        In the order of their first rows: float or int, bool or str.
    labels : sequence
        Of the rows, the index of the frame.
    first_line : int or None
        The line of a text file in which row 0 stands, where each row is a line.
    has_unclear_points : bool
        Whether 3.148 may be 3148, as in a text file whose fields are separated by semicolons.
    """

    content: str
    codes: np.ndarray
    different: list[Any]
    labels: Sequence[Any] = ()
    first_line: int | None = None
    has_unclear_points: bool = False

    def taken(self, by_value: np.ndarray, gap: Any) -> np.ndarray:
        """For each row (n_rows,) the entry of `by_value` (n_different,) for its value, or `gap` where it has none."""
        # code -1 takes the last entry
        return np.append(by_value, np.array([gap], by_value.dtype))[self.codes]

    def place_of(self, code: int) -> str:
        """Where this value is first: the line of a text file, from 1, or the row by its label in the frame."""
        label = self.labels[int(np.argmax(self.codes == code))]
        return f"row {label}" if self.first_line is None else f"line {self.first_line + label}"


def named_columns(frame: Any) -> dict[str, Any]:
    """The columns of a frame as Series of pandas; those of other libraries are converted by their own `to_pandas`."""
    if hasattr(type(frame), "to_pandas"):
        frame = frame.to_pandas()
    pandas = require("pandas", "cli", "a table")
    if not isinstance(frame, pandas.DataFrame):
        raise TypeError(f"frame must be a frame of pandas, Polars or pyarrow, got {type(frame).__name__}")
    names = list(map(str, frame.columns))
    if len(set(names)) < len(names):
        twice = [name for name, count in Counter(names).items() if count > 1]
        raise ValueError(f"frame must have different names for its columns, got {listed(twice)} more than once")
    return {name: frame.iloc[:, i] for i, name in enumerate(names)}


def column_of(columns: Mapping[str, Any], name: str) -> Any:
    """One of the columns of a frame."""
    if not isinstance(name, str):
        raise TypeError(f"the name of a column must be a text, got {name!r}")
    if name not in columns:
        raise ValueError(f"frame must have a column {name!r}, got {listed(list(columns))}")
    return columns[name]


def different_names(names: Iterable[Any], notes: list[str]) -> list[str]:
    """The names of columns as different texts."""
    found = [str(name).strip() for name in names]
    taken, given = set(found), dict[str, None]()
    for i, name in enumerate(found):
        new, n = name or f"column {i + 1}", 0
        while new in given or (new != name and new in taken):
            n += 1
            new = f"{name or f'column {i + 1}'}.{n}"
        given[new] = None
    if new_names := [name for name, old in zip(given, found, strict=True) if name != old]:
        notes.append(f"Columns without a name, or with that of another, are named {listed(new_names)}.")
    return list(given)


def values_of(column: Any) -> Values:
    """The values of a pandas Series."""
    if not isinstance(column, require("pandas", "cli", "a table").Series):
        raise TypeError(f"values must be a pandas.Series, got {type(column).__name__}")
    of_file = {name: column.attrs[name] for name in ("first_line", "has_unclear_points") if name in column.attrs}
    return _values_of(column)._replace(labels=column.index, **of_file)


def _values_of(column: Any) -> Values:
    pandas = require("pandas", "cli", "a table")
    is_plain = isinstance(column.dtype, np.dtype) and column.dtype.kind in "iufb"
    try:
        codes, found = pandas.factorize(column if is_plain else column.astype(object))
    except (TypeError, OverflowError):  # of what has no hash, and in pandas 2 of integers beyond all floats
        return _others("others", column)
    if is_plain and column.dtype.kind in "fb":
        return Values("numbers" if column.dtype.kind == "f" else "booleans", codes, found.tolist())
    if is_plain:
        return _of_numbers(codes, found.tolist())
    types = set(map(type, found))
    if any(issubclass(one, (*TIMES, pandas.Period)) for one in types):
        return _others("dates", column)
    different = found.tolist()
    if isinstance(column.dtype, pandas.CategoricalDtype):
        return _of_texts("categories", codes, different)
    if types <= {bool, np.bool_}:
        return Values("booleans", codes, different)
    others = [value for value in different if not isinstance(value, str | bool)]
    if not all(map(_is_number, others)):
        return _others("others", column)
    if len(others) == len(different):
        return _of_numbers(codes, different)
    return _of_texts("texts", codes, different)


def _of_numbers(codes: np.ndarray, different: list[Any]) -> Values:
    """Numbers as they are; as texts, where several integers are the same float."""
    if len(set(map(float, different))) < len(different):
        return _of_texts("texts", codes, different)
    return Values("numbers", codes, different)


def _is_number(value: Any) -> bool:
    """Whether it is a real number that a float can hold."""
    try:
        return isinstance(value, numbers.Real | Decimal) and not isinstance(value, bool) and float(value) is not None
    except OverflowError:
        return False


def _others(content: str, column: Any) -> Values:
    """Values that are only shown, as texts."""
    places: dict[str, int] = {}
    codes = [
        -1 if is_gap else places.setdefault(str(value), len(places))
        for value, is_gap in zip(column, column.isna(), strict=True)
    ]
    return Values(content, np.array(codes, np.int64), list(places))


def _of_texts(content: str, codes: np.ndarray, different: list[Any]) -> Values:
    """Values as texts without blanks around them; blank ones are gaps."""
    texts = [text_of(value).strip() for value in different]
    if texts != different or "" in texts:
        places = {text: i for i, text in enumerate(dict.fromkeys(filter(None, texts)))}
        codes = np.array([*(places.get(text, -1) for text in texts), -1], np.int64)[codes]
        texts = list(places)
    return Values(content, codes, texts)


def text_of(value: Any) -> str:
    """A value as a text; a number in its shortest form, 3 for 3.0."""
    if isinstance(value, str):
        return value
    if _is_number(value) and math.isfinite(value):
        return str(int(value)) if value == int(value) else repr(float(value))
    return str(value)
