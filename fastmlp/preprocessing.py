"""Standardization of features by the statistics of the training rows."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from fastmlp import _kernels
from fastmlp.frames import check_column_names, column_names
from fastmlp.interface.calls import public
from fastmlp.validation import as_stored, float_dtype, integer, one_of, real_array, real_matrix

# Rows that are measured together; a block of images stays in cache.
_BLOCK_ROWS = 256
# Numbers that differ by at most this many units of their type's rounding count as equal.
_NOISE = 2
# Types whose sums of squares are exact in 64-bit integers, block by block.
_SMALL_INTEGERS = "?bBhH"
# Advice for attributes that do not exist, or not yet.
_INSTEAD = {
    "inverse_transform": ": use X * standardizer.scale_ + standardizer.mean_",
    "mean_": ": it must be fitted first, by fit(X)",
    "scale_": ": it must be fitted first, by fit(X)",
}


@public
class Standardizer:
    """Subtracts a mean from each feature and divides by a scale, both measured on training rows.

    A network with a standardizer takes raw rows, uint8 pixels for example, and standardizes each batch as it is read:
    no converted copy of the data is needed.

    Parameters
    ----------
    n_channels : int, optional
        Number of channels of images, whose rows are in height-width-channel order: all features of a channel share the
        standard deviation of its pixels. By default, a feature's scale is its own standard deviation.
    center : {"feature", "channel"}
        Whether each feature has its own mean, or each channel.

    Attributes
    ----------
    feature_names : list of str or None
        The names of the columns of the frame that it was fitted to; `transform` takes frames with these columns, in
        this order.
    mean_, scale_ : ndarray (n_features,), float64
        The mean of each feature, and its standard deviation, or 1 for features that are constant up to rounding.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp import Standardizer
    >>> standardizer = Standardizer().fit(np.array([[0, 5], [4, 5]], np.uint8))
    >>> standardizer.mean_, standardizer.scale_
    (array([2., 5.]), array([2., 1.]))
    >>> standardizer.transform([[6, 5]])
    array([[2., 0.]])
    """

    feature_names: list[str] | None = None

    def __init__(self, n_channels: int | None = None, center: str = "feature"):
        self.n_channels = None if n_channels is None else integer("n_channels", n_channels)
        self.center = one_of("center", center, ("feature", "channel"))
        if n_channels is None and self.center == "channel":
            raise ValueError("center='channel' needs n_channels, got None")

    @classmethod
    def notebook(cls) -> Self:
        """The assignment's standardization of CIFAR-10: by the mean image, and one standard deviation per channel.

        Fitted to the training images, it gives the same as `get_CIFAR10_data`, up to rounding.

        Examples
        --------
        >>> from fastmlp import Standardizer
        >>> Standardizer.notebook()
        Standardizer(n_channels=3)
        """
        return cls(n_channels=3)

    @classmethod
    def of_statistics(
        cls, mean: npt.ArrayLike, scale: npt.ArrayLike, n_channels: int | None = None, center: str = "feature"
    ) -> Self:
        """A fitted standardizer with these means and scales (n_features,); the rest is as in `Standardizer`.

        Raises
        ------
        ValueError
            If they are not finite arrays of one length, or a scale is not above 0.

        Examples
        --------
        >>> from fastmlp import Standardizer
        >>> Standardizer.of_statistics([1.0, 2.0], [1.0, 0.5]).transform([[3.0, 3.0]])
        array([[2., 2.]])
        """
        standardizer = cls(n_channels, center)
        standardizer.mean_, standardizer.scale_ = _checked(mean=mean, scale=scale)
        return standardizer

    def fit(self, X: npt.ArrayLike) -> Self:
        """Measure X (n_rows, n_features) in one pass, exactly for integers of up to 16 bits; returns the standardizer.

        The same numbers have the same statistics, to the last bit, however they lie in memory.

        Raises
        ------
        TypeError, ValueError
            If X is not a matrix of finite real numbers with at least one row, or its number of columns is not a
            multiple of `n_channels`.

        Examples
        --------
        >>> from fastmlp import Standardizer
        >>> standardizer = Standardizer().fit([[1, 5], [3, 5]])
        >>> standardizer.mean_.tolist(), standardizer.scale_.tolist()
        ([2.0, 5.0], [1.0, 1.0])
        """
        rows = real_array("X", X)
        if rows.ndim != 2 or 0 in rows.shape:
            raise ValueError(f"X must have shape (n_rows, n_features) and at least one row, got {rows.shape}")
        n_channels = rows.shape[1] if self.n_channels is None else self.n_channels
        if rows.shape[1] % n_channels:
            raise ValueError(f"X must have a multiple of n_channels = {n_channels} columns, got {rows.shape[1]}")
        measure = _exact_statistics if rows.dtype.char in _SMALL_INTEGERS else _merged_statistics
        mean, variance = measure(rows, n_channels, self.center == "channel")
        scale = np.sqrt(variance)
        scale[scale == 0] = 1
        self.mean_, self.scale_, self.feature_names = mean, scale, column_names(X)
        return self

    def transform(self, X: npt.ArrayLike, dtype: npt.DTypeLike = np.float64) -> np.ndarray:
        """`(X - mean_) / scale_` as a new array, with exactly the numbers that a network with this standardizer uses.

        Parameters
        ----------
        X : array_like (n_rows, n_features)
        dtype : float64 or float32

        Raises
        ------
        TypeError, ValueError
            If X is not real or not of that shape, or dtype is not supported.

        Examples
        --------
        >>> from fastmlp import Standardizer
        >>> Standardizer().fit([[1, 5], [3, 5]]).transform([[4, 6]])
        array([[2., 1.]])
        """
        dtype = float_dtype("dtype", dtype)
        check_column_names("X", X, self.feature_names, "standardizer.feature_names")
        mean, *_ = statistics = self.statistics(dtype)
        X = real_matrix("X", X, len(mean))
        result = np.empty(X.shape, dtype)
        if len(X):
            _kernels.standardize(as_stored(X, np.dtype(np.float64)), result.reshape(-1), *statistics)
        return result

    def fit_transform(self, X: npt.ArrayLike, y: object = None, *, dtype: npt.DTypeLike = np.float64) -> np.ndarray:
        """`fit(X).transform(X, dtype)`: measure X and standardise it.

        Parameters
        ----------
        X : array_like (n_rows, n_features)
        y : object
            Ignored; scikit-learn's pipelines pass it.
        dtype : float64 or float32

        Returns
        -------
        ndarray (n_rows, n_features)
            A new array.

        Raises
        ------
        TypeError, ValueError
            As `fit` and `transform` do; where it is about the dtype, the statistics have not changed.

        Examples
        --------
        >>> from fastmlp import Standardizer
        >>> Standardizer().fit_transform([[1, 5], [3, 5]])
        array([[-1.,  0.],
               [ 1.,  0.]])
        """
        checked = float_dtype("dtype", dtype)  # before the statistics change
        return self.fit(X).transform(X, checked)

    def statistics(self, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """For the kernels, in a network's dtype: mean, the rounding error of this mean, and 1 / scale."""
        exact_mean, scale = self._statistics()
        with np.errstate(over="ignore"):
            mean, inverse_scale = exact_mean.astype(dtype), (1 / scale).astype(dtype)
        finite = np.isfinite(mean) & np.isfinite(inverse_scale)
        if not finite.all():
            at = int(np.argmin(finite))
            raise ValueError(
                f"the Standardizer's mean and 1 / scale must be within {dtype}, got mean {exact_mean[at]:g} and scale "
                f"{scale[at]:g} for feature {at}"
            )
        return mean, (exact_mean - mean).astype(dtype), inverse_scale

    def _statistics(self) -> tuple[np.ndarray, np.ndarray]:
        if not (hasattr(self, "mean_") and hasattr(self, "scale_")):
            raise ValueError("the Standardizer must be fitted first: Standardizer().fit(X)")
        # users may have assigned to them
        return _checked(mean_=self.mean_, scale_=self.scale_)

    if not TYPE_CHECKING:  # which would take every name for an attribute

        def __getattr__(self, name: str) -> None:
            text = f"{type(self).__name__!r} object has no attribute {name!r}{_INSTEAD.get(name, '')}"
            raise AttributeError(text, name=name, obj=self)

    def __repr__(self) -> str:
        arguments = "" if self.n_channels is None else f"n_channels={self.n_channels}"
        arguments += "" if self.center == "feature" else f", center={self.center!r}"
        return f"Standardizer({arguments})"


