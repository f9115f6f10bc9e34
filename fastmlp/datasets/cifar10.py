"""CIFAR-10 as arrays, read from either of its official versions."""

import os
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fastmlp.datasets import unpickling
from fastmlp.datasets.download import ARCHIVES, cache_folder, download_CIFAR10
from fastmlp.datasets.images import Request, bytes_of
from fastmlp.files.access import kind_of, reading, undisturbed
from fastmlp.interface.calls import advised
from fastmlp.preprocessing import Standardizer
from fastmlp.validation import boolean, class_labels

CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

_HOME_PAGE = "https://www.cs.toronto.edu/~kriz/cifar.html"

_N_CHANNELS = 3
_N_PIXELS = 32 * 32
_N_FEATURES = _N_CHANNELS * _N_PIXELS


@advised()
def get_CIFAR10_data(
    num_training: int = 49000,
    num_validation: int = 1000,
    num_test: int = 10000,
    subtract_mean: bool = True,
    *,
    folder: str | os.PathLike[str] | None = None,
    dtype: npt.DTypeLike = np.float64,
) -> dict[str, np.ndarray]:
    """Load CIFAR-10, split it, and standardize it by the statistics of the training part.

    The mean image of the training part is subtracted from all images; then each colour channel is centred and divided
    by its standard deviation over the training part. With dtype uint8 the images are returned as they are, in an eighth
    of the memory, for a network with a `Standardizer` (`Standardizer.notebook()` does the same to them).

    Parameters
    ----------
    num_training : int, default 49000
        Number of training images, the first ones of the training files; at least 1.
    num_validation : int, default 1000
        Number of validation images, the next ones of the training files. If fewer are left, all of these are returned,
        with a warning.
    num_test : int, default 10000
        Number of test images, the first ones of the test file.
    subtract_mean : bool, default True
        Whether the mean image is subtracted. The channels are standardized in any case.
    folder : str or path-like, optional
        Folder with the files of the binary or of the Python version, or one that contains `cifar-10-batches-bin` or
        `cifar-10-batches-py`; the binary version is preferred. By default the folder named by the environment variable
        `FASTMLP_DATA` is searched, then `cifar10` in the working directory, then the folder of `download_CIFAR10`; if
        the data set is in none of them, it is downloaded (170 MB).
    dtype : data type, default numpy.float64
        float64 or float32, the type of the images returned; or uint8, for images that are not standardized.

    Returns
    -------
    dict of str to numpy.ndarray
        `X_train`, `X_val` and `X_test` of shape (n, 3072), in height-width-channel order; `y_train`, `y_val` and
        `y_test` of shape (n,), int64, indices into `CIFAR10_CLASSES`.

    Raises
    ------
    FileNotFoundError
        If the data set, or one of its files, is missing, and cannot be downloaded.
    ValueError
        If an argument is out of range or a file is damaged.

    Warns
    -----
    UserWarning
        If fewer than `num_validation` images are left for validation.

    Examples
    --------
    >>> from fastmlp.datasets import get_CIFAR10_data
    >>> data = get_CIFAR10_data(dtype="float32")  # doctest: +SKIP
    >>> data["X_train"].shape, data["X_val"].shape, data["X_test"].shape  # doctest: +SKIP
    ((49000, 3072), (1000, 3072), (10000, 3072))
    """
    subtract_mean = boolean("subtract_mean", subtract_mean)
    request = Request(num_training, num_validation, num_test, folder, dtype)
    version, place = _find(request)
    *training_paths, test_path = ARCHIVES[version].paths(place)
    missing = [path.name for path in (*training_paths, test_path) if kind_of(path) is None]
    if missing:
        raise FileNotFoundError(
            f"{place} holds a part of CIFAR-10 only (`fastmlp data cifar10` has all); missing: {', '.join(missing)}"
        )
    train = _read(version, training_paths, request.num_training + request.num_validation, request.dtype)
    test = _read(version, [test_path], request.num_test, request.dtype)
    return request.split(train, test, Standardizer(_N_CHANNELS, "feature" if subtract_mean else "channel"))


