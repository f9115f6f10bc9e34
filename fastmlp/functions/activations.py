"""The table of activations, and the functions of a layer in NumPy.

A row has the name that users give, the kernels' code for it, its functions in NumPy, which `fastmlp.reference`
computes with and which the kernels are tested against, and its operators in an ONNX graph. Rows are samples:
X (n_rows, n_in), W (n_in, n_out), b (n_out,).
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

LEAKY_SLOPE = 0.01
# Those of the approximation of "gelu"; 1 + tanh(x) is twice the logistic function of 2 x.
GELU_SCALE, GELU_CUBE = math.sqrt(8 / math.pi), 0.044715


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


def leaky_relu(X: np.ndarray) -> np.ndarray:
    """X where X > 0, else 0.01 X (Maas, Hannun and Ng, Rectifier Nonlinearities Improve Acoustic Models, 2013)."""
    return np.where(np.asarray(X) < 0, np.multiply(X, LEAKY_SLOPE), X)


def leaky_relu_grad(h: np.ndarray) -> np.ndarray:
    """Derivative of `leaky_relu` where its value is h: 1 where h > 0, else 0.01."""
    return np.where(h > 0, np.ones_like(h), np.full_like(h, LEAKY_SLOPE))


def elu(X: np.ndarray) -> np.ndarray:
    """X where X > 0, else exp(X) - 1 (Clevert, Unterthiner and Hochreiter, Exponential Linear Units, 2016)."""
    return np.where(np.asarray(X) < 0, np.expm1(np.minimum(X, 0)), X)


def elu_grad(h: np.ndarray) -> np.ndarray:
    """Derivative of `elu` where its value is h: 1 where h > 0, else h + 1."""
    return np.where(h > 0, np.ones_like(h), h + 1)


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
        return X * logistic(GELU_SCALE * (X + GELU_CUBE * X**3))


def gelu_tanh_grad(X: np.ndarray) -> np.ndarray:
    """Derivative of `gelu_tanh` at X."""
    X = np.clip(X, -24, 24)  # beyond, it is 0 or 1
    h = logistic(GELU_SCALE * (X + GELU_CUBE * X**3))
    return h + X * h * (1 - h) * GELU_SCALE * (1 + 3 * GELU_CUBE * X**2)


def silu(X: np.ndarray) -> np.ndarray:
    """X * logistic(X) (Elfwing, Uchibe and Doya, Sigmoid-Weighted Linear Units, 2018)."""
    with np.errstate(invalid="ignore"):
        return X * logistic(X)


def silu_grad(X: np.ndarray) -> np.ndarray:
    """Derivative of `silu` at X: h + X h (1 - h) with h = logistic(X)."""
    h = logistic(X)
    return h + X * h * (1 - h)


def exponential(X: np.ndarray) -> np.ndarray:
    """exp(X)."""
    with np.errstate(over="ignore"):
        return np.exp(X)


def softmax(X: np.ndarray) -> np.ndarray:
    """exp(X) / sum(exp(X)) of each row of scores X (n_rows, n_classes)."""
    shifted = np.exp(X - np.max(X, axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


# ONNX Runtime has LeakyRelu, Elu and Gelu for float32 only; of these operators, it has all but Erf for float64 too.
def _elu_onnx(add: Callable[..., str], x: str) -> str:
    return add("Add", add("Max", x, 0.0), add("Sub", add("Exp", add("Min", x, 0.0)), 1.0))


def _gelu_onnx(add: Callable[..., str], x: str) -> str:
    return add("Mul", x, add("Mul", 0.5, add("Add", 1.0, add("Erf", add("Mul", x, math.sqrt(0.5))))))


def _gelu_tanh_onnx(add: Callable[..., str], x: str) -> str:
    cube = add("Mul", x, add("Mul", x, x))
    return add("Mul", x, add("Sigmoid", add("Mul", GELU_SCALE, add("Add", x, add("Mul", GELU_CUBE, cube)))))


def _silu_onnx(add: Callable[..., str], x: str) -> str:
    # ONNX Runtime 1.19 and older take x * Sigmoid(x) for one operator, which they have for float32 only
    return add("Div", x, add("Add", 1.0, add("Exp", add("Neg", x))))


class Activation(NamedTuple):
    """An activation: its value for a layer's sums, and its derivative given that value; None: for outputs only.

    Where it is `of_sums`, the derivative is given the sums instead, since two of them may have the same value.

    `onnx` builds the value from ONNX's operators of opset 13. It is called with a function that adds one, as in
    `add("Mul", sums, 0.5)`, and with the sums; both return a value in the graph.
    """

    name: str
    code: int
    value: Callable[[np.ndarray], np.ndarray]
    derivative: Callable[[np.ndarray], np.ndarray] | None
    onnx: Callable[[Callable[..., str], str], str]
    of_sums: bool = False


ACTIVATIONS = {
    row.name: row
    for row in (
        Activation("identity", 0, identity, identity_grad, lambda add, x: x),
        Activation("relu", 1, relu, relu_grad, lambda add, x: add("Relu", x)),
        Activation("logistic", 2, logistic, logistic_grad, lambda add, x: add("Sigmoid", x)),
        Activation("softmax", 3, softmax, None, lambda add, x: add("Softmax", x, axis=1)),
        Activation("tanh", 4, tanh, tanh_grad, lambda add, x: add("Tanh", x)),
        Activation(
            "leaky_relu", 5, leaky_relu, leaky_relu_grad, lambda add, x: add("Max", x, add("Mul", x, LEAKY_SLOPE))
        ),
        Activation("elu", 6, elu, elu_grad, _elu_onnx),
        Activation("gelu", 7, gelu, gelu_grad, _gelu_onnx, of_sums=True),
        Activation("gelu_tanh", 8, gelu_tanh, gelu_tanh_grad, _gelu_tanh_onnx, of_sums=True),
        Activation("silu", 9, silu, silu_grad, _silu_onnx, of_sums=True),
        Activation("exponential", 10, exponential, None, lambda add, x: add("Exp", x)),
    )
}

HIDDEN_ACTIVATIONS = tuple(name for name, row in ACTIVATIONS.items() if row.derivative is not None)
