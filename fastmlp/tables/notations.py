"""Numbers as people write them: with thousands separators, a decimal comma, a unit, or in parentheses."""

import contextlib
import functools
import re
from collections.abc import Sequence
from itertools import compress
from typing import NamedTuple

import numpy as np

from fastmlp.validation import one_of

DECIMALS = (".", ",")
# What separates thousands, and all characters that are written for it; beside these, the mark that is no decimal mark.
SPACES = {" ": " \u00a0\u2009\u202f", "'": "'\u2019"}
BLANK = f"[{SPACES[' ']}]?"
SIGN = "[+\\-\u2212]"
SYMBOL = "[%\u2030$\u00a2-\u00a5\u0e3f\u20a0-\u20bf]"
CODE = "(?:USD|EUR|GBP|JPY|CNY|INR|CHF|CAD|AUD|NZD|HKD|SGD|KRW|BRL|MXN|ZAR|SEK|NOK|DKK|PLN|CZK|HUF|TRY|RUB)"
LETTER = r"[^\W\d_]"
# Before a number: %, $, US$, USD, Rs. Behind it: %, USD, °, °C, kg, km/h; other words and single letters only after a
# blank, since 4B and 12AB may be codes.
BEFORE = rf"[A-Z]{{0,2}}{SYMBOL}|{CODE}|Rs\.?"
BEHIND = rf"{SYMBOL}|{CODE}|°{LETTER}?|(?:[a-zµ]{{2,4}}|(?<=[{SPACES[' ']}]){LETTER}+)(?:/{LETTER}+)?"
EXPONENT = r"(?:[eE][+-]?\d+)?"
# What may be a number, with its unit; whether it is well written is for a notation to say.
WRITTEN = re.compile(
    rf"\(?{SIGN}?{BLANK}(?P<before>(?:{BEFORE})?){BLANK}{SIGN}?"
    rf"[\d.,][\d.,{''.join(SPACES.values())}]*{EXPONENT}{BLANK}(?P<behind>(?:{BEHIND})?)\)?"
)
# Texts that have no other characters, each in its line, are read by Python's float alone.
PLAIN = re.compile(r"[\d.eE+\-\n]*")


def check_decimal(decimal: str | None) -> None:
    """Refuse what is neither a decimal mark nor None."""
    if decimal is not None:
        one_of("decimal", decimal, DECIMALS)


class Notation(NamedTuple):
    """How the numbers of a column are written, all of them alike; a negative one may be in parentheses.

    Attributes
    ----------
    decimal : {".", ","}
    thousands : str
        What separates thousands: a comma, a point, a blank or an apostrophe; empty for nothing. Numbers may lack it.
    unit : str
        A percent or currency sign or a unit, before or behind each number, which is dropped: 45% is 45. Empty for none.
    """

    decimal: str = "."
    thousands: str = ""
    unit: str = ""

    def read(self, texts: Sequence[str]) -> np.ndarray:
        """The numbers (n_texts,), NaN for what is none in this notation, and infinity where one is too large."""
        if self == Notation() and PLAIN.fullmatch("\n".join(texts)):
            with contextlib.suppress(ValueError):
                return np.array(list(map(float, texts)), np.float64)
        are_numbers = np.fromiter(map(bool, map(_pattern(self).fullmatch, texts)), bool, len(texts))
        dropped = SPACES.get(self.thousands, self.thousands) + SPACES[" "] + ")"
        plain = str.maketrans({**dict.fromkeys(dropped, ""), "(": "-", "\u2212": "-", self.decimal: "."})
        # all of them at once, which takes less time
        written = "\n".join(compress(texts, are_numbers)).replace(self.unit, "").translate(plain)
        numbers = np.full(len(texts), np.nan)
        numbers[are_numbers] = list(map(float, written.split()))
        return numbers

    def with_decimal(self, decimal: str) -> "Notation":
        """The same with this decimal mark; thousands that it separated have the other one."""
        thousands = self.decimal if self.thousands == decimal else self.thousands
        return self._replace(decimal=decimal, thousands=thousands)

    def __str__(self) -> str:
        parts = [
            "a decimal comma" if self.decimal == "," else "",
            f"thousands separated by {self.thousands!r}" if self.thousands else "",
            f"the unit {self.unit}" if self.unit else "",
        ]
        return " and ".join(part for part in parts if part)


@functools.lru_cache(256)
def _pattern(notation: Notation) -> re.Pattern[str]:
    """What a number looks like in this notation."""
    integer = r"\d+"
    if notation.thousands:
        integer = rf"(?:\d+|[1-9]\d{{0,2}}(?:[{SPACES.get(notation.thousands, notation.thousands)}]\d{{3}})+)"
    mark, unit = re.escape(notation.decimal), re.escape(notation.unit)
    # 1e3 is a number, but the e of a unit is dropped
    exponent = "" if re.search(LETTER, notation.unit) else EXPONENT
    digits = size = rf"(?:{integer}(?:{mark}\d*)?|{mark}\d+){exponent}"
    if unit:
        size = rf"(?:{unit}{BLANK}{digits}|{digits}{BLANK}{unit})"
    forms = [rf"{SIGN}?{BLANK}{size}", rf"\({size}\)", *[rf"{unit}{BLANK}{SIGN}{digits}"] * bool(unit)]
    return re.compile("|".join(forms))


def _unit(text: str) -> str | None:
    """The unit of what may be a number; None where it is none."""
    found = WRITTEN.fullmatch(text)
    return found and found["before"] + found["behind"]


def _notations(decimal: str | None, unit: str) -> list[Notation]:
    marks = [decimal] if decimal else DECIMALS
    return [
        Notation(mark, thousands, unit) for mark in marks for thousands in ("", "," if mark == "." else ".", *SPACES)
    ]


def are_numbers(texts: Sequence[str]) -> np.ndarray:
    """Which texts (n_texts,) are a number in one notation or other."""
    units = map(_unit, texts)
    bare = ["" if unit is None else text.replace(unit, "", 1).strip() for text, unit in zip(texts, units, strict=True)]
    return np.any([np.isfinite(notation.read(bare)) for notation in _notations(None, "")], axis=0)


def notations_of(texts: Sequence[str], decimal: str | None = None) -> list[Notation]:
    """The notations that read each of the texts, all different, as a number; several where they read other numbers.

    Numbers that Python writes are read as Python does where no decimal mark is given.
    """
    unit = _unit(texts[0])
    found: list[tuple[Notation, np.ndarray]] = []
    for notation in _notations(decimal, unit) if unit is not None else ():
        if np.isnan(notation.read(texts[:10])).any():  # of most, which takes no time
            continue
        numbers = notation.read(texts)
        if np.isfinite(numbers).all() and not any(np.array_equal(numbers, others) for _, others in found):
            found.append((notation, numbers))
            if not notation.thousands and (decimal or notation.decimal == "."):
                break
    return [notation for notation, _ in found]
