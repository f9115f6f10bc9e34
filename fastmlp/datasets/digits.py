"""Handwritten digits that come with the package."""

from importlib import resources

import numpy as np

from fastmlp.files.access import undisturbed
from fastmlp.interface.calls import advised


@advised()
def load_digits() -> tuple[np.ndarray, np.ndarray]:
    """Load 1,797 handwritten digits of 8 x 8 pixels.

    Returns
    -------
    X : numpy.ndarray
        Shape (1797, 64), uint8: one image a row, row-major, values from 0 to 16.
    y : numpy.ndarray
        Shape (1797,), int64: the digits, 0 to 9.

    Notes
    -----
    The test part of "Optical Recognition of Handwritten Digits" by E. Alpaydin and C. Kaynak, UCI Machine Learning
    Repository, 1998, https://doi.org/10.24432/C50P49, under CC BY 4.0 (`digits.LICENSE.txt` beside this module).

    Examples
    --------
    >>> from fastmlp.datasets import load_digits
    >>> X, y = load_digits()
    >>> X.shape, y.shape
    ((1797, 64), (1797,))
    >>> y[:5].tolist()
    [0, 1, 2, 3, 4]
    """

    def read() -> tuple[np.ndarray, np.ndarray]:
        with resources.files("fastmlp.datasets").joinpath("digits.npz").open("rb") as file:
            arrays = np.load(file, allow_pickle=False)
            return arrays["X"], arrays["y"].astype(np.int64)

    return undisturbed(read)
