"""Checks of what users pass in. Each error names the argument, what it got and what it needs."""

import math
import operator
import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fastmlp import _kernels, remedies
from fastmlp.conversion import NotNumericError, numbers_of
from fastmlp.frames import column_labels, numbers_of_frame
from fastmlp.remedies import LABELS

# The squares of larger targets, added up over all rows, could be infinite.
MAX_TARGET = 1e145

# Sums of larger weights, times squares of targets, could be infinite; products with smaller ones could be lost.
MIN_WEIGHT, MAX_WEIGHT = 1e-100, 1e12

# SciPy's BLAS counts in 32-bit integers.
MAX_BLAS_SIZE = 2**31 - 1


def shown(value: Any) -> str:
    """`value` as an error shows it; Python refuses to print integers of thousands of digits."""
    try:
        return repr(value)
    except ValueError:
        return f"one of type {type(value).__name__} that is too long to show"


def integer(name: str, value: Any, low: int = 1, high: float = math.inf) -> int:
    """`value` as an int of at least `low`, and at most `high`."""
    try:
        result = operator.index(value)
    except TypeError:
        result = low - 1
    if result < low or isinstance(value, bool | np.bool_):
        needed = "a positive integer" if low == 1 else f"an integer of at least {low}"
        raise ValueError(f"{name} must be {needed}, got {shown(value)}")
    if result > high:
        raise ValueError(f"{name} must be at most {high}, got {shown(value)}")
    return result


def thread_count(value: Any) -> int | None:
    """A number of threads as an int; None for as many as there are."""
    return None if value is None else integer("n_threads", value)


def checked_seed(seed: Any) -> int | None:
    """A seed as an int; None for none."""
    return None if seed is None else integer("seed", seed, 0, 2**32 - 1)


def float_dtype(name: str, dtype: npt.DTypeLike, *others: str) -> np.dtype:
    """The data type that `dtype` names, in native byte order: float32, float64 or one of the others."""
    choices = ("float32", "float64", *others)
    for choice in choices:
        # NumPy takes None for float64, and compares an array element by element
        if dtype is not None and not isinstance(dtype, np.ndarray) and np.dtype(choice) == dtype:
            return np.dtype(choice)
    raise ValueError(f"{name} must be {', '.join(choices[:-1])} or {choices[-1]}, got {dtype!r}")


# The smallest epsilon of Adam that is not lost in either dtype: 0 / (sqrt(0) + 0) would be NaN.
MIN_EPSILON = float(np.finfo(np.float32).tiny)


def number(name: str, value: Any, low: float = -math.inf, high: float = math.inf, *, open_high: bool = False) -> float:
    """`value` as a finite float in [low, high], or in [low, high)."""
    try:
        # float() would read a text, and drop an imaginary part
        plain = isinstance(value, float | int) or (np.ndim(value) == 0 and np.asarray(value).dtype.kind in "biufO")
        result = float(value if plain else "")
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number, got {value!r}") from None
    except OverflowError:  # an integer beyond all floats
        result = math.inf
    if not (math.isfinite(result) and low <= result <= high and not (open_high and result == high)):
        bounds = "finite"
        if low > -math.inf:
            bounds += f", at least {low:g}"
        if high < math.inf:
            bounds += f" and {'below' if open_high else 'at most'} {high:g}"
        raise ValueError(f"{name} must be {bounds}, got {shown(value)}")
    return result + 0.0  # -0.0 is 0.0


