"""The network in plain NumPy, as a good student would write it.

The kernels are tested against it and compared with it in benchmarks. To use functions of your own, derive from this
class: it calls what a subclass puts in their place.
"""

import copy
import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastmlp import training
from fastmlp.architecture import Architecture
from fastmlp.engine.batches import EpochResult, EpochSettings, Examples
from fastmlp.engine.parameters import Layout, initialize, l2_penalty
from fastmlp.functions import activations, losses
from fastmlp.functions.activations import ACTIVATIONS
from fastmlp.functions.dropout import scaled_mask
from fastmlp.functions.optimizers import checked_optimizer
from fastmlp.generators import drawn_seed, random_state
from fastmlp.history import History
from fastmlp.interface.calls import public, unexpected
from fastmlp.interface.overrides import Originals
from fastmlp.progress import Advance
from fastmlp.sample_weights import measured_units
from fastmlp.settings import Settings
from fastmlp.training import Callback
from fastmlp.validation import layer_sizes
from fastmlp.validation import time_step as checked_time_step


@public
class NeuralNetwork:
    """A multilayer perceptron in NumPy.

    Same construction, members and results as `fastmlp.NeuralNetwork`, up to rounding, with no checks of its arguments.
    Its methods call each other and the functions `linear`, `relu`, `softmax`, `cross_entropy`, `linear_grad`,
    `relu_grad` and `softmax_grad`, so that a subclass, or a network, may replace any of them. As in every such network,
    the way back has functions of its own: whoever replaces `softmax` trains with the old one's gradient unless
    `softmax_grad` and `cross_entropy` are replaced as well.

    Parameters
    ----------
    input_size, hidden_sizes, output_size, num_layers, dtype, seed, init
        See `fastmlp.NeuralNetwork`.
    activation, loss, label_smoothing, delta, dropout
        Likewise.

    Attributes
    ----------
    params, gradients : dict
        `W1, b1, ..., Wk, bk`, and the loss's gradients, which `update` applies.
    outputs : dict
        `X, h1, ..., scores` of the last `forward`: `backward` reads X and the hidden layers' outputs.
    logits : ndarray (n_rows, n_classes)
        Sums of the last layer in the last `forward`, before its activation; `backward` reads them.
    history : fastmlp.History or None
        Of the last `fit`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp import reference
    >>> net = reference.NeuralNetwork(4, [10], 3, 2, seed=0)
    >>> net.forward(np.ones((5, 4))).shape
    (5, 3)
    >>> loss = net.backward(np.zeros(5, int), reg=0.1)
    >>> net.update(0.1)

    With another activation of the hidden layers, by its outputs:

    >>> class Tanh(reference.NeuralNetwork):
    ...     relu = staticmethod(np.tanh)
    ...
    ...     @staticmethod
    ...     def relu_grad(h):
    ...         return 1 - h**2
    >>> X, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
    >>> net = Tanh(2, [8], 2, seed=0)
    >>> history = net.fit(X, y, epochs=200, batch_size=4, learning_rate=0.5, seed=0)
    >>> net.score(X, y)
    1.0
    """

    def __init__(
        self,
        input_size: int,
        hidden_sizes: Any,
        output_size: int,
        num_layers: int | None = None,
        *,
        activation: str | Sequence[str] = "relu",
        loss: str = "cross_entropy",
        label_smoothing: float = 0.0,
        delta: float = 1.0,
        dropout: float | Sequence[float] = 0.0,
        dtype: npt.DTypeLike = np.float64,
        seed: int | None = None,
        init: str = "assignment",
    ):
        sizes = layer_sizes(input_size, hidden_sizes, output_size, num_layers)
        self.input_size, self.hidden_sizes, self.output_size = input_size, hidden_sizes, output_size
        self.num_layers = len(sizes) - 1
        options: dict[str, Any] = {"label_smoothing": label_smoothing, "delta": delta, "dropout": dropout}
        self.architecture = Architecture.of(sizes, np.dtype(dtype), activation=activation, loss=loss, **options)
        self.params = {name: np.zeros(shape, dtype) for name, shape in Layout(self.architecture).shapes.items()}
        with random_state(seed) as generator:
            initialize(self.params, init, generator)
            self.dropout_seed = drawn_seed(generator) if self.architecture.drops else 0
        self.dtype = np.dtype(dtype)
        self.gradients: dict[str, np.ndarray] = {}
        self.outputs: dict[str, np.ndarray] = {}
        self.logits = np.empty((0, output_size), dtype)
        self.sums: list[np.ndarray] = []  # what each layer's activation is applied to
        # of layers in which units are dropped: what they are multiplied by, and their values before; 0 are the inputs
        self.masks: dict[int, np.ndarray] = {}
        self.values: dict[int, np.ndarray] = {}
        self.moments: dict[str, dict[str, np.ndarray]] = {}
        self.n_updates = 0
        self.target_units: tuple[np.ndarray, np.ndarray] | None = None
        self.flat_targets = True
        self.history: Any = None

    linear = staticmethod(activations.linear)
    linear_grad = staticmethod(activations.linear_grad)
    relu = staticmethod(activations.relu)
    relu_grad = staticmethod(activations.relu_grad)
    softmax = staticmethod(activations.softmax)
    softmax_grad = staticmethod(losses.softmax_grad)
    cross_entropy = staticmethod(losses.cross_entropy)

    def _own(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The member of the function's name, where there is one, for whoever has replaced it."""
        return getattr(self, function.__name__, function)

    def forward(self, X: np.ndarray, *, training: bool = False) -> np.ndarray:
        """Outputs (n_rows, n_out) of the rows of X: probabilities of classes; in training, units are dropped."""
        rates = (*self.architecture.dropout_rates, 0.0)  # nothing is dropped of the outputs
        self.outputs, self.sums, self.values, self.masks = {}, [], {}, {}
        h = np.asarray(X, self.dtype)
        for i, rate in enumerate(rates):
            if i > 0:
                sums = self.linear(self.params[f"W{i}"], h, self.params[f"b{i}"])
                h = self._own(ACTIVATIONS[self.architecture.activations[i - 1]].value)(sums)
                self.sums.append(sums)
            if training and rate:
                mask = scaled_mask(rate, self.dropout_seed, self.n_updates, i, *h.shape).astype(self.dtype)
                self.masks[i], self.values[i], h = mask, h, h * mask
            self.outputs[self._name_of_layer(i)] = h
        self.logits = sums
        return self._with_units(h)

    def _name_of_layer(self, i: int) -> str:
        """In `outputs`; layer 0 are the inputs."""
        return "X" if i == 0 else f"h{i}" if i < self.num_layers else "scores"

    def _with_units(self, outputs: np.ndarray) -> np.ndarray:
        """Outputs in the units of the targets that it has been trained on."""
        if self.target_units is None:
            return outputs
        mean, scale = self.target_units
        return (outputs * scale + mean).astype(self.dtype)

    def _without_units(self, y: np.ndarray) -> np.ndarray:
        """Targets (n_rows, n_out) in the units that are learnt; labels stay what they are."""
        if self.architecture.loss_row.of_classes:
            return y
        mean, scale = (0, 1) if self.target_units is None else self.target_units
        return ((np.reshape(y, (-1, self.output_size)) - mean) / scale).astype(self.dtype)

    def backward(self, y: np.ndarray, reg: float = 0.0, *, sample_weight: np.ndarray | None = None) -> float:
        """Loss of the batch last given to `forward`; fills `gradients`."""
        loss, options, y = self.architecture.loss_row, self.architecture.loss_options, self._without_units(y)
        weights = _given(sample_weight)
        inputs = [self.outputs["X"], *(self.outputs[f"h{i}"] for i in range(1, self.num_layers))]
        if loss.fused:
            dout = self._own(loss.gradient)(self.logits, y, *options, **weights)
        else:
            dout = self._own(loss.gradient)(self.outputs["scores"], y, *options, **weights)
            dout = dout * self._derivative(self.num_layers, self.outputs["scores"])
        gradients = {}
        for i in range(self.num_layers, 0, -1):
            W, h = self.params[f"W{i}"], inputs[i - 1]
            if i == 1 and self.linear_grad is activations.linear_grad:  # without the gradient of X, which nobody needs
                dW, db = h.T @ dout, dout.sum(axis=0)
            else:
                dW, db, dh = self.linear_grad(W, h, dout)
            gradients[f"W{i}"] = dW + reg * W
            gradients[f"b{i}"] = db
            if i > 1:
                dout = dh * self._derivative(i - 1, h)
        self.gradients = {name: gradients[name] for name in self.params}
        return self._loss(self.outputs["scores"], self.logits, y, weights) + l2_penalty(self.params, reg)

    def _derivative(self, layer: int, h: np.ndarray) -> np.ndarray:
        """That of the layer's activation, counted from 1, whose output is h, times its mask of dropout."""
        row, mask = ACTIVATIONS[self.architecture.activations[layer - 1]], self.masks.get(layer)
        assert row.derivative is not None
        value = h if mask is None else self.values[layer]
        derivative = self._own(row.derivative)(self.sums[layer - 1] if row.of_sums else value)
        return derivative if mask is None else derivative * mask

    def _loss(self, outputs: np.ndarray, logits: np.ndarray, y: np.ndarray, weights: dict[str, Any]) -> float:
        loss = self.architecture.loss_row
        return self._own(loss.value)(logits if loss.fused else outputs, y, *self.architecture.loss_options, **weights)

    def update(
        self,
        lr: float = 0.001,
        b1: float = 0.9,
        b2: float = 0.999,
        eps: float = 1e-8,
        opt: str = "SGD",
        t: int | None = None,
        *,
        epoch: int | None = None,
        step: int | None = None,
        weight_decay: float = 0.01,
        rho: float = 0.9,
    ) -> None:
        """One step of an optimiser, see `fastmlp.NeuralNetwork.update`."""
        self.n_updates += 1
        t = checked_time_step(t, epoch, step) or self.n_updates
        optimizer = checked_optimizer(opt, b1, b2, eps, weight_decay, rho)
        groups = [self._moments(f"{optimizer.name}.{i}") for i in range(optimizer.row.n_moments)]
        for name, w in self.params.items():
            optimizer.row.step(w, self.gradients[name], [group[name] for group in groups], float(lr), optimizer, t)

    def _moments(self, key: str) -> dict[str, np.ndarray]:
        """An optimiser's moments of one kind, zeros when they are new to this network."""
        if key not in self.moments:
            self.moments[key] = {name: np.zeros_like(w) for name, w in self.params.items()}
        return self.moments[key]

    def fit(
        self,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        *,
        sample_weight: npt.ArrayLike | None = None,
        class_weight: str | Mapping[int, float] | None = None,
        seed: int | None = None,
        X_val: npt.ArrayLike | None = None,
        y_val: npt.ArrayLike | None = None,
        sample_weight_val: npt.ArrayLike | None = None,
        progress: bool | Advance | None = None,
        callbacks: Iterable[Callback] = (),
        **settings: Any,
    ) -> History:
        """Train on the rows of X, by a loop of `forward`, `backward` and `update`.

        All arguments are those of `fastmlp.NeuralNetwork.fit`, the settings included (`epochs`, `batch_size`,
        `learning_rate` and so on), with its defaults; there are no checkpoints.

        Raises
        ------
        DivergenceError
            When the loss or a parameter is no longer finite; parameters are then as after the last finite epoch.
        TypeError, ValueError
            If an argument makes no sense.
        """
        others = [name for name in inspect.signature(self.fit).parameters if name != "settings"]
        if text := unexpected("NeuralNetwork.fit", settings, [*Settings.__dataclass_fields__, *others], {}):
            raise TypeError(text)
        return training.fit(
            _Loop(self),
            self,
            X,
            y,
            Settings(**settings),
            sample_weight=sample_weight,
            class_weight=class_weight,
            seed=seed,
            X_val=X_val,
            y_val=y_val,
            sample_weight_val=sample_weight_val,
            progress=progress,
            callbacks=callbacks,
        )

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Probabilities (n_rows, n_classes) by `forward`; the batch for `backward` stays what it was."""
        return self._apart(X)[0]

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Most probable class of each row of X, (n_rows,), or the outputs of a regression, by `predict_proba`."""
        return self._predicted(self.predict_proba(X))

    def _predicted(self, outputs: np.ndarray) -> np.ndarray:
        row = self.architecture.loss_row
        if row.of_classes:
            return outputs.argmax(axis=1)
        if row.decides:
            outputs = (outputs > 0.5).astype(np.intp)
        return outputs[:, 0] if self.flat_targets and self.output_size == 1 else outputs

    def evaluate(
        self, X: np.ndarray, y: np.ndarray, reg: float = 0.0, *, sample_weight: np.ndarray | None = None
    ) -> tuple[float, float]:
        """Loss as `backward` returns it, and score (accuracy, R2, ...) of `predict`, on X, y."""
        outputs, logits = self._apart(X)
        row = self.architecture.loss_row
        # a predict of the user's own takes another pass through the network
        predicted = self.predict(X) if any(_PREDICTION.replaced(self)) else self._predicted(outputs)
        y = np.ravel(y) if row.of_classes else np.reshape(y, outputs.shape)
        weights = _given(sample_weight)
        loss = self._loss(self._without_units(outputs), logits, self._without_units(y), weights)
        return loss + l2_penalty(self.params, reg), row.score(predicted, y, weights.get("sample_weight"))

    def score(self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
        """Accuracy, or R2 or D2 of a regression, of `predict` on X, y, by `evaluate`."""
        return self.evaluate(X, y, **_given(sample_weight))[1]

    def _apart(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Outputs and logits of `forward`; the batch for `backward` stays."""
        batch = {name: vars(self)[name] for name in ("outputs", "sums", "values", "masks", "logits")}
        try:
            return self.forward(X), self.logits
        finally:
            vars(self).update(batch)

    def snapshot(self) -> dict[str, Any]:
        """Copies of all that training changes."""
        names = ("params", "moments", "n_updates", "dropout_seed", "target_units", "flat_targets")
        return copy.deepcopy({name: getattr(self, name) for name in names})

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Go back to a snapshot."""
        self.__dict__.update(copy.deepcopy(snapshot))


def _given(sample_weight: np.ndarray | None) -> dict[str, Any]:
    """As a keyword where there are weights, since a user's own function may not take them."""
    return {} if sample_weight is None else {"sample_weight": np.asarray(sample_weight, np.float64)}


def _clipped(gradients: dict[str, np.ndarray], max_norm: float) -> dict[str, np.ndarray]:
    """The gradients, or, where their global norm is larger than max_norm, those scaled down to it.

    Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks, ICML 2013, algorithm 1.
    """
    norm = math.sqrt(sum(np.square(gradient, dtype=np.float64).sum() for gradient in gradients.values()))
    if norm > max_norm:
        return {name: gradient * (max_norm / norm) for name, gradient in gradients.items()}
    return gradients


class _Loop:
    """Adapter of the network to `fastmlp.training.Trainable`; calls its methods, also where they are replaced."""

    def __init__(self, network: NeuralNetwork):
        self.network = network
        self.architecture = network.architecture

    def train_epoch(
        self,
        examples: Examples,
        order: np.ndarray,
        settings: EpochSettings,
        advance: Advance = lambda n_batches: None,
    ) -> EpochResult:
        """The three calls for each batch of examples[order], with its gradients clipped before the update.

        A batch whose rows all weigh 0 is skipped.
        """
        assert not settings.per_row
        X, y, weights = examples
        network, row, optimizer = self.network, self.architecture.loss_row, settings.optimizer
        options: dict[str, Any] = {"opt": optimizer.name, "t": settings.time_step}
        for name in ("weight_decay", "rho"):
            if name in optimizer.row.options:  # a subclass may have an update that lacks it
                options[name] = getattr(optimizer, name)
        if weights is not None and not weights[order].any():
            return EpochResult(math.nan, math.nan, 0, False)
        loss, scores, starts = 0.0, np.zeros(self.architecture.n_scores), range(0, len(order), settings.batch_size)
        rates = np.broadcast_to(settings.learning_rate, len(starts)).tolist()
        for n_batches, (start, rate) in enumerate(zip(starts, rates, strict=True), 1):
            rows = order[start : start + settings.batch_size]
            of_rows = None if weights is None else weights[rows]
            if of_rows is not None and not of_rows.any():
                advance(1)
                continue
            outputs = network.forward(X[rows], **({"training": True} if self.architecture.drops else {}))
            if row.of_classes:
                scores += row.sums(outputs, y[rows], of_rows)
            else:
                scores += row.sums(network.outputs["scores"], network._without_units(y[rows]), of_rows)
            batch_loss = network.backward(y[rows], settings.regularization, **_given(of_rows))
            if not math.isfinite(batch_loss):
                return EpochResult(batch_loss, math.nan, n_batches, True)
            if settings.clip_norm < math.inf:
                network.gradients = _clipped(network.gradients, settings.clip_norm)
            network.update(rate, optimizer.beta1, optimizer.beta2, optimizer.epsilon, **options)
            loss += batch_loss * (len(rows) if of_rows is None else of_rows.sum())
            advance(1)
        score = row.summed_score(scores, network._without_units(y), order, weights)
        return EpochResult(loss / (len(order) if weights is None else weights[order].sum()), score, len(starts), False)

    def parameters(self) -> np.ndarray:
        """All parameters in one vector."""
        return np.concatenate([array.ravel() for array in self.network.params.values()]).astype(np.float64)

    def set_parameters(self, x: np.ndarray, *, is_update: bool = False) -> None:
        """Assign what `parameters` gave; it may count as an update."""
        start = 0
        for array in self.network.params.values():
            array[...] = x[start : start + array.size].reshape(array.shape)
            start += array.size
        self.network.n_updates += is_update

    def full_gradient(self, examples: Examples, settings: EpochSettings) -> tuple[float, float, np.ndarray]:
        """Loss and score of all examples, and the gradient as a vector of `parameters`."""
        X, y, weights = examples
        outputs = self.network.forward(X)
        loss = self.network.backward(y, settings.regularization, **_given(weights))
        gradient = np.concatenate([self.network.gradients[name].ravel() for name in self.network.params])
        score = self.architecture.loss_row.score(self.network._predicted(outputs), y, weights)
        return loss, score, gradient.astype(np.float64)

    def begin_fit(self, y: np.ndarray, weights: np.ndarray | None, *, flat: bool, standardize: bool) -> None:
        """Give predictions the dimensions and the units of these targets (n_rows, n_out), see the engine's."""
        network = self.network
        network.flat_targets = flat
        if network.n_updates == 0:
            network.target_units = None
            if standardize and self.architecture.loss_row.standardizes:
                network.target_units = measured_units(y, weights)

    def is_finite(self) -> bool:
        """Whether all parameters are."""
        return all(np.isfinite(array).all() for array in self.network.params.values())

    def evaluate(self, examples: Examples, regularization: float) -> tuple[float, float]:
        """As the network does."""
        X, y, weights = examples
        return self.network.evaluate(X, y, regularization, **_given(weights))

    def check_finite(self, name: str, X: np.ndarray, order: np.ndarray | None = None) -> None:
        """Nothing: the reference has no checks of its arguments."""

    def back_up(self) -> None:
        """Take a snapshot for `roll_back`."""
        self._backup = self.snapshot()

    def roll_back(self) -> None:
        """Go back to where `back_up` was called last."""
        self.restore(self._backup)

    def snapshot(self) -> dict[str, Any]:
        """The network's."""
        return self.network.snapshot()

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Go back to it."""
        self.network.restore(snapshot)

    def forget_batch(self) -> None:
        """Drop the last batch and its gradients."""
        self.network.outputs, self.network.gradients = {}, {}

    def layer_inputs(self, X: np.ndarray) -> list[np.ndarray] | None:
        """The input of each layer for these rows; None where a subclass has other `outputs`."""
        network = self.network
        network.forward(X)
        names = ("X", *(f"h{i}" for i in range(1, network.num_layers)))
        inputs = [h for name in names if isinstance(h := network.outputs.get(name), np.ndarray) and h.ndim == 2]
        return inputs if len(inputs) == len(names) else None


_PREDICTION = Originals(NeuralNetwork, ("predict", "predict_proba"))
