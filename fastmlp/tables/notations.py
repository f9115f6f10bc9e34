"""Numbers as people write them: with thousands separators, a decimal comma, a percent or currency sign."""

import contextlib
import math
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

# What separates thousands, and all characters that are written for it; beside these, the mark that is no decimal mark.
SPACES = {" ": " \u00a0\u2009\u202f", "'": "'\u2019"}
UNIT = "[%$\u00a2-\u00a5\u0e3f\u20a0-\u20bf]"
SIGN = "[+\\-\u2212]?"
# The parts of any number; what its digits are is for a notation to say.
WRITTEN = re.compile(
    rf"(?P<sign>{SIGN})\s?(?P<before>{UNIT}?)\s?(?P<inner>{SIGN})"
    rf"(?P<digits>[\d.,](?:[\d.,{''.join(SPACES.values())}]*[\d.,])?)(?P<exponent>(?:[eE][+-]?\d+)?)"
    rf"\s?(?P<after>{UNIT}?)"
)
# Texts that have no other characters, each in its line, are read by Python's float alone.
PLAIN = re.compile(r"[\d.eE+\-\n]*")


class Notation(NamedTuple):
    """How the numbers of a column are written, all of them alike.

    Attributes
    ----------
    decimal : {".", ","}
    thousands : str
        What separates thousands: a comma, a point, a blank or an apostrophe; empty for nothing. Numbers may lack it.
    unit : str
        A percent or currency sign before or behind each number, which is dropped: 45% is 45. Empty for none.
    """

    decimal: str = "."
    thousands: str = ""
    unit: str = ""

    def read(self, texts: Sequence[str]) -> np.ndarray:
        """The numbers (n_texts,), NaN for what is no finite number in this notation."""
        if self == Notation() and PLAIN.fullmatch("\n".join(texts)):
            with contextlib.suppress(ValueError):
                numbers = np.array(list(map(float, texts)), np.float64)
                return np.where(np.isfinite(numbers), numbers, np.nan)
        integer = r"\d+"
        if self.thousands:
            integer = rf"(?:\d+|[1-9]\d{{0,2}}(?:[{SPACES.get(self.thousands, self.thousands)}]\d{{3}})+)"
        mark = re.escape(self.decimal)
        digits = re.compile(rf"({integer})(?:{mark}(\d*))?|{mark}(\d+)")
        return np.array([self._number(text, digits) for text in texts], np.float64)

    def _number(self, text: str, digits: re.Pattern[str]) -> float:
        written = _parts(text)
        if written is None or written["before"] + written["after"] != self.unit:
            return math.nan
        found = digits.fullmatch(written["digits"])
        if found is None:
            return math.nan
        whole, fraction = re.sub(r"\D", "", found[1] or "0"), found[2] or found[3] or "0"
        sign = "" if written["sign"] + written["inner"] in ("", "+") else "-"
        result = float(f"{sign}{whole}.{fraction}{written['exponent']}")
        return result if math.isfinite(result) else math.nan

    def with_decimal(self, decimal: str) -> "Notation":
        """The same with this decimal mark; thousands that it separated have the other one."""
        thousands = self.decimal if self.thousands == decimal else self.thousands
        return self._replace(decimal=decimal, thousands=thousands)

    def __str__(self) -> str:
        parts = [
            "a decimal comma" if self.decimal == "," else "",
            f"thousands separated by {self.thousands!r}" if self.thousands else "",
            f"the sign {self.unit}" if self.unit else "",
        ]
        return " and ".join(part for part in parts if part)


def _parts(text: str) -> re.Match[str] | None:
    """The parts of what may be a number; None where the text is none."""
    found = WRITTEN.fullmatch(text)
    if found is None or (found["sign"] and found["inner"]) or (found["before"] and found["after"]):
        return None
    return found


def _notations(decimal: str | None, unit: str) -> list[Notation]:
    marks = [decimal] if decimal else [".", ","]
    return [
        Notation(mark, thousands, unit) for mark in marks for thousands in ("", "," if mark == "." else ".", *SPACES)
    ]


def are_numbers(texts: Iterable[str]) -> np.ndarray:
    """Which texts (n_texts,) are a number in one notation or other."""

    def is_number(text: str) -> bool:
        written = _parts(text)
        unit = written["before"] + written["after"] if written else ""
        return written is not None and any(np.isfinite(one.read([text])[0]) for one in _notations(None, unit))

    return np.array([is_number(text) for text in texts], bool)


def notations_of(texts: Sequence[str], decimal: str | None = None) -> list[Notation]:
    """The notations that read each of the texts, all different, as a number; several where they read other numbers.

    Numbers that Python writes are read as Python does where no decimal mark is given.
    """
    written = _parts(texts[0])
    if written is None:
        return []
    unit = written["before"] + written["after"]
    found: list[tuple[Notation, np.ndarray]] = []
    for notation in _notations(decimal, unit):
        if np.isnan(notation.read(texts[:10])).any():  # soon said of most
            continue
        numbers = notation.read(texts)
        if np.isfinite(numbers).all() and not any(np.array_equal(numbers, others) for _, others in found):
            found.append((notation, numbers))
            if not notation.thousands and (decimal or notation.decimal == "."):
                break
    return [notation for notation, _ in found]