def boolean(name: str, value: Any) -> bool:
    """`value` as a bool, which it must be."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def as_path(name: str, value: Any) -> Path:
    """`value` as a path, which it must be."""
    if not isinstance(value, str | os.PathLike):
        raise TypeError(f"{name} must be a path, got {value!r}")
    text = os.fsdecode(value)
    if "\0" in text:
        raise ValueError(f"{name} must be a path without null characters, got {value!r}")
    return Path(text)


def one_of(name: str, value: Any, choices: Collection[str], *, any_case: bool = True) -> str:
    """The choice that `value` names, in upper or lower case unless `any_case` is False."""
    if isinstance(value, str):
        if value in choices:
            return value
        for choice in choices if any_case else ():
            if choice.lower() == value.lower():
                return choice
    raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")


def layer_sizes(
    input_size: Any,
    hidden_sizes: Any,
    output_size: Any,
    num_layers: Any,
    names: tuple[str, str, str] = ("input_size", "hidden_sizes", "output_size"),
) -> tuple[int, ...]:
    """The sizes of all layers, input and output included; errors call the first three arguments by the names."""
    first, middle, last = names
    try:
        hidden = list(hidden_sizes)
    except TypeError:
        raise TypeError(f"{middle} must be a sequence of positive integers, got {hidden_sizes!r}") from None
    n_hidden = len(hidden) if num_layers is None else integer("num_layers", num_layers) - 1
    if len(hidden) != n_hidden:
        raise ValueError(f"{middle} must have num_layers - 1 = {n_hidden} entries, got {len(hidden)}: {hidden_sizes!r}")
    named = {first: input_size, **{f"{middle}[{i}]": size for i, size in enumerate(hidden)}, last: output_size}
    return tuple(integer(name, size, 1, MAX_BLAS_SIZE) for name, size in named.items())


def time_step(t: Any, epoch: Any, step: Any) -> int | None:
    """The time step of one update, which is given by one of its three names; None if it is not."""
    if t is None and epoch is None and step is None:
        return None
    given = {name: value for name, value in (("t", t), ("epoch", epoch), ("step", step)) if value is not None}
    if len(given) > 1:
        raise TypeError(f"update takes one time step, got {' and '.join(given)}")
    # a float holds all integers up to here, and no decay rate has anything left there
    return integer(*given.popitem(), 1, 2**53)


def real_array(name: str, values: npt.ArrayLike, content: str = "real numbers", *, kinds: str = "biuf") -> np.ndarray:
    """`values` as an array of any shape and layout, whose type is of these kinds; `content` is what errors ask for."""
    array = values if type(values) is np.ndarray else _as_array(name, values, content)
    if array.dtype.kind in kinds:
        return array
    needed = f"{name} must be an array of {content}"
    if array.dtype == object and array.ndim == 0:
        value = array.item()
        hint = f": pass {name}.collect()" if hasattr(type(value), "collect") else ""  # Polars' lazy frames
        raise TypeError(f"{needed}, got {value if value is None else type(value).__name__}{hint}")
    if (array.dtype != object and not array.size) or "f" not in kinds:
        raise TypeError(f"{needed}, got dtype {array.dtype}")
    try:
        return numbers_of(array)
    except NotNumericError as error:
        raise TypeError(f"{needed}, got dtype {array.dtype}, {_described(name, error, content)}") from None


def _as_array(name: str, values: Any, content: str) -> np.ndarray:
    """What may be no array, as one of any type."""
    labels = column_labels(values)
    if labels is not None:
        return numbers_of_frame(name, values, labels, content)
    if hasattr(type(values), "tocsr"):  # SciPy's sparse matrices and arrays
        takers = ", or use fastmlp.MLPClassifier or MLPRegressor, which take sparse rows" * name.startswith("X")
        raise TypeError(
            f"{name} must be a dense array of {content}, got a {type(values).__name__}: pass {name}.toarray(){takers}"
        )
    try:
        array = np.asarray(values)
    except ValueError as error:  # rows of several lengths
        raise ValueError(f"{name} must be an array of {content}: {error}") from None
    if array is not values and np.ma.is_masked(values):  # NumPy has dropped the mask
        raise ValueError(f"{name} must be an array of {content}, got one with masked values; fill them in first")
    return array


def _described(name: str, found: NotNumericError, content: str) -> str:
    """What an array holds that is no number, and where; and what to do."""
    text = f"{found.kind} such as {found.example}"
    if len(found.at) == 2:
        text += f" in row {found.at[0]}, column {found.at[1]}"
    elif found.at:
        text += f" at index {', '.join(map(str, found.at))}"
    remedy = remedies.of_array(name, found, content)
    return f"{text}: {remedy}" if remedy else text


def real_matrix(name: str, values: npt.ArrayLike, n_columns: int) -> np.ndarray:
    """`values` as an array (n, n_columns) of real numbers of any type and layout; always a new view."""
    array = real_array(name, values).view()
    if array.ndim != 2 or array.shape[1] != n_columns:
        hint = ""
        if array.ndim == 1:
            shape, what = ("-1, 1", "a single column") if n_columns == 1 else ("1, -1", "a single row")
            given = name if isinstance(values, np.ndarray) else f"numpy.asarray({name})"
            hint = f"; for {what} pass {given}.reshape({shape})"
        raise ValueError(f"{name} must have shape (n_rows, {n_columns}), got {array.shape}{hint}")
    if array.shape[0] > MAX_BLAS_SIZE:
        raise ValueError(f"{name} must have at most {MAX_BLAS_SIZE} rows, got {array.shape[0]}")
    return array


def _indices(name: str, content: str, array: np.ndarray, n: int) -> np.ndarray:
    """A contiguous intp copy of an array (n_rows,) of integers in [0, n), which may be whole numbers of type float.

    It is a copy, since the kernels index with it: it must not change after it has been checked.
    """
    integers = array
    if array.dtype.kind == "f":
        # what is no integer, NaN included, or too large for one, is moved to just outside the range
        with np.errstate(invalid="ignore", over="ignore"):
            integers = np.clip(np.where(array == np.floor(array), array, -1).astype(np.float64), -1, n)
    indices = integers.astype(np.intp, order="C", subok=False)  # `numpy.array` would keep `longlong` for `intp`
    outside = _kernels.first_outside(indices, n)
    if outside >= 0:
        raise ValueError(f"{name} must hold {content} from 0 to {n - 1}, got {array[outside]!s} at index {outside}")
    return indices


def row_indices(name: str, values: npt.ArrayLike, n_rows: int) -> np.ndarray:
    """`values` as a contiguous intp array (n,) of at least one row's number in [0, n_rows), always a copy."""
    array = real_array(name, values, "integers", kinds="iu")
    if array.ndim != 1 or len(array) == 0:
        raise ValueError(f"{name} must have shape (n,), n > 0, got {array.shape}")
    if len(array) > MAX_BLAS_SIZE:
        raise ValueError(f"{name} must have at most {MAX_BLAS_SIZE} rows, got {len(array)}")
    return _indices(name, "rows", array, n_rows)


