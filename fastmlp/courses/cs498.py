"""Other editions of the assignment's class, the first one, an earlier and a later one."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from fastmlp.courses.base import CourseNetwork, unused
from fastmlp.courses.passes import Pass, shape_to_keep
from fastmlp.courses.stanford import ScoresOrLoss, SelfTraining, guarded
from fastmlp.engine.parameters import initialize
from fastmlp.functions import activations, losses
from fastmlp.functions.optimizers import OPTIMIZERS, checked_optimizer
from fastmlp.interface.calls import public
from fastmlp.interface.overrides import BACKWARD, FORWARD, OR_CALL, refusal
from fastmlp.validation import boolean, layer_sizes, number, one_of


class _Edition(CourseNetwork):
    """The weights are drawn as all editions draw them, see `fastmlp.NeuralNetwork`."""

    linear = staticmethod(activations.linear)
    linear_grad = staticmethod(activations.linear_grad)
    relu = staticmethod(activations.relu)
    relu_grad = staticmethod(activations.relu_grad)
    softmax = staticmethod(activations.softmax)
    softmax_grad = staticmethod(losses.softmax_grad)
    cross_entropy = staticmethod(losses.cross_entropy)


# The names of the first edition's activations, and those here.
_NONLINEARITIES = {"relu": "relu", "sigmoid": "logistic"}


def _draw(params: Any, generator: Any) -> None:
    initialize(params, "assignment", generator)


@guarded
@public
class FirstNeuralNetwork(SelfTraining):
    """The first edition, of 2018/19, whose `loss`, `train` and `predict` are those of CS231n's older `TwoLayerNet`.

    Parameters
    ----------
    input_size, hidden_sizes, output_size, num_layers, dtype, n_threads, seed
        See `fastmlp.NeuralNetwork`.
    nonlinearity : {"relu", "sigmoid"}
        The activation of the hidden layers.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp.courses import FirstNeuralNetwork
    >>> np.random.seed(0)
    >>> net = FirstNeuralNetwork(4, [10], 3, 2, nonlinearity="sigmoid")
    >>> X, y = 10 * np.eye(4), np.array([0, 1, 2, 2])
    >>> stats = net.train(X, y, X, y, learning_rate=1.0, num_iters=100, batch_size=4)
    >>> net.predict(X).tolist(), stats["loss_history"][-1] < 0.1
    ([0, 1, 2, 2], True)
    """

    nonlinearity = unused("nonlinearity", "pass it where the network is made")
    reg = unused("reg", "pass it to loss and train")

    def __init__(
        self,
        input_size: int,
        hidden_sizes: Iterable[int],
        output_size: int,
        num_layers: int | None = None,
        nonlinearity: str = "relu",
        *,
        dtype: npt.DTypeLike | None = None,
        n_threads: int | None = None,
        seed: int | None = None,
    ):
        sizes = layer_sizes(input_size, hidden_sizes, output_size, num_layers)
        activation = _NONLINEARITIES[one_of("nonlinearity", nonlinearity, _NONLINEARITIES)]
        self._start(sizes, _draw, dtype=dtype, n_threads=n_threads, seed=seed, activation=activation)

    def loss(self, X: npt.ArrayLike, y: npt.ArrayLike | None = None, reg: float = 0.0) -> ScoresOrLoss:
        """Scores of the classes, or the loss and its gradients.

        Parameters
        ----------
        X : array_like (n_rows, input_size)
        y : array_like (n_rows,), optional
            Labels from 0 to output_size - 1.
        reg : float
            Strength of the L2 regularisation of the weights.

        Returns
        -------
        ndarray (n_rows, output_size)
            Scores, where y is not given.
        (float, dict of ndarray)
            Else mean cross-entropy plus `0.5 * reg * sum(W**2)`, and its gradients by the names of the parameters.

        Raises
        ------
        TypeError, ValueError
            If an argument is not what it must be.
        """
        return self._loss(X, y, self._strength(reg))


@public
class EarlierNeuralNetwork(_Edition):
    """The edition whose `backward` runs forward, back-propagates and applies the update of SGD.

    Where `forward` was just called with the same array, `backward` does not compute it again, if it is quicker to make
    sure that neither the array nor a parameter has changed since: they are compared with copies, bit by bit.

    Parameters
    ----------
    input_size, hidden_sizes, output_size, num_layers, dtype, n_threads, seed
        See `fastmlp.NeuralNetwork`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp.courses import EarlierNeuralNetwork
    >>> net = EarlierNeuralNetwork(4, [10], 3, 2, seed=0)
    >>> X, y = np.eye(4), np.array([0, 1, 2, 2])
    >>> losses = [net.backward(X, y, lr=0.5) for _ in range(100)]
    >>> losses[-1] < 0.1 * losses[0], net.forward(X).argmax(axis=1).tolist()
    (True, [0, 1, 2, 2])
    """

    reg = unused("reg", "pass it to backward")

    # the shape of the batch that was trained on last, where a pass of such a one is kept
    _kept_shape: tuple[int, ...] | None = None
    _pass: Pass | None = None

    def __init__(
        self,
        input_size: int,
        hidden_sizes: Iterable[int],
        output_size: int,
        num_layers: int | None = None,
        *,
        dtype: npt.DTypeLike | None = None,
        n_threads: int | None = None,
        seed: int | None = None,
    ):
        sizes = layer_sizes(input_size, hidden_sizes, output_size, num_layers)
        self._start(sizes, _draw, dtype=dtype, n_threads=n_threads, seed=seed)

    def __getstate__(self) -> dict[str, Any]:
        # without the pass, since the engine's copy has none
        return {name: value for name, value in self.__dict__.items() if name != "_pass"}

    def forward(self, X: npt.ArrayLike) -> np.ndarray:
        """Probabilities (n_rows, output_size) of the rows of X (n_rows, input_size), a fresh array.

        Raises
        ------
        TypeError, ValueError
            If X is not real or not of that shape.
        """
        _check_earlier_forward(self)
        self._pass = None
        # rows of another shape, as to validate with thousands of them, are not copied
        if self._kept_shape is None or shape_to_keep(self._engine, X) != self._kept_shape:
            return self._engine.forward(X)
        kept = Pass.about_to_start(self._engine, X)
        outputs = self._engine.forward(kept.rows)
        self._pass = kept
        return outputs

    def backward(self, X: npt.ArrayLike, y: npt.ArrayLike, lr: float, reg: float = 0.0) -> float:
        """Train on one batch: w -= lr * dloss/dw.

        Parameters
        ----------
        X : array_like (n_rows, input_size)
        y : array_like (n_rows,)
            Labels from 0 to output_size - 1.
        lr : float
            Learning rate.
        reg : float
            Strength of the L2 regularisation of the weights.

        Returns
        -------
        float
            Mean cross-entropy plus `0.5 * reg * sum(W**2)`, before the update.

        Raises
        ------
        TypeError, ValueError
            If an argument is not what it must be; the parameters are as before then.
        """
        _check_earlier_backward(self)
        lr, reg = number("lr", lr), number("reg", reg)
        last, self._pass = self._pass, None
        if last is None or not last.is_valid(self._engine, X):
            self._engine.forward(X)
        self._kept_shape = shape_to_keep(self._engine, X)
        loss = self._engine.backward(y, reg)
        self._engine.apply(checked_optimizer("SGD", 0, 0, 0), lr)
        return loss


@public
class LaterNeuralNetwork(_Edition):
    """The edition for regression: logistic outputs, mean squared error, and an optimiser of its own.

    Parameters
    ----------
    input_size, hidden_sizes, output_size, num_layers
        See `fastmlp.NeuralNetwork`.
    opt : str
        What `update` does where it is not given another, see `fastmlp.NeuralNetwork.update`.
    half : bool
        Whether the loss is half the mean of the squares, as one edition has it.
    dtype, n_threads, seed
        See `fastmlp.NeuralNetwork`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp.courses import LaterNeuralNetwork
    >>> net = LaterNeuralNetwork(2, [30], 1, 2, "Adam", seed=0)
    >>> X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> for _ in range(500):
    ...     outputs = net.forward(X)
    ...     loss = net.backward([[0], [1], [1], [0]])
    ...     net.update(lr=0.05)
    >>> net.forward(X).round().ravel().tolist()
    [0.0, 1.0, 1.0, 0.0]
    """

    half = unused("half", "pass it where the network is made")
    reg = unused("reg", "this edition has no regularisation")

    def __init__(
        self,
        input_size: int,
        hidden_sizes: Iterable[int],
        output_size: int,
        num_layers: int | None = None,
        opt: str = "SGD",
        *,
        half: bool = False,
        dtype: npt.DTypeLike | None = None,
        n_threads: int | None = None,
        seed: int | None = None,
    ):
        sizes = layer_sizes(input_size, hidden_sizes, output_size, num_layers)
        self.opt = one_of("opt", opt, OPTIMIZERS)
        loss = "half_squared_error" if boolean("half", half) else "squared_error"
        self._start(sizes, _draw, dtype=dtype, n_threads=n_threads, seed=seed, loss=loss, output="logistic")

    def forward(self, X: npt.ArrayLike) -> np.ndarray:
        """Outputs (n_rows, output_size) of the rows of X (n_rows, input_size), a fresh array of the network's dtype.

        Raises
        ------
        TypeError, ValueError
            If X is not real or not of that shape.
        """
        _check_later_forward(self)
        return self._engine.forward(X)

    # the edition's helpers, on plain arrays
    sigmoid = staticmethod(activations.logistic)

    @staticmethod
    def sigmoid_grad(X: np.ndarray) -> np.ndarray:
        """Derivative of `sigmoid` at X, in the shape of X."""
        return activations.logistic_grad(activations.logistic(X))

    @staticmethod
    def mse(y: np.ndarray, p: np.ndarray) -> float:
        """Mean squared difference of targets y and outputs p, both (n_rows, n_outputs)."""
        return float(np.mean(np.square(_difference(y, p))))

    @staticmethod
    def mse_grad(y: np.ndarray, p: np.ndarray) -> np.ndarray:
        """Gradient (n_rows, n_outputs) of `mse(y, p)` with respect to p."""
        difference = _difference(y, p)
        return 2 * difference / difference.size

    @staticmethod
    def mse_sigmoid_grad(y: np.ndarray, p: np.ndarray) -> np.ndarray:
        """Gradient (n_rows, n_outputs) of `mse(y, p)` with respect to the sums z, where p = sigmoid(z)."""
        return LaterNeuralNetwork.mse_grad(y, p) * activations.logistic_grad(np.asarray(p))

    def backward(self, y: npt.ArrayLike) -> float:
        """Compute the loss of the batch last given to `forward`, and its gradients.

        Parameters
        ----------
        y : array_like (n_rows, output_size)
            Targets.

        Returns
        -------
        float
            Mean of (outputs - y)**2 over rows and outputs, or half of it.

        Raises
        ------
        RuntimeError
            Without a `forward` before.
        TypeError, ValueError
            If y has another shape or is not finite.
        """
        _check_later_backward(self)
        return self._engine.backward(y, 0.0)

    def update(
        self, lr: float = 0.001, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8, opt: str | None = None
    ) -> None:
        """Apply the gradients of the last `backward`.

        Parameters
        ----------
        lr : float
            Learning rate.
        b1, b2, eps : float
            Adam's, as in `fastmlp.NeuralNetwork.update`; its time step is the number of updates so far.
        opt : str, optional
            The optimiser of this update, as in `fastmlp.NeuralNetwork.update`; by default the network's own.

        Raises
        ------
        RuntimeError
            Without gradients.
        TypeError, ValueError
            If a number is not finite or out of its range, or the optimiser unknown.
        """
        optimizer = checked_optimizer(self.opt if opt is None else opt, b1, b2, eps)
        self._engine.apply(optimizer, number("lr", lr))


def _difference(y: Any, p: Any) -> np.ndarray:
    """p - y; other shapes than the same would be stretched to a table of all pairs."""
    targets, outputs = np.asarray(y), np.asarray(p)
    if targets.shape != outputs.shape:
        raise ValueError(f"y and p must have the same shape, got {targets.shape} and {outputs.shape}")
    return outputs - targets


_NOBODY = "no network of fastmlp with these outputs calls it"
_check_earlier_forward = refusal(EarlierNeuralNetwork, "forward", FORWARD)
_check_earlier_backward = refusal(EarlierNeuralNetwork, "backward", FORWARD | BACKWARD | {"forward": OR_CALL})
_check_later_forward = refusal(LaterNeuralNetwork, "forward", dict.fromkeys(("linear", "relu", "sigmoid"), _NOBODY))
_check_later_backward = refusal(
    LaterNeuralNetwork,
    "backward",
    dict.fromkeys(("linear_grad", "relu_grad", "sigmoid_grad", "mse", "mse_grad", "mse_sigmoid_grad"), _NOBODY),
)
