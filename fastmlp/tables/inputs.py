"""A column of a table as inputs of a network: a number, a yes or no, or a category, with what fills its gaps."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from fastmlp.conversion import shortened
from fastmlp.remedies import argument, counted
from fastmlp.tables.columns import BOOLEANS, Column
from fastmlp.tables.notations import DECIMALS, SPACES, Notation, are_numbers, check_decimal
from fastmlp.tables.values import Values, text_of
from fastmlp.validation import boolean, number, one_of

# A category's value is rare, and part of "other", if it has fewer training rows than this, or a smaller share of them:
# standardised, a column that is 1 in one of 500 rows is 22 there.
MIN_ROWS, MIN_SHARE = 2, 1 / 500
# A number as one of several spellings of the same: 1 and 1.0, 01067 and 1067.
SPELLED = re.compile(r"([+-]?)0*(\d+)(?:\.(\d*?)0*)?")


@dataclass(frozen=True)
class NumberInput:
    """Numbers; gaps get the median of the training rows, and an indicator where those had gaps.

    A number beyond the limits, the lowest and the highest one of the training rows, is taken for the nearer limit. It
    is often a typing error, and what a network predicts would grow with it without end.
    """

    name: str
    fill: float
    has_gaps: bool
    notation: Notation
    limits: tuple[float, float] | None = None
    kind: ClassVar[str] = "number"

    @classmethod
    def of(cls, column: Column, rows: np.ndarray) -> "NumberInput":
        known = column.values[rows][~np.isnan(column.values[rows])]
        limits = float(known.min()), float(known.max())
        return cls(column.name, float(np.median(known)), len(known) < len(rows), column.notation, limits)

    def names(self) -> list[str]:
        return [self.name, f"{self.name} (missing)"][: 1 + self.has_gaps]

    def encoded(self, found: Values, decimal: str | None) -> tuple[np.ndarray, list[str]]:
        """Inputs (n_rows, n) of the values of a column; gaps that are new, and numbers beyond the limits, are noted."""
        numbers = numbers_in(found, self.notation, decimal)
        if np.isnan(self.fill) and np.isnan(numbers).any():
            raise ValueError(f"must have a number in {found.place_of(-1)}, got none")
        notes = _new_gaps(found, self.has_gaps, f"the median, {self.fill:.6g},")
        if self.limits is not None:
            low, high = self.limits
            beyond = numbers[(numbers < low) | (numbers > high)]
            if len(beyond):
                furthest = beyond[np.argmax(np.maximum(low - beyond, beyond - high))]
                notes.append(
                    f"{_rows(len(beyond))} a number beyond the {low:.6g} to {high:.6g} of the training, such as "
                    f"{furthest:.6g}: the nearer limit is taken"
                )
            numbers = np.clip(numbers, low, high)
        return _with_indicator(numbers, self.fill, self.has_gaps), notes


@dataclass(frozen=True)
class BooleanInput:
    """0 and 1; gaps get the more frequent of both, and an indicator where the training rows had gaps."""

    name: str
    fill: float
    has_gaps: bool
    kind: ClassVar[str] = "boolean"

    @classmethod
    def of(cls, column: Column, rows: np.ndarray) -> "BooleanInput":
        known = column.values[rows][~np.isnan(column.values[rows])]
        return cls(column.name, float(known.mean() > 0.5), len(known) < len(rows))

    def names(self) -> list[str]:
        return [self.name, f"{self.name} (missing)"][: 1 + self.has_gaps]

    def encoded(self, found: Values, decimal: str | None) -> tuple[np.ndarray, list[str]]:
        """Inputs (n_rows, n) of the values of a column; gaps that are new are noted, other values are refused."""
        meanings = {word: float(i) for words in (*BOOLEANS, ("0", "1")) for i, word in enumerate(words)}
        numbers = [meanings.get(text_of(value).lower(), np.nan) for value in found.different]
        truths = np.array(numbers, np.float64)
        check_known(found, ~np.isnan(truths), f"one of {', '.join(meanings)}")
        notes = _new_gaps(found, self.has_gaps, str(bool(self.fill)).lower())
        return _with_indicator(found.taken(truths, np.nan), self.fill, self.has_gaps), notes


@dataclass(frozen=True)
class CategoryInput:
    """A column of 0 and 1 for each frequent value, for gaps, and for all others where the training rows had them.

    Without a column for others, a value that was not seen has 0 in all of them. Numbers may be spelled otherwise than
    in the training, 1.0 for 1, unless two of its values were the same number.
    """

    name: str
    values: tuple[str, ...]
    has_gaps: bool
    has_others: bool
    spelled_alike: bool = False
    kind: ClassVar[str] = "category"

    @classmethod
    def of(cls, column: Column, rows: np.ndarray) -> "CategoryInput":
        counts = Counter(column.values[rows].tolist())
        n_gaps = counts.pop(None, 0)
        least = max(MIN_ROWS, MIN_SHARE * len(rows))
        frequent = sorted(value for value, count in counts.items() if count >= least)
        different = set(column.values.tolist()) - {None}
        spelled_alike = len(set(map(_spelled, different))) == len(different)
        return cls(column.name, tuple(frequent), n_gaps > 0, len(frequent) < len(counts), spelled_alike)

    def names(self) -> list[str]:
        special = [f"{self.name} (missing)"] * self.has_gaps + [f"{self.name} (other)"] * self.has_others
        return [*(f"{self.name}={value}" for value in self.values), *special]

    def encoded(self, found: Values, decimal: str | None) -> tuple[np.ndarray, list[str]]:
        """Inputs (n_rows, n) of the values of a column; those that are none of the frequent ones are noted."""
        n = len(self.values)
        # a last column, which is left out, for what has none
        missing, others = n, n + self.has_gaps
        places = self._places(found)
        by_value = np.where(places < 0, others, places)
        rows = np.zeros((len(found.codes), others + 1))
        rows[np.arange(len(rows)), found.taken(by_value, missing if self.has_gaps else others)] = 1
        return rows[:, : others + self.has_others], self._new_values(found, places < 0)

    def _new_values(self, found: Values, is_new: np.ndarray) -> list[str]:
        if not is_new.any():
            return []
        n, example = int(found.taken(is_new, False).sum()), text_of(found.different[int(np.argmax(is_new))])
        when, what = ("or too rarely, ", "counted as other") if self.has_others else ("", "counted as none")
        return [f"{_rows(n)} a value that the training had not, {when}such as {shortened(example)}: {what}"]

    def _places(self, found: Values) -> np.ndarray:
        """The place of each different value among those of the training; -1 for others."""
        places = {value: i for i, value in enumerate(self.values)}
        texts = list(map(text_of, found.different))
        if self.spelled_alike:
            places = {_spelled(value): i for value, i in places.items()}
            texts = list(map(_spelled, texts))
        return np.array([places.get(text, -1) for text in texts], np.int64)


Input = NumberInput | BooleanInput | CategoryInput
INPUTS: dict[str, type[Input]] = {one.kind: one for one in (NumberInput, BooleanInput, CategoryInput)}


def input_of(column: Column, rows: np.ndarray) -> Input | None:
    """A column as inputs, learnt from these rows; None where the inputs would be the same in all of them."""
    values = column.values[rows]
    if len(np.unique(values) if values.dtype == np.float64 else set(values.tolist())) < 2:
        return None
    made = INPUTS[column.kind].of(column, rows)
    # a category with rare values alone is "other" in each row
    return None if isinstance(made, CategoryInput) and len(made.names()) < 2 else made


def to_dict(one: Input) -> dict[str, Any]:
    """An input as plain values of JSON."""
    known = {name: value for name, value in asdict(one).items() if value is not None}
    return {"kind": one.kind} | {
        name: list(value) if isinstance(value, tuple) else value for name, value in known.items()
    }


def from_dict(document: Mapping[str, Any]) -> Input:
    """What `to_dict` gave; errors are of any type where it is something else."""
    fields = dict(document)
    made = INPUTS[fields.pop("kind")]
    return made(**{name: FIELDS[name](value) for name, value in fields.items()})


def notation_of(parts: Any) -> Notation:
    """A notation of a document."""
    notation = Notation(*map(text, parts))
    check_decimal(notation.decimal)
    one_of("thousands", notation.thousands, ("", *DECIMALS, *SPACES))
    return notation


def text(value: Any) -> str:
    """A text of a document."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r} must be a text")
    return value


