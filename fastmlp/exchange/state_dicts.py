"""State dicts of PyTorch: of a Sequential of Linear layers, as arrays or in a `.safetensors` file."""

import os
import re
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fastmlp.architecture import Architecture
from fastmlp.conversion import shortened
from fastmlp.engine import Engine
from fastmlp.exchange.layers import Layer, engine_of_layers, plain_layers, sizes_of
from fastmlp.files.access import reading, replacing, undisturbed
from fastmlp.optional import require
from fastmlp.validation import as_path, real_array

# What safetensors calls the types of parameters that networks have.
_DTYPES = {"F32": "<f4", "F64": "<f8"}
# Standard deviations that a column may be away from 0 before its mean costs digits in the biases of float32.
_FAR = 1000


def engine_of_state_dict(state_dict: Any, dtype: np.dtype | None, **options: Any) -> Engine:
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
        If they are no chain of Linear layers of finite float32 or float64, or the file is damaged; the key is named. If
        the order of a file's layers is unknown, or a loss of classes has one output.
    """
    arrays = _arrays_of(state_dict)
    dtype = dtype or np.result_type(*arrays.values())
    layers = _chained({key: _finite(key, array, dtype) for key, array in arrays.items()})
    architecture = Architecture.of(sizes_of(layers), dtype, **options)
    if architecture.loss_row.of_classes and architecture.n_outputs == 1:
        raise ValueError(
            "loss must be 'binary_cross_entropy', or one of a regression, where a model has one output, got "
            f"{architecture.loss!r}, which gives its only class the probability 1"
        )
    return engine_of_layers(layers, architecture)


def _arrays_of(state_dict: Any) -> dict[str, np.ndarray]:
    """The arrays of float32 and float64, in the order of the layers."""
    if isinstance(state_dict, str | os.PathLike):
        return _read(as_path("state_dict", state_dict))
    if not isinstance(state_dict, Mapping):
        hint = ": pass model.state_dict()" if hasattr(state_dict, "state_dict") else ""
        got = type(state_dict).__name__
        raise TypeError(f"state_dict must be a mapping of arrays or a path, got {got}{hint}")
    _check_keys(state_dict, _hint_of_mapping(state_dict))
    return {key: _array(f"state_dict[{shortened(key)}]", value) for key, value in state_dict.items()}


def _array(name: str, value: Any) -> np.ndarray:
    """A tensor or an array_like as an array of float32 or float64.

    Integers are no weights: those of a quantised model have their scale elsewhere.
    """
    is_tensor = hasattr(value, "detach")
    array = value if is_tensor else real_array(name, value)
    dtype = str(array.dtype).removeprefix("torch.") if is_tensor else array.dtype.name
    if dtype not in ("float32", "float64"):
        conversion = ".float()" if is_tensor else ".astype('float32')"
        hint = f": convert it by {conversion} first" if dtype in ("bfloat16", "float16") else ""
        raise TypeError(f"{name} must be an array of float32 or float64, got {dtype}{hint}")
    if is_tensor:
        try:
            array = value.numpy(force=True)
        except (RuntimeError, TypeError) as error:
            raise TypeError(
                f"{name} must be a dense tensor with numbers, got one that is sparse, nested or on the device 'meta'"
            ) from error
    return array


def _finite(key: str, array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """An array in the network's type."""
    with np.errstate(over="ignore"):
        converted = array.astype(dtype, copy=False)
    wrong = np.argwhere(~np.isfinite(converted))
    if len(wrong):
        at = tuple(map(int, wrong[0]))
        raise ValueError(
            f"{shortened(key)} must be finite in {dtype}, got {array[at]!s} at index {', '.join(map(str, at))}"
        )
    return converted


