"""Model files: plain arrays and a text about them, read without unpickling anything.

A `.npz` archive, or, where the name ends so, a `.safetensors` file (extra `safetensors`): the same arrays under the
same names, and the same header. A checkpoint is a model file that says how far its training is as well.
docs/model_files.md describes the format.
"""

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fastmlp.architecture import Architecture
from fastmlp.engine import Engine
from fastmlp.engine.buffers import checked_dropout_seed, checked_units
from fastmlp.engine.parameters import Layout
from fastmlp.files import trainings
from fastmlp.files.access import reading, replacing, undisturbed
from fastmlp.files.archives import Archive, read_archive, write_archive
from fastmlp.functions.optimizers import OPTIMIZERS
from fastmlp.optional import require
from fastmlp.preprocessing import Standardizer
from fastmlp.training import CheckpointState
from fastmlp.validation import as_path, boolean, integer, names

FORMAT = "fastmlp-network"
VERSION = 6
MEAN, SCALE = "standardizer.mean", "standardizer.scale"
TARGET_MEAN, TARGET_SCALE = "targets.mean", "targets.scale"
# What the names of the arrays of a training's best epoch start with.
BEST = "best."
# Bytes; the names of a hundred thousand columns take a tenth of it.
MAX_HEADER = 1 << 24


class ModelFileError(ValueError):
    """A file is not a model of this package, or it has been cut short or changed."""


class Model(NamedTuple):
    """What a file holds."""

    engine: Engine
    class_names: list[str] | None
    feature_names: list[str] | None
    schema: dict[str, Any] | None = None
    training: CheckpointState | None = None


def save(model: Model, path: str | os.PathLike[str]) -> None:
    """Write parameters, moments and the number of updates; an existing file is replaced only by a whole one.

    Raises
    ------
    ValueError
        If names and schema are larger than a file may have them; nothing is written then.
    """
    # nothing changes the network between its digest and the last byte
    model.engine.exclusive.run(_write, model, as_path("path", path))


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
            f"class_names, feature_names and schema must fit into a header of {MAX_HEADER:,} bytes, got {n_bytes:,}"
        )


def described(model: Model) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The header of a model's file, and its arrays."""
    engine, standardizer, training = model.engine, model.engine.standardizer, model.training
    arrays = _named(engine.layout, engine.flat_params, engine.moments)
    header: dict[str, Any] = {"format": FORMAT, "version": VERSION, **engine.architecture.to_dict()}
    header |= {"n_updates": engine.n_updates, "flat_targets": engine.flat_targets}
    header["dropout_seed"] = engine.dropout_seed
    for name in ("class_names", "feature_names", "schema"):
        if getattr(model, name) is not None:
            header[name] = getattr(model, name)
    if engine.target_units is not None:
        arrays |= dict(zip((TARGET_MEAN, TARGET_SCALE), engine.target_units, strict=True))
    if standardizer is not None:
        arrays |= {MEAN: standardizer.mean_, SCALE: standardizer.scale_}
        header["standardizer"] = {"n_channels": standardizer.n_channels, "center": standardizer.center}
    if training is not None:
        header["training"], of_training = trainings.described(training)
        arrays |= of_training
        if training.best is not None:
            header["training"]["best_updates"] = training.best["n_updates"]
            arrays |= _named(engine.layout, training.best["flat_params"], training.best["moments"], BEST)
    header["sha256"] = digest(header, arrays)
    return header, arrays


def _named(
    layout: Layout, flat_params: np.ndarray, moments: Mapping[str, list[np.ndarray]], start: str = ""
) -> dict[str, np.ndarray]:
    """Parameters and moments by their names in a file."""
    buffers = [flat_params, *(moment for group in moments.values() for moment in group)]
    # fresh views: a user may have given one another shape
    return {
        prefix + name: view
        for prefix, buffer in zip(_prefixes(start, moments), buffers, strict=True)
        for name, view in layout.views(buffer).items()
    }


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

    def model() -> Model:
        try:
            return restored(*read(content))
        except MemoryError:  # this says nothing about the file
            raise
        except Exception as error:  # zipfile, zlib, NumPy and JSON raise errors of many types on damaged bytes
            raise ModelFileError(f"{str(place)!r} is not a whole fastmlp model file: {error}") from error

    return undisturbed(model)


def _is_safetensors(path: Path) -> bool:
    return path.suffix.lower() == ".safetensors"


def _read_npz(content: bytes) -> tuple[bytes, dict[str, np.ndarray]]:
    archive = Archive(io.BytesIO(content))
    # nothing is compressed, as `save` writes it, so that a small file cannot fill the memory
    members = archive.infolist()
    stored = all(member.compress_type == zipfile.ZIP_STORED for member in members)
    if not stored or sum(member.file_size for member in members) > len(content):
        raise ModelFileError("its members are compressed, or larger than the file")
    arrays = dict(read_archive(archive))
    header = arrays.pop("header").tobytes()
    if len(header) > MAX_HEADER:
        raise ModelFileError(f"its header has more than {MAX_HEADER:,} bytes")
    return header, arrays


