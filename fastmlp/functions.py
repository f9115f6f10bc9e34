"""The tables of activations, losses and optimisers, and their functions in NumPy.

A row has the name that users give, the kernels' code for it, and its functions in NumPy, which `fastmlp.reference`
computes with and which the kernels are tested against. Rows are samples: X (n_rows, n_in), W (n_in, n_out),
b (n_out,).
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from fastmlp.sums import mean_of_rows, sum_rows
from fastmlp.validation import MIN_EPSILON, class_labels, number, one_of, real_targets


def linear(W: np.ndarray, X: np.ndarray, b: np.ndarray) -> np.ndarray:
    """X @ W + b, of shape (n_rows, n_out)."""
    return X @ W + b


def linear_grad(W: np.ndarray, X: np.ndarray, dout: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gradients (dW, db, dX) of a loss through `linear`, from its gradient dout (n_rows, n_out)."""
    return X.T @ dout, dout.sum(axis=0), dout @ W.T


def identity(X: np.ndarray) -> np.ndarray:
    """X itself."""
    return X


def identity_grad(h: np.ndarray) -> np.ndarray:
    """Derivative of `identity`: 1."""
    return np.ones_like(h)


def relu(X: np.ndarray) -> np.ndarray:
    """max(X, 0); NaN stays NaN."""
    return np.maximum(X, 0)


def relu_grad(X: np.ndarray) -> np.ndarray:
    """Derivative of `relu`: 1 where X > 0, else 0; of X's own type where that is a floating one."""
    X = np.asarray(X)
    return (X > 0).astype(X.dtype if X.dtype.kind == "f" else np.float64)


def logistic(X: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-X)), by way of exp(-abs(X)), which cannot overflow."""
    term = np.exp(-np.abs(X))
    return np.where(np.asarray(X) >= 0, 1, term) / (1 + term)


def logistic_grad(h: np.ndarray) -> np.ndarray:
    """Derivative of `logistic` where its value is h: h * (1 - h)."""
    return h * (1 - h)


def tanh(X: np.ndarray) -> np.ndarray:
    """Hyperbolic tangent."""
    return np.tanh(X)


def tanh_grad(h: np.ndarray) -> np.ndarray:
    """Derivative of `tanh` where its value is h: 1 - h**2."""
    return 1 - h**2


def leaky_relu(X: np.ndarray) -> np.ndarray:
    """X where X > 0, else 0.01 X (Maas, Hannun and Ng, Rectifier Nonlinearities Improve Acoustic Models, 2013)."""
    return np.where(np.asarray(X) < 0, np.multiply(X, 0.01), X)


def leaky_relu_grad(h: np.ndarray) -> np.ndarray:
    """Derivative of `leaky_relu` where its value is h: 1 where h > 0, else 0.01."""
    return np.where(h > 0, np.ones_like(h), np.full_like(h, 0.01))


def elu(X: np.ndarray) -> np.ndarray:
    """X where X > 0, else exp(X) - 1 (Clevert, Unterthiner and Hochreiter, Exponential Linear Units, 2016)."""
    return np.where(np.asarray(X) < 0, np.expm1(np.minimum(X, 0)), X)


def elu_grad(h: np.ndarray) -> np.ndarray:
    """Derivative of `elu` where its value is h: 1 where h > 0, else h + 1."""
    return np.where(h > 0, np.ones_like(h), h + 1)


def _normal_distribution(X: np.ndarray) -> np.ndarray:
    from scipy.special import erf  # slow to import

    return (1 + erf(X / math.sqrt(2))) / 2


def gelu(X: np.ndarray) -> np.ndarray:
    """X times the normal distribution function of X (Hendrycks and Gimpel, Gaussian Error Linear Units, 2016)."""
    with np.errstate(invalid="ignore"):
        return X * _normal_distribution(X)


def gelu_grad(X: np.ndarray) -> np.ndarray:
    """Derivative of `gelu` at X: the normal distribution function, and X times the density."""
    return _normal_distribution(X) + X * (np.exp(-(X**2) / 2) / math.sqrt(2 * math.pi))


def gelu_tanh(X: np.ndarray) -> np.ndarray:
    """The approximation of `gelu` by (1 + tanh(sqrt(2 / pi) (X + 0.044715 X**3))) X / 2, of the same paper."""
    with np.errstate(invalid="ignore", over="ignore"):
        return X * logistic(math.sqrt(8 / math.pi) * (X + 0.044715 * X**3))


def gelu_tanh_grad(X: np.ndarray) -> np.ndarray:
    """Derivative of `gelu_tanh` at X."""
    X = np.clip(X, -24, 24)  # beyond, it is 0 or 1
    h = logistic(math.sqrt(8 / math.pi) * (X + 0.044715 * X**3))
    return h + X * h * (1 - h) * math.sqrt(8 / math.pi) * (1 + 3 * 0.044715 * X**2)


def silu(X: np.ndarray) -> np.ndarray:
    """X * logistic(X) (Elfwing, Uchibe and Doya, Sigmoid-Weighted Linear Units, 2018)."""
    with np.errstate(invalid="ignore"):
        return X * logistic(X)


def silu_grad(X: np.ndarray) -> np.ndarray:
    """Derivative of `silu` at X: h + X h (1 - h) with h = logistic(X)."""
    h = logistic(X)
    return h + X * h * (1 - h)


def softmax(X: np.ndarray) -> np.ndarray:
    """exp(X) / sum(exp(X)) of each row of scores X (n_rows, n_classes)."""
    shifted = np.exp(X - np.max(X, axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def cross_entropy(X: np.ndarray, y: np.ndarray) -> float:
    """Mean of -log(softmax(X)[i, y[i]]) over the rows of scores X (n_rows, n_classes), labels y (n_rows,)."""
    shifted = X - np.max(X, axis=1, keepdims=True)
    log_sums = np.log(np.exp(shifted).sum(axis=1))
    return float(np.mean(log_sums - shifted[np.arange(len(y)), y]))


def softmax_grad(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Gradient of `cross_entropy(X, y)` with respect to the scores: (softmax(X) - one_hot(y)) / n_rows."""
    grad = softmax(X)
    grad[np.arange(len(y)), y] -= 1
    return grad / len(y)


