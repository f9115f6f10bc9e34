"""How a table is written as text: what separates its fields, whether it has a header line, and its decimal commas."""

import contextlib
import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice, takewhile
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from fastmlp.remedies import argument
from fastmlp.tables.notations import notations_of
from fastmlp.tables.values import different_names

# Characters and rows that are looked at.
SAMPLE, SAMPLE_ROWS = 1 << 18, 1000
# In the order in which they are taken where several of them fit: text and decimal numbers have commas and blanks.
DELIMITERS = {"\t": "tabs", ";": "semicolons", "|": "vertical bars", ",": "commas", " ": "blanks"}
# The share of lines that must have as many words, or it is not blanks that separate fields.
MOST = 0.9
# The names that files of R and pandas give to their index, and to one that was saved twice.
UNNAMED = re.compile(r"(Unnamed: 0(\.\d+)?)?")

# Digits with or without signs, currencies and points; dates and times. And what no name of a column is: 2.5, .5
NUMERIC = re.compile(r"\W*[0-9][0-9TZ\W]*([eE][-+]?[0-9]+)?")
FRACTION = re.compile(r"[0-9]?[.,][0-9]")


class Expected(NamedTuple):
    r"""What a file should be like: rows to predict are like those of the training.

    Attributes
    ----------
    columns : frozenset of str
        Those that it must have. A first line that names them all is its header.
    values : mapping of str to collection of str
        Values of some columns, which are no gaps, and keep single quotes that they have.
    delimiter : str or None
        What separates fields, if the columns are found by it.
    header : bool or None
        False if the columns may be numbered, where the first line does not name them.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from fastmlp.tables import Expected, read_table
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "later.csv"
    >>> _ = path.write_text("city\nNew York\nSan Jose\n")
    >>> read_table(path).frame.values.tolist()
    [['New', 'York'], ['San', 'Jose']]
    >>> read_table(path, expected=Expected(frozenset(["city"]), delimiter=",")).frame.values.tolist()
    [['New York'], ['San Jose']]
    """

    columns: frozenset[str] = frozenset()
    values: Mapping[str, Collection[str]] = MappingProxyType({})
    delimiter: str | None = None
    header: bool | None = None


class Layout(NamedTuple):
    """Where the rows of a text begin, and what separates their fields."""

    # characters and lines before the first row
    start: int
    n_lines: int
    delimiter: str
    # fields of most lines, and of the first one
    width: int
    first_width: int
    # names from a line such as "# length, width"
    names: list[str] | None
    # whether the first line names the columns; None if that is to be recognised
    header: bool | None
    # comments above the table that are neither rows nor names
    n_comments: int

    @property
    def separator(self) -> str:
        """What separates fields, in words."""
        return DELIMITERS.get(self.delimiter, repr(self.delimiter))


def layout_of(path: Path, text: str, delimiter: str | None, header: bool | None, expected: Expected) -> Layout:
    """The layout of a text; what separates its fields, and whether it has a header, is given, or as expected, or found.

    Names in a comment are taken unless there is no header.
    """
    at = n_lines = 0
    if hint := re.match(r'"?sep=(.)"?\r?\n', text):  # Excel's own first line
        delimiter, at, n_lines = delimiter or hint[1], hint.end(), 1
    lines = list(io.StringIO(text[at : at + SAMPLE], newline=""))
    comments = list(takewhile(lambda line: not line.strip() or line.lstrip().startswith("#"), lines))
    if len(comments) == len(lines):  # it is the rows that begin so
        comments = []
    sample = _beginning(text, at + len("".join(comments)))
    comment = _last(comments)
    if found := _as_expected(sample, comment, delimiter, header, expected):
        delimiter, header, comment = found
    if delimiter is None:
        delimiter = _delimiter(sample)
    counts = _counts(sample, delimiter)
    if not counts:
        raise ValueError(f"{path} has no line but comments")
    width = _most(counts)[0]
    if n_rows := _n_rows(comments, delimiter, width, header):
        del comments[-n_rows:]
        comment = _last(comments)
    names = [] if header is False else _commented(comment, delimiter)
    if len(names) != width:
        names = []
    n_left_out = sum(bool(line.strip()) for line in comments) - bool(names)
    start, n_lines = at + len("".join(comments)), n_lines + len(comments)
    return Layout(start, n_lines, delimiter, width, counts[0], names or None, header, n_left_out)


def _last(comments: Sequence[str]) -> str:
    """The last comment, which may name the columns."""
    return next((line.strip() for line in reversed(comments) if line.strip()), "")


