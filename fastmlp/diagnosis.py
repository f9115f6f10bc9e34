"""What a training says about its settings, by its curves and its end: rules of thumb, most of them the assignment's.

The thresholds are this module's constants. They are rules of thumb: each names what to look at, and what to try next.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

# Epochs below which curves say nothing.
MIN_EPOCHS = 5
# A loss is noisy where its steps upwards add up to more than this share of its range, unless this is less than the
# second share of the first epoch's loss.
NOISE, STILL = 0.25, 0.01
# It falls in a straight line where the second half of the epochs brings at least this share of what the first half did.
STRAIGHT = 0.7
# A gap between train and validation accuracy of this much is large, and one below the second is none.
LARGE_GAP, NO_GAP = 0.1, 0.05
# Without a gap, a network that stays below this train accuracy, and gained less than this over the last quarter, has
# too little capacity.
ENOUGH, PLATEAU = 0.9, 0.01
# A training has ended in divergence where its loss is so many times that of the untrained network, and of a guess.
DIVERGED = 10
# Accuracies have fallen where they end this far below their best.
FALL = 0.02
# Rows that the facts are of: enough to see all classes, and no room to speak of.
SAMPLE_ROWS = 256
# Standardised columns have a root mean square of 1, and pixels from 0 to 1 little less: learning rates are made for
# these. An order of magnitude from there, they are not.
SMALL_SCALE, LARGE_SCALE = 0.1, 10.0
# A train accuracy is at chance below so much of the way from the commonest class's share to 1, or below what luck gives
# in an epoch: so many standard deviations, but never half of the way.
ABOVE_CHANCE, LUCK = 0.1, 3.0


class Facts(NamedTuple):
    """What the curves do not tell, noted by `fit` as it ends, from a sample of the rows.

    Attributes
    ----------
    dead_layers : tuple of int
        Hidden layers, counted from 1, that give 0 for every row.
    input_scale : float
        Root mean square of the largest column, as it enters the network.
    chance : float
        Share of the commonest class among all labels.
    n_rows : int
        Number of these.
    """

    dead_layers: tuple[int, ...]
    input_scale: float
    chance: float
    n_rows: int


def observe(
    layer_inputs: Callable[[np.ndarray], list[np.ndarray] | None], X: np.ndarray, y: np.ndarray, batch_size: int
) -> Facts | None:
    """The facts of a network; `layer_inputs` gives what enters each of its layers for some rows, a batch at the most.

    None where it does, since a user's network need not say so.
    """
    sample = X[np.linspace(0, len(X) - 1, min(len(X), SAMPLE_ROWS)).astype(np.intp)]
    squares = np.zeros(X.shape[1])
    alive: set[int] = set()
    n_layers = 0
    with np.errstate(over="ignore"):
        for start in range(0, len(sample), batch_size):
            inputs = layer_inputs(sample[start : start + batch_size])
            if inputs is None:
                return None
            n_layers = len(inputs)
            squares += np.square(inputs[0], dtype=np.float64).sum(axis=0)
            alive.update(i for i, h in enumerate(inputs) if h.any())
    dead = tuple(i for i in range(1, n_layers) if i not in alive)
    scale = math.sqrt(squares.max() / len(sample))
    return Facts(dead, scale, int(np.bincount(y).max()) / len(y), len(y))


def diagnose(
    train_loss: np.ndarray,
    train_accuracy: np.ndarray,
    val_accuracy: np.ndarray,
    learning_rate: np.ndarray,
    facts: Facts | None,
) -> list[str]:
    """One sentence for each thing that stands out; see `fastmlp.History.diagnose`."""
    if len(train_loss) < MIN_EPOCHS:
        return []
    # the curves of a network that cannot learn are made by that, and say nothing of the settings
    noisy = _noisy(train_loss, learning_rate)
    if facts is not None:
        dead = _dead(facts, train_accuracy, learning_rate, noisy)
        unscaled = _unscaled(facts, train_accuracy, bool(dead))
        if dead or unscaled:
            return [sentence for sentence in (dead, unscaled) if sentence]
    found = [
        # where the loss jumps, it also falls by chance
        noisy or _regularized(train_loss, train_accuracy, val_accuracy),
        _straight(train_loss, learning_rate),
        _overfitted(train_accuracy, val_accuracy),
    ]
    # each of these explains a low accuracy as well
    found = found if any(found) else [_too_small(train_accuracy, val_accuracy)]
    return [sentence for sentence in found if sentence]


def diverged(train_loss: float, val_loss: float, untrained_loss: float, n_classes: int) -> bool:
    """Whether a training ended far above where it began, though its loss is finite.

    All losses have the regularisation in them. The last epoch's mean alone may come from a jump that it recovered from,
    and the validation rows' from overfitting: both must be that large.
    """
    worst = DIVERGED * max(untrained_loss, math.log(n_classes))
    return train_loss > worst and not val_loss <= worst  # NaN is no better


def _at_chance(facts: Facts, accuracy: float) -> bool:
    left = 1 - facts.chance
    luck = LUCK * math.sqrt(facts.chance * left / facts.n_rows)
    return accuracy < facts.chance + min(max(ABOVE_CHANCE * left, luck), left / 2)


def _dead(facts: Facts, train: np.ndarray, rate: np.ndarray, noisy: str) -> str:
    # a layer may also be silent but for rows of a rare class, which the sample lacks
    if not facts.dead_layers or not _at_chance(facts, train[-1]):
        return ""
    start = f"{noisy[:-1]}, and hidden" if noisy else "Hidden"  # a rate that is too high is what kills
    layers, give = ("layers", "give") if len(facts.dead_layers) > 1 else ("layer", "gives")
    return (
        f"{start} {layers} {', '.join(map(str, facts.dead_layers))} {give} 0 for every row of a sample, and the output "
        "is the same for all of them: the ReLUs are dead, and stay so. A new network may do better with a lower "
        f'learning rate, {rate[0]:g} at first here, another seed or init="he".'
    )


def _unscaled(facts: Facts, train: np.ndarray, dead: bool) -> str:
    scale, best = facts.input_scale, float(train.max())
    if scale == 0 or SMALL_SCALE <= scale <= LARGE_SCALE or not (dead or _at_chance(facts, best)):
        return ""
    return (
        f"X is not scaled: its largest column enters the network with a root mean square of {scale:.3g}, and train "
        f"accuracy was {best:.3f} at best, where the commonest class is {facts.chance:.3f} of the rows. A new network "
        "with standardizer=Standardizer().fit(X) gets columns of 1."
    )


def _noisy(loss: np.ndarray, rate: np.ndarray) -> str:
    steps = np.diff(loss)
    upwards, extent = float(steps[steps > 0].sum()), float(np.ptp(loss))
    if upwards <= NOISE * extent or extent <= STILL * loss[0]:
        return ""
    return (
        f"The loss is noisy: its steps upwards add up to {upwards / extent:.0%} of its range, so the learning rate, "
        f"{rate[0]:g} at first, may be too high."
    )


def _straight(loss: np.ndarray, rate: np.ndarray) -> str:
    middle = (len(loss) - 1) / 2
    first, second = float(loss[0] - loss[math.floor(middle)]), float(loss[math.ceil(middle)] - loss[-1])
    if not 0 < STRAIGHT * first <= second or np.diff(loss).max() > 0:
        return ""
    return (
        f"The loss falls in a straight line: the second half of the epochs brought {second / first:.0%} of what the "
        f"first half did, so the learning rate, {rate[0]:g} at first, may be too low."
    )


def _overfitted(train: np.ndarray, val: np.ndarray) -> str:
    gap = float(train[-1] - val[-1])
    if not gap >= LARGE_GAP:  # NaN without validation data
        return ""
    return (
        f"Train accuracy ends {gap:.3f} above validation accuracy ({train[-1]:.3f} and {val[-1]:.3f}): the network "
        "overfits, so more regularisation, a smaller network or fewer epochs may help."
    )


def _too_small(train: np.ndarray, val: np.ndarray) -> str:
    gained = float(train[-1] - train[-1 - max(1, len(train) // 4)])
    if not abs(train[-1] - val[-1]) <= NO_GAP or train[-1] >= ENOUGH or gained > PLATEAU:
        return ""
    return (
        f"Train accuracy has stopped at {train[-1]:.3f}, and validation accuracy with it: the network may have too "
        "little capacity, so a larger one, or less regularisation, may help."
    )


def _regularized(loss: np.ndarray, train: np.ndarray, val: np.ndarray) -> str:
    best = int(train.argmax())
    fallen = train[best] - train[-1] >= FALL and not val.max() - val[-1] < FALL  # NaN without validation data
    if not fallen or loss[-1] >= loss[best]:
        return ""
    return (
        f"Accuracy falls while the loss falls (train from {train[best]:.3f} in epoch {best + 1} to {train[-1]:.3f}): "
        "the regularisation term dominates, so it should be smaller."
    )
