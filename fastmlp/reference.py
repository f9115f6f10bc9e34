"""The network in plain NumPy, as a good student would write it.

It is what the kernels are tested against, and what benchmarks compare them with; `fastmlp.training` drives either. And
it is the one to derive from for who wants other functions than these: it calls what a subclass puts in their place.
"""

import copy
import inspect
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from fastmlp import training
from fastmlp.engine.parameters import Layout, initialize, l2_penalty
from fastmlp.interface.calls import base_of, public, unexpected
from fastmlp.interface.overrides import Originals
from fastmlp.progress import Advance
from fastmlp.training import LEARNING_RATES, Callback, DivergenceError, History, Settings
from fastmlp.validation import layer_sizes, one_of, random_state
from fastmlp.validation import time_step as checked_time_step


@base_of("fastmlp.network", "NeuralNetwork")
class Functions:
    """The functions that a network is made of, on plain arrays; the assignment's helpers.

    Rows are samples: X (n_rows, n_in), W (n_in, n_out), b (n_out,).
    """

    @staticmethod
    def linear(W: np.ndarray, X: np.ndarray, b: np.ndarray) -> np.ndarray:
        """X @ W + b, of shape (n_rows, n_out)."""
        return X @ W + b

    @staticmethod
    def linear_grad(W: np.ndarray, X: np.ndarray, dout: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Gradients (dW, db, dX) of a loss through `linear`, from its gradient dout (n_rows, n_out)."""
        return X.T @ dout, dout.sum(axis=0), dout @ W.T

    @staticmethod
    def relu(X: np.ndarray) -> np.ndarray:
        """max(X, 0); NaN stays NaN."""
        return np.maximum(X, 0)

    @staticmethod
    def relu_grad(X: np.ndarray) -> np.ndarray:
        """Derivative of `relu`: 1 where X > 0, else 0; of X's own type where that is a floating one."""
        X = np.asarray(X)
        return (X > 0).astype(X.dtype if X.dtype.kind == "f" else np.float64)

    @staticmethod
    def softmax(X: np.ndarray) -> np.ndarray:
        """exp(X) / sum(exp(X)) of each row of scores X (n_rows, n_classes)."""
        shifted = np.exp(X - np.max(X, axis=1, keepdims=True))
        return shifted / shifted.sum(axis=1, keepdims=True)

    @staticmethod
    def cross_entropy(X: np.ndarray, y: np.ndarray) -> float:
        """Mean of -log(softmax(X)[i, y[i]]) over the rows of scores X (n_rows, n_classes), labels y (n_rows,)."""
        shifted = X - np.max(X, axis=1, keepdims=True)
        log_sums = np.log(np.exp(shifted).sum(axis=1))
        return float(np.mean(log_sums - shifted[np.arange(len(y)), y]))

    @staticmethod
    def softmax_grad(X: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Gradient of `cross_entropy(X, y)` with respect to the scores: (softmax(X) - one_hot(y)) / n_rows."""
        grad = Functions.softmax(X)
        grad[np.arange(len(y)), y] -= 1
        return grad / len(y)


@public
class NeuralNetwork(Functions):
    """A multilayer perceptron with ReLU hidden layers and a softmax output, in NumPy.

    Same construction, members and results as `fastmlp.NeuralNetwork`, up to rounding, with no checks of its arguments.
    Its methods call each other and the functions `linear`, `relu`, `softmax`, `cross_entropy`, `linear_grad`,
    `relu_grad` and `softmax_grad`, so that a subclass, or a network, may replace any of them. As in every such network,
    the way back has functions of its own: whoever replaces `softmax` trains with the old one's gradient unless
    `softmax_grad` and `cross_entropy` are replaced as well.

    Parameters
    ----------
    input_size, hidden_sizes, output_size, num_layers, dtype, seed, init
        See `fastmlp.NeuralNetwork`.

    Attributes
    ----------
    params, gradients : dict
        `W1, b1, ..., Wk, bk`, and the loss's gradients, which `update` applies.
    outputs : dict
        `X, h1, ..., scores` of the last `forward`: `backward` reads X and the hidden layers' outputs.
    logits : ndarray (n_rows, n_classes)
        What the last layer of the last `forward` gave, before the softmax; `backward` reads it.
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
        dtype: npt.DTypeLike = np.float64,
        seed: int | None = None,
        init: str = "assignment",
    ):
        sizes = layer_sizes(input_size, hidden_sizes, output_size, num_layers)
        self.input_size, self.hidden_sizes, self.output_size = input_size, hidden_sizes, output_size
        self.num_layers = len(sizes) - 1
        self.params = {name: np.zeros(shape, dtype) for name, shape in Layout(sizes, np.dtype(dtype)).shapes.items()}
        with random_state(seed) as generator:
            initialize(self.params, init, generator)
        self.dtype = np.dtype(dtype)
        self.gradients: dict[str, np.ndarray] = {}
        self.outputs: dict[str, np.ndarray] = {}
        self.logits = np.empty((0, output_size), dtype)
        self.moments: dict[str, dict[str, np.ndarray]] = {}
        self.n_updates = 0
        self.history: Any = None

    def forward(self, X: np.ndarray) -> np.ndarray:
        """Probabilities (n_rows, n_classes) of the rows of X."""
        h = np.asarray(X, self.dtype)
        self.outputs = {"X": h}
        for i in range(1, self.num_layers):
            h = self.relu(self.linear(self.params[f"W{i}"], h, self.params[f"b{i}"]))
            self.outputs[f"h{i}"] = h
        k = self.num_layers
        self.logits = self.linear(self.params[f"W{k}"], h, self.params[f"b{k}"])
        self.outputs["scores"] = self.softmax(self.logits)
        return self.outputs["scores"]

    def backward(self, y: np.ndarray, reg: float = 0.0) -> float:
        """Loss of the batch last given to `forward`; fills `gradients`."""
        inputs = [self.outputs["X"], *(self.outputs[f"h{i}"] for i in range(1, self.num_layers))]
        dout = self.softmax_grad(self.logits, y)
        gradients = {}
        for i in range(self.num_layers, 0, -1):
            W, h = self.params[f"W{i}"], inputs[i - 1]
            if i == 1 and self.linear_grad is _LINEAR_GRAD:  # without the gradient of X, which nobody needs
                dW, db = h.T @ dout, dout.sum(axis=0)
            else:
                dW, db, dh = self.linear_grad(W, h, dout)
            gradients[f"W{i}"] = dW + reg * W
            gradients[f"b{i}"] = db
            if i > 1:
                dout = dh * self.relu_grad(h)
        self.gradients = {name: gradients[name] for name in self.params}
        return self.cross_entropy(self.logits, y) + l2_penalty(self.params, reg)

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
    ) -> None:
        """One step of SGD, Momentum (Sutskever et al., 2013) or Adam (Kingma and Ba, 2015, algorithm 1)."""
        self.n_updates += 1
        t = checked_time_step(t, epoch, step) or self.n_updates
        opt = one_of("opt", opt, LEARNING_RATES)
        for name, w in self.params.items():
            dw = self.gradients[name]
            if opt == "SGD":
                w -= lr * dw
            elif opt == "Momentum":
                velocity = self._moment("velocity", name)
                velocity *= b1
                velocity -= lr * dw
                w += velocity
            else:
                m, v = self._moment("m", name), self._moment("v", name)
                m *= b1
                m += (1 - b1) * dw
                v *= b2
                v += (1 - b2) * dw**2
                w -= lr * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + eps)

    def fit(
        self,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        *,
        seed: int | None = None,
        X_val: npt.ArrayLike | None = None,
        y_val: npt.ArrayLike | None = None,
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
            self,
            X,
            y,
            Settings(**settings),
            seed=seed,
            X_val=X_val,
            y_val=y_val,
            progress=progress,
            callbacks=callbacks,
        )

    def _run_epoch(
        self,
        X: np.ndarray,
        y: np.ndarray,
        order: np.ndarray,
        settings: Settings,
        rate: float,
        time_step: int | None,
        advance: Advance,
    ) -> tuple[float, float]:
        """The three calls for each batch of X[order]; gives the mean loss and the accuracy of a row."""
        rates = (rate, settings.beta1, settings.beta2, settings.epsilon, settings.optimizer, time_step)
        loss, n_correct = 0.0, 0
        for batch, start in enumerate(range(0, len(order), settings.batch_size), 1):
            rows = order[start : start + settings.batch_size]
            scores = self.forward(X[rows])
            n_correct += int(np.count_nonzero(scores.argmax(axis=1) == y[rows]))
            batch_loss = self.backward(y[rows], settings.regularization)
            if not math.isfinite(batch_loss):
                raise DivergenceError(batch, rate)
            self.update(*rates)
            loss += batch_loss * len(rows)
            advance(1)
        if not all(np.isfinite(array).all() for array in self.params.values()):
            raise DivergenceError(0, rate)
        return loss / len(order), n_correct / len(order)

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Probabilities (n_rows, n_classes) by `forward`; the batch for `backward` stays what it was."""
        return self._apart(X)[0]

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Most probable class of each row of X, (n_rows,), by `predict_proba`."""
        return self.predict_proba(X).argmax(axis=1)

    def evaluate(self, X: np.ndarray, y: np.ndarray, reg: float = 0.0) -> tuple[float, float]:
        """Loss as `backward` returns it, and accuracy of `predict`, on X, y."""
        scores, logits = self._apart(X)
        # another pass through the network only for those who have a prediction of their own
        classes = self.predict(X) if any(_PREDICTION.replaced(self)) else scores.argmax(axis=1)
        y = np.ravel(y)
        return self.cross_entropy(logits, y) + l2_penalty(self.params, reg), float((classes == y).mean())

    def score(self, X: np.ndarray, y: np.ndarray) -> float:
        """Accuracy of `predict` on X, y, by `evaluate`."""
        return self.evaluate(X, y)[1]

    def _apart(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What `forward` gives, and its logits; the batch for `backward` stays what it was."""
        batch = self.outputs, self.logits
        try:
            return self.forward(X), self.logits
        finally:
            self.outputs, self.logits = batch

    def snapshot(self) -> dict[str, Any]:
        """Copies of all that training changes."""
        return copy.deepcopy({"params": self.params, "moments": self.moments, "n_updates": self.n_updates})

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Go back to a snapshot."""
        self.__dict__.update(copy.deepcopy(snapshot))

    def _check_finite(self, name: str, X: np.ndarray, order: np.ndarray | None = None) -> None:
        """Nothing: see the class."""

    def _back_up(self) -> None:
        """Take a snapshot for `_roll_back`."""
        self._backup = self.snapshot()

    def _roll_back(self) -> None:
        """Go back to where `_back_up` was called last."""
        self.restore(self._backup)

    def _forget_batch(self) -> None:
        """Drop the last batch and its gradients."""
        self.outputs = {}
        self.gradients = {}

    def _layer_inputs(self, X: np.ndarray) -> list[np.ndarray] | None:
        """What enters each layer for these rows; None where a subclass has other `outputs`."""
        self.forward(X)
        names = ("X", *(f"h{i}" for i in range(1, self.num_layers)))
        inputs = [h for name in names if isinstance(h := self.outputs.get(name), np.ndarray) and h.ndim == 2]
        return inputs if len(inputs) == len(names) else None

    def _moment(self, kind: str, name: str) -> np.ndarray:
        moments = self.moments.setdefault(kind, {})
        if name not in moments:
            moments[name] = np.zeros_like(self.params[name])
        return moments[name]


_LINEAR_GRAD = Functions.linear_grad
_PREDICTION = Originals(NeuralNetwork, ("predict", "predict_proba"))