def _n_rows(comments: Sequence[str], delimiter: str, width: int, header: bool | None) -> int:
    """How many of the last comments are rows, such as colours, #ff0000; a single one is a header, if there is any."""
    rows = takewhile(lambda line: re.match(r"#\S", line) and len(_first(line, delimiter)) == width, reversed(comments))
    n_rows = 0 if header else len(list(rows))
    return n_rows if header is False or (n_rows > 1 and width > 1) else 0


def records(text: str, delimiter: str, strict: bool = False) -> Iterator[tuple[int, list[str]]]:
    """The number of the line where each row begins, from 1, and its fields; blank lines are skipped."""
    lines: Iterable[str] = io.StringIO(text, newline="")
    if delimiter == " ":  # any number of blanks and tabs
        lines = (" ".join(line.split()) for line in lines)
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=delimiter != " ", strict=strict)
    line = 1
    for fields in reader:
        if len(fields) > 1 or "".join(fields).strip():
            yield line, fields
        line = reader.line_num + 1


def _counts(sample: str, delimiter: str, strict: bool = False) -> list[int]:
    try:
        return [len(fields) for _, fields in records(sample, delimiter, strict)]
    except csv.Error:  # a field without an end, or by strict also one that goes on behind its quotes
        return [0 if strict else 1]


def _most(counts: Sequence[int]) -> tuple[int, int]:
    """The number of fields that most lines have, and the number of these lines."""
    return Counter(counts).most_common(1)[0]


def _first(text: str, delimiter: str) -> list[str]:
    """The fields of the first line."""
    with contextlib.suppress(csv.Error):
        return next((list(map(str.strip, fields)) for _, fields in records(text, delimiter)), [])
    return []


def _commented(comment: str, delimiter: str) -> list[str]:
    """The fields of a comment, without its #, unless that is one itself."""
    fields = _first(comment.removeprefix("#"), delimiter)
    return ["#", *fields[1:]] if fields[:1] == [""] else fields


def _as_expected(
    sample: str, comment: str, delimiter: str | None, header: bool | None, expected: Expected
) -> tuple[str, bool, str] | None:
    """What separates fields so that there are the expected columns, whether a header names them, and the comment if so.

    A header of one name fits any delimiter: the rows below it must have as many fields.
    """
    if not expected.columns:
        return None
    candidates = [delimiter] if delimiter else dict.fromkeys(filter(None, [expected.delimiter, *DELIMITERS]))
    counts = {one: _counts(sample, one, strict=True) for one in candidates}
    widths = {one: _most(of_one[1:] or of_one or [1])[0] for one, of_one in counts.items()}  # of rows
    if header is not False:
        for one, width in widths.items():
            for first, above in ((_first(sample, one), ""), (_commented(comment, one), comment)):
                names = without_quotes(first)
                has_all = expected.columns <= set(different_names(names, [])) and expected.columns & set(names)
                if has_all and len(names) == width:
                    return one, True, above
    if header is False or (header is None and expected.header is False):
        for one, width in widths.items():
            if expected.columns <= set(different_names([""] * width, [])):
                return one, False, ""
    return None


def without_quotes(texts: list[str]) -> list[str]:
    """Texts without single quotes, which are quotes to some programs, if all texts that are not empty have them."""
    return [text[1:-1].strip() for text in texts] if any(texts) and all(map(is_quoted, filter(None, texts))) else texts


def is_quoted(text: str) -> bool:
    """Whether a text is in single quotes."""
    return len(text) > 1 and text[0] == text[-1] == "'"


class _Agreement(NamedTuple):
    """The share of lines with as many fields as most have, 0 for one field; whether the first has several; and most."""

    share: float
    cuts_first: bool
    width: int


def _agreement(counts: Sequence[int], has_index: bool = False) -> _Agreement:
    """How well lines agree by their numbers of fields; that of an index may have no name in the first one."""
    width, n_lines = _most(counts)
    n_lines += has_index and counts[0] == width - 1
    return _Agreement(n_lines / len(counts) if width > 1 else 0.0, counts[0] > 1, width)


def _delimiter(sample: str) -> str:
    """What cuts most lines into the same number of fields; a comma where nothing does."""
    counts = {delimiter: _counts(sample, delimiter) or [1] for delimiter in DELIMITERS}
    found = {delimiter: _agreement(of_one) for delimiter, of_one in counts.items()}
    if not any(found[delimiter].share == 1 for delimiter in DELIMITERS if delimiter != " "):
        found = {delimiter: _agreement(of_one, has_index=True) for delimiter, of_one in counts.items()}
    words = found.pop(" ")
    best = max(found, key=lambda delimiter: found[delimiter][:2])
    # columns that are aligned, where tabs or commas are parts of some
    aligned = words.share == 1 and words.width > found[best].width and re.search(r"\S {2,}\S", sample)
    if aligned or (words.share >= MOST and not found[best].share):
        return " "
    return best if found[best].share else ","


