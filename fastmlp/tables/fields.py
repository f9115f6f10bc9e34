"""The rows of a text file as a frame of pandas, whose columns are texts; what was recognised is said."""

import csv
import io
import re
import warnings
from collections import Counter
from collections.abc import Collection, Sequence
from itertools import compress, takewhile
from pathlib import Path
from typing import Any

from fastmlp.conversion import shortened
from fastmlp.files.access import reading
from fastmlp.optional import require
from fastmlp.remedies import argument, counted, listed
from fastmlp.tables.content import read_text
from fastmlp.tables.layout import (
    SAMPLE_ROWS,
    UNNAMED,
    Expected,
    Layout,
    check_title,
    decimals,
    is_header,
    is_index,
    is_quoted,
    layout_of,
    other_delimiter,
    records,
    without_quotes,
)
from fastmlp.tables.typed import no_field
from fastmlp.tables.values import different_names

# Fields that say that there is no value, as pandas, R, SQL, spreadsheets and public data sets write them.
MISSING = {"NA", "N/A", "n/a", "na", "#N/A", "#NA", "#N/A N/A", "<NA>", "NaN", "nan", "NAN", "-NaN", "-nan", "NaT"}
MISSING |= {"NULL", "Null", "null", "None", "n.a.", "N.A.", "n/v", "?", "-", "--", ".", ".."}
MISSING |= {"#DIV/0!", "#VALUE!", "#REF!", "#NUM!", "#NAME?", "#NULL!"}


def read_fields(
    path: Path,
    delimiter: str | None,
    decimal: str | None,
    missing: frozenset[str],
    encoding: str | None,
    header: bool | None,
    verbatim: Collection[str],
    expected: Expected,
) -> tuple[Any, list[str], str | None, dict[str, Any]]:
    """The frame of a text file, sentences about what was recognised, and the decimal mark of all its texts, if any.

    And what is between fields, and that there is no header, as options of `read_table`.
    """
    with reading(path):  # whether there is a file is said before what is not installed
        pandas = require("pandas", "cli", f"reading {path}")
    text, notes = read_text(path, encoding)
    layout = layout_of(path, text, delimiter, header, expected)
    if delimiter is None and layout.width == 1:
        notes.append("No delimiter was found: the lines are one column.")
    elif delimiter is None and layout.delimiter != ",":
        notes.append(f"Fields are separated by {layout.separator}.")
    if layout.n_comments:
        notes.append(f"Lines above the table that begin with # are left out: {layout.n_comments}.")
    markers = frozenset(MISSING).union(*map(_spellings, missing))
    has_short_header = layout.header is not False and not layout.names and layout.first_width == layout.width - 1 > 0
    rows = _parsed(pandas, path, text, layout, has_short_header)
    if layout.header is None and layout.names is None:
        head = [list(map(str.strip, row)) for row in rows.head(SAMPLE_ROWS).to_numpy().tolist()]
        check_title(path, text[layout.start :], layout, head, lambda text: not text or text in markers)
    # where each row is a line; those that are blank, and those within quotes, are no rows
    has_lines = text.count("\n", layout.start, len(text.rstrip())) + 1 == len(rows)
    del text
    columns = [[field.strip() for field in rows[i].tolist()] for i in range(layout.width)]
    del rows
    header_names = _split_header(columns, layout, has_short_header, markers, notes)
    names = header_names or [f"column {i + 1}" for i in range(layout.width)]
    if not columns[0]:
        raise ValueError(f"{path} must have rows below its header line, got none")
    _take_off_single_quotes(columns, names, expected, notes)
    n_rows = len(columns[0])
    first_line = 1 + layout.n_lines + (not layout.names and header_names is not None)
    columns, names, kept = _without_empty(columns, names, notes)
    columns, names = _without_index(columns, names, expected, notes)
    named = different_names(names, notes)
    known = [expected.values.get(name, ()) for name in named]
    gaps = [
        frozenset() if name in verbatim else markers - {"-"} if "-" in values or "+" in column else markers
        for name, values, column in zip(named, known, columns, strict=True)
    ]
    values, found = _values(columns, gaps, notes)
    if unfound := [marker for marker in sorted(missing) if not _spellings(marker).intersection(found)]:
        notes.append(no_field(unfound))
    if decimal is None:
        decimal, commas, points = decimals(values, layout.delimiter)
        if commas and points:
            notes.append(
                f"Decimals are written with a comma in {_columns(named, commas)} and with a point in "
                f"{_columns(named, points)}."
            )
        elif commas:
            notes.append(f"Decimals are written with a comma, in {_columns(named, commas)}.")
    frame = pandas.DataFrame(dict(zip(named, values, strict=True)), kept, dtype=object)
    # where commas are decimal marks, if fields are cut by semicolons or other columns have such
    frame.attrs["has_unclear_points"] = decimal is None and (layout.delimiter == ";" or bool(commas))
    if has_lines:
        frame.attrs["first_line"] = first_line
    frame.attrs["n_left_out"] = n_rows - len(frame)
    recognised = {"delimiter": layout.delimiter} | ({} if header_names else {"header": False})
    return frame, notes, decimal, recognised