def squared_error(outputs: np.ndarray, y: np.ndarray) -> float:
    """Mean of (outputs - y)**2 over rows and outputs, both (n_rows, n_out)."""
    return float(np.mean(np.square(outputs - y)))


def squared_error_grad(outputs: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Gradient of `squared_error` with respect to the outputs."""
    return 2 * (outputs - y) / outputs.size


def half_squared_error(outputs: np.ndarray, y: np.ndarray) -> float:
    """Half of `squared_error`."""
    return 0.5 * squared_error(outputs, y)


def half_squared_error_grad(outputs: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Gradient of `half_squared_error` with respect to the outputs."""
    return (outputs - y) / outputs.size


def accuracy(classes: np.ndarray, y: np.ndarray) -> float:
    """Share of the rows whose class (n_rows,) is their label y (n_rows,)."""
    return int(np.count_nonzero(classes == y)) / len(y)


def r2(outputs: np.ndarray, y: np.ndarray) -> float:
    """Coefficient of determination, 1 - sum((outputs - y)**2) / sum((y - y.mean())**2), the mean of all outputs'.

    Both are (n_rows, n_out), or (n_rows,) for one output. Of an output whose targets are all the same it is 1 where it
    is exact, else 0, as in scikit-learn's `r2_score`.
    """
    outputs, y = (np.asarray(array, np.float64).reshape(len(y), -1) for array in (outputs, y))
    with np.errstate(over="ignore", invalid="ignore"):
        return _mean_r2(sum_rows(np.square(outputs - y)), y)


def _mean_r2(errors: np.ndarray, y: np.ndarray) -> float:
    """R2 from the sums of squared errors (n_out,)."""
    spreads = sum_rows(np.square(y - mean_of_rows(y)))
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        return float(mean_of_rows(np.where(spreads > 0, 1 - errors / spreads, errors == 0)))


class Activation(NamedTuple):
    """An activation: its value for a layer's sums, and its derivative given that value; None: for outputs only.

    Where it is `of_sums`, the derivative is given the sums instead, since two of them may have the same value.
    """

    name: str
    code: int
    value: Callable[[np.ndarray], np.ndarray]
    derivative: Callable[[np.ndarray], np.ndarray] | None
    of_sums: bool = False


class Loss(NamedTuple):
    """A loss, and the score that goes with it.

    Attributes
    ----------
    activations : tuple of str
        The output activations that it can be used with, the default first.
    value, gradient : callable
        The mean loss of outputs and y, and its gradient with respect to the outputs. Where the loss is `fused` with the
        output activation, both take the sums before that instead, which is stable for large sums.
    of_classes : bool
        Whether y are class labels (n_rows,); else y are numbers (n_rows, n_outputs).
    score_name : str
        What is reported beside the loss; larger is better, 1 is perfect.
    score : callable
        The score of predictions and y.
    summed_score : callable
        The score for y[order] from the kernels' sums over these rows: the number of correct rows (1,), or the squared
        errors (n_outputs,).
    check : callable
        Checks the argument of this name and converts it as the kernels need it, for n_rows, n_outputs and a dtype.
    content : str
        What y must be, for error messages.
    """

    name: str
    code: int
    activations: tuple[str, ...]
    fused: bool
    value: Callable[[np.ndarray, np.ndarray], float]
    gradient: Callable[[np.ndarray, np.ndarray], np.ndarray]
    of_classes: bool
    score_name: str
    score: Callable[[np.ndarray, np.ndarray], float]
    summed_score: Callable[[np.ndarray, np.ndarray, np.ndarray], float]
    check: Callable[..., np.ndarray]
    content: str


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
    """An optimiser with its options, checked; `fastmlp.NeuralNetwork.update` says what they mean."""

    name: str
    beta1: float
    beta2: float
    epsilon: float
    weight_decay: float
    rho: float

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
    w -= learning_rate * m_hat / (np.sqrt(v_hat) + options.epsilon)


def _adamw(
    w: np.ndarray, dw: np.ndarray, moments: Sequence[np.ndarray], learning_rate: float, options: Optimizer, t: int
) -> None:
    """Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019, algorithm 2; all parameters decay."""
    w -= learning_rate * options.weight_decay * w
    _adam(w, dw, moments, learning_rate, options, t)


def _labels(name: str, y: np.ndarray, n_rows: int, n_outputs: int, dtype: np.dtype) -> np.ndarray:
    return class_labels(name, y, n_rows, n_outputs)


def _summed_accuracy(n_correct: np.ndarray, y: np.ndarray, order: np.ndarray) -> float:
    return float(n_correct[0]) / len(order)


def _summed_r2(errors: np.ndarray, y: np.ndarray, order: np.ndarray) -> float:
    return _mean_r2(errors, np.asarray(y[order], np.float64))


ACTIVATIONS = {
    row.name: row
    for row in (
        Activation("identity", 0, identity, identity_grad),
        Activation("relu", 1, relu, relu_grad),
        Activation("logistic", 2, logistic, logistic_grad),
        Activation("softmax", 3, softmax, None),
        Activation("tanh", 4, tanh, tanh_grad),
        Activation("leaky_relu", 5, leaky_relu, leaky_relu_grad),
        Activation("elu", 6, elu, elu_grad),
        Activation("gelu", 7, gelu, gelu_grad, of_sums=True),
        Activation("gelu_tanh", 8, gelu_tanh, gelu_tanh_grad, of_sums=True),
        Activation("silu", 9, silu, silu_grad, of_sums=True),
    )
}
HIDDEN_ACTIVATIONS = tuple(name for name, row in ACTIVATIONS.items() if row.derivative is not None)

_CLASSES: dict[str, Any] = {
    "of_classes": True,
    "score_name": "accuracy",
    "score": accuracy,
    "summed_score": _summed_accuracy,
    "check": _labels,
    "content": "integer labels",
}
_TARGETS: dict[str, Any] = {
    "of_classes": False,
    "score_name": "R2",
    "score": r2,
    "summed_score": _summed_r2,
    "check": real_targets,
    "content": "real numbers",
}
LOSSES = {
    row.name: row
    for row in (
        Loss("cross_entropy", 0, ("softmax",), True, cross_entropy, softmax_grad, **_CLASSES),
        Loss("squared_error", 1, HIDDEN_ACTIVATIONS, False, squared_error, squared_error_grad, **_TARGETS),
        Loss(
            "half_squared_error", 2, HIDDEN_ACTIVATIONS, False, half_squared_error, half_squared_error_grad, **_TARGETS
        ),
    )
}

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


_WITHOUT_OPTIONS = {name: Optimizer(name, *[0.0] * 5) for name, row in OPTIMIZERS.items() if not row.options}


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
    name = one_of("opt", opt, OPTIMIZERS)
    if name in _WITHOUT_OPTIONS:
        return _WITHOUT_OPTIONS[name]
    return Optimizer(name, *checked_options(b1, b2, eps, weight_decay, rho, ("b1", "b2", "eps")))