def _read(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a `.safetensors` file, which sorts keys as texts, by the numbers in their keys."""
    _check_suffix(
        path,
        "NeuralNetwork.load reads it"
        if path.suffix.lower() == ".npz"
        else "of torch.save's files, give the mapping that torch.load(path, weights_only=True) reads",
    )
    library = require("safetensors", "safetensors", "a .safetensors file")
    with reading(path) as file:
        content = file.read()
    try:
        found = dict(sorted(undisturbed(lambda: library.deserialize(content))))
    except library.SafetensorError as error:
        raise ValueError(f"{str(path)!r} is not a whole .safetensors file: {error}") from None
    _check_keys(found, ": NeuralNetwork.load reads the files of NeuralNetwork.save" if "W1" in found else "")
    return {key: _array_in_file(f"{shortened(key)} of {str(path)!r}", found[key]) for key in _in_order(found)}


def _array_in_file(name: str, entry: Mapping[str, Any]) -> np.ndarray:
    if entry["dtype"] not in _DTYPES:
        raise TypeError(f"{name} must be of F32 or F64, got {entry['dtype']}")
    if len(entry["shape"]) > 2 or 0 in entry["shape"]:  # which may be more than an array can have
        raise ValueError(f"{name} must be a weight or a bias of a Linear layer, got shape {shortened(entry['shape'])}")
    numbers = np.frombuffer(entry["data"], _DTYPES[entry["dtype"]])
    return numbers.reshape(entry["shape"]).astype(numbers.dtype.newbyteorder("="))


def _in_order(keys: Iterable[str]) -> list[str]:
    """Keys by the numbers in them, which must be all that differs: "net.10.bias" comes after "net.2.bias"."""
    modules = {key: key.rpartition(".")[0] for key in keys}
    if len({re.sub(r"[0-9]+", "0", module) for module in modules.values()}) > 1:
        raise ValueError(
            "the names of layers in a .safetensors file, which sorts them as texts, must differ by their numbers only, "
            f"got {shortened(list(dict.fromkeys(modules.values())))}: pass the mapping model.state_dict()"
        )
    return sorted(modules, key=lambda key: [(len(n), n) for n in re.findall(r"0*([0-9]+)", modules[key])])


def _check_suffix(path: Path, hint: str) -> None:
    if path.suffix.lower() != ".safetensors":
        raise ValueError(f"path must end in .safetensors, got {str(path)!r}; {hint}")


def _check_keys(state_dict: Mapping[Any, Any], hint: str) -> None:
    """Raise where there is no key, or one that is neither that of a weight nor that of its bias."""
    if not state_dict:
        raise ValueError("state_dict must have the weight of at least one Linear layer, got an empty one")
    for key in state_dict:
        module, _, name = key.rpartition(".") if isinstance(key, str) else ("", "", "")
        if name not in ("weight", "bias") or _key(module, "weight") not in state_dict:
            raise ValueError(
                f"state_dict must have a weight, and perhaps a bias, of Linear layers only, got {shortened(key)}{hint}"
            )


def _hint_of_mapping(state_dict: Mapping[Any, Any]) -> str:
    """Which of a checkpoint's entries to pass: a mapping, that of weights first."""
    entries = [key for key, value in state_dict.items() if isinstance(value, Mapping)]
    entries.sort(key=lambda key: not any(str(name).endswith("weight") for name in state_dict[key]))
    return f": pass state_dict[{shortened(entries[0])}]" if entries else ""


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
            raise ValueError(
                f"{shortened(key)} must be the weight {needed} of a Linear layer{follows}, got {weights.shape}"
            )
        n_out = len(weights)
        biases = arrays.get(_key(module, "bias"), np.zeros(n_out, weights.dtype))
        if biases.shape != (n_out,):
            raise ValueError(f"{shortened(_key(module, 'bias'))} must have shape ({n_out},), got {biases.shape}")
        layers.append(Layer(weights.T, biases))
    return layers


def _key(module: str, name: str) -> str:
    return f"{module}.{name}" if module else name


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
    _check_suffix(
        place,
        "for torch.load, call torch.save({key: torch.from_numpy(array) for key, array in net.to_state_dict().items()}, "
        "path)",
    )
    library = require("safetensors.numpy", "safetensors", "a .safetensors file")
    content = library.save(dict(arrays), {"format": "pt"})
    with replacing(place) as file:
        file.write(content)