def row_weights(name: str, values: npt.ArrayLike, n_rows: int, *, may_be_zero: bool = False) -> np.ndarray:
    """`values` as a float64 array (n_rows,) of weights, not all of them 0 unless they may be, always a copy."""
    array = real_array(name, values, "weights")
    if array.shape != (n_rows,):
        raise ValueError(f"{name} must have shape ({n_rows},), one weight for each row, got {array.shape}")
    weights = array.astype(np.float64, order="C", subok=False)
    wrong = np.flatnonzero(~((weights == 0) | (weights >= MIN_WEIGHT) & (weights <= MAX_WEIGHT)))
    if len(wrong):
        needed = f"0, or from {MIN_WEIGHT:g} to {MAX_WEIGHT:g}"
        raise ValueError(f"{name} must be {needed}, got {array[wrong[0]]!s} at index {wrong[0]}")
    if not (may_be_zero or weights.any()):
        raise ValueError(f"{name} must have a weight above zero, got {n_rows} times 0")
    return weights


def as_stored(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """`array` if the kernels can gather its rows, else a copy: in float32 or float64 as it is, all else in dtype."""
    if _kernels.is_stored(array):
        return array
    with np.errstate(over="ignore", invalid="ignore"):
        return array.astype(array.dtype.newbyteorder("=") if array.dtype.char in "fd" else dtype)


def class_labels(name: str, values: npt.ArrayLike, n_rows: int, n_classes: int) -> np.ndarray:
    """`values` as a contiguous intp array (n_rows,) of labels in [0, n_classes), always a copy."""
    array = real_array(name, values, LABELS)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.shape != (n_rows,):
        raise ValueError(f"{name} must have shape ({n_rows},), one label for each row, got {array.shape}")
    return _indices(name, "integer labels", array, n_classes)


def real_targets(name: str, values: npt.ArrayLike, n_rows: int, n_outputs: int, dtype: np.dtype) -> np.ndarray:
    """`values` as a contiguous float64 array (n_rows, n_outputs) of numbers that dtype can hold, always a copy."""
    array = real_array(name, values)
    if array.shape == (n_rows,) and n_outputs == 1:
        array = array[:, np.newaxis]
    if array.shape != (n_rows, n_outputs):
        shapes = f"({n_rows},) or ({n_rows}, 1)" if n_outputs == 1 else f"({n_rows}, {n_outputs})"
        raise ValueError(f"{name} must have shape {shapes}, a target for each output, got {array.shape}")
    with np.errstate(over="ignore"):
        targets = array.astype(np.float64, order="C", subok=False)
    largest = min(float(np.finfo(dtype).max), MAX_TARGET)
    wrong = np.argwhere(~(np.abs(targets) <= largest))
    if len(wrong):
        row, column = wrong[0]
        got = f"{array[row, column]!s} in row {row}, column {column}"
        raise ValueError(f"{name} must be finite in {dtype}, and at most {largest:.2g} in size, got {got}")
    return targets


def in_range(name: str, targets: np.ndarray, low: float, high: float, needed: str) -> np.ndarray:
    """The targets (n_rows, n_outputs); a ValueError where one is outside of [low, high]."""
    wrong = np.argwhere((targets < low) | (targets > high))
    if len(wrong):
        row, column = wrong[0]
        raise ValueError(f"{name} must be {needed}, got {targets[row, column]!s} in row {row}, column {column}")
    return targets


def names(name: str, values: Any, n: int, what: str) -> list[str] | None:
    """`values` as a list of n different texts, a name for each `what`; None for None."""
    if values is None:
        return None
    texts = list(values) if isinstance(values, Iterable) and not isinstance(values, str) else [None]
    if not all(isinstance(text, str) for text in texts):
        raise TypeError(f"{name} must be a sequence of texts, got {values!r}")
    if len(texts) != n or len(set(texts)) < n:
        raise ValueError(f"{name} must be {n} different names, one for each {what}, got {len(texts)}: {texts}")
    return [str(text) for text in texts]  # NumPy's texts too become Python's
