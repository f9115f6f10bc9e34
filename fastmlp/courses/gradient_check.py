"""Gradients by finite differences, to check those of backpropagation."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt


def eval_numerical_gradient(
    f: Callable[[np.ndarray], Any], x: np.ndarray, verbose: bool = False, h: float = 1e-5
) -> np.ndarray:
    """Evaluate the gradient of `f` at `x` by centred differences.

    Each element of `x` is changed in place, one after the other, and restored exactly, also when `f` raises. So `f`
    may depend on `x` through anything that shares its memory, such as the parameters of a network.

    Parameters
    ----------
    f : callable
        Takes `x`, returns one number.
    x : numpy.ndarray
        Where to evaluate: a writable array of floats, of any shape.
    verbose : bool, default False
        Whether to print each partial derivative.
    h : float, default 1e-5
        How far to go to each side.

    Returns
    -------
    numpy.ndarray
        Partial derivatives, float64, in the shape of `x`.

    Raises
    ------
    TypeError
        If `f` is not callable, or `x` is not an array of floats.
    ValueError
        If `x` is read-only, `h` is not positive and finite or too small to change an element of `x`, or `f` returns
        more than one number.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp.courses.gradient_check import eval_numerical_gradient
    >>> x = np.array([[1.0, -2.0], [0.5, 3.0]])
    >>> eval_numerical_gradient(lambda x: np.sum(x**2), x).round(6)
    array([[ 2., -4.],
           [ 1.,  6.]])
    """
    if not callable(f):
        raise TypeError(f"f must be callable, got {f!r}")
    if not isinstance(x, np.ndarray) or x.dtype.kind != "f":
        got = f"dtype {x.dtype}" if isinstance(x, np.ndarray) else type(x).__name__
        raise TypeError(f"x must be a NumPy array of floats, which can be changed in place, got {got}")
    if not x.flags.writeable:
        raise ValueError("x must be writable, got a read-only array")
    if not (math.isfinite(h) and h > 0):
        raise ValueError(f"h must be positive and finite, got {h!r}")

    gradient = np.empty(x.shape, np.float64)
    for index in np.ndindex(x.shape):
        original = x[index]
        try:
            x[index] = original + h
            above, f_above = float(x[index]), _number(f(x))
            x[index] = original - h
            below, f_below = float(x[index]), _number(f(x))
        finally:
            x[index] = original
        # The distance after rounding, which for float32 is often far from 2 h.
        if above == below:
            raise ValueError(f"h must be large enough to change x, got {h!r} where an element is {original!s}")
        gradient[index] = (f_above - f_below) / (above - below)
        if verbose:
            print(index, gradient[index])
    return gradient


def rel_error(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Return the largest relative difference of two arrays, the largest of `|x - y| / max(1e-8, |x| + |y|)`.

    Parameters
    ----------
    x, y : array_like
        Real numbers, in the same shape.

    Returns
    -------
    float
        Between 0 and 1; 0 for empty arrays.

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> from fastmlp.courses.gradient_check import rel_error
    >>> rel_error([1.0, 3.0], [1.0, 1.0])
    0.5
    """
    a, b = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if a.shape != b.shape:
        raise ValueError(f"x and y must have the same shape, got {a.shape} and {b.shape}")
    return float(np.max(np.abs(a - b) / np.maximum(1e-8, np.abs(a) + np.abs(b)), initial=0.0))


def _number(value: Any) -> float:
    if np.ndim(value) != 0:
        raise ValueError(f"f must return one number, got an array {np.shape(value)}")
    return float(value)
