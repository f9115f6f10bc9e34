"""What networks are on the outside: the attributes, copies and snapshots of an engine."""

import copy
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from fastmlp.engine import Engine
from fastmlp.engine.parameters import Parameters
from fastmlp.files import models
from fastmlp.frames import check_column_names
from fastmlp.history import History
from fastmlp.interface.overrides import check_arrays
from fastmlp.preprocessing import Standardizer
from fastmlp.validation import names, thread_count

if TYPE_CHECKING:
    from fastmlp.tables import Schema


class EngineNetwork:
    """A network on an engine, which has its parameters and computes.

    Attributes
    ----------
    params : mapping
        `W1, b1, ..., Wk, bk`: live arrays, Wi (sizes[i-1], sizes[i]) and bi (sizes[i],). Assigning copies into place.
    gradients : mapping
        The same of the loss's gradients: live, overwritten by the next backward pass; empty before the first one.
    outputs : dict
        `X, h1, ..., scores` of the last forward pass: read-only, valid until the next call.
    """

    _engine: Engine

    def _adopt(self, engine: Engine) -> None:
        # calling the constructor again must not replace an engine that another thread uses
        held = self._engine if "_engine" in self.__dict__ else engine
        held.exclusive.run(setattr, self, "_engine", engine)

    @property
    def input_size(self) -> int:
        """Number of features."""
        return self._engine.architecture.n_inputs

    @property
    def hidden_sizes(self) -> list[int]:
        """Size of each hidden layer."""
        return list(self._engine.architecture.sizes[1:-1])

    @property
    def output_size(self) -> int:
        """Number of classes, or of targets in a regression."""
        return self._engine.architecture.n_outputs

    @property
    def num_layers(self) -> int:
        """Number of affine layers."""
        return self._engine.architecture.n_layers

    @property
    def dtype(self) -> np.dtype:
        """float32 or float64."""
        return self._engine.architecture.dtype

    @property
    def n_threads(self) -> int | None:
        """Threads to compute with; None for the default."""
        return self._engine.n_threads

    @n_threads.setter
    def n_threads(self, value: int | None) -> None:
        self._engine.n_threads = thread_count(value)

    @property
    def params(self) -> Parameters:
        """Live arrays; assigning a mapping copies all of it into place, and keeps moments and step count."""
        return self._engine.params

    @params.setter
    def params(self, values: Mapping[str, npt.ArrayLike]) -> None:
        self._engine.params.assign(values)

    @property
    def gradients(self) -> Mapping[str, np.ndarray]:
        """Live arrays of the last `backward`; empty before the first one and after `fit`."""
        return self._engine.gradients if self._engine.has_gradients else {}

    @property
    def outputs(self) -> dict[str, np.ndarray]:
        """Read-only arrays of the last `forward`: X, h1, ..., scores."""
        return self._engine.outputs()

    def snapshot(self) -> dict[str, Any]:
        """Copies of parameters, moments, number of updates, units of targets and the seed of dropout.

        Examples
        --------
        >>> import numpy as np
        >>> from fastmlp import NeuralNetwork
        >>> net = NeuralNetwork(3, [8], 3, seed=0)
        >>> before, score = net.snapshot(), net.score(np.eye(3), [0, 1, 2])
        >>> history = net.fit(np.eye(3), [0, 1, 2], epochs=50, learning_rate=0.5, seed=0)
        >>> net.restore(before)
        >>> net.score(np.eye(3), [0, 1, 2]) == score
        True
        """
        return self._engine.snapshot()

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Go back to a `snapshot` of this network, or of one with its sizes, loss and dtype, in place.

        Raises
        ------
        TypeError, ValueError
            If it is no such snapshot; nothing has changed then.
        RuntimeError
            If the network is at work in another thread.
        """
        self._engine.restore(snapshot)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        check_arrays(cls, EngineNetwork)

    def __copy__(self) -> Self:
        network = type(self).__new__(type(self))
        network.__dict__.update(self.__dict__, _engine=copy.deepcopy(self._engine))
        return network

    def __repr__(self) -> str:
        sizes = "-".join(map(str, self._engine.architecture.sizes))
        return f"{type(self).__name__}({sizes}, {self.dtype}, {self._engine.layout.n_parameters:,} parameters)"


class NetworkAttributes(EngineNetwork):
    """The attributes of a `fastmlp.NeuralNetwork`, which has names, a standardizer and a history besides."""

    history: History | None = None
    _class_names: list[str] | None = None
    _feature_names: list[str] | None = None
    # as a document, for which no library is needed
    _schema: dict[str, Any] | None = None

    def _model(self) -> models.Model:
        """The network as a file holds it."""
        return models.Model(self._engine, self.class_names, self.feature_names, self._schema)

    def _check_columns(self, name: str, X: npt.ArrayLike) -> None:
        """Raise where X is a frame and has other columns than the network."""
        check_column_names(name, X, self._feature_names)

    @property
    def activation(self) -> str | tuple[str, ...]:
        """The activation of the hidden layers, or those of each where they differ."""
        return self._engine.architecture.activation

    @property
    def loss(self) -> str:
        """The loss that is minimised, without the regularisation."""
        return self._engine.architecture.loss

    @property
    def dropout(self) -> float | tuple[float, ...]:
        """The rate of dropout of all hidden layers; or of the inputs and of each, where it takes a list to say it."""
        return self._engine.architecture.dropout

    @property
    def standardizer(self) -> Standardizer | None:
        """The standardizer that is applied to all rows of X; None for none.

        A network without names of features takes those of a standardizer that was fitted to a frame.
        """
        return self._engine.standardizer

    @standardizer.setter
    def standardizer(self, value: Standardizer | None) -> None:
        self._engine.standardizer = value
        if value is not None and self._feature_names is None:
            self._feature_names = value.feature_names

    @property
    def class_names(self) -> list[str] | None:
        """The name of each class, a list of different texts that may be assigned; None where they have none.

        With one binary output, there are two: that of 0 and that of 1. See `predict_names`.

        Examples
        --------
        >>> from fastmlp import NeuralNetwork
        >>> net = NeuralNetwork(4, [10], 2)
        >>> net.class_names = ["cat", "dog"]
        >>> net.predict_names([[1.0, 2.0, 3.0, 4.0]])[0] in net.class_names
        True
        """
        return copy.copy(self._class_names)  # a list that is changed has not been checked

    @class_names.setter
    def class_names(self, values: Iterable[str] | None) -> None:
        self._class_names = names("class_names", values, self._engine.architecture.n_classes, "class")

    @property
    def feature_names(self) -> list[str] | None:
        """The name of each column of X, a list of different texts that may be assigned; None where they have none.

        Frames must have these columns in this order; arrays, which have no names, are taken as they are.

        Examples
        --------
        >>> import pandas
        >>> from fastmlp import NeuralNetwork
        >>> frame = pandas.DataFrame({"width": [0.0, 1.0], "height": [1.0, 0.0]})
        >>> net = NeuralNetwork(2, [10], 2, seed=0)
        >>> history = net.fit(frame, [0, 1], epochs=5, seed=0)
        >>> net.feature_names
        ['width', 'height']
        >>> try:
        ...     net.predict(frame[["height", "width"]])
        ... except ValueError as error:
        ...     print("with 'height' in place of 'width'" in str(error))
        True
        """
        return copy.copy(self._feature_names)

    @feature_names.setter
    def feature_names(self, values: Iterable[str] | None) -> None:
        self._feature_names = names("feature_names", values, self.input_size, "feature")

    @property
    def schema(self) -> "Schema | None":
        """How the columns of a table become rows of X, a `fastmlp.tables.Schema`; None for none.

        It may be assigned, and is saved with the network. `class_names` and `feature_names` become those of the schema.

        Examples
        --------
        >>> import pandas
        >>> from fastmlp import NeuralNetwork
        >>> from fastmlp.tables import Schema
        >>> frame = pandas.DataFrame({"size": [5, 1, 4, 2], "sweet": ["yes", "no", "yes", "no"], "kind": [*"baba"]})
        >>> schema = Schema.fit(frame, target="kind")
        >>> net = NeuralNetwork(len(schema.feature_names), [10], 2, seed=0)
        >>> net.schema = schema
        >>> history = net.fit(schema.rows(frame), schema.targets(frame).y, epochs=20, learning_rate=0.1, seed=0)
        >>> rows = net.schema.rows(frame[["sweet", "size"]])
        >>> net.predict_names(rows)
        array(['b', 'a', 'b', 'a'], dtype='<U1')
        """
        if self._schema is None:
            return None
        from fastmlp.tables import Schema  # which most networks do without

        found = Schema.from_dict(self._schema)
        self._names_of(found)  # it may be of a file that was changed by hand
        return found

    @schema.setter
    def schema(self, value: "Schema | None") -> None:
        if value is None:
            self._schema = None
            return
        from fastmlp.tables import Schema

        if not isinstance(value, Schema):
            raise TypeError(f"schema must be a fastmlp.tables.Schema, got {type(value).__name__}")
        features, classes = self._names_of(value)
        self._schema, self._feature_names, self._class_names = value.to_dict(), features, classes

    def _names_of(self, schema: "Schema") -> tuple[list[str] | None, list[str] | None]:
        """The names of features and classes that a schema gives to this network, which it must be of."""
        architecture, task = self._engine.architecture, schema.task
        if task.is_classification != architecture.has_one_class:
            raise ValueError(f"schema must be of the network's task, got {task.kind} with loss={self.loss!r}")
        features = names("schema.feature_names", schema.feature_names, self.input_size, "feature")
        if not task.is_classification and self.output_size != 1:
            raise ValueError(f"schema must have a target for each output, got 1 for {self.output_size} outputs")
        classes = list(task.class_names) or None
        return features, names("schema.task.class_names", classes, architecture.n_classes, "class")