def _limits(parts: Any) -> tuple[float, float]:
    low, high = (number("limits", limit) for limit in parts)
    return low, number("limits", high, low)


# How each field of an input is read from a document.
FIELDS: dict[str, Callable[[Any], Any]] = {
    "name": text,
    "fill": partial(number, "fill"),
    "has_gaps": partial(boolean, "has_gaps"),
    "has_others": partial(boolean, "has_others"),
    "spelled_alike": partial(boolean, "spelled_alike"),
    "notation": notation_of,
    "limits": _limits,
    "values": lambda values: tuple(map(text, values)),
}


def numbers_in(found: Values, notation: Notation, decimal: str | None) -> np.ndarray:
    """Values as numbers (n_rows,), NaN for gaps; texts in this notation, with another decimal mark if given."""
    if found.content == "numbers":
        numbers = np.array(found.different, np.float64)
        check_known(found, np.isfinite(numbers), "a finite number")
    else:
        notation = notation if decimal is None else notation.with_decimal(decimal)
        numbers = np.full(len(found.different), np.nan)
        if found.content in ("texts", "categories"):
            numbers = notation.read(list(map(text_of, found.different)))
        with_what = f" with {notation}" if str(notation) else ""
        check_known(found, np.isfinite(numbers), f"a number{with_what}", notation)
    return found.taken(numbers, np.nan)


