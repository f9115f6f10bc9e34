"""Archives of arrays (`.npz`), written so that Ctrl-C always gets through, and read with all sizes checked first."""

import math
import os
import re
import zipfile
from collections.abc import Iterator, Mapping
from typing import IO, BinaryIO

import numpy as np

# For each compression that NumPy writes, how many times larger than the archive a member may be.
GROWTH = {zipfile.ZIP_STORED: 1, zipfile.ZIP_DEFLATED: 1032}

# The header of an array, as NumPy and others write it. NumPy parses it as a Python expression, and that of a few
# thousand characters can need more memory than there is.
_HEADER = re.compile(
    rb"""\{ (?: \s* (?:
        (["'])descr\1 \s*:\s* (["']) [<>|=]? (?: O | [biufcSUVmM]\d{1,10}(?:\[\d{0,9}[a-zA-Z]{1,2}\])? ) \2
        | (["'])descr\3 \s*:\s* \[
            (?: \s* \( \s* ["'][^"'\\]*["'] \s*,\s* ["'][<>|=]?[biufcSUVmM]\d{1,10}["'] \s* \) \s*,? )* \s* \]
        | (["'])fortran_order\4 \s*:\s* (?:True|False)
        | (["'])shape\5 \s*:\s* \( \s* (?:\d{1,19}L?\s*,\s*)* (?:\d{1,19}L?\s*)? \)
    ) \s* (?:,|(?=\})) )* \s* \} \s*""",
    re.VERBOSE,
)
# Bytes; NumPy refuses longer ones.
_MAX_HEADER = 10_000


class Archive(zipfile.ZipFile):
    """A ZipFile without a finalizer, in which Python would ignore what a signal handler raises, such as Ctrl-C."""

    __del__ = object.__init__  # does nothing, and in C, where no signal is handled


def write_archive(file: BinaryIO, arrays: Mapping[str, np.ndarray]) -> None:
    """Write what `numpy.savez` writes; on Ctrl-C at the start or the end of a member, that raises a ValueError."""
    archive = Archive(file, "w")
    for name, array in arrays.items():
        with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
            np.lib.format.write_array(member, array, allow_pickle=False)
    archive.close()


def read_archive(archive: Archive) -> Iterator[tuple[str, np.ndarray]]:
    """The arrays of an `.npz` file with their names; a ValueError for a member that is no array, or is there twice."""
    assert archive.fp is not None
    n_bytes = archive.fp.seek(0, os.SEEK_END)
    seen = set()
    for member in archive.infolist():
        name = member.filename
        if not name.endswith(".npy") or name in seen:
            raise ValueError(f"its member {name!r} is no .npy file, or is there twice")
        if member.compress_type not in GROWTH or member.file_size > GROWTH[member.compress_type] * n_bytes:
            raise ValueError(f"its member {name!r} is compressed in another way than NumPy's, or says so")
        seen.add(name)
        try:
            with archive.open(member) as content:
                array = read_array(content, member.file_size)
        except ValueError as error:
            raise ValueError(f"its member {name!r}: {error}") from None
        yield name.removesuffix(".npy"), array


def read_array(file: IO[bytes], n_bytes: int) -> np.ndarray:
    """The array of an `.npy` file of n_bytes bytes; a ValueError where its header claims more.

    NumPy would allocate what the header claims, and a MemoryError does not tell whether the file is wrong.
    """
    version = np.lib.format.read_magic(file)
    if version != (1, 0):
        raise ValueError(f"its version is {version}, which arrays of numbers or texts do not need")
    start = file.tell()
    n_header = int.from_bytes(file.read(2), "little")
    if n_header > _MAX_HEADER or not _HEADER.fullmatch(file.read(n_header)):
        raise ValueError("its header is not that of an array of numbers or texts")
    file.seek(start)
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    if math.prod(shape) * dtype.itemsize > n_bytes - file.tell():
        raise ValueError(f"it says that it holds an array {shape} of {dtype}, and has {n_bytes:,} bytes")
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)
