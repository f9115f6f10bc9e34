"""Fashion-MNIST as arrays, read from its official files."""

import math
import os
import zlib
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fastmlp.datasets.images import Request, bytes_of
from fastmlp.files.access import kind_of, reading, undisturbed
from fastmlp.interface.calls import advised
from fastmlp.preprocessing import Standardizer
from fastmlp.validation import boolean, class_labels

FASHION_CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip

_HOME_PAGE = "https://github.com/zalandoresearch/fashion-mnist"
# images and labels
_TRAIN = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz")
_TEST = ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")
# of a folder that is searched; the second one is in a clone of the home page's repository
_SUBFOLDERS = ("", "fashion-mnist", "data/fashion")
_SHAPE = (28, 28)
_N_FEATURES = 28 * 28
# how many images an official file has at most
_MOST = 60_000


@advised()
def get_FASHION_data(
    num_training: int = 50000,
    num_validation: int = 10000,
    num_test: int = 10000,
    normalize: bool = True,
    *,
    folder: str | os.PathLike[str] | None = None,
    dtype: npt.DTypeLike = np.float64,
) -> dict[str, np.ndarray]:
    """Load Fashion-MNIST, split it, and standardize it by the statistics of the training part.

    The mean image of the training part is subtracted from all images, which are then divided by one number: the
    standard deviation of all pixels of the training part, after that. With dtype uint8 the images are returned as they
    are, in an eighth of the memory, for a network with a `Standardizer` (`Standardizer(n_channels=1)` does the same to
    them).

    Parameters
    ----------
    num_training : int, default 50000
        Number of training images, the first ones of the training file; at least 1.
    num_validation : int, default 10000
        Number of validation images, the next ones of the training file. If fewer are left, all of these are returned,
        with a warning.
    num_test : int, default 10000
        Number of test images, the first ones of the test file.
    normalize : bool, default True
        Whether the images are standardized; otherwise the pixels are numbers from 0 to 255.
    folder : str or path-like, optional
        Folder with the four files `train-images-idx3-ubyte.gz`, `train-labels-idx1-ubyte.gz`,
        `t10k-images-idx3-ubyte.gz` and `t10k-labels-idx1-ubyte.gz`, or one that has them in `fashion-mnist` or
        `data/fashion`. By default the folder named by the environment variable `FASTMLP_DATA` is searched, then
        `fashion-mnist` in the working directory. Nothing is downloaded.
    dtype : data type, default numpy.float64
        float64 or float32, the type of the images returned; or uint8, for images that are not standardized.

    Returns
    -------
    dict of str to numpy.ndarray
        `X_train`, `X_val` and `X_test` of shape (n, 784), row by row of an image; `y_train`, `y_val` and `y_test` of
        shape (n,), int64, indices into `FASHION_CLASSES`.

    Raises
    ------
    FileNotFoundError
        If the data set, or one of its files, is missing.
    ValueError
        If an argument is out of range or a file is damaged.

    Warns
    -----
    UserWarning
        If fewer than `num_validation` images are left for validation.

    Notes
    -----
    H. Xiao, K. Rasul and R. Vollgraf, Fashion-MNIST: a novel image dataset for benchmarking machine learning
    algorithms, 2017, https://arxiv.org/abs/1708.07747.

    Examples
    --------
    >>> from fastmlp.datasets import get_FASHION_data
    >>> data = get_FASHION_data(dtype="float32")  # doctest: +SKIP
    >>> data["X_train"].shape, data["X_val"].shape, data["X_test"].shape  # doctest: +SKIP
    ((50000, 784), (10000, 784), (10000, 784))
    """
    normalize = boolean("normalize", normalize)
    request = Request(num_training, num_validation, num_test, folder, dtype)
    place = _find(request)
    missing = [name for name in (*_TRAIN, *_TEST) if kind_of(place / name) is None]
    if missing:
        raise FileNotFoundError(f"{place} holds a part of Fashion-MNIST only; missing: {', '.join(missing)}")
    train = _read(place, _TRAIN, request.num_training + request.num_validation, request.dtype)
    test = _read(place, _TEST, request.num_test, request.dtype)
    return request.split(train, test, Standardizer(n_channels=1) if normalize else None)


def _find(request: Request) -> Path:
    """The first folder, of the places searched and their subfolders, that has a file of the data set."""
    places = request.places("fashion-mnist")
    for place in places:
        for candidate in (place / name for name in _SUBFOLDERS):
            if any(kind_of(candidate / name) is not None for name in (*_TRAIN, *_TEST)):
                return candidate
    raise FileNotFoundError(
        f"Fashion-MNIST is not in {' or '.join(str(place.absolute()) for place in places)}: looked for {_TRAIN[0]} and "
        f"the three other files there and in the subfolders {' and '.join(_SUBFOLDERS[1:])}. Download the four from "
        f"{_HOME_PAGE}, and name their folder by the argument folder or the environment variable FASTMLP_DATA"
    )


def _read(place: Path, names: tuple[str, str], wanted: int, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """The first `wanted` images of a file, or as many as there are, stored as in `bytes_of`, and their labels."""
    images_path, labels_path = (place / name for name in names)
    images = undisturbed(partial(_unpacked, images_path, _SHAPE))
    labels = undisturbed(partial(_unpacked_labels, labels_path))
    if len(images) != len(labels):
        raise ValueError(f"{labels_path} must hold {len(images)} labels, one an image, got {len(labels)}")
    n = min(wanted, len(images))
    X = np.empty((n, _N_FEATURES), dtype)
    bytes_of(X)[:] = images[:n].reshape(n, _N_FEATURES)
    return X, labels[:n].astype(np.int64, copy=False)


def _unpacked_labels(path: Path) -> np.ndarray:
    """The labels (n,) of a packed IDX file, which are classes."""
    labels = _unpacked(path, ())
    return class_labels(str(path), labels, len(labels), len(FASHION_CLASSES))


def _unpacked(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """The array (n, *shape), uint8, of a packed IDX file, which begins with its type and its sizes, in 32 bits each.

    These are checked first, and no more is unpacked than they say: a small file could become one that fills the memory.
    """
    import gzip  # here, or `import fastmlp` would load it

    kind = 0x801 + len(shape)  # bytes, in so many dimensions
    try:
        with reading(path) as file, gzip.GzipFile(fileobj=file) as content:
            head = content.read(4 * (2 + len(shape)))
            numbers = np.frombuffer(head, ">u4", len(head) // 4).tolist()
            n = numbers[1] if len(numbers) > 1 else 0
            if numbers != [kind, n, *shape] or not 1 <= n <= _MOST:
                needed = ", ".join(map(str, [kind, "n", *shape]))
                raise ValueError(f"{path} must begin with the numbers {needed}, n from 1 to {_MOST}, got {numbers}")
            size = n * math.prod(shape)
            values = content.read(size + 1)  # one more, to see that there are none; this reads the checksum, too
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    if len(values) != size:
        got = f"{len(values)}" if len(values) < size else "more"
        raise ValueError(f"{path} must hold {size} bytes after its sizes, got {got}")
    return np.frombuffer(values, np.uint8).reshape(-1, *shape)
