"""Arrays of every type, layout, size and content, right and wrong, as recipes that Hypothesis can draw and show."""

import tempfile
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

REAL_TYPES = (
    *("?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "g"),
    *(">i2", ">u4", ">i8", ">f2", ">f4", ">f8"),
)
OTHER_TYPES = ("c8", "c16", "O", "U3", "S3", "M8[s]", "m8[s]", "V4", "i4,f4")
# the kernels gather rows of the first three themselves
TYPES = st.one_of(st.sampled_from(("f8", "f4", "u1")), st.sampled_from(REAL_TYPES), st.sampled_from(REAL_TYPES))
ANY_TYPES = st.one_of(*[TYPES] * 9, st.sampled_from(OTHER_TYPES))
LAYOUTS = ("C", "F", "reversed", "strided", "broadcast", "unaligned", "read-only", "memory map", "list")
SIZES = st.one_of(st.sampled_from((1, 2, 3, 5, 9)), st.sampled_from((0, 1, 4, 33, 64, 512, 513, 2049)))
ROW_CONTENTS = ("normal", "normal", "normal", "pixels", "NaN", "infinite", "huge", "tiny", "bits", "constant")
LABEL_CONTENTS = (*["good"] * 9, "negative", "too large", "fractional", "NaN", "infinite", "bits")
SEEDS = st.integers(0, 2**32 - 1)


class Given(NamedTuple):
    """What a network is given, and the same numbers as a plain array: native, aligned, contiguous, its own."""

    value: Any
    plain: np.ndarray


class Rows(NamedTuple):
    """A recipe for X; `columns` are those that it has too many, `own` a view of the network's that is taken instead."""

    n_rows: int
    dtype: str
    layout: str
    content: str
    columns: int
    own: str
    seed: int

    def made(self, n_in: int, net: Any) -> Given:
        """The array, for a network with so many inputs."""
        if self.own == "params":
            return given(net.params["W1"].T)
        if self.own == "outputs" and net.outputs:
            return given(net.outputs["X"])
        random = np.random.default_rng(self.seed)
        shape = (self.n_rows, max(0, n_in + self.columns))
        return given(laid_out(filled(shape, self.dtype, self.content, random), self.layout))


class Labels(NamedTuple):
    """A recipe for y; `longer` is by how many labels it is too long."""

    dtype: str
    layout: str
    content: str
    longer: int
    column: bool
    seed: int

    def made(self, n_rows: int, n_classes: int) -> Given:
        """The labels of so many rows."""
        random = np.random.default_rng(self.seed)
        n = max(0, n_rows + self.longer)
        values: np.ndarray = random.integers(0, min(n_classes, 127), n).astype(np.float64)
        if self.content == "bits":
            values = filled((n,), self.dtype, "bits", random)
        elif self.content != "good" and n:
            wrong = {"negative": -1, "too large": n_classes, "fractional": 0.5, "NaN": np.nan, "infinite": np.inf}
            values[random.integers(n)] = wrong[self.content]
        y = laid_out(_cast(values, self.dtype), self.layout)
        return given(y.reshape(-1, 1) if self.column and isinstance(y, np.ndarray) else y)


def rows() -> st.SearchStrategy[Rows]:
    """Recipes for X, most of them right."""
    columns = st.sampled_from((*[0] * 15, -1, 1))
    own = st.sampled_from((*[""] * 12, "params", "outputs"))
    contents = st.sampled_from(ROW_CONTENTS)
    return st.builds(Rows, SIZES, ANY_TYPES, st.sampled_from(LAYOUTS), contents, columns, own, SEEDS)


def labels() -> st.SearchStrategy[Labels]:
    """Recipes for y, most of them right."""
    types = st.one_of(st.just("i8"), ANY_TYPES)
    longer = st.sampled_from((*[0] * 15, -1, 1))
    contents = st.sampled_from(LABEL_CONTENTS)
    return st.builds(Labels, types, st.sampled_from(LAYOUTS), contents, longer, st.booleans(), SEEDS)


def are_rows(X: np.ndarray, n_in: int) -> bool:
    """Whether a network with so many inputs must take them."""
    return X.dtype.kind in "biuf" and X.ndim == 2 and X.shape[1] == n_in


def are_labels(y: np.ndarray, n_rows: int, n_classes: int) -> bool:
    """Whether they are labels of so many rows; asked of Python's own numbers, one by one."""
    right_shape = y.shape in ((n_rows,), (n_rows, 1))
    return right_shape and y.dtype.kind in "biuf" and all(label in range(n_classes) for label in y.ravel().tolist())


def laid_out(array: np.ndarray, layout: str) -> Any:
    """The same numbers, otherwise in memory."""
    if layout == "F":
        return np.asfortranarray(array)
    if layout == "reversed":
        backwards = (slice(None, None, -1),) * array.ndim
        return array[backwards].copy()[backwards]
    if layout == "strided":
        wide = np.zeros([2 * n + 1 for n in array.shape], array.dtype)
        wide[(slice(1, None, 2),) * array.ndim] = array
        return wide[(slice(1, None, 2),) * array.ndim]
    if layout == "broadcast" and len(array):
        return np.broadcast_to(array[:1], array.shape)
    if layout == "unaligned" and not array.dtype.hasobject:
        room = np.empty(array.nbytes + 1, np.uint8)
        moved = room[1:].view(array.dtype).reshape(array.shape)
        moved[...] = array
        return moved
    if layout == "read-only":
        array.flags.writeable = False
    if layout == "memory map" and array.size and not array.dtype.hasobject:
        with tempfile.TemporaryFile() as file:
            mapped = np.memmap(file, array.dtype, "w+", shape=array.shape)
        mapped[...] = array
        return mapped
    return array.tolist() if layout == "list" else array


def given(value: Any) -> Given:
    """An array as it is given, and its plain copy."""
    found = np.asarray(value)
    return Given(value, np.array(found, found.dtype.newbyteorder("="), order="C"))


def filled(shape: tuple[int, ...], dtype: str, content: str, random: np.random.Generator) -> np.ndarray:
    """An array of such content."""
    kind = np.dtype(dtype)
    if content == "bits" and not kind.hasobject and kind.kind != "b":
        return np.frombuffer(random.bytes(int(np.prod(shape)) * kind.itemsize), kind).reshape(shape).copy()
    values = random.standard_normal(shape)
    if content == "pixels":
        values = random.integers(0, 256, shape).astype(np.float64)
    elif content == "constant":
        values[...] = 3.0
    elif content in ("huge", "tiny") and kind.kind == "f":
        limits = np.finfo(kind)
        return (values * (limits.max / 8 if content == "huge" else limits.smallest_subnormal * 64)).astype(kind)
    elif content in ("NaN", "infinite", "huge", "tiny") and values.size:
        extreme = {"NaN": np.nan, "infinite": -np.inf, "huge": 2.0**62, "tiny": -(2.0**31)}
        values[tuple(random.integers(n) for n in shape)] = extreme[content]
    return _cast(values, dtype)


def _cast(values: np.ndarray, dtype: str) -> np.ndarray:
    if values.dtype == np.dtype(dtype):
        return values
    if dtype in OTHER_TYPES:
        return np.zeros(values.shape, dtype)
    with np.errstate(all="ignore"):
        return values.astype(dtype)
