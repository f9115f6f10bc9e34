"""Arguments of a network's calls other than arrays, right and wrong ones, as Hypothesis draws them."""

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from fastmlp import Standardizer


class Wrong(NamedTuple):
    """A value that must be refused."""

    value: Any


def _wrong(*values: Any) -> tuple[Wrong, ...]:
    return tuple(map(Wrong, values))


def _carry_on(network: Any, history: Any) -> None:
    """A callback."""


_NO_NUMBERS = _wrong(float("nan"), float("inf"), 10**400, "0.1", b"1", 1j, np.ones(2), np.complex64(1))
_NO_COUNTS = _wrong(0, -1, 2.5, "2", True, np.float64(2), [1], -(10**400))
_NONE, _NEGATIVE = Wrong(None), Wrong(-0.5)
_OPTIMIZERS = ("SGD", "Momentum", "Adam", *_wrong("AdamW", "", b"SGD", 3, ["SGD"], None))
_DECAYS = (0.0, 0.5, 0.9, np.float32(0.25), *_NO_NUMBERS, _NONE, _NEGATIVE, Wrong(1.0))
_EPSILONS = (1e-8, 1e-3, 2.0, *_NO_NUMBERS, _NONE, _NEGATIVE, Wrong(1e-50))
_RATES = (0.0, 0.01, 0.1, 1, True, np.float32(0.5), 1e30, *_NO_NUMBERS)
_NOT_NEGATIVE = (0.0, 1e-3, 0.1, 1e300, *_NO_NUMBERS, _NONE, _NEGATIVE)
_SIZES = (1, 2, 3, 4, 7, 33, *_NO_COUNTS, _NONE, *_wrong(2**31, 10**30))
_TIMES = (1, 7, np.int64(3), 2**53, *_NO_COUNTS, Wrong(2**53 + 1))
_HIDDEN = ([], [5], (3, 4), [31, 2], [70], *_wrong(5, None, [0], "5", [2.5], [3, 2**31]))
_UNFIT = Standardizer.of_statistics(np.zeros(99), np.ones(99))

SIZES = {"input_size": _SIZES, "hidden_sizes": _HIDDEN, "output_size": _SIZES}
OPTIONS = {
    "dtype": ("float32", np.float64, "f4", None, *_wrong("float16", ">f8", int, 3)),
    "seed": (0, 7, np.int64(2**32 - 1), *_wrong(-1, 2**32, 1.5, "1", True)),
    "init": ("assignment", "he", "glorot", *_wrong("zeros", None, 3)),
    "n_threads": (1, 2, 3, *_NO_COUNTS),
    "standardizer": (None, *_wrong(3, Standardizer, Standardizer(), _UNFIT)),
}
STRENGTHS = {"reg": (-1.0, *_RATES, _NONE)}
STEP = {"lr": (*_RATES, _NONE), "opt": _OPTIMIZERS}
RATES = {"b1": _DECAYS, "b2": _DECAYS, "eps": _EPSILONS}
TIMES = {"t": _TIMES, "epoch": _TIMES, "step": _TIMES}
TRAINING = {
    "batch_size": (1, 2, 7, 200, np.uint8(3), 2**40, *_NO_COUNTS, _NONE),
    "learning_rate": (None, *_RATES, _NEGATIVE),
    "regularization": _NOT_NEGATIVE,
    "optimizer": _OPTIMIZERS,
    "beta1": _DECAYS,
    "beta2": _DECAYS,
    "epsilon": _EPSILONS,
}
EPOCH = {**TRAINING, "time_step": (None, *_TIMES)}
FIT = {
    **TRAINING,
    "epochs": (1, 2, 3, *_NO_COUNTS, _NONE),
    "learning_rate_decay": (0.0, 0.5, 1.0, *_NO_NUMBERS, _NONE, _NEGATIVE),
    "time_step": ("update", "epoch", *_wrong("batch", None, 1)),
    "drop_last": (False, np.bool_(True), *_wrong(1, None, "no")),
    "callbacks": ((), [_carry_on], *_wrong([3], [None])),
    "seed": (0, 5, np.uint8(3), *_wrong(-1, 0.5, 2**32)),
}
THREADS = (None, 1, 2, 3, *_NO_COUNTS)


def some(choices: dict[str, tuple[Any, ...]]) -> st.SearchStrategy[dict[str, Any]]:
    """Some of these arguments; one call in a few has wrong values among them."""
    right = {name: st.sampled_from([v for v in values if not isinstance(v, Wrong)]) for name, values in choices.items()}
    either = {name: st.sampled_from(values) for name, values in choices.items()}
    sane = st.fixed_dictionaries({}, optional=right)
    return st.one_of(sane, sane, sane, sane, st.fixed_dictionaries({}, optional=either))


def parted(given: dict[str, Any]) -> tuple[dict[str, Any], set[str]]:
    """Arguments as they are passed, and the names of the wrong ones."""
    wrong = {name for name, value in given.items() if isinstance(value, Wrong)}
    return {name: value.value if name in wrong else value for name, value in given.items()}, wrong
