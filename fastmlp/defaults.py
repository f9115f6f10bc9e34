"""The dtype of networks that are made without one."""

import os

import numpy as np
import numpy.typing as npt

from fastmlp.validation import float_dtype

_default_dtype = np.dtype(np.float64)


def set_default_dtype(dtype: npt.DTypeLike) -> None:
    """Choose the dtype of networks that are made without one, "float32" or "float64".

    It starts as FASTMLP_DTYPE says, or as float64.

    Examples
    --------
    >>> import fastmlp
    >>> fastmlp.set_default_dtype("float32")
    >>> fastmlp.NeuralNetwork(4, [10], 3).dtype
    dtype('float32')
    >>> fastmlp.set_default_dtype("float64")
    """
    global _default_dtype
    _default_dtype = float_dtype("dtype", dtype)


def get_default_dtype() -> np.dtype:
    """The dtype of networks that are made without one.

    Examples
    --------
    >>> import fastmlp
    >>> fastmlp.get_default_dtype()
    dtype('float64')
    """
    return _default_dtype


if "FASTMLP_DTYPE" in os.environ:
    _default_dtype = float_dtype("the environment variable FASTMLP_DTYPE", os.environ["FASTMLP_DTYPE"])
