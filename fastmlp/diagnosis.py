"""Rules of thumb, most of them the assignment's, that judge settings by the learning curves; and their thresholds."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

# Minimum number of epochs of a curve.
MIN_EPOCHS = 5
# A loss is noisy if its upward steps add up to more than NOISE of its range, and its range exceeds STILL of its start.
# Of a longer curve, the steps are those between the means of this number of parts: once the loss hardly falls any more,
# steps up and down are equally many, and small ones would add up to any sum, the longer the training lasts.
NOISE, STILL, MOST_PARTS = 0.25, 0.01, 100
# It is a straight line if the second half of the epochs brings at least this share of what the first half did.
STRAIGHT = 0.7
# Gap between train and validation score: large from the first on, none up to the second.
LARGE_GAP, NO_GAP = 0.1, 0.05
# Too little capacity: no gap, a train score below ENOUGH, and less gained than PLATEAU in the last quarter.
ENOUGH, PLATEAU = 0.9, 0.01
# Training diverged if the loss is this many times that of the untrained network, and that of random guessing.
DIVERGED = 10
# Scores have fallen if they end this far below their best.
FALL = 0.02
# Size of the sample of rows for the facts.
SAMPLE_ROWS = 256
# Inputs are scaled if the largest root mean square of a column is in this range. It is 1 for standardized columns, and
# little less for pixels from 0 to 1.
SMALL_SCALE, LARGE_SCALE = 0.1, 10.0
# A column is far from standard, too, if its mean is this many times its deviation, unless that is rounding alone.
FAR_MEAN, ROUNDING = 10.0, 1e-6
# A score is at chance below this share of the way from chance to 1, or within this number of standard deviations of
# it, but never from half of the way on. In a regression, chance is R2 = 0, that of a constant prediction.
ABOVE_CHANCE, LUCK = 0.1, 3.0


class Facts(NamedTuple):
    """Facts for a diagnosis that are not in the curves, taken by `fit` at its end.

    Attributes
    ----------
    dead_layers : tuple of int
        Hidden layers, counted from 1, whose outputs are 0 for all rows of a sample.
    input_scale : float
        The largest root mean square of a column of the sample, after standardization.
    chance : float
        Share of the largest class among all labels, or of the sum of their weights; of a regression 0, the R2 of a
        constant prediction.
    n_rows : int
        Number of all rows.
    """

    dead_layers: tuple[int, ...]
    input_scale: float
    chance: float
    n_rows: int


def observe(
    layer_inputs: Callable[[np.ndarray], list[np.ndarray] | None],
    X: np.ndarray,
    y: np.ndarray,
    weights: np.ndarray | None,
    batch_size: int,
) -> Facts | None:
    """The facts of a network, from a function that gives the input of each layer for at most `batch_size` rows.

    None where that function gives None, since the network does not keep these inputs.
    """
    sample = evenly_spread(X, SAMPLE_ROWS)
    squares = np.zeros(X.shape[1])
    alive = []
    with np.errstate(over="ignore"):
        for start in range(0, len(sample), batch_size):
            inputs = layer_inputs(sample[start : start + batch_size])
            if inputs is None:
                return None
            squares += np.square(inputs[0], dtype=np.float64).sum(axis=0)
            alive.append([bool(h.any()) for h in inputs])
    dead = tuple(i for i, is_alive in enumerate(np.any(alive, axis=0)) if i > 0 and not is_alive)
    scale = math.sqrt(squares.max() / len(sample))
    chance = 0.0
    if y.dtype.kind == "i":
        by_class = np.bincount(y, weights)
        chance = float(by_class.max() / by_class.sum())
    return Facts(dead, scale, chance, len(y))


def offer_standardizer(X: np.ndarray) -> str:
    """A sentence for rows that are to enter a network as they are, where they are far from standard; else empty."""
    sample = np.asarray(evenly_spread(X, SAMPLE_ROWS), np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = sample.mean(axis=0)
        square = np.square(sample).mean(axis=0)
    column = int(square.argmax())
    if not (0 < square[column] < math.inf):
        return ""
    if SMALL_SCALE**2 <= square[column] <= LARGE_SCALE**2:
        # a column that varies little about a mean that is not 0
        deviation = np.sqrt(np.maximum(square - mean**2, 0))
        far = np.abs(mean) > FAR_MEAN * np.where(deviation > ROUNDING * np.abs(mean), deviation, math.inf)
        if not far.any():
            return ""
        column = int(far.argmax())
    return (
        f"X is far from standard: column {column} has mean {mean[column]:.3g} and standard deviation "
        f"{sample[:, column].std():.3g}, and networks learn best where these are near 0 and 1: make this one with "
        "standardizer=Standardizer().fit(X), and it standardizes all rows that it is given"
    )


def evenly_spread(X: np.ndarray, n: int) -> np.ndarray:
    """At most n rows of X, evenly spread; X itself where it has no more."""
    if len(X) <= n:  # a fit of a tiny network takes a tenth of a millisecond
        return X
    return X[np.linspace(0, len(X) - 1, n).astype(np.intp)]


def diagnose(
    train_loss: np.ndarray,
    train_score: np.ndarray,
    val_score: np.ndarray,
    rates: Sequence[float | np.ndarray],
    facts: Facts | None,
    score_name: str = "accuracy",
) -> list[str]:
    """One sentence for each finding; see `fastmlp.History.diagnose`."""
    if len(train_loss) < MIN_EPOCHS or not np.isfinite(train_loss).all():  # NaN: an epoch whose rows all weigh 0
        return []
    first, highest = float(np.ravel(rates[0])[0]), max(float(np.max(one)) for one in rates)
    rate = f"{first:g} at first" if first == highest else f"{highest:g} at most"
    noise = _noise(train_loss, rate)
    found = [] if facts is None else _of_facts(facts, train_score, rate, noise, score_name)
    # the curves of a network that cannot learn say nothing about other settings
    return found or _of_curves(train_loss, train_score, val_score, rate, noise, score_name, facts)


def state_of_fit(train: np.ndarray, val: np.ndarray, facts: Facts | None, score_name: str = "accuracy") -> str:
    """Whether a network "overfits", "underfits" or "neither over- nor underfits", by its scores after each epoch."""
    if _overfits(train, val):
        return "overfits"
    # it is as it was after the last one, whatever was better before
    if _has_stopped_low(train, val, score_name) or _has_learnt_nothing(train[-1:], facts, score_name):
        return "underfits"
    return "neither over- nor underfits"


def diverged(train_loss: float, val_loss: float, untrained_loss: float, n_classes: int) -> bool:
    """Whether training ended far above the loss of the untrained network, though the loss is finite.

    All losses include the regularization. Both must be large: train loss alone may be an epoch's mean after a jump that
    it has recovered from, validation loss alone may be overfitting. A regression has one class, as it were.
    """
    worst = DIVERGED * max(untrained_loss, math.log(n_classes))
    return train_loss > worst and not val_loss <= worst  # NaN is no better


def _at_chance(facts: Facts, score: float) -> bool:
    left = 1 - facts.chance
    luck = LUCK * math.sqrt(facts.chance * left / facts.n_rows)
    return score < facts.chance + min(max(ABOVE_CHANCE * left, luck), left / 2)


def _overfits(train: np.ndarray, val: np.ndarray) -> bool:
    # R2 below 0 is worse than a constant prediction, whatever the gap
    return bool(min(train[-1] - val[-1], train[-1]) >= LARGE_GAP)


def _has_stopped_low(train: np.ndarray, val: np.ndarray, name: str) -> bool:
    """Whether accuracy has stopped far from 1 without a gap; noise in y limits R2, so that its height says little."""
    gained = train[-1] - train[-max(2, 1 + len(train) // 4) :][0]
    near = abs(train[-1] - val[-1]) <= NO_GAP
    return bool(name == "accuracy" and near and train[-1] < ENOUGH and gained <= PLATEAU)


def _has_learnt_nothing(train: np.ndarray, facts: Facts | None, name: str) -> bool:
    best = float(train.max())
    if name != "accuracy":
        return best < ABOVE_CHANCE
    return facts is not None and _at_chance(facts, best)


def _noise(loss: np.ndarray, rate: str) -> str:
    """The sentence about a noisy loss; empty where the loss is not noisy."""
    starts = np.arange(0, len(loss), -(-len(loss) // MOST_PARTS))
    means = np.add.reduceat(loss, starts) / np.diff(starts, append=len(loss))
    steps = np.diff(means)
    upwards, extent = float(steps[steps > 0].sum()), float(np.ptp(means))
    if upwards <= NOISE * extent or extent <= STILL * means[0]:
        return ""
    return (
        f"The loss is noisy: its steps upwards add up to {upwards / extent:.0%} of its range, so the learning rate, "
        f"{rate}, may be too high."
    )


def _of_facts(facts: Facts, train: np.ndarray, rate: str, noise: str, name: str) -> list[str]:
    """Sentences about what keeps a network from learning at all: dead layers, and inputs that are not scaled."""
    found = []
    # a layer that is dead in the sample may be alive for a rare class, which the sample lacks
    if facts.dead_layers and _at_chance(facts, train[-1]):
        # the usual cause is a learning rate that is too high, which a noisy loss shows too
        start = f"{noise[:-1]}, and hidden" if noise else "Hidden"
        layers, give = ("layers", "give") if len(facts.dead_layers) > 1 else ("layer", "gives")
        found.append(
            f"{start} {layers} {', '.join(map(str, facts.dead_layers))} {give} 0 for every row of a sample, and the "
            "output is the same for all of them: the ReLUs are dead, and stay so. A new network may do better with a "
            f'lower learning rate, {rate} here, another seed or init="he".'
        )
    scale, best = facts.input_scale, float(train.max())
    if scale != 0 and not SMALL_SCALE <= scale <= LARGE_SCALE and (found or _at_chance(facts, best)):
        found.append(
            f"X is not scaled: its largest column enters the network with a root mean square of {scale:.3g}, and train "
            f"{name} was {best:.3f} at best, where {_constant(facts, name)}. A new network with "
            "standardizer=Standardizer().fit(X) gets columns of 1."
        )
    return found


def _constant(facts: Facts | None, name: str) -> str:
    """What predicting the same for all rows comes to."""
    if name != "accuracy" or facts is None:
        return "a constant prediction has 0"
    return f"the commonest class alone has {facts.chance:.3f}"


def _of_curves(
    loss: np.ndarray, train: np.ndarray, val: np.ndarray, rate: str, noise: str, name: str, facts: Facts | None
) -> list[str]:
    """Sentences about the settings. Without validation data, `val` is NaN, and comparisons with it are false."""
    found = [noise] if noise else []
    best, overfits = int(train.argmax()), _overfits(train, val)
    fallen = train[best] - train[-1] >= FALL and not val.max() - val[-1] < FALL
    # where the loss jumps, it also falls by chance; a network that overfits is not regularised too much
    if not noise and not overfits and fallen and loss[-1] < loss[best]:
        found.append(
            f"{name.capitalize()} falls while the loss falls (train from {train[best]:.3f} in epoch {best + 1} to "
            f"{train[-1]:.3f}): the regularisation term dominates, so it should be smaller."
        )
    middle = (len(loss) - 1) / 2
    first, second = float(loss[0] - loss[math.floor(middle)]), float(loss[math.ceil(middle)] - loss[-1])
    if 0 < STRAIGHT * first <= second and np.diff(loss).max() <= 0:
        found.append(
            f"The loss falls in a straight line: the second half of the epochs brought {second / first:.0%} of what "
            f"the first half did, so the learning rate, {rate}, may be too low."
        )
    if overfits:
        found.append(
            f"Train {name} ends {train[-1] - val[-1]:.3f} above validation {name} ({train[-1]:.3f} and {val[-1]:.3f}): "
            "the network overfits, so more regularisation, a smaller network or fewer epochs may help."
        )
    if found:  # each of these explains a low score as well
        return found
    if _has_stopped_low(train, val, name):
        found.append(
            f"Train {name} has stopped at {train[-1]:.3f}, and validation {name} with it: the network underfits, "
            "perhaps for too little capacity, so a larger one, or less regularisation, or features that say more "
            "about y, may help."
        )
    elif _has_learnt_nothing(train, facts, name):
        found.append(
            f"Train {name} was {train[best]:.3f} at best, where {_constant(facts, name)}: the network underfits, and "
            "has learnt next to nothing, so other settings, or features that say more about y, may help."
        )
    return found