def _parsed(pandas: Any, path: Path, text: str, layout: Layout, has_short_header: bool) -> Any:
    """The rows of a text with its header line, as a frame; too many or too few fields in a line are refused.

    pandas fills short rows with empty texts, drops what is too long in the first one, and counts lines without those in
    quotes. So wherever it has something to say, or the last field of a row is empty, lines are counted by csv.
    """
    body = text[layout.start :]
    if layout.width == 1:
        body = body.rstrip()  # blank lines above the last row are gaps
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pandas.errors.ParserWarning)
            rows = pandas.read_csv(
                io.StringIO(body),
                sep=r"\s+" if layout.delimiter == " " else layout.delimiter,
                header=None,
                names=range(layout.width),
                index_col=False,
                dtype=object,
                na_filter=False,
                skipinitialspace=True,
                skip_blank_lines=layout.width > 1,
            )
    except (pandas.errors.ParserError, pandas.errors.ParserWarning) as error:
        if "out of memory" in str(error):
            raise MemoryError(
                f"{path} is too large for memory: write some of its rows or columns to a smaller file"
            ) from None
        unclosed = "EOF inside string" in str(error)
        _check_widths(path, body, layout, has_short_header, unclosed)
        raise ValueError(f"{path} cannot be read as a table: {error}") from error
    last = rows[layout.width - 1]
    if (last == "").any():
        # of delimiters at the ends of lines, or of the names of rows, as R writes them
        has_short_header = has_short_header and (layout.delimiter in "\t " or not last[1:].any())
        _check_widths(path, body, layout, has_short_header)
    return rows


def _check_widths(path: Path, body: str, layout: Layout, has_short_header: bool, unclosed: bool = False) -> None:
    line, widths = layout.n_lines, {layout.width, layout.width - has_short_header}
    try:
        for line, fields in records(body, layout.delimiter):
            line += layout.n_lines
            n_fields = len(fields)
            if n_fields not in widths and not unclosed:
                shown = shortened(layout.delimiter.join(fields))
                other = other_delimiter(body, layout.delimiter)
                remedy = f", or say that it is {argument('delimiter', other)} that separates fields" if other else ""
                raise ValueError(
                    f"{path}, line {line}: must have {layout.width} fields as most lines, separated by "
                    f"{layout.separator}, got {n_fields}: {shown}; correct or remove the line, or put a text with such "
                    f"a character into double quotes{remedy}"
                )
            widths = {layout.width}
    except csv.Error as error:
        raise ValueError(f"{path}, line {line + 1} or below: {error}; is a double quote missing?") from None
    if unclosed:
        raise ValueError(f"{path}, line {line}: a double quote opens a text that does not end; close or remove it")


def _take_off_single_quotes(
    columns: list[list[str]], names: Sequence[str], expected: Expected, notes: list[str]
) -> None:
    """Take single quotes off columns that have them everywhere, unless such texts are expected in them."""
    are_taken_off = False
    for column, name in zip(columns, different_names(names, []), strict=True):
        texts = column if any(map(is_quoted, expected.values.get(name, ()))) else without_quotes(column)
        if texts is not column:
            column[:], are_taken_off = texts, True
    if are_taken_off:
        notes.append("Texts in single quotes are read without them.")