def own_copy(standardizer: Standardizer) -> Standardizer:
    """A copy whose arrays have been checked, and are not changed with the original's."""
    copy = Standardizer.of_statistics(*standardizer._statistics(), standardizer.n_channels, standardizer.center)
    copy.feature_names = standardizer.feature_names
    return copy


def _checked(**statistics: npt.ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Means and scales as copies (n_features,) of float64; errors name them as the call does."""
    mean_name, scale_name = statistics
    mean, scale = (np.array(real_array(name, values), np.float64) for name, values in statistics.items())
    if mean.ndim != 1 or mean.shape != scale.shape or len(mean) == 0:
        raise ValueError(
            f"{mean_name} and {scale_name} must be arrays (n_features,) of at least one feature, got {mean.shape} and "
            f"{scale.shape}"
        )
    if not (np.isfinite(mean).all() and np.isfinite(scale).all() and (scale > 0).all()):
        raise ValueError(f"{mean_name} and {scale_name} must be finite, and {scale_name} above 0")
    return mean, scale


def _blocks(X: np.ndarray, dtype: type) -> Iterator[np.ndarray]:
    """Rows of X, always row-major: the order of NumPy's sums follows memory, here row after row."""
    for start in range(0, len(X), _BLOCK_ROWS):
        yield X[start : start + _BLOCK_ROWS].astype(dtype, order="C")


def _exact_statistics(X: np.ndarray, n_channels: int, pooled: bool) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of each feature (n_features,), rounded once, from sums in integers."""
    sums: Any = np.zeros(X.shape[1], np.int64)
    squares: Any = np.zeros(X.shape[1], np.int64)
    for block in _blocks(X, np.int64):
        sums += block.sum(axis=0)
        squares += np.einsum("ij,ij->j", block, block)
    # Python's integers neither round nor overflow: each statistic is rounded once, in its division
    sums, squares = (array.reshape(-1, n_channels).astype(object) for array in (sums, squares))
    count = len(X)
    if pooled:
        count *= len(sums)
        sums, squares = sums.sum(axis=0, keepdims=True), squares.sum(axis=0, keepdims=True)
    spread = (count * squares - sums * sums).sum(axis=0, keepdims=True)
    statistics = sums / count, spread / (count * count * len(sums))
    mean, variance = (np.broadcast_to(a.astype(np.float64), (X.shape[1] // n_channels, n_channels)) for a in statistics)
    return mean.ravel(), variance.ravel()


def _merged_statistics(X: np.ndarray, n_channels: int, pooled: bool) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of each feature (n_features,), from those of blocks of rows.

    Chan, Golub and LeVeque, Algorithms for computing the sample variance, The American Statistician 37 (1983),
    equation 1.5. Sums of squares of the numbers themselves would lose the digits of small variances.
    """
    n, mean, spread = 0, np.zeros(X.shape[1]), np.zeros(X.shape[1])
    low, high = np.full(X.shape[1], np.inf), np.full(X.shape[1], -np.inf)
    with np.errstate(invalid="ignore", over="ignore"):  # checked below
        for block in _blocks(X, np.float64):
            block_mean = block.mean(axis=0)
            difference = block_mean - mean
            spread += np.square(block - block_mean).sum(axis=0) + difference**2 * (n * len(block) / (n + len(block)))
            n += len(block)
            mean += difference * (len(block) / n)
            np.minimum(low, block.min(axis=0), out=low)
            np.maximum(high, block.max(axis=0), out=high)
    bad = np.flatnonzero(~np.isfinite(mean + spread))
    if len(bad):
        got = f"NaN, an infinity or numbers too large to be squared in column {bad[0]}"
        raise ValueError(f"X must be finite, got {got}")
    eps = float(np.finfo(X.dtype if X.dtype.kind == "f" else np.float64).eps)
    mean, variance, constant = _settled(mean, spread / n, low, high, n, eps)
    means, variances = mean.reshape(-1, n_channels), variance.reshape(-1, n_channels)
    if pooled:
        mean = means.mean(axis=0)
        variance = (variances + np.square(means - mean)).mean(axis=0)
        low, high = low.reshape(-1, n_channels).min(axis=0), high.reshape(-1, n_channels).max(axis=0)
        mean, variance, constant = _settled(mean, variance, low, high, n * len(means), eps)
        mean = np.tile(mean, len(means))
    else:
        variance, constant = variances.mean(axis=0), np.logical_and.reduce(constant.reshape(-1, n_channels))
    return mean, np.tile(np.where(constant, 0, variance), len(means))


def _settled(
    mean: np.ndarray, variance: np.ndarray, low: np.ndarray, high: np.ndarray, n: int, eps: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and variance, exact where all n numbers are equal; and whether the numbers are constant up to rounding.

    That is where they differ only by the rounding of their type, or by that of their variance. The bound of the latter
    is scikit-learn's, from Chan, Golub and LeVeque. The former excludes a single number that is far from the others,
    and a standard deviation above 1, which does no harm as a scale.
    """
    # + 0.0: of 0.0 and -0.0, either may be the lowest
    mean, variance = np.where(low == high, low + 0.0, mean), np.where(low == high, 0, variance)
    size, rounding = np.abs(mean), n * np.finfo(np.float64).eps
    with np.errstate(over="ignore"):
        of_variance = variance <= rounding * variance + np.square(rounding * size)
    of_type = (np.sqrt(variance) <= np.minimum(eps * size, 1)) & (high - low <= _NOISE * eps * size)
    return mean, variance, of_variance | of_type
