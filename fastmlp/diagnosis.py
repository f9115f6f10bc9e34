"""What a training's curves say about its settings: the rules of thumb that the assignment teaches to see.

The thresholds are this module's constants. They are rules of thumb: each names what to look at, and what to try next.
"""

import math

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


def diagnose(
    train_loss: np.ndarray, train_accuracy: np.ndarray, val_accuracy: np.ndarray, learning_rate: np.ndarray
) -> list[str]:
    """One sentence for each thing that stands out; see `fastmlp.History.diagnose`."""
    if len(train_loss) < MIN_EPOCHS:
        return []
    found = [
        # where the loss jumps, it also falls by chance
        _noisy(train_loss, learning_rate) or _regularized(train_loss, train_accuracy, val_accuracy),
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