def check_known(found: Values, is_known: np.ndarray, needed: str, notation: Notation | None = None) -> None:
    """Raise for the first of the different values that is not known, with its place and a remedy.

    The remedy is the other decimal mark, where the value is a number by it; for what is neither a number nor a boolean
    in any notation, to call it a gap.
    """
    if is_known.all():
        return
    code = int(np.argmin(is_known))
    value, remedy = found.different[code], ""
    if found.content == "texts":
        others = [mark for mark in DECIMALS if notation and not np.isnan(notation.with_decimal(mark).read([value]))]
        if others:
            remedy = f" (say {argument('decimal', others[0])})"
        elif are_numbers([value]).all() or any(value.lower() in words for words in BOOLEANS):
            remedy = " (correct it)"
        else:
            remedy = f" (correct it, or say that it is a gap: {argument('missing', [value])})"
    raise ValueError(f"must have {needed} in {found.place_of(code)}, got {shortened(value)}{remedy}")


def _with_indicator(numbers: np.ndarray, fill: float, has_gaps: bool) -> np.ndarray:
    """The numbers (n_rows, 1) without gaps, and where asked for, a second column that is 1 where one was."""
    is_gap = np.isnan(numbers)
    return np.column_stack([np.where(is_gap, fill, numbers), is_gap][: 1 + has_gaps]).astype(np.float64)


def _spelled(text: str) -> str:
    """A text, of a number its shortest spelling."""
    found = SPELLED.fullmatch(text)
    if found is None:
        return text
    sign, whole, decimals = found.groups()
    return ("-" if sign == "-" else "") + whole + (f".{decimals}" if decimals else "")


def _new_gaps(found: Values, has_gaps: bool, fill: str) -> list[str]:
    n = int((found.codes < 0).sum())
    return [f"{_rows(n)} a gap, where the training had none: {fill} is taken"] if n and not has_gaps else []


def _rows(n: int) -> str:
    return f"{counted(n, 'row')} {'has' if n == 1 else 'have'}"