def _read_safetensors(content: bytes) -> tuple[bytes, dict[str, np.ndarray]]:
    from safetensors.numpy import load as load_arrays

    n_header = int.from_bytes(content[:8], "little")
    if n_header > min(MAX_HEADER, len(content) - 8):
        raise ModelFileError(f"its header has {n_header:,} bytes, more than {MAX_HEADER:,} or than the file")
    metadata = json.loads(content[8 : 8 + n_header]).get("__metadata__", {})
    if "header" not in metadata:
        raise ModelFileError("it says nothing of a network; of a state dict, see NeuralNetwork.from_state_dict")
    return metadata["header"].encode(), load_arrays(content)


def restored(text: bytes, arrays: dict[str, np.ndarray]) -> Model:
    """The model that a file's header and arrays describe; nothing is allocated before their sizes agree."""
    header = json.loads(text)
    if header["format"] != FORMAT:
        raise ModelFileError(f"its format is {header['format']!r}, not {FORMAT!r}")
    if header["version"] not in range(1, VERSION + 1):
        raise ModelFileError(f"its version is {header['version']!r}; this fastmlp reads versions 1 to {VERSION}")
    if header.pop("sha256") != digest(header, arrays):
        raise ModelFileError("its checksum is wrong: it has been changed since it was saved")
    if not isinstance(header.get("schema", {}), dict):
        raise ModelFileError("its schema is no JSON object")
    sizes = header["sizes"]
    if 2 * (len(sizes) - 1) > len(arrays):
        raise ModelFileError(f"its arrays are {len(arrays)}, too few for {len(sizes)} sizes of layers")
    architecture = Architecture.from_dict(header)
    of_training = {name: arrays.pop(name) for name in trainings.ARRAYS if "training" in header and name in arrays}
    statistics = {name: arrays.pop(name) for name in (MEAN, SCALE, TARGET_MEAN, TARGET_SCALE) if name in arrays}
    layout = Layout(architecture)
    # of the network, and of the best epoch of its training: the optimisers whose moments the file has
    groups = {start: _optimizers(arrays, start) for start in ("", BEST) if not start or f"{start}W1" in arrays}
    prefixes = [prefix for start, optimizers in groups.items() for prefix in _prefixes(start, optimizers)]
    expected = {
        prefix + name: f"{shape} of {layout.dtype}" for prefix in prefixes for name, shape in layout.shapes.items()
    }
    found = {name: f"{array.shape} of {array.dtype}" for name, array in arrays.items()}
    for name in expected | found:
        got, needed = found.get(name, "missing"), expected.get(name, "none")
        if got != needed:
            raise ModelFileError(f"its array {name!r} is {got}, where sizes {sizes} need {needed}")

    engine = Engine(architecture)
    engine.flat_targets = boolean("flat_targets", header.get("flat_targets", True))
    engine.dropout_seed = checked_dropout_seed(header.get("dropout_seed", 0))
    if MEAN in statistics:
        settings = header.get("standardizer", {})
        engine.standardizer = Standardizer.of_statistics(statistics[MEAN], statistics[SCALE], **settings)
    if TARGET_MEAN in statistics:
        if architecture.loss_row.of_classes:
            raise ModelFileError("it has units of targets, which a network of classes has not")
        engine.target_units = checked_units(statistics[TARGET_MEAN], statistics[TARGET_SCALE], architecture.n_outputs)
    training = None
    if "training" in header:
        training = trainings.restored(header["training"], of_training, architecture.loss_row.score_name)
        if BEST in groups:
            _fill(engine, groups[BEST], arrays, BEST)
            engine.n_updates = integer("best_updates", header["training"]["best_updates"], 0, 2**53)
            training = training._replace(best=engine.snapshot())
            engine.moments.clear()
    _fill(engine, groups[""], arrays)
    engine.n_updates = integer("n_updates", header["n_updates"], 0, 2**53)
    return Model(
        engine,
        names("class_names", header.get("class_names"), architecture.n_classes, "class"),
        names("feature_names", header.get("feature_names"), architecture.n_inputs, "feature"),
        header.get("schema"),
        training,
    )


def _optimizers(arrays: Mapping[str, np.ndarray], start: str) -> list[str]:
    """The optimisers that have moments among the arrays whose names start so."""
    return [name for name in OPTIMIZERS if f"{start}{name}.0.W1" in arrays]


def _prefixes(start: str, optimizers: Iterable[str]) -> list[str]:
    """What names in a file have before those of weights and biases: of parameters, and of each moment."""
    return [start, *(f"{start}{name}.{i}." for name in optimizers for i in range(OPTIMIZERS[name].n_moments))]


def _fill(engine: Engine, optimizers: Sequence[str], arrays: Mapping[str, np.ndarray], start: str = "") -> None:
    """Copy the arrays whose names start so into the engine's buffers."""
    buffers = [engine.flat_params, *(moment for name in optimizers for moment in engine.moments_of(name))]
    for prefix, buffer in zip(_prefixes(start, optimizers), buffers, strict=True):
        for name, view in engine.layout.views(buffer).items():
            view[...] = arrays[prefix + name]


def digest(header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 over the header and the arrays, in the order of their names."""
    sha = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name in sorted(arrays):
        sha.update(f"{name} {arrays[name].dtype.str} {arrays[name].shape}".encode())
        sha.update(np.ascontiguousarray(arrays[name]).data)
    return sha.hexdigest()
