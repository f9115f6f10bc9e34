"""Whether a system has computed what it was timed for: its result beside that of the float64 reference."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from benchmarks.cases import EPSILON, Case
from fastmlp import reference

# How far the loss and the weights may be from the reference's, as a share of how far training has moved these. There is
# room for rounding, which Adam enlarges where gradients are small: a ReLU that rounding turns on or off for a batch of
# one row has moved float32 weights by 0.06. And in float64 for scikit-learn, which adds epsilon elsewhere, and for
# compiled PyTorch, whose scalars are float32.
TOLERANCES = {("float32", "SGD"): 0.05, ("float32", "Adam"): 0.1, ("float64", "SGD"): 1e-4, ("float64", "Adam"): 1e-4}
LEAST_AGREEMENT = 0.998
LOSS_ROWS = 2000


@dataclass(frozen=True)
class Check:
    """A system's result after its timed steps, against the reference's.

    Attributes
    ----------
    loss, expected_loss, initial_loss : float or None
        Of rows of the last block, by the weights after it, by the reference's, and by those before it; computed here,
        whatever the system says.
    distance : float or None
        Between a system's weights and the reference's, relative to how far training has moved the latter; of the
        parameter array where it is largest.
    agreement : float or None
        Share of the rows for which predictions are those of the reference with the same weights.
    """

    dtype: str
    optimizer: str
    loss: float | None = None
    expected_loss: float | None = None
    initial_loss: float | None = None
    distance: float | None = None
    agreement: float | None = None

    @property
    def complaints(self) -> tuple[str, ...]:
        """Empty where all is right."""
        found, tolerance = [], TOLERANCES[self.dtype, self.optimizer]
        if self.loss is not None:
            way = abs(self.initial_loss - self.expected_loss)
            if not abs(self.loss - self.expected_loss) <= tolerance * way:
                found.append(f"loss {self.loss:.6g} where the reference has {self.expected_loss:.6g}")
        if self.distance is not None and not self.distance <= tolerance:
            found.append(f"weights are off by {self.distance:.2g} of the way they went")
        if self.agreement is not None and not self.agreement >= LEAST_AGREEMENT:
            found.append(f"{1 - self.agreement:.2%} of the predictions differ")
        return tuple(found)


def check(case: Case, folder: Path, block: int, result: dict[str, np.ndarray]) -> Check:
    """Compare the result of a block's work with what the reference makes of the same block."""
    predictions = {name.removeprefix("classes of "): result.pop(name) for name in list(result) if " of " in name}
    start, stop = case.rows_of_block(block)
    if case.kind == "predict":
        weights = dict(np.load(folder / "weights.npz"))
        X = np.load(folder / "X.npy", mmap_mode="r")[start:stop]
        return Check(case.dtype, case.optimizer, agreement=_agreement(case, weights, X, predictions["X"]))
    expected, initial = _expected(case, folder, block)
    distance = agreement = None
    if case.kind == "train":
        ways = {name: np.linalg.norm(initial[name] - w) for name, w in expected.items()}
        distance = max(float(np.linalg.norm(result[name] - w) / ways[name]) for name, w in expected.items())
    else:  # rounding alone has parted float32 weights after a whole epoch, but not the losses
        agreement = min(
            _agreement(case, result, np.load(folder / f"{name}.npy"), classes) for name, classes in predictions.items()
        )
    few = slice(start, min(stop, start + LOSS_ROWS))
    X, y = np.load(folder / "X.npy", mmap_mode="r")[few].astype(np.float64), np.load(folder / "y.npy")[few]
    losses = (_network(case, weights).evaluate(X, y, case.regularization)[0] for weights in (result, expected, initial))
    return Check(case.dtype, case.optimizer, *losses, distance=distance, agreement=agreement)


def _agreement(case, weights, X, classes):
    """The share of rows for which the reference with these weights predicts the same classes."""
    return float(np.mean(_network(case, weights).predict_proba(X).argmax(axis=1) == classes))


def _network(case, weights):
    network = reference.NeuralNetwork(case.sizes[0], case.sizes[1:-1], case.sizes[-1], seed=0)
    for name, w in weights.items():
        network.params[name] = w.astype(np.float64)
    return network


@lru_cache(maxsize=1)  # all systems are checked with the same block
def _expected(case, folder, block):
    """The reference's weights after one block, and those before it."""
    start, stop = case.rows_of_block(block)
    X, y = np.load(folder / "X.npy", mmap_mode="r"), np.load(folder / "y.npy")
    initial = dict(np.load(folder / "weights.npz"))
    network = _network(case, initial)
    for rows in np.split(start + np.random.RandomState(block).permutation(stop - start), case.steps):
        network.forward(X[rows])
        network.backward(y[rows], case.regularization)
        network.update(case.learning_rate, eps=EPSILON, opt=case.optimizer)
    return network.params, initial
