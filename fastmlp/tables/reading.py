"""People's tables, of text files, Parquet and Arrow, as frames of pandas; what was recognised is said."""

import csv
import io
import os
import warnings
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import compress
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from fastmlp.conversion import shortened
from fastmlp.files.access import reading, undisturbed
from fastmlp.optional import require
from fastmlp.remedies import argument, counted, listed
from fastmlp.tables import typed
from fastmlp.tables.content import EXPANDED, read_text
from fastmlp.tables.layout import (
    SAMPLE_ROWS,
    UNNAMED,
    Layout,
    check_title,
    counts_up,
    decimals,
    is_header,
    layout_of,
    records,
)
from fastmlp.tables.notations import DECIMALS
from fastmlp.validation import one_of

# The options that files whose columns have types take, too.
OF_TYPED = ("decimal", "missing")
TEXT = (".csv", ".tsv", ".tab", ".txt", ".data", ".dat")
# Fields that say that there is no value, as pandas, R, SQL, spreadsheets and public data sets write them.
MISSING = {"NA", "N/A", "n/a", "na", "#N/A", "#NA", "#N/A N/A", "<NA>", "NaN", "nan", "NAN", "-NaN", "-nan", "NaT"}
MISSING |= {"NULL", "Null", "null", "None", "?", "-", "--", ".", ".."}


class Table(NamedTuple):
    """A table, and how its file was understood.

    Attributes
    ----------
    frame : pandas.DataFrame
        The columns of the file. Those of text files have dtype object: texts as they stand, without blanks around
        them, and None where there is no value. Those of Parquet and Arrow have their types. The index numbers the rows
        of the file from 0, also where some are left out.
    notes : tuple of str
        A sentence for each thing that was recognised.
    decimal : {".", ","} or None
        The mark before the decimals of all texts, as it was given or recognised; None where each column tells its own.
    reading : mapping
        The options of `read_table` that were given, by which later files are read, too.
    """

    frame: Any
    notes: tuple[str, ...] = ()
    decimal: str | None = None
    reading: Mapping[str, Any] = MappingProxyType({})


def read_table(
    path: str | os.PathLike[str],
    *,
    delimiter: str | None = None,
    decimal: str | None = None,
    missing: Iterable[str] = (),
    encoding: str | None = None,
    header: bool | None = None,
    signs: Iterable[str] = (),
    verbatim: Iterable[str] = (),
) -> Table:
    r"""Read a table from a file (extra `cli`; `.parquet`, `.pq`, `.arrow`, `.feather` and `.zst`: extra `parquet`).

    Text files are `.csv`, `.tsv`, `.tab`, `.txt`, `.data` and `.dat`, also compressed: `.gz`, `.bz2`, `.xz`, `.zip` and
    `.zst`. What separates fields, the encoding, missing values, decimal commas and whether there is a header line are
    recognised, and said in the notes; arguments overrule that. Lines before the table that begin with # are
    left out, unless the last of them names the columns. A first column without a name that numbers the rows is left
    out, and so are rows and last columns in which all fields are empty.

    Parameters
    ----------
    path : str or path-like
        A file; its suffix says what it is.
    delimiter : str, optional
        The character between fields; " " is any number of blanks and tabs.
    decimal : str, optional
        The mark before decimals, "." or ",". Texts stay as they are: it is for those who take them for numbers.
    missing : iterable of str
        Fields that are no values, besides the usual ones of texts: empty, NA, N/A, NaN, null, None, ?, -, and so on.
        (In a column that has + somewhere, - is a value.) Of Parquet and Arrow, those that are given alone, as texts or
        as numbers.
    signs : iterable of str
        Columns in which - is a value, whether there is a + or not.
    verbatim : iterable of str
        Columns in which every field but an empty one is a value.
    encoding : str, optional
        The name of a text's encoding in Python. Else UTF-8, UTF-16 or UTF-32, and if it is none of these, cp1252.
    header : bool, optional
        Whether the first line has the names of the columns.

    Returns
    -------
    Table
        The frame, the notes, and the mark before decimals.

    Raises
    ------
    OSError
        If there is no such file, or it cannot be read.
    ValueError
        If it is no table, with the line at fault and what to do; or if an argument is wrong.
    MemoryError
        If the table would not fit into memory.
    fastmlp.optional.MissingLibraryError
        If pandas, or pyarrow for its files, is not installed.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from fastmlp.tables import read_table
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "prices.csv"
    >>> _ = path.write_text("area;price;town\n71,5;1.250,00;Graz\n64,0;NA;Linz\n")
    >>> table = read_table(path)
    >>> table.frame.values.tolist()
    [['71,5', '1.250,00', 'Graz'], ['64,0', None, 'Linz']]
    >>> table.decimal
    ','
    >>> for note in table.notes:
    ...     print(note)
    Fields are separated by semicolons.
    No value: 'NA' (1 field).
    Decimals are written with a comma, in columns 'area', 'price'.
    """
    path = Path(path)
    markers = _checked(delimiter, decimal, missing, header)
    of_gaps = sorted(markers) or None
    given = {"delimiter": delimiter, "decimal": decimal, "missing": of_gaps, "encoding": encoding, "header": header}
    options = {name: value for name, value in given.items() if value is not None}
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    kind = suffixes[-1] if suffixes else ""
    if kind in typed.READERS:
        if wrong := [name for name in options if name not in OF_TYPED]:
            raise ValueError(f"{wrong[0]} must not be given for {path}, whose columns have types: it is for text files")
        return undisturbed(lambda: _read_typed(path, kind, decimal, markers))._replace(reading=options)
    if kind in EXPANDED:
        kind = suffixes[0]
    if kind not in TEXT and (kind != ".zip" or len(suffixes) > 1):  # the name inside of an archive is its own
        with reading(path):
            raise ValueError(
                f"{path} must be a table in a file with a suffix of {', '.join((*TEXT, *typed.READERS))}, or of a text "
                f"and {', '.join(EXPANDED)}, got {''.join(suffixes) or 'none'}; spreadsheets are saved as CSV"
            )
    found = undisturbed(
        lambda: _read_texts(path, delimiter, decimal, markers | MISSING, encoding, header, set(signs), set(verbatim))
    )
    return found._replace(reading=options)


