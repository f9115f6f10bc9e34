"""What a network must give, in plain NumPy, and how far rounding may take it from there: a running error analysis.

Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed. (2002), section 3.1: a sum of n products is off by no
more than n u / (1 - n u) times the sum of their absolute values, in whatever order it is added up. Numbers that are
not far from overflow have no such bound; of these nothing is said.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from fastmlp import NeuralNetwork


class Expected:
    """What a network, whose `forward` has just been called, must have in its outputs, and `backward` must give."""

    def __init__(self, net: NeuralNetwork):
        self.limits = np.finfo(net.dtype)
        # the reference is itself rounded
        self.unit = float(self.limits.eps) / 2 + 2.0**-53
        self.n_layers = net.num_layers
        with np.errstate(invalid="ignore"):
            self.params = {name: array.astype(np.float64) for name, array in net.params.items()}
            h = net.outputs["X"].astype(np.float64)
        error = np.zeros_like(h)
        self.inputs: list[tuple[np.ndarray, np.ndarray]] = []
        self.before: list[tuple[np.ndarray, np.ndarray]] = []
        self.bounded = bool(np.isfinite(h).all())
        with np.errstate(all="ignore"):
            for i in range(1, self.n_layers + 1):
                self.inputs.append((h, error))
                W, b = self.params[f"W{i}"], self.params[f"b{i}"]
                self.scores, self.error = self._product(h, error, W, b)
                self.before.append((self.scores, self.error))
                h, error = np.maximum(self.scores, 0), self.error
            self.shifted = self.scores - self.scores.max(axis=1, keepdims=True, initial=-np.inf)
            weights = np.exp(self.shifted)
            self.probabilities = weights / weights.sum(axis=1, keepdims=True)
            # of the exponential of a difference, of the sum, and of the quotient
            rounding = (h.shape[1] + 20 - self.shifted) * self.unit
            relative = np.expm1(2 * self.error.max(axis=1, keepdims=True, initial=0)) + rounding
            self.probability_error = self.probabilities * relative + self.limits.tiny
            self.bounded &= bool(self.probability_error.max(initial=0) < 0.1)

    def _product(
        self, x: np.ndarray, x_error: np.ndarray, W: np.ndarray, b: Any, W_error: Any = 0.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """x @ W + b, and its error."""
        size = np.abs(x) @ np.abs(W) + np.abs(b)
        W_error = np.broadcast_to(W_error, W.shape)
        inherited = x_error @ np.abs(W) + (np.abs(x) + x_error) @ W_error
        # denormal numbers count as zero on their way in and out
        lost = self.limits.tiny * (len(W) + np.abs(x).sum(axis=1, keepdims=True) + np.abs(W).sum(axis=0))
        self.bounded &= bool(np.isfinite(size).all() and size.max(initial=0) < self.limits.max / 1e6)
        return x @ W + b, 1.01 * (len(W) + 4) * self.unit * (size + inherited) + inherited + lost

    def is_of(self, net: NeuralNetwork) -> bool:
        """Whether the parameters are still those of the `forward`."""
        return all(np.array_equal(array, self.params[name]) for name, array in net.params.items())

    def outputs(self, found: np.ndarray) -> None:
        """Compare probabilities."""
        if self.bounded:
            _within("the outputs", found, self.probabilities, self.probability_error)

    def gradients(self, found: dict[str, np.ndarray], loss: float, labels: np.ndarray, reg: float) -> None:
        """Compare a loss and its gradients."""
        with np.errstate(over="ignore"):
            squares = sum(float(np.square(W).sum()) for name, W in self.params.items() if name.startswith("W"))
        if not self.bounded or abs(reg) > 1e6 or not np.isfinite(squares):
            return
        n_rows, rows = len(self.scores), np.arange(len(self.scores))
        labels = labels.astype(np.intp)
        logs = np.log(np.exp(self.shifted).sum(axis=1)) - self.shifted[rows, labels]
        n_terms = n_rows + 20 + sum(W.size for W in self.params.values())
        slack = 2 * self.error.max() + n_terms * self.unit * (np.abs(self.shifted).max() + 20 + abs(reg) * squares)
        _within("the loss", np.array(loss), np.array(logs.mean() + 0.5 * reg * squares), np.array(slack))
        delta, error = self.probabilities.copy(), self.probability_error + 4 * self.unit
        delta[rows, labels] -= 1
        delta, error = delta / n_rows, error / n_rows
        for i in range(self.n_layers, 0, -1):
            W, (h, h_error) = self.params[f"W{i}"], self.inputs[i - 1]
            gradient, slack_of_W = self._product(h.T, h_error.T, delta, reg * W, error)
            _within(f"the gradient of W{i}", found[f"W{i}"], gradient, slack_of_W)
            ones = np.ones((1, n_rows))
            gradient, slack_of_b = self._product(ones, 0 * ones, delta, 0.0, error)
            _within(f"the gradient of b{i}", found[f"b{i}"], gradient[0], slack_of_b[0])
            if i > 1:
                delta, error = self._product(delta, error, W.T, 0.0)
                # where rounding decides whether a unit is on, its delta may be there or not
                before, error_before = self.before[i - 2]
                unsure = np.abs(before) <= error_before
                error = np.where(unsure, error + np.abs(delta), np.where(before > 0, error, 0))
                delta = np.where(before > 0, delta, 0)


def after_update(net: NeuralNetwork, options: dict[str, Any]) -> Callable[[np.ndarray], None]:
    """A check of all parameters after one `update` with these options, from the state before it."""
    snapshot, limits = net.snapshot(), np.finfo(net.dtype)
    lr, optimizer = float(options.get("lr", 0.001)), options.get("opt", "SGD")
    b1, b2, eps = (float(options.get(name, value)) for name, value in (("b1", 0.9), ("b2", 0.999), ("eps", 1e-8)))
    (t,) = [options[name] for name in ("t", "epoch", "step") if name in options] or [snapshot["n_updates"] + 1]
    m, v = (*snapshot["moments"].get(optimizer, []), np.zeros(1), np.zeros(1))[:2]
    with np.errstate(all="ignore"):
        w, dw = snapshot["flat_params"].astype(np.float64), net._engine.flat_gradients.astype(np.float64)
        m, v = m.astype(np.float64), v.astype(np.float64)
        if optimizer == "SGD":
            step, size = -lr * dw, np.abs(lr * dw)
        elif optimizer == "Momentum":
            step, size = b1 * m - lr * dw, np.abs(b1 * m) + np.abs(lr * dw)
        else:
            first, n = (b1 * m + (1 - b1) * dw) / (1 - b1**t), np.abs(b1 * m) + np.abs((1 - b1) * dw)
            second = (b2 * v + (1 - b2) * dw**2) / (1 - b2**t)
            scale = lr / (np.sqrt(second) + eps)
            step, size = -scale * first, scale * n / (1 - b1**t)
            # squares that are too small, next to epsilon
            size = size * (1 + np.sqrt(4 * limits.tiny) / eps / limits.eps)
        slack = 100 * float(limits.eps) * (np.abs(w) + size) + (1 + abs(lr)) / eps * limits.tiny
        bounded = (np.abs(w) + size + dw**2 < limits.max / 1e6) & (slack < 1e-2)
    return lambda found: _within("the parameters", found[bounded], (w + step)[bounded], slack[bounded])


def _within(what: str, found: np.ndarray, expected: np.ndarray, slack: np.ndarray) -> None:
    """Compare numbers with what they must be, up to a slack for each."""
    far = ~(np.abs(found.astype(np.float64) - expected) <= slack)
    if far.any():
        at = int(np.argmax(far))
        raise AssertionError(
            f"{what} must be {expected.flat[at]!r} up to {slack.flat[at]:g}, got {found.flat[at]!r} at place {at}"
        )
