"""The settings of a search as a whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastmlp.architecture import Architecture
from fastmlp.preprocessing import Standardizer
from fastmlp.validation import float_dtype, integer


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How `search` chooses its trials, and what all of them share; checked where it is made.

    Parameters
    ----------
    n_trials : int, optional
        Number of combinations to draw at random, all different, instead of trying all; fewer where the space has no
        more.
    halving : int, optional
        Successive halving (Jamieson and Talwalkar, AISTATS 2016): train all for a few epochs, the best 1 / `halving` of
        them for `halving` times as many, and so on; the last ones for all their epochs. Each round starts anew.
    loss : str
    label_smoothing, delta : float
        As in `NeuralNetwork`.
    class_weight : {"balanced"} or mapping from label to weight, optional
        As in `NeuralNetwork.fit`, in all trials and in the scores of their validation.
    dtype : float32 or float64
    standardizer : Standardizer, optional
        As in `NeuralNetwork`, for all networks.
    class_names, feature_names : sequence of str, optional
        As in `NeuralNetwork`; there are as many classes as class names. Names of features are by default those of
        the standardizer or of X, if that is a frame. A network that is read from the
        search's folder gets them too.
    seed : int
        Of the combinations drawn, the weights and the batches.
    n_workers : int, optional
        Number of networks trained at a time; by default the number of threads that one network would use.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Examples
    --------
    >>> from fastmlp.tuning import Plan
    >>> plan = Plan(n_trials=20, halving=3, seed=1)
    >>> plan.rounds(20)  # 20 trials with a ninth of their epochs, and so on
    [(20, 9), (6, 3), (2, 1)]
    """

    n_trials: int | None = None
    halving: int | None = None
    loss: str = "cross_entropy"
    label_smoothing: float = 0.0
    delta: float = 1.0
    class_weight: str | Mapping[int, float] | None = None
    dtype: npt.DTypeLike = np.float32
    standardizer: Standardizer | None = None
    class_names: Sequence[str] | None = None
    feature_names: Sequence[str] | None = None
    seed: int = 0
    n_workers: int | None = None

    def __post_init__(self) -> None:
        dtype = float_dtype("dtype", self.dtype)
        # of any sizes: the loss and its option are checked
        architecture = Architecture.of(
            (1, 1), dtype, loss=self.loss, label_smoothing=self.label_smoothing, delta=self.delta
        )
        checked: dict[str, Any] = {
            "loss": architecture.loss,
            "dtype": dtype,
            "seed": integer("seed", self.seed, 0, 2**32 - 1),
        }
        for name, low in (("n_trials", 1), ("halving", 2), ("n_workers", 1)):
            if (value := getattr(self, name)) is not None:
                checked[name] = integer(name, value, low)
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def rounds(self, n: int) -> list[tuple[int, int]]:
        """The number of trials in each round of a search of n, and the divisor of their epochs."""
        if self.halving is None:
            return [(n, 1)]
        factor, exponent = self.halving, 0
        while factor ** (exponent + 1) <= n:
            exponent += 1
        return [(max(1, n // factor**i), factor ** (exponent - i)) for i in range(exponent + 1)]
