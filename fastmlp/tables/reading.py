"""People's tables, of text files, Parquet and Arrow, as frames of pandas; what was recognised is said."""

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastmlp.files.access import reading, undisturbed
from fastmlp.tables import typed
from fastmlp.tables.content import EXPANDED
from fastmlp.tables.fields import read_fields
from fastmlp.tables.layout import Expected
from fastmlp.tables.notations import check_decimal
from fastmlp.tables.values import different_names

# The options that files whose columns have types take, too.
OF_TYPED = ("decimal", "missing")
TEXT = (".csv", ".tsv", ".tab", ".txt", ".data", ".dat")


@dataclass(frozen=True, eq=False)
class Table:
    """A table, and how its file was understood.

    Attributes
    ----------
    frame : pandas.DataFrame
        The columns of the file. Those of text files have dtype object: texts as they stand, without blanks around
        them, and None where there is no value. Those of Parquet and Arrow have their types. The index numbers the rows
        of the file from 0, also where some are left out: ``frame.attrs["n_left_out"]`` of a text file. Where each row
        is a line, ``frame.attrs["first_line"]`` is that of row 0, for errors; ``frame.attrs["has_unclear_points"]``
        says that 3.148 may be 3148, as between semicolons.
    notes : tuple of str
        A sentence for each thing that was recognised.
    decimal : {".", ","} or None
        The mark before the decimals of all texts, as it was given or recognised; None where each column tells its own.
    reading : mapping
        The options of `read_table` by which later files are read, too: those that were given, and of texts also the
        delimiter, and that there is no header, as they were recognised.
    """

    frame: Any
    notes: tuple[str, ...] = ()
    decimal: str | None = None
    reading: Mapping[str, Any] = field(default_factory=dict)


def read_table(
    path: str | os.PathLike[str],
    *,
    delimiter: str | None = None,
    decimal: str | None = None,
    missing: Iterable[str] = (),
    encoding: str | None = None,
    header: bool | None = None,
    verbatim: str | Iterable[str] = (),
    expected: Expected | None = None,
) -> Table:
    r"""Read a table from a file (extra `cli`; `.parquet`, `.pq`, `.arrow`, `.feather` and `.zst`: extra `parquet`).

    Text files are `.csv`, `.tsv`, `.tab`, `.txt`, `.data` and `.dat`, also compressed: `.gz`, `.bz2`, `.xz`, `.zip` and
    `.zst`. What separates fields, the encoding, missing values, decimal commas and whether there is a header line are
    recognised, and said in the notes; arguments overrule that. Lines above the table that begin with # are left out,
    unless the last of them names the columns, or they have as many fields as its rows (of colours, say) and no blank
    behind the #. A first column without a name, of whole numbers that are all different, is left out, and so are rows
    and last columns in which all fields are empty.

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
        as numbers. Whole numbers may have decimals: -99 marks -99.0, too. One that no field is, is said.
    encoding : str, optional
        The name of a text's encoding in Python. Else UTF-8, UTF-16 or UTF-32, and if it is none of these, cp1252.
    header : bool, optional
        Whether the first line has the names of the columns.
    verbatim : str or iterable of str
        Columns in which every field but an empty one is a value.
    expected : Expected, optional
        What the columns of a text should be, and some of their values, as of rows to predict; so that they are found in
        files of few rows, too.

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
    as_they_stand = {verbatim} if isinstance(verbatim, str) else set(verbatim)
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    kind = suffixes[-1] if suffixes else ""
    if kind in typed.READERS:
        if wrong := [name for name in options if name not in OF_TYPED]:
            raise ValueError(f"{wrong[0]} must not be given for {path}, whose columns have types: it is for text files")
        frame, notes = undisturbed(lambda: _read_typed(path, kind, markers, as_they_stand))
        return Table(frame, tuple(notes), decimal, options)
    if kind in EXPANDED:
        kind = suffixes[0]
    if kind not in TEXT and (kind != ".zip" or len(suffixes) > 1):  # the name inside of an archive is its own
        with reading(path):
            raise ValueError(
                f"{path} must be a table in a file with a suffix of {', '.join((*TEXT, *typed.READERS))}, or of a text "
                f"and {', '.join(EXPANDED)}, got {''.join(suffixes) or 'none'}; spreadsheets are saved as CSV"
            )
    frame, notes, mark, recognised = undisturbed(
        lambda: read_fields(path, delimiter, decimal, markers, encoding, header, as_they_stand, expected or Expected())
    )
    return Table(frame, tuple(notes), mark, recognised | options)


def _checked(delimiter: str | None, decimal: str | None, missing: Iterable[str], header: bool | None) -> frozenset[str]:
    """The fields that are given as no values, if all arguments are right."""
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n\0'):
        raise ValueError(f"delimiter must be one character, no quote and no end of a line, got {delimiter!r}")
    check_decimal(decimal)
    if header not in (None, True, False):
        raise ValueError(f"header must be True, False or None, got {header!r}")
    given = [missing] if isinstance(missing, str) else list(missing)
    if wrong := [marker for marker in given if not isinstance(marker, str)]:
        raise ValueError(f"missing must hold texts, as they stand in the file, got {wrong[0]!r}")
    return frozenset(marker.strip() for marker in given) - {""}


def _read_typed(path: Path, suffix: str, markers: frozenset[str], verbatim: Collection[str]) -> tuple[Any, list[str]]:
    """The frame of a file whose columns have types, and sentences about what was recognised."""
    frame, notes = typed.read_frame(path, typed.READERS[suffix])
    frame.columns = different_names(frame.columns, notes)
    if markers:
        notes += typed.make_gaps(frame, markers, verbatim)
    return frame, notes