def _find(request: Request) -> tuple[str, Path]:
    """The first version of the data set found in the places searched, and the folder of its files.

    If there is none, the data set is downloaded, unless the user has named a folder.
    """
    places = request.places("cifar10")
    for place in places:
        for version, archive in ARCHIVES.items():
            for candidate in (place, place / archive.folder):
                if any(kind_of(path) is not None for path in archive.paths(candidate)):
                    return version, candidate
    advice = (
        f"download either version from {_HOME_PAGE}, unpack it, and name its folder by the argument folder or the "
        "environment variable FASTMLP_DATA"
    )
    if request.folder:
        raise FileNotFoundError(
            f"{_looked_in(places)}. To have it there, `fastmlp data cifar10 --folder FOLDER`, or {advice}"
        )
    cache = cache_folder()
    # complete, since a download that was killed while it unpacked leaves some of the files
    complete = (version for version, archive in ARCHIVES.items() if archive.is_complete(cache / archive.folder))
    version = next(complete, "binary")
    try:
        return version, download_CIFAR10(layout=version)
    except (OSError, ValueError) as error:
        raise FileNotFoundError(f"{_looked_in([*places, cache])}. {error}. Without a network, {advice}") from error


def _looked_in(places: list[Path]) -> str:
    return (
        f"CIFAR-10 is not in {' or '.join(str(place.absolute()) for place in places)}: looked for data_batch_1.bin "
        "(binary version) and data_batch_1 (Python version) there and in the subfolders cifar-10-batches-bin and "
        "cifar-10-batches-py"
    )


def _read(version: str, paths: list[Path], wanted: int, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """The first `wanted` images of all files, or as many as there are, stored as in `bytes_of`, and their labels.

    All files are read and checked. The pixels are in height-width-channel order.
    """
    # at least the number of images in the files; rows that are never written take no memory
    capacity = min(wanted, sum(path.stat().st_size for path in paths) // _N_FEATURES)
    X, labels = np.empty((capacity, _N_FEATURES), dtype), np.empty(capacity, np.int64)
    images, n_read = bytes_of(X).reshape(capacity, _N_PIXELS, _N_CHANNELS), 0
    read = _read_binary if version == "binary" else _read_pickled
    for path in paths:
        batch, batch_labels = undisturbed(partial(read, path))
        n = min(len(batch), capacity - n_read)
        here = slice(n_read, n_read + n)
        images[here] = batch[:n].reshape(n, _N_CHANNELS, _N_PIXELS).transpose(0, 2, 1)
        labels[here] = batch_labels[:n]
        n_read += n
        del batch, batch_labels  # before the next file is read
    return X[:n_read], labels[:n_read]


def _read_binary(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 3072), uint8, in channel-height-width order, and labels, of a file with rows of a label and pixels."""
    with reading(path) as file:
        content = file.read()
    if len(content) == 0 or len(content) % (1 + _N_FEATURES):
        raise ValueError(f"{path} must hold {1 + _N_FEATURES} bytes for each image, got {len(content)} bytes in all")
    rows = np.frombuffer(content, np.uint8).reshape(-1, 1 + _N_FEATURES)
    return rows[:, 1:], class_labels(str(path), rows[:, 0], len(rows), len(CIFAR10_CLASSES))


def _read_pickled(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The same of a pickled dictionary with the arrays `data` and `labels`."""
    try:
        with reading(path) as file:
            batch = unpickling.load(file)
        images, labels = (batch[key if key in batch else key.encode()] for key in ("data", "labels"))
    except (OSError, MemoryError):
        raise
    except Exception as error:  # damaged pickles raise errors of many types
        message = str(error)[:200]  # it may contain the whole file
        raise ValueError(f"{path} is not a pickled batch of CIFAR-10: {type(error).__name__}: {message}") from error
    images = images.values if isinstance(images, unpickling.Array) else np.asarray(None)
    if images.dtype != np.uint8 or images.shape[1:] != (_N_FEATURES,) or len(images) == 0:
        raise ValueError(
            f"{path} must hold 'data' as a uint8 array (n, {_N_FEATURES}) with n > 0, got {images.dtype} {images.shape}"
        )
    got = type(labels).__name__
    if isinstance(labels, unpickling.Array):
        got = f"an array {labels.values.shape}"
        labels = labels.values.tolist() if labels.values.shape == images.shape[:1] else None
    if isinstance(labels, list):
        types = {type(label).__name__ for label in labels}
        got = f"{len(labels)} of type {', '.join(sorted(types))}"
    if got != f"{len(images)} of type int":
        raise ValueError(f"{path} must hold 'labels' as {len(images)} integers, one an image, got {got}")
    # clipped to 64 bits: larger ones are no classes either
    clipped = np.array([max(-1, min(label, 2**63 - 1)) for label in labels])
    return images, class_labels(str(path), clipped, len(images), len(CIFAR10_CLASSES))
