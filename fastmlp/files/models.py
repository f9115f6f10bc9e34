"""Model files: plain arrays and a text about them, read without unpickling anything.

A `.npz` archive, or, where the name ends so, a `.safetensors` file (extra `safetensors`): the same arrays under the
same names, and the same header. A checkpoint is a model file that says how far its training is as well.
docs/model_files.md describes the format.
"""

import dataclasses
import hashlib
import io
import json
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fastmlp.architecture import Architecture
from fastmlp.engine import Engine
from fastmlp.engine.buffers import checked_units
from fastmlp.engine.parameters import Layout
from fastmlp.files.access import reading, replacing, undisturbed
from fastmlp.files.archives import Archive, read_archive, write_archive
from fastmlp.functions import OPTIMIZERS
from fastmlp.history import Epoch, History
from fastmlp.optional import require
from fastmlp.preprocessing import Standardizer
from fastmlp.training import CheckpointState, Settings
from fastmlp.validation import as_path, boolean, integer, names, number

FORMAT = "fastmlp-network"
VERSION = 5
MEAN, SCALE = "standardizer.mean", "standardizer.scale"
TARGET_MEAN, TARGET_SCALE = "targets.mean", "targets.scale"
HISTORY, GENERATOR = "training.history", "training.generator"
# Numbers in the state of the Mersenne twister, which is NumPy's legacy generator.
MT19937_WORDS = 624
# Bytes; a hundred thousand columns' names come to a tenth of it.
MAX_HEADER = 1 << 24
# Bytes that NumPy puts before an array of bytes.
NPY_HEADER = 128


class ModelFileError(ValueError):
    """A file is not a model of this package, or it has been cut short or changed."""


class Model(NamedTuple):
    """What a file holds."""

    engine: Engine
    class_names: list[str] | None
    feature_names: list[str] | None
    training: CheckpointState | None = None


def save(model: Model, path: str | os.PathLike[str]) -> None:
    """Write parameters, moments and the number of updates; an existing file is replaced only by a whole one.

    Raises
    ------
    ValueError
        If there are more names than a file may have; nothing is written then.
    """
    place = as_path("path", path)
    model.engine.exclusive.run(_write, model, place)  # what is written must be what the digest is of


def _write(model: Model, path: Path) -> None:
    header, arrays = described(model)
    text = json.dumps(header)
    if _is_safetensors(path):
        library = require("safetensors.numpy", "safetensors", "a .safetensors file")
        content = library.save({name: np.ascontiguousarray(a) for name, a in arrays.items()}, {"header": text})
        _check_header(int.from_bytes(content[:8], "little"))
        with replacing(path) as file:
            file.write(content)
    else:
        _check_header(len(text))
        with replacing(path) as file:
            write_archive(file, {"header": np.frombuffer(text.encode(), np.uint8), **arrays})


def _check_header(n_bytes: int) -> None:
    if n_bytes > MAX_HEADER:
        raise ValueError(
            f"class_names and feature_names must fit into a header of {MAX_HEADER:,} bytes, got {n_bytes:,}"
        )


def described(model: Model) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The header of a model's file, and its arrays."""
    engine = model.engine
    arrays = dict(engine.layout.views(engine.flat_params))  # fresh views: a user may have given one another shape
    for optimizer, moments in engine.moments.items():
        for i, moment in enumerate(moments):
            for name, array in engine.layout.views(moment).items():
                arrays[f"{optimizer}.{i}.{name}"] = array
    header: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        **engine.architecture.to_dict(),
        "n_updates": engine.n_updates,
        "flat_targets": engine.flat_targets,
    }
    for name in ("class_names", "feature_names"):
        if getattr(model, name) is not None:
            header[name] = getattr(model, name)
    if engine.target_units is not None:
        arrays |= dict(zip((TARGET_MEAN, TARGET_SCALE), engine.target_units, strict=True))
    standardizer = engine.standardizer
    if standardizer is not None:
        arrays |= {MEAN: standardizer.mean_, SCALE: standardizer.scale_}
        header["standardizer"] = {"n_channels": standardizer.n_channels, "center": standardizer.center}
    if model.training is not None:
        header["training"], trained = _described_training(model.training)
        arrays |= trained
    header["sha256"] = digest(header, arrays)
    return header, arrays


