"""What a column of a table is, a number, a category, a date, ..., and its values."""

import re
from dataclasses import dataclass
from itertools import compress
from typing import Any, NamedTuple, Self

import numpy as np

from fastmlp.conversion import shortened
from fastmlp.remedies import argument, listed
from fastmlp.tables.notations import DECIMALS, Notation, are_numbers, check_decimal, notations_of
from fastmlp.tables.values import Values, named_columns, text_of, values_of

# Kinds of columns that a user must decide about.
REFUSED = ("date", "unclear")

# Texts are categories where there are only FEW different ones, or where each of them has this many rows on average.
FEW, ROWS_OF_A_VALUE = 10, 2
# The fewest rows whose numbers 1, 2, 3, ... are no accident: in this order, and in any order.
MIN_COUNTED, MIN_SHUFFLED = 5, 20
# Texts are numbers or dates with mistakes where all but FEW of their different values, or MOST of these, are.
MOST = 0.9
# Whole numbers are codes where all have more digits, where one begins with 0, or where two are the same float.
MAX_DIGITS = 15
MAX_EXAMPLES = 3
# The words of a boolean column, false and true, in any case; so many different spellings at most.
BOOLEANS = (("false", "true"), ("no", "yes"), ("f", "t"), ("n", "y"))
MAX_WORDS = 20
IDS = {"id", "uuid", "guid", "identifier"}
WEEKDAY = "(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*[.,]* )?"
MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[.,]?"
TIME = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\s?(?:[ap]\.?m\.?|z|[+-]\d{2}:?\d{2})?"
DAYS = (
    r"(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])",  # 20240131
    r"\d{4}([-/.])\d{1,2}\1\d{1,2}",  # 2024-01-31
    r"\d{1,2}([-/.])\d{1,2}\2(?:\d{4}|\d{2})",  # 31.1.2024, 1/31/24
    r"\d{4}-(?:0[1-9]|1[0-2])|\d{4}[ -]?q[1-4]",  # 2024-01, 2024Q1
    rf"\d{{1,2}}[. -]*{MONTH}[ -]*(?:\d{{4}}|\d{{2}})|{MONTH}[ -]*\d{{4}}",  # 31-Jan-24, Jan 2024
    rf"{MONTH}[ -]?\d{{1,2}}(?:, ?| |-)\d{{4}}",  # Jan 31, 2024
)
CLOCK = re.compile(TIME, re.IGNORECASE)
DURATION = re.compile(r"-?\d+ days?\b")  # as Python and pandas write it
DATE = re.compile(rf"{WEEKDAY}(?:{'|'.join(DAYS)})(?:[ t]{TIME})?|{TIME}", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Column:
    """A column of a table as it is understood.

    Attributes
    ----------
    name : str
    kind : str
        "number", "boolean" or "category", which a network can learn from; "id", "constant", "missing" (all of it) or
        "text", which are left out; "date" or "unclear", which a user must decide about.
    values : ndarray (n_rows,)
        Numbers, and 0 and 1 for booleans, as float64 with NaN for gaps; everything else as texts or None, in an array
        of objects.
    n_missing, n_different : int
        Number of gaps, and of different values.
    examples : list of str
        A few of the values, as they stand.
    notation : Notation
        How its numbers are written; `str` says what is not plain.
    why : str or None
        Why a network cannot learn from it, and what to do; None where it can.
    """

    name: str
    kind: str
    values: np.ndarray
    n_missing: int
    n_different: int
    examples: list[str]
    notation: Notation
    why: str | None

    def has_values_of(self, other: "Column") -> bool:
        """Whether both columns are the same number, or text, in each row, and gaps in the same ones."""
        are_numbers = self.values.dtype == other.values.dtype == np.float64
        return np.array_equal(self.values, other.values, equal_nan=are_numbers)

    @classmethod
    def of(cls, name: str, values: Any, decimal: str | None = None) -> Self:
        """Decide what a column is, by its values, and by its name where these are all different.

        Numbers may have thousands separators, a percent or currency sign or a unit, and parentheses if they are
        negative, where all of them are written alike. Digits are codes, so texts, where some begin with 0 or all are
        more than 15. A boolean column has the values true and false, yes and no, t and f, or y and n, in any case.
        Other texts are a category where there are at most 10 different ones or two rows for each of them, and else text
        that is left out. A column whose values are all different is id-like if they are texts without blanks, if they
        number the rows, or if its name says `id`. Numbers among which up to 10 different texts stand, or one in 10 of
        all, are unclear.

        Parameters
        ----------
        name : str
        values : pandas.Series (n_rows,)
            Of any type. Texts may stand as in a file; empty ones are gaps.
        decimal : {".", ","}, optional
            The decimal mark of numbers in texts. By default it follows from each column: 1,234 may be read either way,
            so that a column is "unclear" where no other value tells.

        Returns
        -------
        Column

        Raises
        ------
        TypeError
            If values are no Series, or name is no str.
        ValueError
            If decimal is another mark.

        Examples
        --------
        >>> import pandas
        >>> from fastmlp.tables import Column
        >>> column = Column.of("share", pandas.Series(["1,234", "2,500"]))
        >>> column.kind, column.why
        ('unclear', "has numbers such as '1,234', which may be 1234 or 1.234: say which by decimal='.' or decimal=','")
        >>> Column.of("share", pandas.Series(["1,234", "2,500"]), ",").values
        array([1.234, 2.5  ])
        >>> Column.of("share", pandas.Series(["1,234", "2,5"])).values
        array([1.234, 2.5  ])
        """
        check_decimal(decimal)
        if not isinstance(name, str):
            raise TypeError(f"name must be a text, got {name!r}")
        found = values_of(values)
        reading = _read(found, decimal)
        kind, why = _kind(name, found, reading)
        gap = None if reading.values.dtype == object else np.nan
        return cls(
            name,
            kind,
            found.taken(reading.values, gap),
            int((found.codes < 0).sum()),
            len(found.different),
            [text_of(value) for value in found.different[:MAX_EXAMPLES]],
            reading.notation,
            why,
        )


def columns_of(frame: Any, decimal: str | None = None) -> list[Column]:
    """How each column of a frame is understood; see `Column.of`.

    Parameters
    ----------
    frame : frame of pandas, Polars or pyarrow
    decimal : {".", ","}, optional

    Raises
    ------
    TypeError, ValueError
        If it is no frame, or has two columns of one name.
    fastmlp.optional.MissingLibraryError
        Without the extra `cli`.

    Examples
    --------
    >>> import pandas
    >>> from fastmlp.tables import columns_of
    >>> frame = pandas.DataFrame({"price": ["$1,200.50", None, "$90"], "sold": ["yes", "no", "yes"]})
    >>> [(column.name, column.kind, column.values.tolist()) for column in columns_of(frame)]
    [('price', 'number', [1200.5, nan, 90.0]), ('sold', 'boolean', [1.0, 0.0, 1.0])]
    """
    return [Column.of(name, values, decimal) for name, values in named_columns(frame).items()]


class _Reading(NamedTuple):
    """The different values (n_different,) of a column as they are read, how numbers are written, what is unclear."""

    kind: str
    values: np.ndarray
    notation: Notation = Notation()
    problem: str | None = None


def _read(found: Values, decimal: str | None) -> _Reading:
    """What the values are each for itself."""
    different = found.different
    if found.content == "booleans":
        return _Reading("boolean", np.array(different, np.float64))
    if found.content == "numbers":
        numbers = np.array(different, np.float64)
        infinite = np.flatnonzero(~np.isfinite(numbers))
        if not len(infinite):
            return _Reading("number", numbers)
        place = found.place_of(int(infinite[0]))
        return _Reading("unclear", numbers, problem=f"has an infinite value in {place}: make a gap of it")
    texts = np.array(different, object)
    if found.content == "texts":
        return _read_texts(found, texts, decimal)
    if found.content == "others":
        problem = f"has values such as {shortened(different[0])}: make numbers or texts of them"
        return _Reading("unclear", texts, problem=problem)
    return _Reading("date" if found.content == "dates" else "category", texts)


def _read_texts(found: Values, texts: np.ndarray, decimal: str | None) -> _Reading:
    """Booleans, dates, codes or numbers, if the texts are; else a category, or numbers among which others stand."""
    different = found.different
    if not different:
        return _Reading("category", texts)
    words = {text.lower() for text in different} if len(different) <= MAX_WORDS else set()
    for no, yes in BOOLEANS:
        if words == {no, yes}:
            return _Reading("boolean", np.array([text.lower() == yes for text in different], np.float64))
    if any(map(DATE.fullmatch, different[:MAX_WORDS])):
        n_dates = sum(map(bool, map(DATE.fullmatch, different)))
        if n_dates == len(different) or (len(different) > FEW and n_dates >= MOST * len(different)):
            return _Reading("date", texts)
    if all(map(str.isdecimal, different)) and (
        any(text[0] == "0" and text > "0" for text in different)
        or all(len(text) > MAX_DIGITS for text in different)
        or len(set(map(float, different))) < len(different)
    ):
        return _Reading("category", texts)  # codes
    notations = notations_of(different, decimal)
    if decimal is None and found.has_unclear_points and any("." in text for text in different):
        notations = notations_of(different, ".") + notations_of(different, ",")
    if len(notations) > 1:
        numbers = np.array([one.read(different) for one in notations])
        first = int(np.argmax(np.ptp(numbers, axis=0) > 0))
        either = " or ".join(f"{one:.15g}" for one in numbers[:, first])
        marks = " or ".join(argument("decimal", mark) for mark in DECIMALS)
        problem = f"has numbers such as {different[first]!r}, which may be {either}: say which by {marks}"
        return _Reading("unclear", texts, problem=problem)
    if notations:
        return _Reading("number", notations[0].read(different), notations[0])
    return _Reading("category", texts, problem=_mixture(found))


def _mixture(found: Values) -> str | None:
    """What is unclear of texts that are numbers but for a few; None where they are texts."""
    n = len(found.different)
    if n <= FEW:  # such as 18 months and 2 years
        return None
    is_number = are_numbers(found.different)
    if is_number.all():
        alike = {re.sub(r"\d+", "0", text): text for text in found.different}
        marks = [f", or say {argument('decimal', mark)}" for mark in DECIMALS if notations_of(found.different, mark)]
        return (
            f"has numbers that no single notation reads, such as {listed(list(alike.values())[:MAX_EXAMPLES])}: write "
            f"them alike, in one unit{''.join(marks)}"
        )
    others = list(compress(found.different, ~is_number))
    if is_number.mean() < (0.5 if len(others) <= FEW else MOST):
        return None
    place = found.place_of(int(np.argmin(is_number)))
    if len(others) == 1:
        what, remedy = f"{shortened(others[0])} in {place}", "write a number there, or say that it is a gap"
    elif len(others) > FEW:
        what = f"{len(others):,} other texts, such as {shortened(others[0])} in {place}"
        return f"has numbers, but {what}: write numbers there"
    else:
        shown = ", ".join(map(shortened, others))
        what, remedy = f"{shown}, the first in {place}", "write numbers there, or say that they are gaps"
    return f"has numbers, but {what}: {remedy} ({argument('missing', others)})"


def _kind(name: str, found: Values, reading: _Reading) -> tuple[str, str | None]:
    """What the values are together: the kind of the column, and why a network cannot learn from it."""
    kind, different = reading.kind, found.different
    if not different:
        return "missing", "has no values"
    if reading.problem is not None:
        return "unclear", reading.problem
    if len(different) == 1 and (found.codes == 0).all():
        return "constant", f"has only the value {shortened(text_of(different[0]))}"
    if kind == "date":
        return kind, _why_not_dates(list(filter(DATE.fullmatch, different)) or different)
    if kind == "number":
        if _number_rows(found, reading.values):
            return "id", "numbers the rows"
        if _says_id(name) and _are_all_different(found):
            return "id", "has another value in each row and a name that says id"
        return kind, None
    if kind == "category" and found.content == "texts":
        return _kind_of_texts(name, found)
    return kind, None


def _why_not_dates(texts: list[str]) -> str:
    """Why dates, times of the day, or durations are refused, and what to make of them."""
    what, numbers = "dates", "the year"
    if all(map(CLOCK.fullmatch, texts)):
        what, numbers = "times", "hours or minutes since midnight"
    elif all(map(DURATION.match, texts)):
        what, numbers = "durations", "seconds"
    return f"has {what}, such as {texts[0]!r}: make numbers of them, such as {numbers}"


def _kind_of_texts(name: str, found: Values) -> tuple[str, str | None]:
    """A category, ids or texts that are too many for one."""
    different, n_known = found.different, int((found.codes >= 0).sum())
    if _are_all_different(found):
        kind = "id" if _says_id(name) or not any(re.search(r"\s", text) for text in different) else "text"
        return kind, "has another value in each row"
    if len(different) <= max(FEW, n_known // ROWS_OF_A_VALUE):
        return "category", None
    return "text", f"has {len(different):,} different texts in {n_known:,} rows, too many for a category"


def _are_all_different(found: Values) -> bool:
    return 1 < len(found.different) == int((found.codes >= 0).sum())


def _number_rows(found: Values, numbers: np.ndarray) -> bool:
    """Whether the numbers are consecutive integers, one for each row, which many may be in any order."""
    n = len(found.codes)
    are_whole = n >= MIN_COUNTED and len(numbers) == n and bool((numbers == np.floor(numbers)).all())
    if not are_whole or numbers.max() - numbers.min() != n - 1:
        return False
    return n >= MIN_SHUFFLED or len(set(np.diff(numbers).tolist())) == 1


def _says_id(name: str) -> bool:
    """Whether a word of the name is id, as in `user_id`, `userID` and `PassengerId`."""
    return not IDS.isdisjoint(word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name))
