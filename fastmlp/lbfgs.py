"""L-BFGS, which follows the gradient of all rows: SciPy's, in float64."""

import math
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

import numpy as np

from fastmlp.engine.batches import EpochResult, EpochSettings, Examples

if TYPE_CHECKING:
    from scipy.optimize import OptimizeResult

# How many times the best loss a line search is told where the loss is not finite: so high that it takes a shorter step,
# and not so high that its cubic interpolation loses all digits.
TOO_HIGH = 1e4
# Most evaluations of the loss in one line search, SciPy's default. That for all of them could end a long training.
MAX_STEPS = 20


class Minimizable(Protocol):
    """A network as a function of one vector of all parameters, float64."""

    def parameters(self) -> np.ndarray: ...
    def set_parameters(self, x: np.ndarray, *, is_update: bool = False) -> None: ...
    def full_gradient(self, examples: Examples, settings: EpochSettings) -> tuple[float, float, np.ndarray]: ...


class NotFiniteError(ArithmeticError):
    """The loss is not finite at the start."""


class _StoppedError(Exception):
    """A callback has ended the training."""


def minimize(
    trained: Minimizable,
    examples: Examples,
    settings: EpochSettings,
    max_iterations: int,
    finish: Callable[[EpochResult, float], bool],
    options: Mapping[str, float],
) -> "OptimizeResult | None":
    """Minimise the loss of all examples; the parameters are the best accepted ones at the end, whatever ends it.

    Liu and Nocedal, On the limited memory BFGS method for large scale optimization, 1989, by `scipy.optimize.minimize`
    with its tolerances.

    Parameters
    ----------
    finish : callable
        Called after each iteration with its result and the seconds that it took; True ends the training.
    options : mapping
        Of SciPy's method "L-BFGS-B", such as its tolerances, where they are not the usual ones.

    Returns
    -------
    scipy.optimize.OptimizeResult or None
        Why it has ended, and after how many iterations; None where `finish` has ended it.

    Raises
    ------
    NotFiniteError
    """
    from scipy.optimize import minimize as minimize_by_scipy

    best, best_loss, start = trained.parameters(), math.inf, time.perf_counter()
    evaluated = (best, math.nan, math.nan)  # the last parameters, their loss and their score

    def loss_and_gradient(x: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal evaluated
        trained.set_parameters(x)
        loss, score, gradient = trained.full_gradient(examples, settings)
        is_finite = math.isfinite(loss) and bool(np.isfinite(gradient).all())
        if not is_finite and best_loss == math.inf:
            raise NotFiniteError
        evaluated = (x.copy(), loss, score)
        return (loss, gradient) if is_finite else (TOO_HIGH * (1 + abs(best_loss)), np.zeros_like(x))

    def accept(x: np.ndarray) -> None:
        nonlocal best, best_loss, start
        at, loss, score = evaluated
        if not np.array_equal(x, at) or loss >= best_loss:
            return  # the last line search has found nothing better
        best, best_loss = at, loss
        trained.set_parameters(best, is_update=True)
        before = trained.parameters()
        try:
            over = finish(EpochResult(loss, score, 1, False), time.perf_counter() - start)
        except StopIteration as error:  # which SciPy would take for its own
            raise _StoppedError from error
        after = trained.parameters()
        if not np.array_equal(after, before):
            if not over:
                raise RuntimeError("a callback has changed the parameters, from where L-BFGS cannot go on: return True")
            best = after
        if over:
            raise _StoppedError
        start = time.perf_counter()

    try:
        best_loss = loss_and_gradient(best)[0]
        usual = {"maxiter": max_iterations, "maxfun": (MAX_STEPS + 1) * (max_iterations + 1), "maxls": MAX_STEPS}
        return minimize_by_scipy(
            loss_and_gradient,
            best,
            jac=True,
            method="L-BFGS-B",
            callback=accept,
            options={**usual, **options},
        )
    except _StoppedError as stopped:
        if stopped.__cause__ is not None:
            raise stopped.__cause__ from None
        return None
    finally:
        trained.set_parameters(best)
