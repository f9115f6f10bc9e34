"""Files that have been cut, flipped and spliced, with wrong numbers in them, and files that were made to do harm."""

import io
import os
import pickle
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

# Lengths, sizes and counts that are too large, negative or none, written over others.
INTEGERS = tuple(
    value.to_bytes(size, order)
    for order in ("little", "big")
    for value, size in ((2**32 - 1, 4), (2**31, 4), (1 << 30, 4), (2**64 - 1, 8), (2**62, 8), (0, 8), (0, 2))
)
NUMBERS = (*b"0 -1 1e999 NaN -Infinity 1.5 null [] 9999999999999999999999999".split(), b"9" * 400, b"7" * 5000, b'"1"')
NOISE = (
    *(b"\0", b"\0" * 300, b"\xff\xfe", b"\xc3(", b"\xef\xbb\xbf", b'"', b"\\", b"\n", b"\r", b",,", b"{", b"\x80\x04."),
    *(b"[" * 100_000, b'{"a":' * 50_000, b"9" * 5000, b"\xf4\x90\x80\x80", b"\\ud800", b"../" * 9, b"x" * 200_000),
)


def changed(whole: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """A file with some changes of its bytes; of an archive, of the bytes before they are packed now and then."""
    inside = changed_inside(whole, others, random) if random.random() < 0.6 else None
    if inside is not None:
        return inside
    content = bytearray(whole)
    for _ in range(random.choice((1, 1, 1, 2, 3, 8))):
        change(content, others, random)
    return bytes(content)


def change(content: bytearray, others: Sequence[bytes], random: Random) -> None:
    n, way, other = len(content), random.randrange(9), random.choice(others)
    a, b = sorted(random.randint(0, n) for _ in range(2))
    short = slice(a, min(b, a + random.choice((1, 4, 40, n))))
    numbers = [match.span() for match in re.finditer(rb"-?\d+(\.\d+)?", bytes(content[:100_000]))] if way == 0 else []
    if numbers:
        content[slice(*random.choice(numbers))] = random.choice(NUMBERS)
    elif way == 1:
        del content[b:]
    elif way == 2 and n:
        content[a - 1] = random.choice((content[a - 1] ^ 1 << random.randrange(8), 0, 1, 0x7F, 0x80, 0xFF, 0x2D, 0x2C))
    elif way == 3:
        value = random.choice(INTEGERS)
        content[a : a + len(value)] = value
    elif way == 4:
        content[a:a] = random.choice(NOISE)
    elif way == 5:
        content[a:a] = content[short][: 1 << 16] * random.choice((1, 2, 50))  # of a bomb, all would be too much
    elif way == 6:
        start = random.randint(0, len(other))
        content[short] = other[start : start + random.choice((8, 200, len(other)))]
    else:
        content[short] = content[short][::-1] if way == 7 else b""


def changed_inside(whole: bytes, others: Sequence[bytes], random: Random) -> bytes | None:
    """An archive with changes in its members, and checksums that are right again; None if it is no archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(whole)) as archive:
            members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    except (OSError, EOFError, ValueError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error):
        return None
    if not members:
        return None
    at, way = random.randrange(len(members)), random.randrange(8)
    name, content = members[at]
    if way == 0:
        name = random.choice(("../../evil.npy", "/evil.npy", "W1", "header.npy", "\u00e9\0.npy", "x" * 60_000))
    elif way == 1:
        content = random.choice(members)[1]
    else:
        content = changed(content, others, random)
    members[at] = name, content
    if way == 2:
        members.append(random.choice(members))
    if way == 3:
        random.shuffle(members)
    return zipped(members, zipfile.ZIP_DEFLATED if random.random() < 0.2 else zipfile.ZIP_STORED)


def zipped(members: Sequence[tuple[str, bytes]], method: int) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a name that is there twice
        for name, content in members:
            info = zipfile.ZipInfo()
            info.filename, info.compress_type = name, method  # not by the constructor, which makes names harmless
            archive.writestr(info, content)
    return target.getvalue()


def saved(save: Callable[..., object], *arrays: Any, **named: Any) -> bytes:
    """The file that `numpy.save` or `numpy.savez` writes for arrays, objects too."""
    target = io.BytesIO()
    save(target, *arrays, **named)
    return target.getvalue()


class Intruder:
    """What makes this call when it is unpickled."""

    def __init__(self, call: Any, *arguments: Any):
        self.call = call, arguments

    def __reduce__(self) -> Any:
        return self.call


def hostile(trace: Path) -> list[bytes]:
    """Files that leave a trace if anything in them is executed or unpacked where it wants to go, and bombs."""
    calls = ((os.mkdir, str(trace)), (os.system, f"touch {trace}"), (eval, f"open({str(trace)!r}, 'w')"))
    intruders = [Intruder(*call) for call in calls]
    objects = np.array(intruders, object)
    claim = np.lib.format.magic(1, 0) + struct.pack("<H", 118)
    claim += b"{'descr': '<f8', 'fortran_order': False, 'shape': (536870912,), }".ljust(117) + b"\n"
    bomb, names, deflated = saved(np.save, np.zeros(1 << 20)), ("X.npy", "header.npy"), zipfile.ZIP_DEFLATED
    deep = (b"[" * 100_000, b'{"format":' * 30_000, b'{"format": "fastmlp-network", "version": ' + b"9" * 5000 + b"}")
    return [
        *(pickle.dumps(intruder, protocol) for intruder in intruders for protocol in (0, 2, 4)),
        *(*[saved(np.savez, header=objects, X=objects, y=objects, W1=objects)] * 4, saved(np.save, objects)),
        *(zipped([(name, bomb), ("y.npy", bomb)], deflated) for name in names),
        *(zipped([(name, claim + bytes(1 << 16))], deflated) for name in names),
        *(claim, zipped([(f"../../../{trace.name}", b"x"), (str(trace), b"x")], zipfile.ZIP_STORED)),
        *(*deep, *(saved(np.savez, header=np.frombuffer(text, np.uint8)) for text in deep)),
        *(b"", b"\0" * 5000, b"\x93NUMPY", b"PK\x05\x06" + bytes(18)),
    ]