def _described_training(state: CheckpointState) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    twister = state.generator["state"]
    header = {
        "settings": dataclasses.asdict(state.settings),
        "seed": state.seed,
        "data": state.data,
        "over": state.over,
        "generator": {"pos": int(twister["pos"]), **{name: state.generator[name] for name in ("has_gauss", "gauss")}},
    }
    epochs = np.array(state.history.epochs, np.float64).reshape(-1, len(Epoch._fields))
    return header, {HISTORY: epochs, GENERATOR: twister["key"]}


def load(path: str | os.PathLike[str]) -> Model:
    """Read a model file into a new engine.

    Raises
    ------
    ModelFileError
        If the file is anything but a whole and unchanged model file.
    """
    place = as_path("path", path)
    read = _read_npz
    if _is_safetensors(place):
        require("safetensors", "safetensors", "a .safetensors file")
        read = _read_safetensors
    with reading(place) as file:
        content = file.read()
    return undisturbed(lambda: _parsed(place, content, read))


def _parsed(path: Path, content: bytes, read: Callable[[bytes], tuple[bytes, dict[str, np.ndarray]]]) -> Model:
    try:
        return restored(*read(content))
    except MemoryError:  # the file may be a sound one
        raise
    except Exception as error:  # zipfile, zlib, NumPy and JSON raise errors of many types on damaged or foreign bytes
        raise ModelFileError(f"{str(path)!r} is not a whole fastmlp model file: {error}") from error


def _is_safetensors(path: Path) -> bool:
    return path.suffix.lower() == ".safetensors"


def _read_npz(content: bytes) -> tuple[bytes, dict[str, np.ndarray]]:
    archive = Archive(io.BytesIO(content))
    # what `save` writes is not compressed, so that a small file cannot fill the memory
    members = archive.infolist()
    stored = all(member.compress_type == zipfile.ZIP_STORED for member in members)
    if not stored or sum(member.file_size for member in members) > len(content):
        raise ModelFileError("its members are compressed, or larger than the file")
    if archive.getinfo("header.npy").file_size > MAX_HEADER + NPY_HEADER:
        raise ModelFileError(f"its header has more than {MAX_HEADER:,} bytes")
    arrays = dict(read_archive(archive))
    return arrays.pop("header").tobytes(), arrays


def _read_safetensors(content: bytes) -> tuple[bytes, dict[str, np.ndarray]]:
    from safetensors.numpy import load as load_arrays

    n_header = int.from_bytes(content[:8], "little")
    if n_header > min(MAX_HEADER, len(content) - 8):
        raise ModelFileError(f"its header has {n_header:,} bytes, more than {MAX_HEADER:,} or than the file")
    metadata = json.loads(content[8 : 8 + n_header])["__metadata__"]
    return metadata["header"].encode(), load_arrays(content)


