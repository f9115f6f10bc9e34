"""Networks as ONNX graphs, with the standardizer before the first layer, and labels and units of y after the last."""

import json
import os
from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from fastmlp.engine import Engine
from fastmlp.files.access import replacing
from fastmlp.functions.activations import ACTIVATIONS
from fastmlp.optional import require
from fastmlp.validation import as_path

# Those of ONNX 1.8, of 2020: `Activation.onnx` is written in the operators of this opset.
OPSET, IR_VERSION = 13, 7
# Operators that ONNX Runtime has for float32 alone.
FLOAT32_ONLY = ("Erf",)
# Bytes that a model without files beside it may have.
MAX_BYTES = 2**31 - 1
# How labels are stored, by the kind of their array.
_LABEL_TYPES: dict[str, type] = {"b": np.bool_, "i": np.int64, "u": np.int64, "f": np.float64, "U": np.object_}


class Output(NamedTuple):
    """A result of a graph: its name, its value in the graph, and its type and columns; none where it is a vector."""

    name: str
    value: str
    dtype: np.dtype
    columns: list[int]


class Graph:
    """The operators of a graph, in the order in which they are computed.

    Parameters
    ----------
    onnx : module
    dtype : numpy.dtype
        What plain numbers become: float32 or float64.
    """

    def __init__(self, onnx: ModuleType, dtype: np.dtype):
        self.onnx = onnx
        self.dtype = dtype
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, operator: str, *inputs: str | float | np.ndarray, output: str = "", **attributes: Any) -> str:
        """Add an operator; returns the name of its output.

        Parameters
        ----------
        operator : str
            ONNX's name for it.
        *inputs : str, float or ndarray
            Names of values, and constants.
        output : str
            A name for its output, if it needs one.
        **attributes
            Of the operator.
        """
        if operator in FLOAT32_ONLY and self.dtype != np.float32:
            narrow = [self.cast(value, np.dtype(np.float32)) for value in inputs if isinstance(value, str)]
            return self.cast(self._node(operator, narrow, output, attributes), self.dtype)
        names = [value if isinstance(value, str) else self._constant(value) for value in inputs]
        return self._node(operator, names, output, attributes)

    def cast(self, value: str, dtype: np.dtype) -> str:
        """Add a conversion to another type."""
        return self.add("Cast", value, to=self.type_of(dtype))

    def type_of(self, dtype: np.dtype) -> int:
        """ONNX's number for a type."""
        return self.onnx.helper.np_dtype_to_tensor_dtype(dtype)

    def _node(self, operator: str, names: list[str], output: str, attributes: dict[str, Any]) -> str:
        output = output or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(operator, names, [output], **attributes))
        return output

    def _constant(self, value: float | np.ndarray) -> str:
        array = value if isinstance(value, np.ndarray) else np.array(value, self.dtype)
        name = f"constant_{len(self.constants)}"
        self.constants.append(self.onnx.numpy_helper.from_array(array, name))
        return name


def save(
    engine: Engine,
    path: str | os.PathLike[str],
    *,
    classes: np.ndarray | None = None,
    class_names: Sequence[str] | None = None,
    feature_names: Sequence[str] | None = None,
    input_dtype: np.dtype | None = None,
) -> None:
    """Write an ONNX file; an existing one is replaced only by a whole one.

    Parameters
    ----------
    engine : Engine
    path : path-like
    classes : ndarray (n_classes,), optional
        The label of each class, where a row has one label. Without it, the label is the number of the class; of outputs
        that decide between 0 and 1, these.
    class_names, feature_names : sequence of str, optional
        For the metadata.
    input_dtype : numpy.dtype, optional
        Of the rows; by default the network's.
    """
    place = as_path("path", path)
    onnx = require("onnx", "onnx", "an ONNX file")
    names = {"class_names": class_names, "feature_names": feature_names}
    for name, texts in names.items():
        _check_unicode(name, texts or ())
    labels = None if classes is None else checked_labels(classes)
    content = engine.exclusive.run(_content, onnx, engine, labels, names, input_dtype or engine.architecture.dtype)
    with replacing(place) as file:
        file.write(content)


def checked_labels(classes: np.ndarray) -> np.ndarray:
    """Labels as an array that an ONNX graph can hold: of bool, int64, float64 or, as objects, texts."""
    are_texts = classes.dtype.kind == "O" and all(isinstance(label, str) for label in classes)
    stored = _LABEL_TYPES.get("U" if are_texts else classes.dtype.kind)
    labels = classes if stored is None else classes.astype(stored)
    if stored is None or not np.array_equal(labels, classes):
        raise TypeError(
            "the labels of an ONNX graph must be texts, integers of 64 bits, floats or booleans, got "
            f"{classes.tolist()} of dtype {classes.dtype}"
        )
    return labels


