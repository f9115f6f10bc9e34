"""What a network must give: the bits of a twin on one thread, and the numbers of `fastmlp.reference`.

How far rounding may take a number follows from the reference on absolute values: a sum of n products is off by at most
n u times the sum of their absolute values, in whatever order it is added up (Higham, Accuracy and Stability of
Numerical Algorithms, 2nd ed., 2002, section 3.1). Of large numbers, some near overflow, only bits are compared.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from fastmlp import NeuralNetwork, reference

LARGE = 1e6


class Oracle(reference.NeuralNetwork):
    """The reference with its own loop over epochs; each of its three calls is the twin's, compared with its own."""

    def __init__(self, twin: NeuralNetwork):
        self.twin = twin
        sizes = twin.input_size, twin.hidden_sizes, twin.output_size
        super().__init__(*sizes, seed=0)
        self.magnitude = reference.NeuralNetwork(*sizes, seed=0)  # the same on absolute values
        limits = np.finfo(twin.dtype)
        self.unit = float(limits.eps)
        self.rounding = 2 * self.unit * (sum((sizes[0], *sizes[1], sizes[2])) + 4 * self.num_layers)
        self.lost = float(limits.tiny) * 1e20  # denormal numbers, which count as zero, times weights

    def _read(self) -> None:
        """Take the twin's parameters."""
        self.params = doubles(self.twin.params)
        self.magnitude.params = {name: np.abs(array) for name, array in self.params.items()}

    def forward(self, X: Any) -> np.ndarray:
        found = self.twin.forward(X)
        self._read()
        rows = doubles(self.twin.outputs)["X"]
        with np.errstate(all="ignore"):
            expected = super().forward(rows)
            self.magnitude.forward(np.abs(rows))
            score_error = self.rounding * self.magnitude.logits.max(axis=1, keepdims=True, initial=0) + self.lost
            shift = np.abs(self.logits - self.logits.max(axis=1, keepdims=True, initial=-np.inf))
            self.score_error = score_error + self.unit * (20 + len(self.twin.hidden_sizes) + shift)
            self.error = expected * np.expm1(2 * self.score_error + self.rounding) + self.lost
        self.comparable = (
            moderate(rows, *self.params.values(), self.magnitude.logits) and self.error.max(initial=0) < 0.1
        )
        if self.comparable:
            hidden = {name: h for name, h in self.twin.outputs.items() if name[0] == "h"}
            for name, h in hidden.items():
                within(name, h, self.outputs[name], self.rounding * self.magnitude.outputs[name] + self.lost)
            within("the probabilities", found, expected, self.error)
            # or rounding decides whether a unit passes its gradient on
            self.stable = all(np.array_equal(h > 0, self.outputs[name] > 0) for name, h in hidden.items())
        return found

    def backward(self, y: Any, reg: float = 0.0) -> float:
        loss = self.twin.backward(y, reg)
        self._read()
        labels = np.asarray(y).ravel().astype(np.intp)
        self.outputs["X"] = doubles(self.twin.outputs)["X"]  # which may be a view of what has changed
        self.magnitude.outputs["X"] = np.abs(self.outputs["X"])
        with np.errstate(all="ignore"):
            expected = super().backward(labels, float(reg))
        if not (self.comparable and moderate(*self.params.values(), self.outputs["X"], reg, expected)):
            return loss
        rounding, weights = self.rounding + 2 * self.unit * len(labels), self.magnitude.params
        squares = sum(np.square(w).sum() for name, w in weights.items() if name[0] == "W")
        n_terms = sum(w.size for w in weights.values())
        slack = 2 * self.score_error.max() + (rounding + n_terms * self.unit) * (abs(expected) + abs(reg) * squares + 1)
        within("the loss", loss, expected, slack)
        if not self.stable:
            return loss
        error = (self.error + 4 * self.unit) / len(labels)
        dout = np.abs(self.softmax_grad(self.logits, labels)) + error
        for i in range(self.num_layers, 0, -1):
            W, h = weights[f"W{i}"], self.magnitude.outputs["X" if i == 1 else f"h{i - 1}"]
            sizes, errors = self.linear_grad(W, h, dout), self.linear_grad(W, h, error)
            for j, name in enumerate((f"W{i}", f"b{i}")):
                slack = rounding * (sizes[j] + abs(reg) * weights[name]) + errors[j] + self.lost
                within(f"the gradient of {name}", self.twin.gradients[name], self.gradients[name], slack)
            dout, error = sizes[2], errors[2] + rounding * sizes[2]
        return loss

    def update(self, *arguments: Any, **named: Any) -> None:
        self._read()
        before, self.gradients = self.magnitude.params, doubles(self.twin.gradients)
        self.magnitude.params = {name: np.zeros_like(array) for name, array in before.items()}
        self.magnitude.gradients = {name: -np.abs(array) for name, array in self.gradients.items()}
        self.twin.update(*arguments, **named)
        with np.errstate(all="ignore"):
            super().update(*arguments, **named)
            self.magnitude.update(*arguments, **named)
        steps = self.magnitude.params
        if moderate(*before.values(), *self.gradients.values(), *steps.values()):
            for name, array in self.params.items():
                slack = self.unit * (100 + 4 * self.n_updates) * (before[name] + np.abs(steps[name])) + self.lost
                within(f"{name} after the update", self.twin.params[name], array, slack)
        else:  # nor will these moments be comparable
            for array in (array for arrays in self.moments.values() for array in arrays.values()):
                array.fill(np.nan)
        self._read()

    def evaluate(self, X: Any, y: Any, reg: float = 0.0) -> tuple[float, float]:
        return self.twin.evaluate(X, y, reg)

    def snapshot(self) -> dict[str, Any]:
        return {"own": super().snapshot(), "magnitude": self.magnitude.snapshot(), "twin": self.twin.snapshot()}

    def restore(self, snapshot: dict[str, Any]) -> None:
        super().restore(snapshot["own"])
        self.magnitude.restore(snapshot["magnitude"])
        self.twin.restore(snapshot["twin"])


def doubles(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Copies in double precision."""
    with np.errstate(invalid="ignore"):
        return {name: array.astype(np.float64) for name, array in arrays.items()}


def moderate(*arrays: Any) -> bool:
    """Whether all numbers are finite and far from overflow."""
    return all(np.abs(array).max(initial=0) <= LARGE for array in arrays)


def within(what: str, found: Any, expected: Any, slack: Any) -> None:
    """Compare numbers up to a slack for each; of an expected NaN nothing is said."""
    found, expected = np.asarray(found, np.float64), np.asarray(expected)
    far = ~(np.abs(found - expected) <= slack) & ~np.isnan(expected)
    if far.any():
        at = np.unravel_index(np.argmax(far), far.shape)
        limit = np.broadcast_to(slack, far.shape)[at]
        raise AssertionError(f"{what} must be {expected[at]!r} up to {limit:g}, got {found[at]!r} at {at}")
