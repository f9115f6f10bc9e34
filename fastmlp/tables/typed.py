"""Parquet and Arrow as frames of pandas, whose columns keep their types."""

import os
from collections.abc import Callable, Collection
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np

from fastmlp.files.access import reading
from fastmlp.optional import require
from fastmlp.remedies import counted
from fastmlp.tables.content import check_fits
from fastmlp.tables.notations import Notation

# How much memory a table may need, in bytes for a byte of its columns.
MEMORY_FACTOR = 3


def read_frame(path: Path, read: Callable[[Any, Path, Any], Any]) -> tuple[Any, list[str]]:
    """The frame of a file by one of `READERS`, and sentences about what was recognised."""
    with reading(path) as file:
        pandas = require("pandas", "cli", f"reading {path}")
        pyarrow = require("pyarrow", "parquet", f"reading {path}")
        try:
            frame = read(pyarrow, path, file)
        except (pyarrow.ArrowException, OSError) as error:
            raise ValueError(f"{path} cannot be read, it may be damaged or of another format: {error}") from error
    notes: list[str] = []
    named = [name for name in frame.index.names if name is not None]
    if not named and not isinstance(frame.index, pandas.RangeIndex):
        notes.append("The index of the rows has no name; it is left out.")
    frame = frame.reset_index(drop=not named)
    frame.attrs = {}  # of the file that it was read from, say
    if not len(frame) or not len(frame.columns):
        raise ValueError(f"{path} must have rows and columns, got {len(frame)} and {len(frame.columns)}")
    return frame, notes


def make_gaps(frame: Any, markers: Collection[str], verbatim: Collection[str] = ()) -> list[str]:
    """Put gaps in the place of markers, such as -99 or "unknown", and say how many; 1.0 marks 1 too.

    Columns that are verbatim stay as they are.
    """
    types = require("pandas.api.types", "cli", "a table")
    texts = sorted(markers)
    numbers, is_found, notes = Notation().read(texts), np.zeros(len(texts), bool), []
    for name, column in [(name, column) for name, column in frame.items() if name not in verbatim]:
        is_numeric = types.is_numeric_dtype(column) and not types.is_bool_dtype(column)
        meant = numbers if is_numeric else np.array(texts, object)
        is_marker = column.isin(meant[~np.isnan(numbers)] if is_numeric else texts)
        if is_marker.any():
            is_found |= np.isin(meant, column[is_marker].unique())
            frame[name] = column.mask(is_marker)
            notes.append(f"No value: {counted(int(is_marker.sum()), 'field')} of {name!r}.")
    if not is_found.all():
        notes.append(no_field(list(compress(texts, ~is_found))))
    return notes


def no_field(markers: list[str]) -> str:
    """A sentence about markers that were given, and are nowhere."""
    return f"No field is {' or '.join(map(repr, markers))}, given as no value."


def _read_parquet(pyarrow: Any, path: Path, file: Any) -> Any:
    parquet = require("pyarrow.parquet", "parquet", f"reading {path}").ParquetFile(file)
    metadata = parquet.metadata
    n_bytes = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
    check_fits(path, max(n_bytes, metadata.num_rows * metadata.num_columns * 8), MEMORY_FACTOR, "when it is expanded")
    return parquet.read().to_pandas()


def _read_arrow(pyarrow: Any, path: Path, file: Any) -> Any:
    check_fits(path, os.stat(path).st_size, MEMORY_FACTOR)
    ipc = require("pyarrow.ipc", "parquet", f"reading {path}")
    try:
        return ipc.open_file(file).read_pandas()
    except pyarrow.ArrowInvalid:  # a stream, as some write into such files
        file.seek(0)
        return ipc.open_stream(file).read_pandas()


# How a file whose columns have types is read, by its suffix.
READERS = {".parquet": _read_parquet, ".pq": _read_parquet, ".arrow": _read_arrow, ".feather": _read_arrow}