def _check_unicode(name: str, texts: Iterable[str]) -> None:
    """Raise a ValueError for a text that is none of Unicode, as it has half of a surrogate pair."""
    for text in texts:
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueError(f"{name} must be texts of Unicode, got {text!r} with a lone surrogate") from None


def _content(
    onnx: ModuleType,
    engine: Engine,
    labels: np.ndarray | None,
    names: dict[str, Sequence[str] | None],
    input_dtype: np.dtype,
) -> bytes:
    """The bytes of a model."""
    from fastmlp import __version__

    if engine.flat_params.nbytes + (1 << 20) > MAX_BYTES:
        raise ValueError(f"parameters must fit into an ONNX file of 2 GiB, got {engine.flat_params.nbytes:,} bytes")
    architecture, row = engine.architecture, engine.architecture.loss_row
    graph, helper = Graph(onnx, architecture.dtype), onnx.helper
    x = _outputs(graph, engine, input_dtype)
    results = _classified(graph, engine, x, labels) if row.is_classifier else [_in_units(graph, engine, x)]
    described = []
    for name, value, dtype, columns in results:
        graph.add("Identity", value, output=name)
        described.append(helper.make_tensor_value_info(name, graph.type_of(dtype), ["n_rows", *columns]))
    rows = helper.make_tensor_value_info("X", graph.type_of(input_dtype), ["n_rows", architecture.n_inputs])
    model = helper.make_model(
        helper.make_graph(graph.nodes, "fastmlp", [rows], described, graph.constants),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="fastmlp",
        producer_version=__version__,
    )
    helper.set_model_props(model, {name: json.dumps(list(texts)) for name, texts in names.items() if texts is not None})
    return model.SerializeToString()


def _outputs(graph: Graph, engine: Engine, input_dtype: np.dtype) -> str:
    """The network's outputs for the rows X of this type."""
    architecture, standardizer, x = engine.architecture, engine.standardizer, "X"
    dtype = architecture.dtype
    if standardizer is not None:
        # in the wider of the two types, as the kernels do it
        wide = np.result_type(dtype, input_dtype)
        mean, rest, inverse_scale = standardizer.statistics(wide)
        x = x if input_dtype == wide else graph.cast(x, wide)
        x = graph.add("Sub", x, mean)
        if rest.any():  # of float32
            x = graph.add("Sub", x, rest)
        x, input_dtype = graph.add("Mul", x, inverse_scale), wide
    if input_dtype != dtype:
        x = graph.cast(x, dtype)
    for i, name in enumerate(architecture.activations, 1):
        # not Gemm, which ONNX Runtime 1.17 and older merge with an activation, for float32 only
        sums = graph.add("Add", graph.add("MatMul", x, engine.params[f"W{i}"]), engine.params[f"b{i}"])
        x = ACTIVATIONS[name].onnx(graph.add, sums)
    return x


def _in_units(graph: Graph, engine: Engine, x: str) -> Output:
    """Predictions in the units of the targets, computed in float64 as the engine does it."""
    dtype = engine.architecture.dtype
    if engine.target_units is not None:
        mean, scale = engine.target_units
        wide = graph.cast(x, np.dtype(np.float64))
        x = graph.cast(graph.add("Add", graph.add("Mul", wide, scale), mean), dtype)
    return Output("variable", x, dtype, [engine.architecture.n_outputs])


def _classified(graph: Graph, engine: Engine, x: str, labels: np.ndarray | None) -> list[Output]:
    """Labels and probabilities of a classifier."""
    architecture, int64 = engine.architecture, np.dtype(np.int64)
    n_outputs, decides = architecture.n_outputs, architecture.loss_row.decides
    if decides and labels is None:
        label, columns = graph.cast(graph.add("Greater", x, 0.5), int64), [n_outputs]
        if engine.flat_targets and architecture.has_one_class:
            label, columns = graph.add("Squeeze", label, np.array([1], int64)), []
        return [Output("label", label, int64, columns), Output("probabilities", x, architecture.dtype, [n_outputs])]
    if labels is None:
        labels = np.arange(n_outputs, dtype=int64)
    if decides and len(labels) == 1:  # of an estimator of a single class, whose probability is 1
        x = graph.add("Add", graph.add("Mul", x, 0.0), 1.0)
    elif decides:
        x = graph.add("Concat", graph.add("Sub", 1.0, x), x, axis=1)
    label = graph.add("Gather", labels, graph.add("ArgMax", x, axis=1, keepdims=0))
    probabilities = Output("probabilities", x, architecture.dtype, [len(labels)])
    return [Output("label", label, labels.dtype, []), probabilities]