def _split_header(
    columns: list[list[str]],
    layout: Layout,
    has_short_header: bool,
    markers: frozenset[str],
    notes: list[str],
) -> list[str] | None:
    """Take the names of the columns from their first texts, where these are names; None where they are values."""
    if layout.names is not None:
        return layout.names
    first = [column[0] for column in columns]
    header = layout.header
    if header is None:
        below = [without_quotes(column[1 : SAMPLE_ROWS + 1]) for column in columns]
        plain = [one for text in first for one in without_quotes([text])]
        header = has_short_header or is_header(plain, below, lambda text: not text or text in markers)
        if not header:
            notes.append(
                "The first line is no header, and columns are named column 1, column 2, ...; if it is one, say "
                f"{argument('header', True)}."
            )
    if not header:
        return None
    for column in columns:
        del column[0]
    names = without_quotes(first)
    # R leaves out the name of the column with its rows' names
    return ["", *names[:-1]] if has_short_header and any(columns[-1]) else names


def rows_left_out(n: int) -> str:
    """A sentence about rows in which nothing stands."""
    return f"{counted(n, 'row')} without a value left out."


def _without_empty(
    columns: list[list[str]], names: list[str], notes: list[str]
) -> tuple[list[list[str]], list[str], list[int] | None]:
    """Leave out last columns without a name, and rows, that hold nothing; and the numbers of rows, if not all stay."""
    width = len(columns)
    while width > 1 and not names[width - 1] and not any(columns[width - 1]):
        width -= 1
    if width < len(columns):
        notes.append(f"The last {counted(len(columns) - width, 'column')}, without a name or a value, left out.")
    columns, names, kept = columns[:width], names[:width], None
    if width > 1 and (empty := [i for i, text in enumerate(columns[0]) if not text and not any(c[i] for c in columns)]):
        notes.append(rows_left_out(len(empty)))
        keep = [True] * len(columns[0])
        for i in empty:
            keep[i] = False
        columns = [list(compress(column, keep)) for column in columns]
        kept = list(compress(range(len(keep)), keep))
    return columns, names, kept


def _without_index(
    columns: list[list[str]], names: list[str], expected: Expected, notes: list[str]
) -> tuple[list[list[str]], list[str]]:
    """Leave out first columns without a name that number the rows, unless they were none in the training."""
    known = different_names(names, [])

    def numbers_rows(i: int) -> bool:
        return bool(UNNAMED.fullmatch(names[i])) and known[i] not in expected.columns and is_index(columns[i])

    n = len(list(takewhile(numbers_rows, range(len(names) - 1))))
    if n:
        which = "column has no name and numbers" if n == 1 else f"{n} columns have no name and number"
        notes.append(f"The first {which} the rows; {'it is' if n == 1 else 'they are'} left out.")
    return columns[n:], names[n:]


def _spellings(marker: str) -> set[str]:
    """A marker of gaps; of a whole number also with decimals, since pandas writes -99.0 into columns with gaps."""
    whole = re.sub(r"[.,]0+$", "", marker)
    if not re.fullmatch(r"[+-]?\d+", whole):
        return {marker}
    return {marker, whole, f"{whole},0", f"{whole},00", *(f"{whole}.{'0' * n}" for n in range(1, 7))}


def _values(
    columns: list[list[str]], gaps: Sequence[frozenset[str]], notes: list[str]
) -> tuple[list[list[str | None]], Collection[str]]:
    """The texts of columns, with None where there is no value, by the texts that say so in each column.

    And such texts that there are.
    """
    values: list[list[str | None]] = []
    found: Counter[str] = Counter()
    for column, markers in zip(columns, gaps, strict=True):
        own = markers.intersection(column)
        found.update({text: column.count(text) for text in sorted(own)})
        values.append([None if not text or text in own else text for text in column])
        column.clear()  # there may be little memory
    if found:
        shown = ", ".join(f"{text!r} ({counted(n, 'field')})" for text, n in found.most_common(5))
        notes.append(f"No value: {shown}{', ...' * (len(found) > 5)}.")
    return values, found


def _columns(names: list[str], positions: list[int]) -> str:
    return f"column{'s' * (len(positions) > 1)} {listed([names[i] for i in positions])}"
