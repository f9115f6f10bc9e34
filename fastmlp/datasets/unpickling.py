"""Safe unpickling of arrays: a file can make numbers, texts and containers of them, and call only functions of ours."""

import os
import pickle
import reprlib
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO

import numpy as np


def load(file: BinaryIO) -> Any:
    """The content of a pickle: dictionaries, lists, tuples, texts, bytes, numbers, and an `Array` for each NumPy array.

    Pickles may be of any version of Python and NumPy; texts of Python 2 become bytes. Memory is limited to a small
    multiple of the file's size, or 200 MB.
    """
    return _Unpickler(_Reader(file)).load()


class _Type:
    """In place of numpy.dtype: a plain numeric type."""

    def __init__(self, code: str | bytes, align: Any = False, copy: Any = False):
        text = code.decode() if isinstance(code, bytes) else code
        if not (isinstance(text, str) and len(text) == 2 and text[0] in "biuf" and text[1].isdecimal()):
            raise pickle.UnpicklingError(f"it asks for the type {reprlib.repr(code)}, which is none of plain numbers")
        self.dtype = np.dtype(text)

    def __setstate__(self, state: Sequence[Any]) -> None:
        if state[1] in (">", b">"):
            self.dtype = self.dtype.newbyteorder(">")


class Array:
    """In place of numpy.ndarray; `values` are its numbers, without a copy if possible."""

    def __init__(self, content: bytes, kind: _Type, shape: tuple[int, ...], order: str):
        if not (isinstance(content, bytes) and isinstance(kind, _Type) and all(isinstance(n, int) for n in shape)):
            raise pickle.UnpicklingError("an array must have bytes, a type and a shape of integers")
        self.values = np.frombuffer(content, kind.dtype).reshape(shape, order="F" if order == "F" else "C")

    def __setstate__(self, state: Sequence[Any]) -> None:
        _, shape, kind, is_fortran, content = state
        self.values = Array(content, kind, shape, "F" if is_fortran else "C").values


_NAMES: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): Array,
    ("numpy", "dtype"): _Type,
    # empty, until it gets its state
    ("numpy.core.multiarray", "_reconstruct"): lambda cls, shape, code: Array(b"", _Type("u1"), (0,), "C"),
    ("numpy.core.multiarray", "scalar"): lambda kind, content: Array(content, kind, (), "C").values.item(),
    ("numpy.core.numeric", "_frombuffer"): Array,
}


# The operations for dictionaries, lists, tuples and arrays; without sets, and without look-ups elsewhere.
_OPERATIONS = (
    "PROTO FRAME MARK STOP NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT "
    "STRING BINSTRING SHORT_BINSTRING UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8 BINBYTES SHORT_BINBYTES "
    "BINBYTES8 BYTEARRAY8 DICT EMPTY_DICT SETITEM SETITEMS LIST EMPTY_LIST APPEND APPENDS TUPLE EMPTY_TUPLE TUPLE1 "
    "TUPLE2 TUPLE3 PUT BINPUT LONG_BINPUT MEMOIZE GET BINGET LONG_BINGET GLOBAL STACK_GLOBAL REDUCE BUILD"
)
# An official batch has 40,000 operations; each makes an object of at most a hundred bytes.
_MAX_OPERATIONS = 1_000_000


class _Reader:
    """A file that raises an error for a read past its end, before memory is allocated."""

    def __init__(self, file: BinaryIO):
        self._file, self.size = file, file.seek(0, os.SEEK_END)
        file.seek(0)
        self.readline = file.readline

    def read(self, n: int) -> bytes:
        if n > self.size - self._file.tell():
            raise EOFError("it ends within something")
        return self._file.read(n)


class _Texts(dict):
    """A dictionary with texts as keys; the hash of others may take forever, or overflow the stack."""

    __slots__ = ()  # no attributes for a pickle to set

    def __setitem__(self, key: Any, value: Any) -> None:
        if not isinstance(key, str | bytes):
            raise pickle.UnpicklingError(f"a key must be a text, got {type(key).__name__}")
        super().__setitem__(key, value)


class _Operations(dict):
    """The method for each operation that is known, for a limited number of operations."""

    _left = _MAX_OPERATIONS

    def __getitem__(self, code: int) -> Callable[..., None]:
        self._left -= 1
        if self._left < 0:
            raise pickle.UnpicklingError(f"it has more than {_MAX_OPERATIONS:,} operations")
        return super().__getitem__(code)

    def __missing__(self, code: int) -> Callable[..., None]:
        raise pickle.UnpicklingError(f"it has the operation {bytes([code])!r}, which no array needs")


# The implementation in Python, though private: `pickle.Unpickler` holds an array's bytes twice.
_PythonUnpickler: Any = pickle._Unpickler


class _Unpickler(_PythonUnpickler):  # type: ignore[misc]
    """An unpickler restricted to known operations and names."""

    def __init__(self, file: _Reader):
        super().__init__(file, encoding="bytes")
        self.dispatch = _Operations(_KNOWN)
        self._left = file.size

    # a bytearray would be allocated before it is read
    load_bytearray8 = _PythonUnpickler.load_binbytes8

    def load_empty_dictionary(self) -> None:
        self.append(_Texts())

    def load_dict(self) -> None:
        if self.pop_mark():  # pickles set items afterwards
            raise pickle.UnpicklingError("it has a dictionary with items from the start")
        self.append(_Texts())

    def load_put(self) -> None:
        place = int(self.readline()[:-1])
        if not 0 <= place < _MAX_OPERATIONS:  # the hashes of larger ones may collide
            raise pickle.UnpicklingError("it puts something at a place that does not exist")
        self.memo[place] = self.stack[-1]

    def load_reduce(self) -> None:
        arguments = self.stack.pop()
        if not isinstance(arguments, tuple):  # other types would be converted
            raise pickle.UnpicklingError(f"arguments must be a tuple, got {type(arguments).__name__}")
        self.stack[-1] = self.stack[-1](*arguments)

    def load_build(self) -> None:
        state = self.stack.pop()
        if not isinstance(self.stack[-1], Array | _Type):  # functions have a state too
            raise pickle.UnpicklingError(f"it sets the state of a {type(self.stack[-1]).__name__}")
        self.stack[-1].__setstate__(state)

    def find_class(self, module: str, name: str) -> Any:
        key = module.replace("numpy._core", "numpy.core"), name  # renamed in NumPy 2
        if key == ("_codecs", "encode"):
            return self.encode
        if key not in _NAMES:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no array needs")
        return _NAMES[key]

    def encode(self, text: str, encoding: str) -> bytes:
        """In place of `codecs.encode`, by which pickles of protocols 0 to 2 write bytes as texts."""
        if encoding != "latin1":
            raise pickle.UnpicklingError(f"it asks for the codec {reprlib.repr(encoding)}, which no array needs")
        self._left -= len(text)
        if self._left < 0:
            raise pickle.UnpicklingError("its arrays take more than the file")
        return text.encode(encoding)


# The method for each operation, by the name that it has in the base.
_KNOWN: dict[int, Callable[..., None]] = {
    code: getattr(_Unpickler, _PythonUnpickler.dispatch[code].__name__)
    for code in (getattr(pickle, name)[0] for name in _OPERATIONS.split())
}
