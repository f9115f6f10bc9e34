"""A network in files: its own, those of other programs, and state dicts of PyTorch."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from fastmlp.engine import Engine
from fastmlp.exchange import graphs, state_dicts
from fastmlp.files import models
from fastmlp.methods.attributes import NetworkAttributes
from fastmlp.validation import float_dtype


class FileMethods(NetworkAttributes):
    """The methods that write a network to a file, and read one."""

    _check_to_onnx: ClassVar[Callable[[Any], None]]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network to a file under exactly this name: NumPy's `.npz`, or `.safetensors` where it ends so.

        The file holds parameters, the optimisers' moments and the step count, so that training can go on, the
        standardizer, the names of classes and features, and the schema of the table. It takes the place of an older one
        only when it is complete.

        Raises
        ------
        fastmlp.optional.MissingLibraryError
            Where a `.safetensors` file needs the extra `safetensors`.
        OSError
            If the file cannot be written.
        ValueError
            If names and schema are larger than a file may have them, 16 MiB.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from fastmlp import NeuralNetwork
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     NeuralNetwork(4, [10], 3).save(Path(folder, "net.npz"))
        ...     NeuralNetwork.load(Path(folder, "net.npz"))
        NeuralNetwork(4-10-3, float64, 83 parameters)
        """
        models.save(self._model(), path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a network that `save` wrote, see there, or a checkpoint of `fit`; nothing in the file is executed.

        Raises
        ------
        fastmlp.ModelFileError
            If the file is truncated, altered or no model at all.
        fastmlp.optional.MissingLibraryError
            Where a `.safetensors` file needs the extra `safetensors`.
        OSError
            If it cannot be read.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from fastmlp import ModelFileError, NeuralNetwork
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "net.npz")
        ...     _ = path.write_text("a letter")
        ...     try:
        ...         NeuralNetwork.load(path)
        ...     except ModelFileError as error:
        ...         print(str(error).rpartition("' ")[2])
        is not a whole fastmlp model file: File is not a zip file
        """
        engine, class_names, feature_names, schema, state = models.load(path)
        network = cls._of(engine, class_names, feature_names, schema)
        network.history = None if state is None else state.history
        if state is not None and state.best is not None:
            engine.restore(state.best)
        return network

    def to_onnx(self, path: str | os.PathLike[str], *, input_dtype: npt.DTypeLike | None = None) -> None:
        """Write the network as an ONNX graph, for ONNX Runtime and other programs; `load` does not read it.

        The standardizer, the labels and the units of the targets are in the graph. Its input is `X` (n_rows,
        input_size). Its outputs are those of skl2onnx: of a classifier, `label` and `probabilities`; of a regression,
        `variable` (n_rows, output_size), in the units of y. They are what `predict` and `predict_proba` give, up to
        rounding. Labels are `class_names` where each row has one class and these are set, and else integers; where one
        binary output has names, there is a probability for each of them. The names of classes and features are in the
        metadata, as JSON. Rows with NaN are not refused there: their results mean nothing. With "poisson", a prediction
        close to the largest number of the dtype is infinite here, and may be finite there.

        The opset is 13; ONNX Runtime 1.15 to 1.32 have been tried. It has a part of "gelu" for float32 only, so that
        such a network of float64 has the precision of float32.

        Parameters
        ----------
        path : path-like
            The file, under exactly this name. It takes the place of an older one only when it is complete.
        input_dtype : {"float64", "float32"} or numpy.dtype, optional
            Of `X`; by default the network's. "float64" keeps the digits of columns far from 0, such as seconds since
            1970, that the standardizer of a float32 network takes.

        Raises
        ------
        fastmlp.optional.MissingLibraryError
            Without the extra `onnx`.
        OSError
            If the file cannot be written.
        ValueError
            If the parameters do not fit into a file of ONNX, 2 GiB, or a name is no text of Unicode.
        TypeError
            If a subclass has replaced what the graph would compute, or the path is no path.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from fastmlp import NeuralNetwork
        >>> net, X = NeuralNetwork(4, [10], 3, seed=0), np.eye(4)
        >>> net.class_names = ["cat", "dog", "fox"]
        >>> import onnxruntime
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     net.to_onnx(Path(folder, "net.onnx"))
        ...     session = onnxruntime.InferenceSession(Path(folder, "net.onnx"))
        >>> label, probabilities = session.run(None, {"X": X})
        >>> bool(np.allclose(probabilities, net.predict_proba(X)))
        True
        >>> [str(name) for name in label] == [net.class_names[i] for i in net.predict(X)]
        True
        """
        self._check_to_onnx()
        has_names = self._class_names is not None and self._engine.architecture.has_one_class
        graphs.save(
            self._engine,
            path,
            classes=np.array(self._class_names, object) if has_names else None,
            class_names=self._class_names,
            feature_names=self._feature_names,
            input_dtype=None if input_dtype is None else float_dtype("input_dtype", input_dtype),
        )

    def to_state_dict(self, path: str | os.PathLike[str] | None = None) -> dict[str, np.ndarray]:
        """The weights and biases as PyTorch has them, for `load_state_dict`, and in a file where there is a path.

        The model to load them into is `torch.nn.Sequential(Linear, activation, Linear, ...)`, with a Dropout after each
        activation whose rate is above 0, or in the first place, for that of the inputs. Its last layer gives scores:
        softmax, the logistic function or, for "poisson", the exponential are left to PyTorch's loss. The standardizer
        and the units of the targets are folded into the first and the last layer, so that the model takes raw rows and
        predicts in the units of y. Names of classes and features are not part of it, nor is what a subclass computes by
        methods of its own.

        Parameters
        ----------
        path : path-like, optional
            A `.safetensors` file to write. It takes the place of an older one only when it is complete.

        Returns
        -------
        dict of str to ndarray
            `0.weight` (n_out, n_in), `0.bias` (n_out,), `2.weight`, ..., copies in the network's dtype.

        Warns
        -----
        UserWarning
            Where a float32 network standardises a column that is more than 1,000 standard deviations from 0.

        Raises
        ------
        fastmlp.optional.MissingLibraryError
            Where a file is to be written without the extra `safetensors`.
        OSError
            If it cannot be written.
        TypeError, ValueError
            If the path is no path, or does not end in `.safetensors`. If the network has units of targets, and outputs
            that are not the sums of its last layer.

        Examples
        --------
        >>> from fastmlp import NeuralNetwork
        >>> {key: array.shape for key, array in NeuralNetwork(4, [10], 3).to_state_dict().items()}
        {'0.weight': (10, 4), '0.bias': (10,), '2.weight': (3, 10), '2.bias': (3,)}

        In PyTorch, with `model = Sequential(Linear(4, 10), ReLU(), Linear(10, 3))`:
        `model.load_state_dict({key: torch.from_numpy(array) for key, array in net.to_state_dict().items()})`.
        """
        arrays = state_dicts.state_dict_of(self._engine)
        if path is not None:
            state_dicts.write(arrays, path)
        return arrays

    @classmethod
    def from_state_dict(
        cls,
        state_dict: Mapping[str, Any] | str | os.PathLike[str],
        *,
        activation: str | Sequence[str] = "relu",
        loss: str = "cross_entropy",
        label_smoothing: float = 0.0,
        delta: float = 1.0,
        dropout: float | Sequence[float] = 0.0,
        dtype: npt.DTypeLike | None = None,
    ) -> Self:
        """A network with the weights and biases of a PyTorch model, a chain of Linear layers.

        A state dict does not say what is between the layers, nor which loss the model was trained with: say it here.
        The optimiser's state is not part of it, nor are `class_names` and `feature_names`: set them afterwards.

        Parameters
        ----------
        state_dict : mapping or path-like
            `model.state_dict()`, whose values are tensors or arrays of float32 or float64, or a `.safetensors` file.
            Each layer has a key that ends in `weight` (n_out, n_in), and may have one that ends in `bias` (n_out,);
            what is before, such as `net.0.` or `fc1.`, names the layer. Layers are in the order of the mapping, which
            is that of their definition in the model. A file sorts keys as texts: there, the order is that of the
            numbers in the keys, and keys that differ by more are refused.
        activation, loss, label_smoothing, delta, dropout
            As in `NeuralNetwork`; the last layer gives the sums before the output's activation, as it does for
            PyTorch's CrossEntropyLoss, BCEWithLogitsLoss and PoissonNLLLoss.
        dtype : {"float64", "float32"} or numpy.dtype, optional
            By default that of the tensors.

        Returns
        -------
        NeuralNetwork

        Raises
        ------
        TypeError, ValueError
            If it is no chain of Linear layers of finite numbers of float32 or float64; the key is named. If a file does
            not say the order of the layers. If the model has one output and the loss is "cross_entropy".
        fastmlp.optional.MissingLibraryError
            Where a file needs the extra `safetensors`.
        OSError
            If the file cannot be read.

        Examples
        --------
        >>> import numpy as np
        >>> from fastmlp import NeuralNetwork
        >>> state_dict = {"fc1.weight": np.eye(10, 4), "fc1.bias": np.zeros(10), "fc2.weight": np.eye(3, 10)}
        >>> net = NeuralNetwork.from_state_dict(state_dict, activation="tanh")
        >>> net
        NeuralNetwork(4-10-3, float64, 83 parameters)
        >>> net.predict(np.eye(4)[:3])
        array([0, 1, 2])
        """
        return cls._of(
            state_dicts.engine_of_state_dict(
                state_dict,
                None if dtype is None else float_dtype("dtype", dtype),
                activation=activation,
                loss=loss,
                label_smoothing=label_smoothing,
                delta=delta,
                dropout=dropout,
            )
        )

    @classmethod
    def _of(
        cls,
        engine: Engine,
        class_names: list[str] | None = None,
        feature_names: list[str] | None = None,
        schema: dict[str, Any] | None = None,
    ) -> Self:
        """The network of an engine."""
        network = cls.__new__(cls)
        network._class_names, network._feature_names, network._schema = class_names, feature_names, schema
        network._adopt(engine)
        return network
