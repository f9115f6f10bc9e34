"""Where every W and b lives: one layout table, one flat buffer, and views into it.

The gradients and an optimiser's moments are buffers of the same layout, so an update is one loop over flat buffers.
"""

import itertools
import math
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fastmlp import _kernels
from fastmlp.architecture import Architecture
from fastmlp.interface.calls import named
from fastmlp.sums import sum_rows
from fastmlp.validation import one_of, real_array

# A cache line, and the widest vector of current processors.
ALIGNMENT = 64

INITIALIZERS = ("assignment", "he", "glorot")


def aligned_offsets(extents: list[int], itemsize: int) -> tuple[list[int], int]:
    """Place arrays of the given numbers of elements one after the other, each on an aligned start.

    Returns
    -------
    offsets : list of int
        Where each starts, in elements.
    total : int
        Elements needed for all.
    """
    grain = ALIGNMENT // itemsize
    offsets, at = [], 0
    for extent in extents:
        offsets.append(at)
        at += -(-extent // grain) * grain
    return offsets, at


def aligned_empty(n: int, dtype: np.dtype) -> np.ndarray:
    """An uninitialised array (n,) that starts on a cache line."""
    raw = np.empty(n * dtype.itemsize + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + n * dtype.itemsize].view(dtype)


class Layout:
    """The places of `W1, b1, ..., Wk, bk` in a flat buffer.

    They follow from the sizes and the dtype of the architecture.
    """

    def __init__(self, architecture: Architecture):
        self.dtype = dtype = architecture.dtype
        self.shapes: dict[str, tuple[int, ...]] = {}
        for i, (n_in, n_out) in enumerate(itertools.pairwise(architecture.sizes), 1):
            self.shapes[f"W{i}"] = (n_in, n_out)
            self.shapes[f"b{i}"] = (n_out,)
        extents = [math.prod(shape) for shape in self.shapes.values()]
        offsets, self.size = aligned_offsets(extents, dtype.itemsize)
        self.offsets = dict(zip(self.shapes, offsets, strict=True))
        self.n_parameters = sum(extents)

    def zeros(self) -> np.ndarray:
        """A flat buffer of zeros."""
        buffer = aligned_empty(self.size, self.dtype)
        buffer.fill(0)
        return buffer

    def views(self, buffer: np.ndarray, exclusive: _kernels.Exclusive | None = None) -> "Parameters":
        """The named views of a flat buffer; to assign to one of them keeps other threads out of `exclusive`."""
        arrays = {
            name: buffer[start : start + math.prod(shape)].reshape(shape)
            for (name, shape), start in zip(self.shapes.items(), self.offsets.values(), strict=True)
        }
        return Parameters(arrays, exclusive or _kernels.Exclusive())


@named
class Parameters(MutableMapping[str, np.ndarray]):
    """A mapping `W1, b1, ..., Wk, bk` of live views into one flat buffer.

    Its keys are fixed. Assigning to a key copies the values into place, whatever their floating type and layout; the
    shape must be exact. A copy of the mapping (`copy.deepcopy`, `pickle`, `.copy()`) is an ordinary dict of arrays of
    their own. NumPy takes the mapping for an object, as it does a dict: `np.save` keeps such a copy, and
    `np.load(file, allow_pickle=True).item()` gives it back. It is equal to a mapping of the same keys and numbers.

    Examples
    --------
    >>> from fastmlp import NeuralNetwork
    >>> net = NeuralNetwork(4, [10], 3)
    >>> net.params["b1"] = range(10)
    >>> float(net.params["b1"].sum())
    45.0
    """

    def __init__(self, arrays: dict[str, np.ndarray], exclusive: _kernels.Exclusive):
        self._arrays = arrays
        self._exclusive = exclusive

    def __getitem__(self, name: str) -> np.ndarray:
        return self._arrays[name]

    def __setitem__(self, name: str, value: npt.ArrayLike) -> None:
        if name not in self._arrays:
            raise KeyError(f"{name!r} is not one of {', '.join(self._arrays)}")
        checked = checked_array(name, value, self._arrays[name].shape)
        with np.errstate(over="ignore", invalid="ignore"):
            self._exclusive.run(np.copyto, self._arrays[name], checked, "unsafe")

    def __delitem__(self, name: str) -> None:
        raise TypeError(f"cannot delete {name!r}: a network's parameters are fixed")

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __repr__(self) -> str:
        return f"Parameters({', '.join(f'{name} {array.shape}' for name, array in self._arrays.items())})"

    def copy(self) -> dict[str, np.ndarray]:
        """A dict of copies, which later updates leave alone."""
        return {name: array.copy() for name, array in self._arrays.items()}

    __copy__ = copy

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, np.ndarray]:
        return self.copy()

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (self.copy(),)

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        # without it, NumPy takes the mapping for a sequence, and keeps the names in place of the arrays
        if dtype is not None and np.dtype(dtype) != object:
            raise TypeError(
                f"a network's parameters are arrays of different shapes, not one array of {np.dtype(dtype)}: take one, "
                "as params['W1'], or dict(params) for all; to write them down, call the network's save(path)"
            )
        if copy is not None and not copy:
            raise ValueError("a network's parameters cannot become an array without a copy: take dict(params)")
        array = np.empty((), object)
        array[()] = self.copy()
        return array

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        return self.keys() == other.keys() and all(np.array_equal(array, other[name]) for name, array in self.items())

    def assign(self, values: Mapping[str, npt.ArrayLike]) -> None:
        """Copy all values into place, after all of them have been checked."""
        if not hasattr(values, "keys"):
            hint = ": take .item() of it" if isinstance(values, np.ndarray) and values.dtype == object else ""
            raise TypeError(f"params must be a mapping of arrays, not {type(values).__name__}{hint}")
        missing, unknown = self._arrays.keys() - values.keys(), values.keys() - self._arrays.keys()
        if missing or unknown:
            raise ValueError(
                f"params must have exactly the keys {', '.join(self._arrays)}; "
                f"missing: {sorted(missing)}, unknown: {sorted(map(str, unknown))}"
            )
        with np.errstate(over="ignore", invalid="ignore"):
            # copies, since the values may be views into this very buffer
            copies = [
                (array, np.array(checked_array(name, values[name], array.shape), array.dtype))
                for name, array in self._arrays.items()
            ]
        self._exclusive.run(_kernels.assign_all, None, {}, copies)


