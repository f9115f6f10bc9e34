"""Archives of arrays (`.npz`), written so that no Ctrl-C is lost, and read so that no claim of theirs is believed."""

import math
import os
import zipfile
from collections.abc import Iterator, Mapping
from typing import IO, BinaryIO

import numpy as np

# How many times larger than the file a member of an archive may be, as NumPy writes it.
GROWTH = {zipfile.ZIP_STORED: 1, zipfile.ZIP_DEFLATED: 1032}


class Archive(zipfile.ZipFile):
    """Not closed when it is collected: what a signal's handler raises then, as Ctrl-C, would be lost."""

    __del__ = object.__init__  # does nothing, and in C, where no signal is handled


def write_archive(file: BinaryIO, arrays: Mapping[str, np.ndarray]) -> None:
    """Write what `numpy.savez` does, which raises a ValueError where Ctrl-C comes as a member is opened or closed."""
    archive = Archive(file, "w")
    for name, array in arrays.items():
        with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
            np.lib.format.write_array(member, array, allow_pickle=False)
    archive.close()


def read_archive(archive: Archive) -> Iterator[tuple[str, np.ndarray]]:
    """The arrays of an `.npz` file with their names; a ValueError, where a member is none, or is there twice."""
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
    """The array of an `.npy` file of so many bytes; a ValueError, where it says that it has more.

    NumPy makes room for it first, and a MemoryError would not tell whether that is the file's fault.
    """
    read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    version = np.lib.format.read_magic(file)
    if version not in read_header:
        raise ValueError(f"its version is {version}, which arrays of numbers or texts do not need")
    shape, _, dtype = read_header[version](file)
    if math.prod(shape) * dtype.itemsize > n_bytes - file.tell():
        raise ValueError(f"it says that it holds an array {shape} of {dtype}, and has {n_bytes:,} bytes")
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)
