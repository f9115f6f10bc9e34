"""Frames of pandas, Polars and pyarrow as arrays of numbers, and the names of their columns.

None of these libraries is imported here: a caller who passes a frame has done so.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from fastmlp.conversion import NotNumericError, numbers_of
from fastmlp.remedies import listed, of_columns

# Rows that are looked at together; a block stays in cache.
BLOCK_ROWS = 4096
# What the names of types of dates, times and durations start with, in all three libraries.
OF_TIME = ("date", "time", "duration", "period")
# Kinds of problems of columns whose values are numbers otherwise.
NOT_FINITE = ("missing values", "infinite values")


def column_labels(values: Any) -> list[Any] | None:
    """The label of each column of a frame; None for what is no frame."""
    if _is_pyarrow(values):
        return list(values.schema.names)
    return list(values.columns) if _is_pandas(values) or _is_polars(values) else None


# by classes, since an attribute of pandas' frames themselves may be a column
def _is_pandas(values: Any) -> bool:
    return hasattr(type(values), "iloc") and hasattr(type(values), "columns")


def _is_polars(values: Any) -> bool:
    return hasattr(type(values), "to_series") and hasattr(type(values), "columns") and hasattr(values, "schema")


def _is_pyarrow(values: Any) -> bool:
    """Whether this is a table or a batch."""
    return hasattr(type(values), "num_columns") and hasattr(type(values), "schema")


def _texts(values: Any) -> list[str] | None:
    """The labels of a frame's columns as texts; None where they are just numbers from 0, as of an array."""
    labels = column_labels(values)
    if labels is None or labels == list(range(len(labels))):
        return None
    return [str(label) for label in labels]


def column_names(values: Any) -> list[str] | None:
    """The names of a frame's columns, if they are different; None where there are none, and for what is no frame."""
    found = _texts(values)
    return found if found and len(set(found)) == len(found) else None


def check_column_names(name: str, values: Any, known: list[str] | None, where: str = "net.feature_names") -> None:
    """Raise where a frame has other columns than the known ones, which `where` names, or has them in another order."""
    found = None if known is None else _texts(values)
    if found is None or known is None or found == known:
        return
    missing, unknown = ([one for one in a if one not in set(b)] for a, b in ((known, found), (found, known)))
    if missing or unknown:
        parts = {"without": missing, "with": unknown}
        got = " and ".join(f"{word} {listed(columns)}" for word, columns in parts.items() if columns)
    else:
        i = next(i for i, column in enumerate(found) if column != known[i])
        got = f"with {found[i]!r} in place of {known[i]!r}"
    remedy = f"pass {name}.select({where})" if _is_pyarrow(values) else f"pass {name}[{where}]"
    if missing:
        remedy = "add what is missing; a column of get_dummies for a category that does not occur is 0"
    raise ValueError(f"{name} must have the columns {where} in this order, got a frame {got}: {remedy}")


def has_times(frame: Any) -> bool:
    """Whether a column holds dates, times or durations, which some conversions take for numbers."""
    return any(str(dtype).lower().startswith(OF_TIME) for dtype in _dtypes(frame))


def _dtypes(frame: Any) -> Iterable[Any]:
    return frame.schema.types if _is_pyarrow(frame) else frame.dtypes


def numbers_of_frame(name: str, frame: Any, labels: list[Any], content: str) -> np.ndarray:
    """A frame as an array (n_rows, n_columns) of finite numbers.

    Raises
    ------
    TypeError, ValueError
        If columns hold something else; all of them are named, with what to do.
    """
    # all columns at once, where they are numbers of NumPy: pandas may have them in one array
    if _is_pandas(frame) and all(isinstance(dtype, np.dtype) and dtype.kind in "iuf" for dtype in frame.dtypes):
        array = np.asarray(frame)
        if _is_finite(array):
            return array
    columns: list[np.ndarray] = []
    problems: list[tuple[Any, NotNumericError]] = []
    for i, label in enumerate(labels):
        try:
            columns.append(_numbers_of_column(frame, i))
        except NotNumericError as error:
            problems.append((label, error))
    if problems:
        are_numbers = all(found.kind in NOT_FINITE for _, found in problems)
        text = "; ".join(_explained(name, frame, problems, content))
        raise (ValueError if are_numbers else TypeError)(f"{name} must be an array of {content}, got a frame: {text}")
    return np.column_stack(columns) if columns else np.empty((len(frame), 0))


def _is_finite(array: np.ndarray) -> bool:
    blocks = (array[start : start + BLOCK_ROWS] for start in range(0, len(array), BLOCK_ROWS))
    return array.dtype.kind != "f" or all(np.isfinite(block).all() for block in blocks)


def _numbers_of_column(frame: Any, i: int) -> np.ndarray:
    if _is_pandas(frame):
        column = frame.iloc[:, i]
        if column.dtype == "category" and column.isna().any():  # whose codes for gaps NumPy may take for numbers
            column = column.astype(object)
    else:
        column = frame.to_series(i) if _is_polars(frame) else frame.column(i)
    array = np.asarray(column)
    if array.ndim > 1 or array.dtype.names is not None:  # lists or fields
        raise NotNumericError("values", f"{array[0]}", (0,))
    found = numbers_of(array)
    if not _is_finite(found):
        is_missing = np.isnan(found)
        kind, where = ("missing values", is_missing) if is_missing.any() else ("infinite values", np.isinf(found))
        raise NotNumericError.of(kind, found, where)
    return found


def _explained(name: str, frame: Any, problems: list[tuple[Any, NotNumericError]], content: str) -> Iterable[str]:
    """A text for each kind of what is no number: the columns that have it, and what to do."""
    for kind, are_numbers in dict.fromkeys((found.kind, found.are_numbers) for _, found in problems):
        alike = [(label, found) for label, found in problems if (found.kind, found.are_numbers) == (kind, are_numbers)]
        columns, first = [label for label, _ in alike], alike[0][1]
        holds = f"column {listed(columns)} has" if len(columns) == 1 else f"columns {listed(columns)} have"
        example = "as" if kind in NOT_FINITE else f"such as {first.example}"
        remedy = of_columns(name, frame, columns, first, content)
        yield f"{holds} {kind}, {example} in row {first.at[0]}: {remedy}"
