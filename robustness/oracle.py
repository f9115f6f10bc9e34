"""What a network must give: the bits of a twin, and the numbers of `fastmlp.reference`, up to rounding.

Each call of the reference starts from what the twin has, so only the rounding of this one call comes between them. A
sum of n products is off by at most n u times the sum of their absolute values, in whatever order it is added up
(Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., 2002, section 3.1), and an activation makes an error
larger by its steepest slope at most. Of large numbers, some near overflow, only bits are compared.
"""

import copy
import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from fastmlp import NeuralNetwork, reference
from fastmlp.engine.parameters import Layout
from fastmlp.functions.activations import ACTIVATIONS
from fastmlp.history import History

LARGE = 1e6
# Errors of one activation or one step of an optimiser, in units of rounding.
ACTIVATION_UNITS, STEP_UNITS = 8, 100
# The largest slope of an activation whose derivative is one of the sums: that of gelu is 1.13.
STEEPEST = 1.2


class Oracle(reference.NeuralNetwork):
    """The reference with its own loop over epochs; each of its three calls is the twin's, compared with its own."""

    def __init__(self, twin: NeuralNetwork):
        self.twin = twin
        sizes = twin.input_size, twin.hidden_sizes, twin.output_size
        options = {name: getattr(twin, name) for name in ("activation", "loss", "dropout")}
        super().__init__(*sizes, **options, seed=0)
        self.layout = Layout(dataclasses.replace(self.architecture, dtype=twin.dtype))
        limits = np.finfo(twin.dtype)
        self.unit = float(limits.eps)
        self.rounding = 2 * self.unit * (sum(self.architecture.sizes) + 4 * self.num_layers)
        self.lost = float(limits.tiny) * 1e20  # denormal numbers, which count as zero, times weights

    def _read(self) -> None:
        found = self.twin.snapshot()
        self.params = doubles(self.twin.params)
        self.moments = {
            f"{name}.{i}": doubles(self.layout.views(flat))
            for name, moments in found["moments"].items()
            for i, flat in enumerate(moments)
        }
        for name in ("n_updates", "dropout_seed", "target_units"):
            setattr(self, name, found[name])

    def forward(self, X: Any, *, training: bool = False) -> np.ndarray:
        # the inputs as they are before units of them are dropped
        self.twin.forward(X)
        rows = doubles(self.twin.outputs)["X"]
        found = self.twin.forward(X, training=training)
        self._read()
        outputs = doubles(self.twin.outputs)
        with np.errstate(all="ignore"):
            super().forward(rows, training=training)
            errors = self._forward_errors()
            given = self._with_units(outputs["scores"])
        self.comparable = moderate(self.params, self.outputs, errors, {"logits": self.logits})
        if self.comparable:
            for name, error in errors.items():
                within(name, outputs[name], self.outputs[name], error)
            within("what forward gives", found, given, self.unit * np.abs(given))
        self.outputs = outputs  # for the score of an epoch
        return found

    def _forward_errors(self) -> dict[str, np.ndarray]:
        """How far rounding may take each layer's outputs."""
        errors, h, self.sum_errors, self.value_errors = {}, self.outputs["X"], [], []
        error = 2 * self.unit * np.abs(h) if 0 in self.masks else np.zeros_like(h)
        layers = zip(list(self.outputs)[1:], self.architecture.activations, strict=True)
        for i, (name, activation) in enumerate(layers, 1):
            W, b = np.abs(self.params[f"W{i}"]), np.abs(self.params[f"b{i}"])
            error = error @ W + self.rounding * (np.abs(h) @ W + b) + self.lost
            self.sum_errors.append(error)
            h, size = self.outputs[name], np.abs(self.outputs[name])
            if activation in ("softmax", "exponential"):  # exp makes an absolute error of its argument a relative one
                largest = self.logits.max(axis=1, keepdims=True, initial=-np.inf) if activation == "softmax" else 0
                error = error.max(axis=1, keepdims=True, initial=0) + self.unit * (20 + np.abs(self.logits - largest))
                error = h * np.expm1(2 * error + self.rounding)
            elif ACTIVATIONS[activation].of_sums:
                error, size = STEEPEST * error, 1 + np.abs(self.sums[i - 1])
            error = error + ACTIVATION_UNITS * self.unit * size + self.lost
            self.value_errors.append(error)
            if i in self.masks:
                error = error * self.masks[i] + 2 * self.unit * size
            errors[name] = error
        return errors

    def backward(self, y: Any, reg: float = 0.0, *, sample_weight: Any = None) -> float:
        loss = self.twin.backward(y, reg, sample_weight=sample_weight)
        self._read()
        row, self.outputs = self.architecture.loss_row, doubles(self.twin.outputs)
        y = np.ravel(y).astype(np.intp) if row.of_classes else np.asarray(y, np.float64)
        with np.errstate(all="ignore"):
            expected = super().backward(y, float(reg), sample_weight=sample_weight)
            wanted = np.eye(self.output_size)[y] if row.of_classes else self._without_units(y)
        numbers = {"targets": wanted, "strength": reg, "loss": expected}
        if not (self.comparable and moderate(self.params, self.outputs, numbers)):
            return loss
        outputs, rounding = self.outputs["scores"], self.rounding + 2 * self.unit * len(wanted)
        weights = {name: np.abs(array) for name, array in self.params.items()}
        sizes = np.abs(outputs) + np.abs(wanted)
        penalty = abs(reg) * sum(np.square(w).sum() for name, w in weights.items() if name[0] == "W")
        slack = 2 * self.sum_errors[-1].max() * (1 + sizes.max()) + 4 * self.unit * np.square(sizes).mean()
        slack += (rounding + self.unit * self.layout.n_parameters) * (abs(expected) + penalty + 1)
        within("the loss", loss, expected, slack)
        # the gradient of the outputs, its error, and both on their way to the first layer
        error = np.abs(outputs - ACTIVATIONS[self.architecture.activations[-1]].value(self.logits))
        shares = np.ones(len(wanted)) if sample_weight is None else sample_weight
        error = 2 * (error + 4 * self.unit * (1 + sizes)) * (shares / shares.sum())[:, np.newaxis] + self.lost
        options, given = self.architecture.loss_options, {"sample_weight": sample_weight}
        if row.fused:
            size = np.abs(row.gradient(self.logits, y if row.of_classes else wanted, *options, **given)) + error
        else:
            size = np.abs(row.gradient(outputs, wanted, *options, **given)) + error
            size, error = self._through(self.num_layers, outputs, size, error)
        for i in range(self.num_layers, 0, -1):
            W, h = weights[f"W{i}"], self.outputs["X" if i == 1 else f"h{i - 1}"]
            totals, errors = (self.linear_grad(W, np.abs(h), gradient) for gradient in (size, error))
            for j, name in enumerate((f"W{i}", f"b{i}")):
                slack = rounding * (totals[j] + abs(reg) * weights[name]) + errors[j] + self.lost
                within(f"the gradient of {name}", self.twin.gradients[name], self.gradients[name], slack)
            if i > 1:
                size, error = self._through(i - 1, h, totals[2], errors[2] + rounding * totals[2])
        return loss

    def _through(self, layer: int, h: np.ndarray, size: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A gradient and its error as they come through a layer's activation.

        Its derivative is off by 4 u, and, where it is one of the sums, by their error times at most 1. Of values that
        have been dropped, the reference has its own.
        """
        derivative, off = np.abs(self._derivative(layer, h)), 6 * self.unit * np.ones_like(h)
        if ACTIVATIONS[self.architecture.activations[layer - 1]].of_sums:
            off += self.sum_errors[layer - 1]
        elif layer in self.masks:
            off += 2 * self.value_errors[layer - 1]
        off *= self.masks.get(layer, 1)
        return size * derivative, error * derivative + off * size

    def update(self, *arguments: Any, **named: Any) -> None:
        self._read()
        # the reference does not convert its arguments, and float32 times float is float32
        plain = {name: value.item() if isinstance(value, np.generic) else value for name, value in named.items()}
        gradients, before = doubles(self.twin.gradients), flat(self.params, self.moments)
        nothing = {name: np.zeros_like(array) for name, array in self.params.items()}
        sizes = {key: {name: np.abs(array) for name, array in group.items()} for key, group in self.moments.items()}

        def step(*start: dict[str, Any]) -> dict[str, np.ndarray]:
            """Parameters and moments after the reference's step from these parameters, moments and gradients."""
            net = copy.copy(self)
            net.params, net.moments, net.gradients = copy.deepcopy(start)
            reference.NeuralNetwork.update(net, *arguments, **plain)
            return flat(net.params, net.moments)

        with np.errstate(all="ignore"):
            expected = step(self.params, self.moments, gradients)
            # with one of the two signs, nothing that is added up cancels
            one, other = (
                step(nothing, sizes, {name: sign * np.abs(array) for name, array in gradients.items()})
                for sign in (1, -1)
            )
        self.twin.update(*arguments, **named)
        self._read()
        if moderate(before, gradients, expected, one, other):
            for name, array in flat(self.params, self.moments).items():
                size = np.abs(before.get(name, 0)) + np.maximum(np.abs(one[name]), np.abs(other[name]))
                slack = STEP_UNITS * self.unit * size + self.lost
                within(f"{name} after the update", array, expected[name], slack)

    def train(self, snapshot: Mapping[str, Any], X: np.ndarray, y: np.ndarray, **settings: Any) -> History:
        """`fit`, with the shape and the units of predictions that the network's snapshot has."""
        self._read()
        names, units = ("target_units", "flat_targets"), snapshot["target_units"]
        self.twin.restore(self.twin.snapshot() | {name: snapshot[name] for name in names})
        with np.errstate(all="ignore"):
            history = self.fit(X, y, **settings)
        for found, expected in zip(units or (), self.target_units or (), strict=True):
            within("the units of targets", found, expected, 0)
        return history

    def evaluate(self, X: Any, y: Any, reg: float = 0.0, *, sample_weight: Any = None) -> tuple[float, float]:
        return self.twin.evaluate(X, y, reg, sample_weight=sample_weight)

    def snapshot(self) -> dict[str, Any]:
        return self.twin.snapshot()

    def restore(self, snapshot: dict[str, Any]) -> None:
        self.twin.restore(snapshot)


def doubles(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    with np.errstate(invalid="ignore"):
        return {name: array.astype(np.float64) for name, array in arrays.items()}


def flat(params: dict[str, np.ndarray], moments: dict[str, dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return params | {f"{key}.{name}": array for key, group in moments.items() for name, array in group.items()}


def moderate(*groups: Mapping[str, Any]) -> bool:
    """Whether all numbers are finite and far from overflow."""
    return all(np.abs(array).max(initial=0) <= LARGE for group in groups for array in group.values())


def within(what: str, found: Any, expected: Any, slack: Any) -> None:
    """Compare numbers up to a slack for each; of an expected NaN nothing is said."""
    found, expected = np.asarray(found, np.float64), np.asarray(expected)
    far = ~(np.abs(found - expected) <= slack) & ~np.isnan(expected)
    if far.any():
        at = np.unravel_index(np.argmax(far), far.shape)
        limit = f"{np.broadcast_to(slack, far.shape)[at]:g}"
        raise AssertionError(f"{what} must be {expected[at]!r} up to {limit}, got {found[at]!r} at {at}")
