"""Fashion-MNIST in small: its four files."""

import gzip
import struct

import numpy as np

FILES = [f"{part}-{content}-ubyte.gz" for part in ("train", "t10k") for content in ("images-idx3", "labels-idx1")]
ROWS, TEST_ROWS = 30, 6
SIZES = {"num_training": 23, "num_validation": 5, "num_test": 4}


def random_parts():
    """Images (n, 28, 28) and labels (n,) in the order of FILES; some pixels do not vary."""
    rng = np.random.default_rng(0)
    arrays = []
    for n in (ROWS, TEST_ROWS):
        images = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        images[:, :2] = 7
        arrays += [images, rng.integers(0, 10, n, dtype=np.uint8)]
    return arrays


def idx(array, numbers=None):
    """The content of an IDX file; `numbers` are those that it begins with."""
    numbers = [0x800 + array.ndim, *array.shape] if numbers is None else numbers
    return struct.pack(f">{len(numbers)}I", *numbers) + array.tobytes()


def write_fashion(folder, arrays):
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in zip(FILES, arrays, strict=True):
        (folder / name).write_bytes(gzip.compress(idx(array)))
