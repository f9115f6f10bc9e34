"""The parameters of the estimators: their checks, and what they are for the engine."""

import math
from typing import Any

import numpy as np

from fastmlp.architecture import Architecture
from fastmlp.estimators.convergence import Convergence, FitSettings, Rules
from fastmlp.functions.optimizers import LBFGS
from fastmlp.schedules import SCHEDULES, checked_schedule
from fastmlp.validation import MIN_EPSILON, boolean, integer, layer_sizes, number, one_of, thread_count

# The network's optimiser for each choice; "sgd" has more, with momentum.
SOLVERS = {"lbfgs": LBFGS, "sgd": "SGD", "adam": "Adam", "adamw": "AdamW"}
# scikit-learn's schedules, of the solver "sgd" alone; there are others in `fastmlp.schedules`.
SGD_SCHEDULES = ("constant", "invscaling", "adaptive")
MAX_BATCH = 200  # of batch_size="auto"


def check_parameters(estimator: Any) -> None:
    """Raise a TypeError or ValueError that names the first parameter that makes no sense."""
    for name in ("alpha", "power_t", "tol", "weight_decay"):
        number(name, getattr(estimator, name), 0)
    for name in ("momentum", "beta_1", "beta_2"):
        number(name, getattr(estimator, name), 0, 1, open_high=True)
    for name in ("shuffle", "warm_start", "nesterovs_momentum", "early_stopping", "standardize"):
        boolean(name, getattr(estimator, name))
    number("validation_fraction", estimator.validation_fraction, 0, 1, open_high=True)
    if estimator.early_stopping:
        _check_positive("validation_fraction", estimator.validation_fraction)
    _check_positive("learning_rate_init", estimator.learning_rate_init)
    if estimator.clip_norm is not None:
        _check_positive("clip_norm", estimator.clip_norm)
    if not isinstance(estimator.verbose, bool | int | np.bool_ | np.integer):
        raise TypeError(f"verbose must be True, False or an integer, got {estimator.verbose!r}")
    for name in ("max_iter", "max_fun"):
        integer(name, getattr(estimator, name))
    if estimator.n_iter_no_change != math.inf:
        integer("n_iter_no_change", estimator.n_iter_no_change)
    if not (isinstance(estimator.batch_size, str) and estimator.batch_size == "auto"):
        integer("batch_size", estimator.batch_size)
    number("epsilon", estimator.epsilon, MIN_EPSILON)
    one_of("solver", estimator.solver, SOLVERS, any_case=False)
    check_learning_rate(estimator.learning_rate)
    thread_count(estimator.n_threads)
    if estimator.solver == LBFGS:
        for name in ("dropout", "clip_norm"):
            value = getattr(estimator, name)
            if value is not None and np.any(np.asarray(value) != 0):
                raise ValueError(f"{name} must be left out with solver={LBFGS!r}, which takes all rows, got {value!r}")


def check_learning_rate(value: Any) -> None:
    """Raise a TypeError or ValueError if it is neither scikit-learn's nor one of `fastmlp.schedules`."""
    if isinstance(value, str) and value in SGD_SCHEDULES:
        return
    try:
        checked_schedule(value)
    except (TypeError, ValueError) as error:
        names = ", ".join(map(repr, dict.fromkeys((*SGD_SCHEDULES, *SCHEDULES))))
        raise type(error)(
            f"learning_rate must be one of {names}, one of fastmlp.schedules, such as Cosine(warmup=0.1), or a "
            f"function of epoch and step, got {value!r}"
        ) from None


def _check_positive(name: str, value: Any) -> None:
    if number(name, value, 0) == 0:
        raise ValueError(f"{name} must be above 0, got 0")


def architecture_of(estimator: Any, n_features: int, n_outputs: int, loss: str, dtype: np.dtype) -> Architecture:
    """The description of an estimator's network."""
    sizes = estimator.hidden_layer_sizes
    hidden = [sizes] if np.ndim(sizes) == 0 else sizes
    # an array, or a list that a search has made of one
    activation = estimator.activation.tolist() if isinstance(estimator.activation, np.ndarray) else estimator.activation
    return Architecture.of(
        layer_sizes(n_features, hidden, n_outputs, None, ("n_features", "hidden_layer_sizes", "n_outputs")),
        dtype,
        activation=activation,
        loss=loss,
        dropout=estimator.dropout,
        **estimator._loss_options(loss),
    )


def optimizer_of(estimator: Any) -> str:
    """The network's optimiser."""
    if estimator.solver == "sgd" and estimator.momentum > 0:
        return "Nesterov" if estimator.nesterovs_momentum else "Momentum"
    return SOLVERS[estimator.solver]


def settings_of(estimator: Any, batch_size: int, epochs: int, convergence: Convergence) -> FitSettings:
    """The settings of an estimator's training."""
    common = {"epochs": epochs, "regularization": estimator.alpha, "convergence": convergence}
    if estimator.solver == LBFGS:
        return FitSettings(optimizer=LBFGS, **common)
    is_sgd = estimator.solver == "sgd"
    return FitSettings(
        **common,
        batch_size=batch_size,
        learning_rate=estimator.learning_rate_init,
        schedule=None if estimator.learning_rate in SGD_SCHEDULES else estimator.learning_rate,
        clip_norm=estimator.clip_norm,
        optimizer=optimizer_of(estimator),
        beta1=estimator.momentum if is_sgd else estimator.beta_1,
        beta2=estimator.beta_2,
        epsilon=estimator.epsilon,
        weight_decay=estimator.weight_decay,
    )


def rules_of(estimator: Any, *, validates: bool) -> Rules:
    """When an estimator's training is over; L-BFGS has rules of its own."""
    is_lbfgs = estimator.solver == LBFGS
    return Rules(
        learning_rate_init=estimator.learning_rate_init,
        learning_rate=estimator.learning_rate if estimator.solver == "sgd" else "constant",
        power_t=estimator.power_t,
        tol=estimator.tol,
        n_iter_no_change=math.inf if is_lbfgs else estimator.n_iter_no_change,
        validates=validates,
        by_score=estimator._stops_by_score,
        verbose=bool(estimator.verbose),
    )


def has_partial_fit(estimator: Any) -> bool:
    """Whether an estimator has `partial_fit`, for `available_if`."""
    if estimator.solver == LBFGS:
        raise AttributeError(
            f"partial_fit is only available for stochastic optimizers. {estimator.solver} is not stochastic."
        )
    return True
