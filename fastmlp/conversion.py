"""Numbers from arrays of objects; what else an array holds is found, for errors."""

import math
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np

# Characters of a value that an error shows, and texts that are looked at to see whether they could be converted.
MAX_SHOWN, MAX_TRIED = 60, 10_000

# By NumPy's kind of type.
_KINDS = {"U": "texts", "S": "texts", "T": "texts", "M": "dates", "m": "durations"}
# Of several kinds among objects, the first one is reported.
_ORDER = ("texts", "dates", "durations", "values", "missing values")


class NotNumericError(Exception):
    """An array holds something else than numbers.

    Attributes
    ----------
    kind : {"texts", "dates", "durations", "values", "missing values", "infinite values"}
    example : str
        The first one as an error shows it; the first text that could not be converted, if there is one.
    at : tuple of int
        Its indices.
    are_numbers : bool
        Whether the texts are numbers, so that they could be converted.
    """

    def __init__(self, kind: str, example: str, at: tuple[int, ...], are_numbers: bool = False):
        super().__init__(kind, example, at, are_numbers)
        self.kind, self.example, self.at, self.are_numbers = kind, example, at, are_numbers

    @classmethod
    def of(cls, kind: str, array: np.ndarray, where: np.ndarray) -> "NotNumericError":
        """What the array holds where a mask is True."""
        flat, places = array.ravel(), np.flatnonzero(where)
        at, are_numbers = places[0], False
        if kind == "texts":
            others = (place for place in places[:MAX_TRIED] if not _is_number(flat[place]))
            first = next(others, None)
            at, are_numbers = (at, True) if first is None else (first, False)
        # NumPy's dates and durations become integers as Python's objects
        example = str(flat[at]) if array.dtype.kind in "mM" else shortened(flat[at : at + 1].tolist()[0])
        return cls(kind, example, tuple(map(int, np.unravel_index(at, array.shape))), are_numbers)


def shortened(value: Any) -> str:
    """A value as an error shows it, without the rest of a long one."""
    try:
        text = repr(value)
    except Exception:  # of a foreign class
        text = f"<{type(value).__name__}>"
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 3]}..."


def numbers_of(array: np.ndarray) -> np.ndarray:
    """An array of numbers as it is, and objects that are numbers as float64.

    Raises
    ------
    NotNumericError
    """
    kind = array.dtype.kind
    if kind in "biuf":
        return array
    if kind != "O" and array.size:
        raise NotNumericError.of(_KINDS.get(kind, "values"), array, np.ones(array.shape, bool))
    kinds = {cls: _kind_of(cls) for cls in set(map(type, array.flat))}
    for name in _ORDER:
        if name in kinds.values():
            raise NotNumericError.of(name, array, _mask(lambda value, name=name: kinds[type(value)] == name, array))
    try:
        return array.astype(np.float64)
    except OverflowError:  # an integer beyond all floats
        return np.asarray(np.frompyfunc(_as_float, 1, 1)(array), np.float64)
    except Exception:  # float() of a foreign class, or of a signalling NaN
        raise NotNumericError.of("values", array, _mask(lambda value: not _is_number(value), array)) from None


def _mask(test: Any, array: np.ndarray) -> np.ndarray:
    return np.asarray(np.frompyfunc(test, 1, 1)(array), bool)


def _kind_of(cls: type) -> str:
    """What objects of this class are."""
    if issubclass(cls, Real | Decimal | np.bool_):
        return "numbers"
    if issubclass(cls, str | bytes):
        return "texts"
    if issubclass(cls, type(None)) or cls.__name__ in ("NAType", "NaTType"):  # pandas'
        return "missing values"
    if hasattr(cls, "total_seconds"):
        return "durations"
    return "dates" if hasattr(cls, "isoformat") else "values"


def _is_number(value: Any) -> bool:
    try:
        return math.isfinite(float(value))
    except Exception:  # of a foreign class
        return False


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