def checked_array(name: str, value: npt.ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
    """`value` as a real array of exactly this shape."""
    array = real_array(name, value)
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
    return array


def initialize(params: MutableMapping[str, np.ndarray], init: str, random_state: Any) -> None:
    """Draw the weights in the layers' order; biases stay zero.

    Parameters
    ----------
    params : mapping
        W1, b1, ..., written in place.
    init : {"assignment", "he", "glorot"}
        Standard deviation 1 / sqrt(n_in) (LeCun et al., Efficient BackProp, 1998), sqrt(2 / n_in) (He et al., 2015) or
        sqrt(2 / (n_in + n_out)) (Glorot and Bengio, 2010) of a normal distribution.
    random_state : numpy.random.RandomState or the module numpy.random
        Where the numbers come from.
    """
    init = one_of("init", init, INITIALIZERS)
    for name in params:
        if name.startswith("W"):
            n_in, n_out = params[name].shape
            normal = random_state.randn(n_in, n_out)
            if init == "assignment":
                # divided, not multiplied by the inverse: the bits of the assignment's own formula
                params[name][...] = normal / np.sqrt(n_in)
            elif init == "he":
                params[name][...] = normal * np.sqrt(2 / n_in)
            else:
                params[name][...] = normal * np.sqrt(2 / (n_in + n_out))


def l2_penalty(params: Mapping[str, np.ndarray], regularization: float) -> float:
    """0.5 * regularization * sum(W**2) over the weight matrices, added up in double precision."""
    if regularization == 0:
        return 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        squares = [np.square(w, dtype=np.float64).ravel() for name, w in params.items() if name.startswith("W")]
        return 0.5 * regularization * sum(float(sum_rows(of_one)) for of_one in squares)
