"""Arrays of numbers from what is no array of numbers yet, and what errors say where none can be made."""

import math
from decimal import Decimal
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

# What `content` calls the labels of classes, and those of a yes or no, for which texts need another remedy.
LABELS = "integer labels"
YES_OR_NO = "numbers from 0 to 1"


class NotNumbers(NamedTuple):
    """What in an array is no number.

    Attributes
    ----------
    kind : {"texts", "dates", "values", "missing values"}
    example : object
        The first one.
    at : tuple of int
        Its indices.
    """

    kind: str
    example: Any
    at: tuple[int, ...]

    @classmethod
    def of(cls, kind: str, array: np.ndarray, where: np.ndarray) -> "NotNumbers":
        """What stands in the array where this mask is True."""
        at = tuple(int(i) for i in np.argwhere(where)[0])
        example = array[at] if array.dtype.kind in "mM" else array.item(at)  # of these, items may be integers
        return cls(kind, example, at)

    @property
    def is_number_as_text(self) -> bool:
        """Whether the example is a text that could be converted."""
        try:
            return self.kind == "texts" and math.isfinite(float(self.example))
        except (TypeError, ValueError):
            return False


def numbers_of(array: np.ndarray) -> np.ndarray | NotNumbers:
    """An array of numbers as it is, objects that are numbers as float64; or the first that is no number."""
    kind = array.dtype.kind
    if kind in "biuf":
        return array
    if kind != "O" and array.size:
        name = "texts" if kind in "UST" else "dates" if kind in "mM" else "values"
        return NotNumbers.of(name, array, np.ones(array.shape, bool))
    kinds = {type(value): _kind_of(type(value)) for value in array.flat}
    for name in ("texts", "dates", "values", "missing values"):
        if name in kinds.values():
            where = np.frompyfunc(lambda value: kinds[type(value)] == name, 1, 1)(array)  # noqa: B023, called here
            return NotNumbers.of(name, array, np.asarray(where, bool))
    return np.asarray(np.frompyfunc(_as_float, 1, 1)(array), np.float64)


def _kind_of(cls: type) -> str:
    """What objects of this class are."""
    if issubclass(cls, Real | Decimal | np.bool_):
        return "numbers"
    if issubclass(cls, str | bytes):
        return "texts"
    if issubclass(cls, type(None)) or cls.__name__ in ("NAType", "NaTType"):  # pandas'
        return "missing values"
    return "dates" if hasattr(cls, "isoformat") else "values"


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:  # an integer beyond all floats
        return math.inf if value > 0 else -math.inf


def as_numbers(name: str, array: np.ndarray, content: str) -> np.ndarray:
    """The argument of this name, which is to be an array of such a content; the error says what in it is no number."""
    needed = f"{name} must be an array of {content}"
    if array.dtype == object and array.ndim == 0:
        value = array.item()
        hint = f": pass {name}.collect()" if hasattr(value, "collect") else ""  # Polars' lazy frames
        raise TypeError(f"{needed}, got {value if value is None else type(value).__name__}{hint}")
    if array.dtype != object and not array.size:
        raise TypeError(f"{needed}, got dtype {array.dtype}")
    found = numbers_of(array)
    if not isinstance(found, NotNumbers):
        return found
    at = ", ".join(map(str, found.at))
    place = f"in row {found.at[0]}, column {found.at[1]}" if array.ndim == 2 else f"at index {at}"
    example = f"{found.kind} such as {found.example!r} {place}"
    raise TypeError(f"{needed}, got dtype {array.dtype}, {example}{_advice(name, found, content)}")


def _advice(name: str, found: NotNumbers, content: str) -> str:
    if found.kind == "texts":
        remedy = of_labels(name, found, content)
        if not remedy and found.is_number_as_text:
            remedy = f"convert them, {name}.astype(float)"
    else:
        remedy = "fill them in first" if found.kind == "missing values" else ""
    return f": {remedy}" if remedy else ""


def of_labels(name: str, found: NotNumbers, content: str) -> str:
    """What to do with texts that are labels; empty where numbers are needed."""
    takes_texts = "or use fastmlp.MLPClassifier, which takes texts"
    if content == LABELS:
        return f"number the classes, names, {name} = numpy.unique({name}, return_inverse=True), {takes_texts}"
    if content == YES_OR_NO:
        return f"compare them with the one that is 1, {name} == {found.example!r}, {takes_texts}"
    return ""
