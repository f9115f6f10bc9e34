"""The text of a file: expanded where it is compressed, decoded, and refused where memory cannot hold its table."""

import bz2
import codecs
import gzip
import lzma
import os
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastmlp.engine.quotas import check_memory, readable_size
from fastmlp.files.access import reading
from fastmlp.optional import MissingLibraryError, require
from fastmlp.remedies import argument, listed

CHUNK = 1 << 22
# How much memory a table of texts may need, in bytes for a byte of its file.
TEXT_FACTOR = 15
# utf-32 before utf-16, whose mark is the beginning of its own
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# How files of other formats begin, which may have any suffix, and what to do with them.
FORMATS = {
    b"PK\3\4": "a spreadsheet, which is to be saved as CSV, or an archive, whose suffix must be .zip",
    b"\xd0\xcf\x11\xe0": "a spreadsheet: save it as CSV",
    b"\x1f\x8b": "a compressed file: its suffix must be .gz",
    b"BZh91AY&SY": "a compressed file: its suffix must be .bz2",
    b"\xfd7zXZ": "a compressed file: its suffix must be .xz",
    b"\x28\xb5\x2f\xfd": "a compressed file: its suffix must be .zst",
    b"PAR1\x15": "Parquet: its suffix must be .parquet",
    b"ARROW1\0": "Arrow: its suffix must be .arrow",
    b"%PDF": "a PDF: save its table as CSV",
}
MARKUP = {
    r"\s*<(!doctype )?html": "a web page: download the file itself, not the page that shows it",
    r"\s*<\?xml": "XML: save its table as CSV, by pandas.read_xml(...).to_csv(...) say",
    r"\s*(\[\s*[\[{]|{\s*\")": "JSON: save its table as CSV, by pandas.read_json(...).to_csv(...) say",
}


def read_text(path: Path, encoding: str | None) -> tuple[str, list[str]]:
    """The text of a file, and sentences about its encoding where it is not UTF-8."""
    content = _read(path)
    if not content or content.isspace():
        raise ValueError(f"{path} is empty")
    if found := next((what for mark, what in FORMATS.items() if content.startswith(mark)), None):
        raise ValueError(f"{path} must be a table of texts, got {found}")
    text, notes = _decoded(path, content, encoding)
    text = text.removeprefix("\ufeff")
    if "\0" in text:
        raise ValueError(f"{path}, line {_line_number(text, text.index(chr(0)))}: must be text, got a NUL byte")
    if found := next((what for begin, what in MARKUP.items() if re.match(begin, text, re.IGNORECASE)), None):
        raise ValueError(f"{path} must be a table, got {found}")
    return text, notes


def _read(path: Path) -> bytearray:
    content = bytearray()
    with reading(path) as file:
        expand = EXPANDED.get(path.suffix.lower())
        if expand is None:
            check_fits(path, os.stat(path).st_size, TEXT_FACTOR)
            content += file.read()
            return content
        try:
            source = expand(file)
            while chunk := source.read(CHUNK):  # how long it gets is not known before
                content += chunk
                check_fits(path, len(content), TEXT_FACTOR, "or more, expanded")
        except (MemoryError, MissingLibraryError):
            raise
        except Exception as error:  # gzip, bz2, lzma, zipfile, zlib and pyarrow raise errors of many types
            raise ValueError(f"{path} cannot be expanded: {error}") from error
    return content


def check_fits(path: Path, n_bytes: int, factor: int, how: str = "") -> None:
    """Refuse a table for which memory is too small, by the size of its file."""
    size = f"{readable_size(n_bytes)} {how}".rstrip()
    remedy = "write some of its rows or columns to a smaller file, by pandas.read_csv(..., nrows=, usecols=) say"
    check_memory(f"{path} has {size}, and its table", n_bytes * factor, remedy)


def _only_member(file: Any) -> Any:
    archive = zipfile.ZipFile(file)
    # macOS adds a folder of its own
    names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX/")]
    if len(names) != 1:
        raise ValueError(
            f"it must hold one file, got {len(names)}{': ' * bool(names)}{listed(names)}; extract the table"
        )
    return archive.open(names[0])


def _zstandard(file: Any) -> Any:
    return require("pyarrow", "parquet", "a .zst file").input_stream(file, compression="zstd")


# How a compressed file is expanded, by its suffix.
EXPANDED: dict[str, Callable[[Any], Any]] = {
    ".gz": lambda file: gzip.GzipFile(fileobj=file),
    ".bz2": bz2.BZ2File,
    ".xz": lzma.LZMAFile,
    ".zip": _only_member,
    ".zst": _zstandard,
}


def _decoded(path: Path, content: bytearray, encoding: str | None) -> tuple[str, list[str]]:
    if encoding is not None:
        try:
            return content.decode(encoding), []
        except LookupError:
            raise ValueError(f"encoding must be one that Python knows, such as 'utf-8', got {encoding!r}") from None
        except UnicodeDecodeError as error:
            raise ValueError(f"{_line(path, content, error)} is not {encoding}: {error.reason}") from None
        except UnicodeError as error:  # of punycode and the like
            raise ValueError(f"{path} is not {encoding}: {error}") from None
    found = next((name for mark, name in MARKS if content.startswith(mark)), None) or _without_mark(path, content)
    try:
        return content.decode(found), [] if found == "utf-8" else [f"The text is in {found.upper()}."]
    except UnicodeDecodeError as error:
        place, line = _line(path, content, error), _line_number(content, error.start)
        if found != "utf-8" or not content[: error.start].isascii():
            raise ValueError(
                f"{place} is not {found.upper()}, as the text before it is: correct the line, or give its encoding, as "
                f"{argument('encoding', 'cp1252')}"
            ) from None
    for last_resort in ("cp1252", "latin-1"):  # of which latin-1 takes any bytes
        try:
            text = content.decode(last_resort)
        except UnicodeDecodeError:
            continue
        break
    return text, [
        f"The text is not UTF-8 (line {line}) and is read as {last_resort}, Western "
        "European; give another encoding if letters are wrong."
    ]


def _without_mark(path: Path, content: bytearray) -> str:
    """UTF-8, or UTF-16 where every second byte is zero, as it is of ASCII's characters."""
    head = content[: CHUNK // 2 * 2]
    even, odd = head[::2].count(0), head[1::2].count(0)
    if not even and not odd:
        return "utf-8"
    if min(even, odd) == 0 and max(even, odd) > len(head) // 4:
        return "utf-16-le" if odd else "utf-16-be"
    line = _line_number(content, content.index(0))
    raise ValueError(f"{path}, line {line}: must be text, got a NUL byte")


def _line(path: Path, content: bytearray, error: UnicodeDecodeError) -> str:
    return f"{path}, line {_line_number(content, error.start)}: {bytes(error.object[error.start : error.end])!r}"


def _line_number(content: Any, at: int) -> int:
    """The line of a place in texts or bytes, from 1."""
    return content.count("\n" if isinstance(content, str) else b"\n", 0, at) + 1
