"""CIFAR-10 in small: both layouts of its files, as they are and as others write them."""

import pickle
import struct

import numpy as np

BATCHES = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
ROWS = 6
SIZES = {"num_training": 23, "num_validation": 5, "num_test": 4}


def random_batches():
    """Images (6, ROWS, 3072) and labels (6, ROWS) in the order of BATCHES; some pixels do not vary."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (len(BATCHES), ROWS, 3072), dtype=np.uint8)
    images[..., 100:110] = 7
    return images, rng.integers(0, 10, (len(BATCHES), ROWS), dtype=np.uint8)


def write_binary(folder, images, labels):
    folder.mkdir(parents=True, exist_ok=True)
    for name, pixels, classes in zip(BATCHES, images, labels, strict=True):
        np.column_stack([classes, pixels]).tofile(folder / f"{name}.bin")


def write_pickled(folder, images, labels, dump=pickle.dumps):
    folder.mkdir(parents=True, exist_ok=True)
    for name, pixels, classes in zip(BATCHES, images, labels, strict=True):
        (folder / name).write_bytes(dump({"labels": classes.tolist(), "data": pixels}))


def dump_bytes_keys(batch):
    return pickle.dumps({key.encode(): value for key, value in batch.items()}, protocol=2)


def dump_numpy_labels(batch):
    return pickle.dumps({**batch, "labels": list(np.array(batch["labels"]))})


def dump_python2(batch):
    """Write the opcodes that Python 2 wrote: text as 8-bit strings, and the module names of old NumPy."""

    def text(value):
        return b"T" + struct.pack("<i", len(value)) + value

    def integers(*values):
        return b"".join(b"J" + struct.pack("<i", value) for value in values)

    dtype = (
        b"cnumpy\ndtype\n"
        + text(b"u1")
        + b"K\x00K\x01\x87R(K\x03"
        + text(b"|")
        + b"NNN"
        + integers(-1, -1)
        + b"K\x00tb"
    )
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00t" + text(b"b") + b"tR"
    state = b"(K\x01(" + integers(*batch["data"].shape) + b"t" + dtype + b"\x89" + text(batch["data"].tobytes()) + b"tb"
    labels = b"](" + integers(*batch["labels"]) + b"e"
    return b"\x80\x02}(" + text(b"data") + array + state + text(b"labels") + labels + b"u."
