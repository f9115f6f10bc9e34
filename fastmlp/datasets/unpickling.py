"""Unpickling of arrays without trusting the file: nothing of it is called, and nothing but numbers is made of it."""

import functools
import pickle
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO

import numpy as np


def load(file: BinaryIO) -> Any:
    """What a pickle holds: dictionaries, lists, tuples, texts, bytes, numbers, and `Array` for each of NumPy's arrays.

    Of Python 2, NumPy 1 and their successors; texts of Python 2 become bytes.
    """
    return _Unpickler(file, encoding="bytes").load()


class _Type:
    """Stands in for numpy.dtype, and is one of the plain numbers."""

    def __init__(self, code: str | bytes, align: Any = False, copy: Any = False):
        text = code.decode() if isinstance(code, bytes) else code
        if not (isinstance(text, str) and len(text) == 2 and text[0] in "biuf" and text[1].isdecimal()):
            raise pickle.UnpicklingError(f"it asks for the type {code!r}, which is none of plain numbers")
        self.dtype = np.dtype(text)

    def __setstate__(self, state: Sequence[Any]) -> None:
        if state[1] in (">", b">"):
            self.dtype = self.dtype.newbyteorder(">")


class Array:
    """Stands in for numpy.ndarray; `values` are its numbers, in the file's own bytes where these need no copy."""

    values: np.ndarray = np.empty(0)

    def __setstate__(self, state: Sequence[Any]) -> None:
        _, shape, kind, is_fortran, content = state
        self.values = _values(content, kind, shape, "F" if is_fortran else "C")


def _values(content: bytes, kind: _Type, shape: Sequence[int], order: str) -> np.ndarray:
    if not isinstance(content, bytes | bytearray | pickle.PickleBuffer):
        raise pickle.UnpicklingError(f"an array's numbers must be bytes, got {type(content).__name__}")
    return np.frombuffer(content, kind.dtype).reshape([int(n) for n in shape], order="F" if order == "F" else "C")


def _empty(of: Any, shape: Any, code: Any) -> Array:
    """What numpy's `_reconstruct` makes; the state that follows has all that counts."""
    return Array()


def _from_buffer(content: bytes, kind: _Type, shape: Sequence[int], order: str) -> Array:
    array = Array()
    array.values = _values(content, kind, shape, order)
    return array


def _scalar(kind: _Type, content: bytes) -> Any:
    return _values(content, kind, (), "C").item()


def _latin1_bytes(text: str, encoding: str) -> bytes:
    """What pickles of protocols 0 to 2 ask `codecs.encode` for: bytes, written as a text."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it asks for the codec {encoding!r}, which no array needs")
    return text.encode(encoding)


_NAMES: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): Array,
    ("numpy", "dtype"): _Type,
    ("numpy.core.multiarray", "_reconstruct"): _empty,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy.core.numeric", "_frombuffer"): _from_buffer,
    ("_codecs", "encode"): _latin1_bytes,
}


class _Unpickler(pickle._Unpickler):
    """The one that is written in Python, private as its name is: `pickle.Unpickler` has an array's bytes twice."""

    def find_class(self, module: str, name: str) -> Any:
        # NumPy 2 renamed numpy.core; files of either spelling are about.
        try:
            found = _NAMES[module.replace("numpy._core", "numpy.core"), name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no array needs") from None
        # a pickle may set attributes of what it is given
        return functools.partial(found)
