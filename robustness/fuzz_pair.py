"""Two networks that do the same in two ways, and one call after the other of them, right or wrong."""

import re
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis.stateful import RuleBasedStateMachine

from fastmlp import DivergenceError, NeuralNetwork
from robustness import fuzz_arrays as arrays
from robustness.fuzz_bounds import Expected
from robustness.fuzz_twin import state

REFUSALS = (AttributeError, TypeError, ValueError, KeyError, RuntimeError)


class Pair(RuleBasedStateMachine):
    """A network, and another one that does the same with another number of threads."""

    count: Callable[[], object]

    def __init__(self) -> None:
        super().__init__()
        np.random.seed(0)
        self.net, self.twin = (NeuralNetwork(4, [5], 3, seed=0, n_threads=n) for n in (2, 1))
        self.expected: Expected  # of the last `forward`
        self.snapshots: list[tuple[Any, Any, dict[str, Any]]] = []

    def teardown(self) -> None:
        """What Hypothesis tries to show a failure again, or to make it shorter, are no cases."""
        if isinstance(sys.exception(), Exception):
            type(self).count = staticmethod(lambda: None)

    def attempt(self, call: Callable[[NeuralNetwork], Any], wrong: set[str]) -> tuple[bool, Any]:
        """Make a call, of which these arguments are wrong; gives whether it was taken, and its result or error."""
        type(self).count()
        before, kept = state(self.net), (self.net.n_threads, id(self.net.history))
        refusal = None
        try:
            result = call(self.net)
        except DivergenceError as error:
            result = error
        except REFUSALS as error:
            refusal = error
        if refusal is None:
            assert not wrong, f"{wrong} are wrong, and it was taken"
            return True, result
        assert wrong, f"nothing is wrong, and it was refused: {refusal!r}"
        named = [name for name in wrong if re.search(rf"\b{re.escape(name)}\b", str(refusal), re.IGNORECASE)]
        assert named, f"{refusal!r} names none of {wrong}"
        after = state(self.net)
        changed = [name for name in before if before[name] != after[name]]
        assert not changed, f"a call that was refused has changed {changed}"
        assert (self.net.n_threads, id(self.net.history)) == kept
        return False, refusal

    def compare(self) -> None:
        """Both networks must be the same."""
        one, other = state(self.net), state(self.twin)
        differ = [name for name in one if one[name] != other[name]]
        assert not differ, f"the two networks differ in {differ}"

    def rows(self, recipe: arrays.Rows) -> tuple[arrays.Given, set[str]]:
        """X, and whether it is wrong."""
        X = recipe.made(self.net.input_size, self.net)
        return X, set() if arrays.are_rows(X.plain, self.net.input_size) else {"X"}

    def finite(self, X: np.ndarray) -> bool:
        """Whether rows that are right are finite, as the network takes them."""
        standardizer = self.net.standardizer
        with np.errstate(all="ignore"):
            taken = X.astype(self.net.dtype) if standardizer is None else standardizer.transform(X, self.net.dtype)
        return bool(np.isfinite(taken).all())

    def spoils(self, train: Callable[[NeuralNetwork], Any]) -> None:
        """Train on rows that are not finite, which must be found; then all is as it was, but for the last batch."""
        type(self).count()
        before, history, generator = self.net.snapshot(), self.net.history, np.random.get_state()
        ended = None
        try:
            train(self.net)
        except (DivergenceError, ValueError) as error:
            ended = error
        assert isinstance(ended, DivergenceError) or str(ended).startswith("X"), f"rows are not finite, found {ended!r}"
        self.net.restore(before)
        self.net.history = history
        np.random.set_state(generator)
        for net in (self.net, self.twin):
            net._forget_batch()

    def labelled(self, rows: arrays.Rows, labels: arrays.Labels) -> tuple[arrays.Given, arrays.Given, set[str]]:
        """Rows to train on, their labels, and which of them are wrong."""
        X, wrong = self.rows(rows)
        n_rows = len(X.plain) if X.plain.ndim else 0
        y = labels.made(n_rows, self.net.output_size)
        if n_rows == 0:
            wrong.add("X")
        if not arrays.are_labels(y.plain, n_rows, self.net.output_size):
            wrong.add("y")
        return X, y, wrong