def _checked(delimiter: str | None, decimal: str | None, missing: Iterable[str], header: bool | None) -> frozenset[str]:
    """The fields that are given as no values, if all arguments are right."""
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n\0'):
        raise ValueError(f"delimiter must be one character, no quote and no end of a line, got {delimiter!r}")
    if decimal is not None:
        one_of("decimal", decimal, DECIMALS)
    if header not in (None, True, False):
        raise ValueError(f"header must be True, False or None, got {header!r}")
    given = [missing] if isinstance(missing, str) else list(missing)
    if wrong := [marker for marker in given if not isinstance(marker, str)]:
        raise ValueError(f"missing must hold texts, as they stand in the file, got {wrong[0]!r}")
    return frozenset(marker.strip() for marker in given) - {""}


def _read_texts(
    path: Path,
    delimiter: str | None,
    decimal: str | None,
    markers: frozenset[str],
    encoding: str | None,
    header: bool | None,
    signs: Collection[str],
    verbatim: Collection[str],
) -> Table:
    with reading(path):  # whether there is a file is said before what is not installed
        pandas = require("pandas", "cli", f"reading {path}")
    text, notes = read_text(path, encoding)
    layout = layout_of(path, text, delimiter)
    if header is False:
        layout = layout._replace(names=None)
    if delimiter is None and layout.width == 1:
        notes.append("No delimiter was found: the lines are one column.")
    elif delimiter is None and layout.delimiter != ",":
        notes.append(f"Fields are separated by {layout.separator}.")
    has_short_header = header is not False and not layout.names and layout.first_width == layout.width - 1 > 0
    rows = _parsed(pandas, path, text, layout, has_short_header)
    if header is None and layout.names is None:
        head = [list(map(str.strip, row)) for row in rows.head(SAMPLE_ROWS).to_numpy().tolist()]
        check_title(path, text[layout.start :], layout, head, lambda text: not text or text in markers)
    del text
    columns = [[field.strip() for field in rows[i].tolist()] for i in range(layout.width)]
    del rows
    _take_off_single_quotes(columns, notes)
    names = _split_header(columns, layout, has_short_header, header, markers, notes)
    if not columns[0]:
        raise ValueError(f"{path} must have rows below its header line, got none")
    columns, names, kept = _without_empty(columns, names, notes)
    columns, names = _without_index(columns, names, notes)
    named = _different(names, notes)
    gaps = [
        frozenset() if name in verbatim else markers - {"-"} if name in signs or "+" in column else markers
        for name, column in zip(named, columns, strict=True)
    ]
    values = _values(columns, gaps, notes)
    if decimal is None:
        decimal, commas, points = decimals(values, layout.delimiter)
        if commas and points:
            of_all = f"; {decimal!r} is taken as the mark of all, unless another is given" if decimal else ""
            notes.append(
                f"Decimals are written with a comma in {_columns(named, commas)} and with a point in "
                f"{_columns(named, points)}{of_all}."
            )
        elif commas:
            notes.append(f"Decimals are written with a comma, in {_columns(named, commas)}.")
    frame = pandas.DataFrame(dict(zip(named, values, strict=True)), kept, dtype=object)
    return Table(frame, tuple(notes), decimal)