def restored(text: bytes, arrays: dict[str, np.ndarray]) -> Model:
    """The model that a file's header and arrays describe; everything is checked before it is made."""
    header = json.loads(text)
    if header["format"] != FORMAT:
        raise ModelFileError(f"its format is {header['format']!r}, not {FORMAT!r}")
    if header["version"] not in range(1, VERSION + 1):
        raise ModelFileError(f"its version is {header['version']!r}; this fastmlp reads versions 1 to {VERSION}")
    if header.pop("sha256") != digest(header, arrays):
        raise ModelFileError("its checksum is wrong: it has been changed since it was saved")
    n_updates = integer("n_updates", header["n_updates"], 0, 2**53)
    sizes = header["sizes"]
    if 2 * (len(sizes) - 1) > len(arrays):
        raise ModelFileError(f"its arrays are {len(arrays)}, too few for {len(sizes)} sizes of layers")
    class_names = names("class_names", header.get("class_names"), sizes[-1], "class")
    feature_names = names("feature_names", header.get("feature_names"), sizes[0], "feature")
    architecture = Architecture.from_dict(header)
    layout = Layout(architecture)
    standardizer = None
    if MEAN in arrays:
        settings = header.get("standardizer", {})
        standardizer = Standardizer.of_statistics(arrays.pop(MEAN), arrays.pop(SCALE), **settings)
    units = None
    if TARGET_MEAN in arrays:
        units = checked_units(arrays.pop(TARGET_MEAN), arrays.pop(TARGET_SCALE), architecture.n_outputs)
    training = None
    if "training" in header:
        training = _restored_training(header["training"], architecture, arrays.pop(HISTORY), arrays.pop(GENERATOR))
    optimizers = [name for name in OPTIMIZERS if f"{name}.0.W1" in arrays]
    prefixes = ["", *(f"{name}.{i}." for name in optimizers for i in range(OPTIMIZERS[name].n_moments))]
    expected = {prefix + name: shape for prefix in prefixes for name, shape in layout.shapes.items()}
    found = {name: array.shape for name, array in arrays.items()}
    for name in expected | found:
        if found.get(name) != expected.get(name) or arrays[name].dtype != layout.dtype:
            got = f"{found[name]} of {arrays[name].dtype}" if name in found else "missing"
            needed = f"{expected[name]} of {layout.dtype}" if name in expected else "none"
            raise ModelFileError(f"its array {name!r} is {got}, where sizes {sizes} need {needed}")

    engine = Engine(architecture)
    engine.n_updates, engine.target_units = n_updates, units
    engine.flat_targets = boolean("flat_targets", header.get("flat_targets", True))
    engine.standardizer = standardizer
    buffers = [engine.flat_params, *(moment for name in optimizers for moment in engine.moments_of(name))]
    for prefix, buffer in zip(prefixes, buffers, strict=True):
        for name, view in layout.views(buffer).items():
            view[...] = arrays[prefix + name]
    return Model(engine, class_names, feature_names, training)


def _restored_training(
    header: dict[str, Any], architecture: Architecture, epochs: np.ndarray, key: np.ndarray
) -> CheckpointState:
    if epochs.dtype != np.float64 or epochs.ndim != 2 or epochs.shape[1] != len(Epoch._fields):
        raise ModelFileError(f"its history is {epochs.shape} of {epochs.dtype}")
    if key.dtype != np.uint32 or key.shape != (MT19937_WORDS,):
        raise ModelFileError(f"its generator's state is {key.shape} of {key.dtype}")
    seed, generator = header["seed"], header["generator"]
    history = History((Epoch(*epoch) for epoch in epochs.tolist()), architecture.loss_row.score_name)
    for epoch in history:
        number("learning_rate", epoch.learning_rate, 0)
    return CheckpointState(
        settings=Settings(**header["settings"]),
        seed=None if seed is None else integer("seed", seed, 0, 2**32 - 1),
        data=str(header["data"]),
        generator={
            "bit_generator": "MT19937",
            "state": {"key": key, "pos": integer("pos", generator["pos"], 0, MT19937_WORDS)},
            "has_gauss": integer("has_gauss", generator["has_gauss"], 0, 1),
            "gauss": number("gauss", generator["gauss"]),
        },
        history=history,
        over=boolean("over", header["over"]),
    )


def digest(header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 over the header and the arrays, in the order of their names."""
    sha = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name in sorted(arrays):
        sha.update(f"{name} {arrays[name].dtype.str} {arrays[name].shape}".encode())
        sha.update(np.ascontiguousarray(arrays[name]).data)
    return sha.hexdigest()
