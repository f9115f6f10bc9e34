"""Fitted estimators of scikit-learn that predict as ours do, and ours that predict as scikit-learn's do."""

import copy
import itertools
import math
from collections.abc import Collection
from typing import Any

import numpy as np
from sklearn import neural_network
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.validation import check_is_fitted

from fastmlp.architecture import Architecture
from fastmlp.engine import Engine
from fastmlp.estimators.convergence import Convergence
from fastmlp.estimators.parameters import SGD_SCHEDULES, optimizer_of
from fastmlp.estimators.targets import LOSS_OF, Labels, Numbers
from fastmlp.exchange.layers import Layer, by_name, engine_of_layers, plain_layers, sizes_of
from fastmlp.network import NeuralNetwork
from fastmlp.validation import one_of

# What scikit-learn has of what there is here.
ACTIVATIONS = ("identity", "logistic", "tanh", "relu")
NUMBER_LOSSES = ("squared_error", "poisson")
# What it takes in place of what it lacks, for trainings that go on.
SUBSTITUTE_SOLVERS = {"adamw": "adam"}
SUBSTITUTE_LEARNING_RATE = "constant"


def copy_fitted(estimator: Any, fitted: Any) -> None:
    """Fit an estimator by copying what scikit-learn's has learnt.

    Raises
    ------
    TypeError
        If it is no estimator of this kind.
    ValueError
        If it is a classifier with a single class.
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    """
    theirs = _class_like(estimator)
    if not isinstance(fitted, theirs):
        got, hint = type(fitted), ": pass its last step, fitted[-1]" if isinstance(fitted, Pipeline) else ""
        raise TypeError(
            f"fitted must be a sklearn.neural_network.{theirs.__name__}, got {got.__module__}.{got.__name__}{hint}"
        )
    check_is_fitted(fitted)
    parameters = _copied_parameters(
        fitted, estimator.get_params().keys() - {"hidden_layer_sizes", "activation", "loss"}
    )
    of_network = {}
    if is_classifier(estimator):
        _check_classes("fitted", fitted.classes_)
        loss = "binary_cross_entropy" if fitted.out_activation_ == "logistic" else "cross_entropy"
        is_multilabel = fitted._label_binarizer.y_type_.startswith("multilabel")
        estimator.classes_ = fitted.classes_.copy()
        estimator._encoding = Labels(estimator.classes_, loss, is_multilabel, 0.0)
    else:
        of_network["loss"] = getattr(fitted, "loss", "squared_error")  # scikit-learn 1.6 has no other
        loss = LOSS_OF[of_network["loss"]]
        estimator._encoding = Numbers(loss, fitted.n_outputs_)
    layers = [Layer(*pair) for pair in zip(fitted.coefs_, fitted.intercepts_, strict=True)]
    dtype = np.result_type(*itertools.chain(*layers))
    engine = engine_of_layers(layers, Architecture.of(sizes_of(layers), dtype, activation=fitted.activation, loss=loss))
    if hasattr(fitted, "feature_names_in_"):
        estimator.feature_names_in_ = fitted.feature_names_in_.copy()
    estimator._with_network(NeuralNetwork._of(engine, *estimator._names()), parameters, **of_network)
    rate = _take_optimizer(estimator, estimator.network_._engine, getattr(fitted, "_optimizer", None))
    _take_progress(estimator._convergence, fitted, rate)
    estimator._publish(None)
    estimator.loss_ = fitted.loss_


def _class_like(estimator: Any) -> Any:
    """scikit-learn's class of the same name."""
    return neural_network.MLPClassifier if is_classifier(estimator) else neural_network.MLPRegressor


def _check_classes(name: str, classes: np.ndarray) -> None:
    """Raise a ValueError for a single class: scikit-learn's probability of it has two columns, and ours one."""
    if len(classes) == 1:
        raise ValueError(
            f"{name} must have several classes, got only {classes.tolist()[0]!r}: scikit-learn's predict_proba has two "
            "columns then, and that of fastmlp one"
        )


def _copied_parameters(estimator: Any, names: Collection[str]) -> dict[str, Any]:
    """The parameters of these names, with a generator of their own where there is one."""
    parameters = {name: value for name, value in estimator.get_params(deep=False).items() if name in names}
    if isinstance(parameters["random_state"], np.random.RandomState):
        parameters["random_state"] = copy.deepcopy(parameters["random_state"])
    return parameters


def _take_optimizer(estimator: Any, engine: Engine, optimizer: Any) -> float | None:
    """Copy the moments of scikit-learn's optimiser; returns its learning rate, where that is one of a schedule."""
    groups, rate = [], None
    if estimator.solver == "adam" and hasattr(optimizer, "vs"):
        groups, engine.n_updates = [optimizer.ms, optimizer.vs], optimizer.t
    elif estimator.solver == "sgd" and hasattr(optimizer, "velocities"):
        groups, rate = [optimizer.velocities] if estimator.momentum > 0 else [], float(optimizer.learning_rate)
    if groups:
        n_layers = engine.architecture.n_layers
        for moment, arrays in zip(engine.moments_of(optimizer_of(estimator)), groups, strict=True):
            pairs = zip(arrays[:n_layers], arrays[n_layers:], strict=True)
            engine.layout.views(moment).assign(by_name(pairs))
    return rate


