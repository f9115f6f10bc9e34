"""What data sets of images share: where their files are looked for, their parts, and pixels converted in place."""

import os
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fastmlp.preprocessing import Standardizer
from fastmlp.validation import as_path, float_dtype, integer

# Images that are converted at a time, few enough to stay in cache.
_BLOCK_ROWS = 256


class Request:
    """The arguments that the functions of data sets have in common, checked.

    Attributes
    ----------
    folder : pathlib.Path or None
        Where the user says that the files are.
    """

    def __init__(
        self,
        num_training: int,
        num_validation: int,
        num_test: int,
        folder: str | os.PathLike[str] | None,
        dtype: npt.DTypeLike,
    ):
        self.folder = None if folder is None else as_path("folder", folder)
        self.num_training = integer("num_training", num_training, 1)
        self.num_validation = integer("num_validation", num_validation, 0)
        self.num_test = integer("num_test", num_test, 0)
        self.dtype = float_dtype("dtype", dtype, "uint8")

    def places(self, name: str) -> list[Path]:
        """Where the files are looked for: in the user's folder alone, or in the usual ones, and in one of this name."""
        if self.folder:
            return [self.folder]
        variable = os.environ.get("FASTMLP_DATA")
        return [*([Path(variable)] if variable else []), Path(name)]

    def split(
        self,
        train: tuple[np.ndarray, np.ndarray],
        test: tuple[np.ndarray, np.ndarray],
        standardizer: Standardizer | None,
    ) -> dict[str, np.ndarray]:
        """The parts by their names, of images and labels of the training and of the test files.

        Pixels are stored as in `bytes_of`, and converted here; the standardizer, where there is one, is fitted to the
        training part. To be called by the public function itself, at whose caller a warning points.
        """
        (X, y), (X_test, y_test) = train, test
        n = self.num_training
        for name, wanted, n_read in (("num_training", n, len(X)), ("num_test", self.num_test, len(X_test))):
            if wanted > n_read:  # all that the files have
                raise ValueError(f"{name} must be at most {n_read}, the number of images in the files, got {wanted}")
        left = len(X) - n
        if left < self.num_validation:
            warnings.warn(
                f"num_validation asked for {self.num_validation} images, but {left} are left after the {n} that train; "
                f"{left} are given",
                stacklevel=4,  # `advised` adds one
            )
        if self.dtype != np.uint8:
            if standardizer is not None:
                standardizer.fit(bytes_of(X)[:n])
            _convert(X, standardizer)
            _convert(X_test, standardizer)
        return {
            "X_train": X[:n], "y_train": y[:n], "X_val": X[n:], "y_val": y[n:], "X_test": X_test, "y_test": y_test,
        }  # fmt: skip


def bytes_of(X: np.ndarray) -> np.ndarray:
    """The last bytes of each row, one for each column, where an image is stored until it is converted in place."""
    return X.view(np.uint8)[:, -X.shape[1] :]


def _convert(X: np.ndarray, standardizer: Standardizer | None) -> None:
    """Convert the image that is stored in the last bytes of each row of X, and standardize it."""
    images = bytes_of(X)
    for start in range(0, len(X), _BLOCK_ROWS):
        rows = slice(start, start + _BLOCK_ROWS)
        if standardizer is None:
            X[rows] = images[rows].copy()
        else:  # NumPy divides in float64, and rounds the result
            np.divide(images[rows] - standardizer.mean_, standardizer.scale_, out=X[rows])
