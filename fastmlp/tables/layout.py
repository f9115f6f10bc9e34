"""How a table is written as text: what separates its fields, whether it has a header line, and its decimal commas."""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice, takewhile
from pathlib import Path
from typing import NamedTuple

from fastmlp.remedies import argument
from fastmlp.tables.notations import notations_of

# Characters and rows that are looked at.
SAMPLE, SAMPLE_ROWS = 1 << 18, 1000
# In the order in which they are taken where several of them fit: text and decimal numbers have commas and blanks.
DELIMITERS = {"\t": "tabs", ";": "semicolons", "|": "vertical bars", ",": "commas", " ": "blanks"}
# The share of lines that must have as many words, or it is not blanks that separate fields.
MOST = 0.9
# The names that files of R and pandas give to their index.
UNNAMED = ("", "Unnamed: 0")

# Digits with or without signs, currencies and points; dates and times. And what no name of a column is: 2.5, .5
NUMERIC = re.compile(r"\W*[0-9][0-9TZ\W]*([eE][-+]?[0-9]+)?")
FRACTION = re.compile(r"[0-9]?[.,][0-9]")


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

    @property
    def separator(self) -> str:
        """What separates fields, in words."""
        return DELIMITERS.get(self.delimiter, repr(self.delimiter))


def layout_of(path: Path, text: str, delimiter: str | None) -> Layout:
    """The layout of a text; what separates its fields is given or found."""
    at = n_lines = 0
    if hint := re.match(r'"?sep=(.)"?\r?\n', text):  # Excel's own first line
        delimiter, at, n_lines = delimiter or hint[1], hint.end(), 1
    lines = list(io.StringIO(text[at : at + SAMPLE], newline=""))
    comments = list(takewhile(lambda line: not line.strip() or line.lstrip().startswith("#"), lines))
    comment = ""
    if len(comments) < len(lines):  # or it is the rows that begin so
        at, n_lines = at + len("".join(comments)), n_lines + len(comments)
        comment = next((line.strip() for line in reversed(comments) if line.strip()), "")
    end = text.find("\n", at + SAMPLE)  # whole lines, of which one may be longer than that
    sample = text[at:] if end < 0 else text[at : end + 1]
    if delimiter is None:
        delimiter = _delimiter(sample)
    counts = _counts(sample, delimiter)
    if not counts:
        raise ValueError(f"{path} has no line but comments")
    width = Counter(counts).most_common(1)[0][0]
    names = next((fields for _, fields in records(comment.removeprefix("#"), delimiter)), [])
    if names[:1] == [""]:  # "#" is a name itself
        names[0] = "#"
    return Layout(at, n_lines, delimiter, width, counts[0], names if len(names) == width else None)


def records(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The number of the line where each row begins, from 1, and its fields; blank lines are skipped."""
    lines = io.StringIO(text, newline="")
    if delimiter == " ":  # any number of blanks and tabs
        reader = csv.reader((" ".join(line.split()) for line in lines), delimiter=" ")
    else:
        reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    line = 1
    for fields in reader:
        if len(fields) > 1 or "".join(fields).strip():
            yield line, fields
        line = reader.line_num + 1


def _counts(sample: str, delimiter: str) -> list[int]:
    try:
        return [len(fields) for _, fields in records(sample, delimiter)]
    except csv.Error:  # a field without an end
        return [1]


def _delimiter(sample: str) -> str:
    """What cuts most lines into the same number of fields; a comma where nothing does."""

    def agreement(delimiter: str) -> tuple[float, int]:
        counts = _counts(sample, delimiter) or [1]
        width, n_lines = Counter(counts).most_common(1)[0]
        n_lines += counts[0] == width - 1  # a header without a name for the index
        return (n_lines / len(counts), width) if width > 1 else (0.0, 1)

    found = {delimiter: agreement(delimiter) for delimiter in DELIMITERS}
    words = found.pop(" ")
    best = max(found, key=lambda delimiter: found[delimiter][0])
    # columns that are aligned, where tabs or commas are parts of some
    aligned = words[0] == 1 and words[1] > found[best][1] and re.search(r"\S {2,}\S", sample)
    if aligned or (words[0] >= MOST and not found[best][0]):
        return " "
    return best if found[best][0] else ","


def is_header(first: Sequence[str], below: Sequence[Sequence[str]], is_missing: Callable[[str], bool]) -> bool:
    """Whether the first line names columns, by its fields and by those of each column below it."""
    held = [[text for text in column[:SAMPLE_ROWS] if not is_missing(text)] for column in below]
    numeric = [bool(texts) and all(map(NUMERIC.fullmatch, texts)) for texts in held]
    if first[0] in UNNAMED and counts_up(below[0]):
        return True
    numbers = [str(i) for i in range(len(first))]
    if len(first) > 2 and list(first) == numbers:  # names of an array's columns
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
            f"line {lines[-1]}: remove the lines before it, or say {argument('header', True)}"
        )


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
