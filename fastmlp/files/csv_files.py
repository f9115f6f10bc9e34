"""Columns as CSV files, for spreadsheets and other programs."""

import csv
import os
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import numpy as np

from fastmlp.files.access import replacing
from fastmlp.validation import as_path

Columns = Iterable[tuple[str, Iterable[Any]]]


def csv_text(columns: Columns) -> str:
    """The text of a CSV file of columns, given by their names: a line with these, and one for each row; ends are \\n.

    Numbers are written in full. Names and texts may hold commas, quotes and ends of lines: they are put into quotes.
    """
    named, lines = list(columns), list[str]()
    sink: Any = SimpleNamespace(write=lines.append)
    # a writer puts a text into quotes where it holds a character of this, or any quote or comma
    writer = csv.writer(sink, lineterminator="\r\n")
    writer.writerow([name for name, _ in named])
    values = [one.tolist() if isinstance(one, np.ndarray) else one for _, one in named]
    writer.writerows(zip(*values, strict=True))
    return "".join(f"{line[:-2]}\n" for line in lines)


def write_csv(path: str | os.PathLike[str], columns: Columns) -> None:
    """Write a CSV file of columns, all at once, with the folders that it needs."""
    place = as_path("path", path)
    text = csv_text(columns)
    place.parent.mkdir(parents=True, exist_ok=True)
    with replacing(place) as file:
        file.write(text.encode())
