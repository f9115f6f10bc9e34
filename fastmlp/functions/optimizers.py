"""The table of optimisers, and their steps in NumPy; a row is as in `fastmlp.functions.activations`."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from fastmlp.validation import MIN_EPSILON, number, one_of


class OptimizerRow(NamedTuple):
    """An optimiser.

    Attributes
    ----------
    n_moments : int
        Number of moments that it keeps for each parameter.
    learning_rate : float
        The default.
    options : tuple of str
        The fields of `Optimizer` that it uses.
    step : callable
        Update w and the moments in place, for the gradient dw, the learning rate, the options and the time step.
    """

    name: str
    code: int
    n_moments: int
    learning_rate: float
    options: tuple[str, ...]
    step: Callable[[np.ndarray, np.ndarray, Sequence[np.ndarray], float, "Optimizer", int], None]


class Optimizer(NamedTuple):
    """An optimiser with its options, checked; `fastmlp.NeuralNetwork.update` says what they mean.

    With `epsilon_hat`, Adam adds epsilon before it corrects the second moment, in the form that ends section 2 of its
    paper, as scikit-learn does.
    """

    name: str
    beta1: float
    beta2: float
    epsilon: float
    weight_decay: float
    rho: float
    epsilon_hat: bool = False

    @property
    def row(self) -> OptimizerRow:
        """The optimiser's row of `OPTIMIZERS`."""
        return OPTIMIZERS[self.name]

    @property
    def options(self) -> tuple[float, ...]:
        """The options in the order of the kernels' `set_options`."""
        return self[1:]


def _sgd(
    w: np.ndarray, dw: np.ndarray, moments: Sequence[np.ndarray], learning_rate: float, options: Optimizer, t: int
) -> None:
    w -= learning_rate * dw


def _momentum(
    w: np.ndarray, dw: np.ndarray, moments: Sequence[np.ndarray], learning_rate: float, options: Optimizer, t: int
) -> None:
    """Sutskever et al., On the importance of initialization and momentum in deep learning, 2013, equations 1 and 2."""
    (velocity,) = moments
    velocity *= options.beta1
    velocity -= learning_rate * dw
    w += velocity


def _nesterov(
    w: np.ndarray, dw: np.ndarray, moments: Sequence[np.ndarray], learning_rate: float, options: Optimizer, t: int
) -> None:
    """Bengio, Boulanger-Lewandowski and Pascanu, Advances in Optimizing Recurrent Networks, 2013, equation 7."""
    _momentum(w.copy(), dw, moments, learning_rate, options, t)
    w += options.beta1 * moments[0] - learning_rate * dw


def _rmsprop(
    w: np.ndarray, dw: np.ndarray, moments: Sequence[np.ndarray], learning_rate: float, options: Optimizer, t: int
) -> None:
    """Tieleman and Hinton, Neural Networks for Machine Learning, 2012, lecture 6.5."""
    (squares,) = moments
    squares *= options.rho
    squares += (1 - options.rho) * dw**2
    w -= learning_rate * dw / (np.sqrt(squares) + options.epsilon)


def _adam(
    w: np.ndarray, dw: np.ndarray, moments: Sequence[np.ndarray], learning_rate: float, options: Optimizer, t: int
) -> None:
    """Kingma and Ba, Adam: A Method for Stochastic Optimization, 2015, algorithm 1."""
    m, v = moments
    m *= options.beta1
    m += (1 - options.beta1) * dw
    v *= options.beta2
    v += (1 - options.beta2) * dw**2
    m_hat, v_hat = m / (1 - options.beta1**t), v / (1 - options.beta2**t)
    epsilon = options.epsilon / np.sqrt(1 - options.beta2**t) if options.epsilon_hat else options.epsilon
    w -= learning_rate * m_hat / (np.sqrt(v_hat) + epsilon)


def _adamw(
    w: np.ndarray, dw: np.ndarray, moments: Sequence[np.ndarray], learning_rate: float, options: Optimizer, t: int
) -> None:
    """Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019, algorithm 2; all parameters decay."""
    w -= learning_rate * options.weight_decay * w
    _adam(w, dw, moments, learning_rate, options, t)


_ADAM_OPTIONS = ("beta1", "beta2", "epsilon")

OPTIMIZERS = {
    row.name: row
    for row in (
        OptimizerRow("SGD", 0, 0, 0.05, (), _sgd),
        OptimizerRow("Momentum", 1, 1, 0.01, ("beta1",), _momentum),
        OptimizerRow("Nesterov", 4, 1, 0.01, ("beta1",), _nesterov),
        OptimizerRow("Adam", 2, 2, 0.001, _ADAM_OPTIONS, _adam),
        OptimizerRow("AdamW", 3, 2, 0.001, (*_ADAM_OPTIONS, "weight_decay"), _adamw),
        OptimizerRow("RMSprop", 5, 1, 0.001, ("rho", "epsilon"), _rmsprop),
    )
}

# The optimiser of `fit` alone that takes all rows at once, see `fastmlp.lbfgs`; those of the table take batches.
LBFGS = "lbfgs"

_WITHOUT_OPTIONS = {
    name: Optimizer(name, 0.0, 0.0, 0.0, 0.0, 0.0) for name, row in OPTIMIZERS.items() if not row.options
}


def of_batches(argument: str, optimizer: str) -> str:
    """The name of an optimiser that takes batches."""
    if isinstance(optimizer, str) and optimizer.lower() == LBFGS:
        raise ValueError(
            f"{argument} must be one that takes batches, got {optimizer!r}, which takes all rows: call fit"
        )
    return one_of(argument, optimizer, OPTIMIZERS)


def checked_options(
    beta1: float,
    beta2: float,
    epsilon: float,
    weight_decay: float,
    rho: float,
    names: tuple[str, str, str] = ("beta1", "beta2", "epsilon"),
) -> tuple[float, float, float, float, float]:
    """An optimiser's options, checked; `names` are what the caller's user calls the first three."""
    return (
        number(names[0], beta1, 0, 1, open_high=True),
        number(names[1], beta2, 0, 1, open_high=True),
        number(names[2], epsilon, MIN_EPSILON),
        number("weight_decay", weight_decay, 0),
        number("rho", rho, 0, 1, open_high=True),
    )


def checked_optimizer(
    opt: str, b1: float, b2: float, eps: float, weight_decay: float = 0.01, rho: float = 0.9
) -> Optimizer:
    """The optimiser of an `update` with the assignment's names.

    Raises
    ------
    TypeError, ValueError
        If there is no such optimiser, or an option that it takes is not finite or out of its range.
    """
    name = of_batches("opt", opt)
    if name in _WITHOUT_OPTIONS:
        return _WITHOUT_OPTIONS[name]
    return Optimizer(name, *checked_options(b1, b2, eps, weight_decay, rho, ("b1", "b2", "eps")))