def _read_typed(path: Path, suffix: str, decimal: str | None, markers: frozenset[str]) -> Table:
    frame, notes = typed.read_frame(path, typed.READERS[suffix])
    frame.columns = _different(frame.columns, notes)
    if markers:
        notes += typed.make_gaps(frame, markers)
    return Table(frame, tuple(notes), decimal)


def _parsed(pandas: Any, path: Path, text: str, layout: Layout, has_short_header: bool) -> Any:
    """The rows of a text with its header line, as a frame; too many or too few fields in a line are refused.

    pandas fills short rows with empty texts, drops what is too long in the first one, and counts lines without those in
    quotes. So wherever it has something to say, or the last field of a row is empty, lines are counted by csv.
    """
    body = text[layout.start :]
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
                raise ValueError(
                    f"{path}, line {line}: must have {layout.width} fields as most lines, separated by "
                    f"{layout.separator}, got {n_fields}: {shown}; correct or remove the line, put a text with such a "
                    f"character into double quotes, or say what separates fields, as {argument('delimiter', ';')}"
                )
            widths = {layout.width}
    except csv.Error as error:
        raise ValueError(f"{path}, line {line + 1} or below: {error}; is a double quote missing?") from None
    if unclosed:
        raise ValueError(f"{path}, line {line}: a double quote opens a text that does not end; close or remove it")


def _take_off_single_quotes(columns: list[list[str]], notes: list[str]) -> None:
    """Take single quotes, which are quotes to some programs, off columns, and off the first line, that have them."""

    def are_quoted(texts: list[str]) -> bool:
        return any(texts) and all(len(text) > 1 and text[0] == text[-1] == "'" for text in texts if text)

    first = [column[0] for column in columns]
    quoted = [column for column in columns if are_quoted(column[1:])]
    for column in quoted:
        column[1:] = [text[1:-1].strip() for text in column[1:]]
    if are_quoted(first):
        for column in columns:
            column[0] = column[0][1:-1].strip()
    if quoted or are_quoted(first):
        notes.append("Texts in single quotes are read without them.")


def _split_header(
    columns: list[list[str]],
    layout: Layout,
    has_short_header: bool,
    header: bool | None,
    markers: frozenset[str],
    notes: list[str],
) -> list[str]:
    """Take the names of the columns from their first texts, where these are names."""
    if layout.names is not None:
        return layout.names
    first = [column[0] for column in columns]
    if header is None:
        below = [column[1 : SAMPLE_ROWS + 1] for column in columns]
        header = has_short_header or is_header(first, below, lambda text: not text or text in markers)
        if not header:
            notes.append(
                "The first line is no header, and columns are named column 1, column 2, ...; if it is one, say "
                f"{argument('header', True)}."
            )
    if not header:
        return [f"column {i + 1}" for i in range(len(columns))]
    for column in columns:
        del column[0]
    # R leaves out the name of the column with its rows' names
    if has_short_header and any(columns[-1]):
        first = ["", *first[:-1]]
    return first


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
        notes.append(f"{counted(len(empty), 'row')} without a value left out.")
        keep = [True] * len(columns[0])
        for i in empty:
            keep[i] = False
        columns = [list(compress(column, keep)) for column in columns]
        kept = list(compress(range(len(keep)), keep))
    return columns, names, kept


def _without_index(columns: list[list[str]], names: list[str], notes: list[str]) -> tuple[list[list[str]], list[str]]:
    if len(names) > 1 and names[0] in UNNAMED and counts_up(columns[0]):
        notes.append("The first column has no name and numbers the rows; it is left out.")
        return columns[1:], names[1:]
    return columns, names


def _different(names: Iterable[Any], notes: list[str]) -> list[str]:
    """The names of columns as different texts."""
    found = [str(name).strip() for name in names]
    taken, given = set(found), dict[str, None]()
    for i, name in enumerate(found):
        new, n = name or f"column {i + 1}", 0
        while new in given or (new != name and new in taken):
            n += 1
            new = f"{name or f'column {i + 1}'}.{n}"
        given[new] = None
    if new_names := [name for name, old in zip(given, found, strict=True) if name != old]:
        notes.append(f"Columns without a name, or with that of another, are named {listed(new_names)}.")
    return list(given)


def _values(columns: list[list[str]], gaps: Sequence[frozenset[str]], notes: list[str]) -> list[list[str | None]]:
    """The texts of columns, with None where there is no value, by the texts that say so in each column."""
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
    return values


def _columns(names: list[str], positions: list[int]) -> str:
    return f"column{'s' * (len(positions) > 1)} {listed([names[i] for i in positions])}"