def other_delimiter(text: str, delimiter: str) -> str | None:
    """What else cuts all lines into the same number of fields, if anything does."""
    others = (one for one in DELIMITERS if one != delimiter)
    return next((one for one in others if _agreement(_counts(_beginning(text), one) or [1]).share == 1), None)


def _beginning(text: str, at: int = 0) -> str:
    """The first lines from a place on, of which one may be longer than a sample."""
    end = text.find("\n", at + SAMPLE)
    return text[at:] if end < 0 else text[at : end + 1]


def is_header(first: Sequence[str], below: Sequence[Sequence[str]], is_missing: Callable[[str], bool]) -> bool:
    """Whether the first line names columns, by its fields and by those of each column below it."""
    held = [[text for text in column[:SAMPLE_ROWS] if not is_missing(text)] for column in below]
    numeric = [bool(texts) and all(map(NUMERIC.fullmatch, texts)) for texts in held]
    has_index = UNNAMED.fullmatch(first[0]) is not None and is_index(below[0])
    if has_index and counts_up(below[0]):
        return True
    names = list(first[has_index:])
    if len(first) > 2 and names == [str(i) for i in range(len(names))]:  # of an array's columns
        return True
    filled = [(text, i) for i, text in enumerate(first) if not is_missing(text)]
    of_numbers = [text for text, i in filled if numeric[i] or not held[i]]
    if not all(map(NUMERIC.fullmatch, of_numbers)):
        return True
    if len(of_numbers) == len(filled):
        return not filled
    # some are texts: those of a row occur again in its column
    n_again = sum(text in held[i] for text, i in filled)
    if of_numbers:
        are_names = len(set(of_numbers)) == len(of_numbers) and not any(map(FRACTION.search, of_numbers))
        return are_names and not n_again
    return n_again * 2 < len(filled)


def check_title(
    path: Path, body: str, layout: Layout, rows: Sequence[Sequence[str]], is_missing: Callable[[str], bool]
) -> None:
    """Refuse first rows that are a title above the header, as spreadsheets have them: "Report 2024,,,".

    They fill less than half of the columns, and the first row below them fills all and names them.
    """
    columns = list(zip(*rows, strict=True))
    used = [i for i, column in enumerate(columns) if any(column)]

    def filled(row: Sequence[str]) -> int:
        return sum(bool(row[i]) for i in used)

    n = next((i for i, row in enumerate(rows) if 2 * filled(row) >= len(used)), 0)
    if not n or filled(rows[n]) < len(used):
        return
    below = [columns[i][n + 1 :] for i in used]
    if is_header([rows[n][i] for i in used], below, is_missing):
        lines = [layout.n_lines + line for line, _ in islice(records(body, layout.delimiter), n + 1)]
        raise ValueError(
            f"{path}, line {lines[0]}: names only {filled(rows[0])} of {len(used)} columns, and the header seems to be "
            f"line {lines[-1]}: remove the lines before it, or if it is line {lines[0]} that names columns, say "
            f"{argument('header', True)}"
        )


def is_index(texts: Sequence[str]) -> bool:
    """Whether these are whole numbers, all different, as rows have that were numbered before some were drawn."""
    return len(set(texts)) == len(texts) > 0 and all(text.isascii() and text.isdecimal() for text in texts)


def counts_up(texts: Sequence[str]) -> bool:
    """Whether these are the numbers from 0 or 1 on, one after the other."""
    return len(texts) > 0 and texts[0] in ("0", "1") and all(t == str(i) for i, t in enumerate(texts, int(texts[0])))


def decimals(columns: Sequence[Sequence[str | None]], delimiter: str) -> tuple[str | None, list[int], list[int]]:
    """The decimal mark of all columns that have one, and the positions of those with commas and of those with points.

    The mark is None where columns differ, or none has decimals.
    """
    commas, points = [], []
    for i, column in enumerate(columns):
        texts = list({text for text in column[: 10 * SAMPLE_ROWS] if text is not None})
        with_comma, with_point = (bool(texts and notations_of(texts, mark)) for mark in ",.")
        if with_point and not with_comma:
            points.append(i)
        # 1,234 may be either, but fields are separated by semicolons where commas are in numbers
        elif with_comma and (not with_point or (delimiter == ";" and any("," in text for text in texts))):
            commas.append(i)
    return None if bool(commas) == bool(points) else "," if commas else ".", commas, points
