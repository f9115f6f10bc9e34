"""Model files: a NumPy `.npz` archive of plain arrays, read without unpickling anything.

`header` holds a JSON text as bytes: the format's name and version, sizes, dtype, number of updates, and the SHA-256 of
all this. `W1`, `b1`, ... hold the parameters and `Adam.0.W1`, ... an optimiser's moments. Since version 2 there may be
`standardizer.mean` and `standardizer.scale`, float64, and the header then says how they were measured.
"""

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fastmlp.engine import N_MOMENTS, Engine
from fastmlp.files import replacing
from fastmlp.parameters import Layout
from fastmlp.preprocessing import Standardizer
from fastmlp.validation import integer, layer_sizes

FORMAT = "fastmlp-network"
VERSION = 2
MEAN, SCALE = "standardizer.mean", "standardizer.scale"


class ModelFileError(ValueError):
    """A file is not a model of this package, or it has been cut short or changed."""


def save(engine: Engine, path: str | os.PathLike[str]) -> None:
    """Write parameters, moments and the number of updates; an existing file is replaced only by a whole one."""
    arrays = dict(engine.params.items())
    for optimizer, moments in engine.moments.items():
        for i, moment in enumerate(moments):
            for name, array in engine.layout.views(moment).items():
                arrays[f"{optimizer}.{i}.{name}"] = array
    standardizer = engine.standardizer
    header: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "sizes": list(engine.layout.sizes),
        "dtype": engine.layout.dtype.name,
        "n_updates": engine.n_updates,
    }
    if standardizer is not None:
        arrays |= {MEAN: standardizer.mean_, SCALE: standardizer.scale_}
        header["standardizer"] = {"n_channels": standardizer.n_channels, "center": standardizer.center}
    header["sha256"] = digest(header, arrays)
    text = np.frombuffer(json.dumps(header).encode(), np.uint8)
    with replacing(path) as file:
        np.savez(file, header=text, **arrays)  # type: ignore[arg-type]


def load(path: str | os.PathLike[str]) -> Engine:
    """Read a model file into a new engine.

    Raises
    ------
    ModelFileError
        If the file is anything but a whole and unchanged model file.
    """
    content = io.BytesIO(Path(path).read_bytes())
    try:
        # NumPy would take other kinds of files as well
        zipfile.ZipFile(content).close()
        with np.load(content, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        return restored(arrays)
    except Exception as error:  # zipfile, zlib, NumPy and JSON raise errors of many types on damaged or foreign bytes
        raise ModelFileError(f"{os.fspath(path)!r} is not a whole fastmlp model file: {error}") from error


def restored(arrays: dict[str, np.ndarray]) -> Engine:
    """The engine that a file's arrays describe; everything is checked before it is made."""
    header = json.loads(arrays.pop("header").tobytes())
    if header["format"] != FORMAT:
        raise ModelFileError(f"its format is {header['format']!r}, not {FORMAT!r}")
    if header["version"] not in range(1, VERSION + 1):
        raise ModelFileError(f"its version is {header['version']!r}; this fastmlp reads versions 1 to {VERSION}")
    if header.pop("sha256") != digest(header, arrays):
        raise ModelFileError("its checksum is wrong: it has been changed since it was saved")
    if header["dtype"] not in ("float32", "float64"):
        raise ModelFileError(f"its dtype is {header['dtype']!r}")
    n_updates = integer("n_updates", header["n_updates"], 0)
    sizes = header["sizes"]
    layout = Layout(layer_sizes(sizes[0], sizes[1:-1], sizes[-1], None), np.dtype(header["dtype"]))
    standardizer = None
    if MEAN in arrays:
        settings = header.get("standardizer", {})
        standardizer = Standardizer.of_statistics(arrays.pop(MEAN), arrays.pop(SCALE), **settings)
    optimizers = [name for name in N_MOMENTS if f"{name}.0.W1" in arrays]
    prefixes = ["", *(f"{name}.{i}." for name in optimizers for i in range(N_MOMENTS[name]))]
    expected = {prefix + name: shape for prefix in prefixes for name, shape in layout.shapes.items()}
    found = {name: array.shape for name, array in arrays.items()}
    if found != expected or any(array.dtype != layout.dtype for array in arrays.values()):
        raise ModelFileError(f"its arrays are {found}, where sizes {sizes} need {expected} of {layout.dtype}")

    engine = Engine(layout.sizes, layout.dtype)
    engine.n_updates = n_updates
    engine.standardizer = standardizer
    buffers = [engine.flat_params, *(moment for name in optimizers for moment in engine.moments_of(name))]
    for prefix, buffer in zip(prefixes, buffers, strict=True):
        for name, view in layout.views(buffer).items():
            view[...] = arrays[prefix + name]
    return engine


def digest(header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 over the header and the arrays, in the order of their names."""
    sha = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name in sorted(arrays):
        sha.update(f"{name} {arrays[name].dtype.str} {arrays[name].shape}".encode())
        sha.update(np.ascontiguousarray(arrays[name]).data)
    return sha.hexdigest()