def _take_progress(progress: Convergence, fitted: Any, rate: float | None) -> None:
    """Copy what scikit-learn's estimator says of its trainings."""
    progress.n_iter, progress.n_rows_seen = fitted.n_iter_, fitted.t_
    progress.loss_curve = list(getattr(fitted, "loss_curve_", ()))  # "lbfgs" has none
    progress.validation_scores = list(getattr(fitted, "validation_scores_", None) or ())
    progress.validation_loss_curve = [math.nan] * len(progress.validation_scores)
    progress.n_without, progress.rate = getattr(fitted, "_no_improvement_count", 0), rate
    if (loss := getattr(fitted, "best_loss_", None)) is not None:
        progress.best_loss = loss
    if (score := getattr(fitted, "best_validation_score_", None)) is not None:
        progress.best_score = score


def to_sklearn(estimator: Any) -> Any:
    """An estimator of scikit-learn that predicts as this one, which is fitted.

    Raises
    ------
    ValueError
        If scikit-learn has no such activation, loss or output, or there is a single class.
    """
    if is_classifier(estimator):
        _check_classes("the estimator", estimator.classes_)
    engine, made = estimator.network_._engine, _class_like(estimator)
    parameters = _their_parameters(estimator, engine.architecture, made)
    layers = _their_layers(estimator, engine)
    theirs = made(**parameters)
    theirs.n_features_in_ = estimator.n_features_in_
    if hasattr(estimator, "feature_names_in_"):
        theirs.feature_names_in_ = estimator.feature_names_in_.copy()
    # a standardizer in the weights can need more digits than those of float32
    dtype = engine.architecture.dtype if engine.standardizer is None else np.dtype(np.float64)
    theirs.coefs_ = [np.ascontiguousarray(layer.weights, dtype) for layer in layers]
    theirs.intercepts_ = [layer.biases.astype(dtype) for layer in layers]
    theirs.n_layers_, theirs.n_outputs_ = len(layers) + 1, len(layers[-1].biases)
    if is_classifier(estimator):
        encoding = estimator._encoding
        theirs._label_binarizer = LabelBinarizer().fit(
            np.eye(theirs.n_outputs_, dtype=int) if encoding.is_multilabel else estimator.classes_
        )
        theirs.classes_ = theirs._label_binarizer.classes_
        theirs.out_activation_ = "softmax" if theirs.n_outputs_ > 1 and not encoding.is_multilabel else "logistic"
    else:
        theirs.out_activation_ = estimator.out_activation_
    _give_progress(theirs, estimator)
    return theirs


def _their_parameters(estimator: Any, architecture: Architecture, made: type) -> dict[str, Any]:
    """The parameters that scikit-learn has, too."""
    taken = made().get_params()
    parameters = _copied_parameters(estimator, taken)
    if isinstance(architecture.activation, tuple):
        raise ValueError(f"activation must be one for all layers in scikit-learn, got {architecture.activation}")
    parameters["activation"] = one_of("activation, for scikit-learn,", architecture.activation, ACTIVATIONS)
    if (output := architecture.activations[-1]) != architecture.loss_row.activations[0]:
        raise ValueError(f"the outputs must be sums for scikit-learn, got outputs by {output!r}")
    if hasattr(estimator, "loss"):
        loss = next(name for name, of_network in LOSS_OF.items() if of_network == architecture.loss)
        one_of("loss, for scikit-learn,", loss, NUMBER_LOSSES if "loss" in taken else NUMBER_LOSSES[:1])
    parameters["hidden_layer_sizes"] = architecture.sizes[1:-1]
    parameters["solver"] = SUBSTITUTE_SOLVERS.get(estimator.solver, estimator.solver)
    if estimator.learning_rate not in SGD_SCHEDULES:
        parameters["learning_rate"] = SUBSTITUTE_LEARNING_RATE
    return parameters


def _their_layers(estimator: Any, engine: Engine) -> list[Layer]:
    """The layers, with outputs as scikit-learn has them: of sorted classes, and one output for two of them."""
    *hidden, (weights, biases) = plain_layers(engine)
    encoding = estimator._encoding
    if isinstance(encoding, Labels) and not encoding.is_multilabel:
        order = np.argsort(encoding.classes)
        if encoding.n_outputs == 1 and list(order) == [1, 0]:
            weights, biases = -weights, -biases
        elif encoding.n_outputs > 1:
            weights, biases = weights[:, order], biases[order]
        if encoding.n_outputs == 2:  # softmax of two is the logistic function of their difference
            weights, biases = np.diff(weights), np.diff(biases)
    return [*hidden, Layer(weights, biases)]


def _give_progress(theirs: Any, estimator: Any) -> None:
    """Set what scikit-learn's training goes on from, and what it says of the last one."""
    progress = estimator._convergence
    theirs.n_iter_, theirs.t_ = estimator.n_iter_, estimator.t_
    theirs.loss_curve_ = list(progress.loss_curve)
    if hasattr(estimator, "loss_"):
        theirs.loss_ = estimator.loss_
    theirs._no_improvement_count = progress.n_without
    theirs.best_loss_, theirs.validation_scores_, theirs.best_validation_score_ = None, None, None
    if theirs.early_stopping:
        theirs.validation_scores_, theirs.best_validation_score_ = list(progress.validation_scores), progress.best_score
        theirs._best_coefs = [array.copy() for array in theirs.coefs_]
        theirs._best_intercepts = [array.copy() for array in theirs.intercepts_]
    else:
        # losses in other units cannot be compared with those to come
        has_units = estimator.network_._engine.target_units is not None
        theirs.best_loss_ = math.inf if has_units else progress.best_loss
