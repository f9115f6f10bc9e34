"""State dicts of PyTorch: of a Sequential of Linear layers, as arrays or in a `.safetensors` file."""

import os
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fastmlp.architecture import Architecture
from fastmlp.engine import Engine
from fastmlp.exchange.layers import Layer, engine_of_layers, plain_layers, sizes_of
from fastmlp.files.access import reading, replacing, undisturbed
from fastmlp.optional import require
from fastmlp.validation import as_path, real_array

# What safetensors calls the types of parameters that networks have.
_DTYPES = {"F32": "<f4", "F64": "<f8"}
# Standard deviations that a column may be away from 0 before its mean costs digits in the biases of float32.
_FAR = 1000


def engine_of(state_dict: Any, dtype: np.dtype | None, **options: Any) -> Engine:
    """An engine with the layers of a mapping from keys to tensors or arrays, or of a `.safetensors` file.

    Parameters
    ----------
    state_dict : mapping or path-like
    dtype : numpy.dtype, optional
        By default that of the arrays.
    **options
        Of `Architecture.of`.

    Raises
    ------
    TypeError, ValueError
        If they are no chain of Linear layers of float32 or float64, or the file is damaged; the key is named.
    """
    layers = _layers_of(state_dict)
    return engine_of_layers(layers, Architecture.of(sizes_of(layers), dtype or _dtype_of(layers), **options))


def _layers_of(state_dict: Any) -> list[Layer]:
    if isinstance(state_dict, str | os.PathLike):
        arrays = _read(as_path("state_dict", state_dict))
    elif isinstance(state_dict, Mapping):
        _check_keys(state_dict)
        arrays = {key: _array(f"state_dict[{key!r}]", value) for key, value in state_dict.items()}
    else:
        raise TypeError(f"state_dict must be a mapping of arrays or a path, got {type(state_dict).__name__}")
    return _chained(arrays)


def _array(name: str, value: Any) -> np.ndarray:
    """A tensor or an array_like as an array of float32 or float64."""
    dtype = str(getattr(value, "dtype", "float64")).removeprefix("torch.")
    if dtype not in ("float32", "float64"):
        hint = ": convert it by .float() first" if dtype in ("bfloat16", "float16") else ""
        raise TypeError(f"{name} must be an array of float32 or float64, got {dtype}{hint}")
    array = real_array(name, value.detach().cpu().numpy() if hasattr(value, "detach") else value)
    return array.astype(dtype, copy=False)


def _read(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a `.safetensors` file, which sorts keys as texts, by the numbers in their keys."""
    _check_suffix(path)
    library = require("safetensors", "safetensors", "a .safetensors file")
    with reading(path) as file:
        content = file.read()
    try:
        found = undisturbed(lambda: library.deserialize(content))
    except library.SafetensorError as error:
        raise ValueError(f"{str(path)!r} is not a whole .safetensors file: {error}") from None
    arrays: dict[str, np.ndarray] = {}
    _check_keys(dict(found))
    for key, entry in sorted(found, key=lambda pair: _natural(pair[0])):
        if entry["dtype"] not in _DTYPES:
            raise TypeError(f"{key!r} of {str(path)!r} must be of F32 or F64, got {entry['dtype']}")
        numbers = np.frombuffer(entry["data"], _DTYPES[entry["dtype"]])
        arrays[key] = numbers.reshape(entry["shape"]).astype(numbers.dtype.newbyteorder("="))
    return arrays


def _natural(key: str) -> list[tuple[int, int, str]]:
    """What sorts keys by the numbers in them: "net.10.bias" comes after "net.2.bias"."""
    parts = re.split(r"(\d+)", key)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


def _check_suffix(path: Path) -> None:
    if path.suffix.lower() != ".safetensors":
        raise ValueError(
            f"path must end in .safetensors, got {str(path)!r}; of torch.save's files, give the mapping that "
            "torch.load(path, weights_only=True) reads"
        )


def _check_keys(state_dict: Mapping[str, Any]) -> None:
    """Raise a ValueError for a key that is neither that of a weight nor that of its bias."""
    for key, value in state_dict.items():
        module, _, name = str(key).rpartition(".")
        if name not in ("weight", "bias") or _key(module, "weight") not in state_dict:
            hint = f": pass state_dict[{key!r}]" if isinstance(value, Mapping) and name == "state_dict" else ""
            raise ValueError(
                f"state_dict must have a weight, and perhaps a bias, of Linear layers only, got {key!r}{hint}"
            )


def _chained(arrays: Mapping[str, np.ndarray]) -> list[Layer]:
    """The layers of weights (n_out, n_in) and biases (n_out,), in the order of the weights."""
    layers: list[Layer] = []
    for key, weights in arrays.items():
        module, _, name = key.rpartition(".")
        if name == "bias":
            continue
        n_in = len(layers[-1].biases) if layers else None
        if weights.ndim != 2 or (n_in is not None and weights.shape[1] != n_in) or 0 in weights.shape:
            needed = f"(n_out, {'n_in' if n_in is None else n_in})"
            follows = "" if n_in is None else ", as the layer before has outputs"
            raise ValueError(f"{key!r} must be the weight {needed} of a Linear layer{follows}, got {weights.shape}")
        n_out = len(weights)
        biases = arrays.get(_key(module, "bias"), np.zeros(n_out, weights.dtype))
        if biases.shape != (n_out,):
            raise ValueError(f"{_key(module, 'bias')!r} must have shape ({n_out},), got {biases.shape}")
        layers.append(Layer(weights.T, biases))
    if not layers:
        raise ValueError("state_dict must have the weight of at least one Linear layer, got an empty one")
    return layers


def _key(module: str, name: str) -> str:
    return f"{module}.{name}" if module else name


def _dtype_of(layers: Sequence[Layer]) -> np.dtype:
    """The type that holds all numbers of the layers."""
    return np.result_type(*(array for layer in layers for array in layer))


def state_dict_of(engine: Engine) -> dict[str, np.ndarray]:
    """The arrays of a Sequential whose last layer gives the sums before the output's activation.

    An activation follows each other layer, and a Dropout what has a rate above 0.
    """
    architecture, standardizer = engine.architecture, engine.standardizer
    if standardizer is not None and architecture.dtype == np.float32:
        distances = np.abs(standardizer.mean_ / standardizer.scale_)
        if distances.max() > _FAR:
            warnings.warn(
                f"column {distances.argmax()} of X has a mean of {distances.max():.3g} standard deviations, which "
                "costs digits in the biases of a float32 state dict: subtract it from the rows beforehand",
                stacklevel=4,  # of the public `to_state_dict`, which has a wrapper
            )
    arrays, at = {}, 0
    for layer, rate in zip(plain_layers(engine), architecture.dropout_rates, strict=True):
        at += rate > 0  # of the layer's inputs
        arrays[f"{at}.weight"] = np.ascontiguousarray(layer.weights.T, architecture.dtype)
        arrays[f"{at}.bias"] = layer.biases.astype(architecture.dtype)
        at += 2
    return arrays


def write(arrays: Mapping[str, np.ndarray], path: str | os.PathLike[str]) -> None:
    """Write a `.safetensors` file; an existing one is replaced only by a whole one."""
    place = as_path("path", path)
    _check_suffix(place)
    library = require("safetensors.numpy", "safetensors", "a .safetensors file")
    content = library.save(dict(arrays), {"format": "pt"})
    with replacing(place) as file:
        file.write(content)
