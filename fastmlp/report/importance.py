"""How much a network's score depends on each column of a table."""

import copy
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fastmlp.conversion import shortened
from fastmlp.functions.class_scores import mean_recall
from fastmlp.generators import random_state
from fastmlp.network import NeuralNetwork
from fastmlp.tables.task import Task
from fastmlp.validation import boolean, integer, real_matrix

# The fewest and the most rows that the loss of a column is measured on, and multiplications in all: about two seconds'.
MIN_ROWS, MAX_ROWS, MAX_PRODUCTS = 200, 5000, 10**10


class Importance(NamedTuple):
    """What the score loses where a column's values are shuffled among the rows.

    Attributes
    ----------
    name : str
        The column.
    mean, spread : float
        Mean and standard deviation over the repetitions.
    n_rows : int
        Number of rows that it was measured on.
    """

    name: str
    mean: float
    spread: float
    n_rows: int


def permutation_importance(
    network: NeuralNetwork,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    repeats: int = 5,
    seed: int | None = 0,
    balanced: bool = False,
) -> list[Importance]:
    """Measure what accuracy, or R2, loses without each column of the table that the network's schema describes.

    A column's values are shuffled among the rows; all its inputs move together, such as those for each value of a
    category. Columns that say the same make each other look unimportant. It takes a few seconds at most: of many rows
    some are drawn, and of very many columns those are measured that have the largest weights.

    Parameters
    ----------
    network : NeuralNetwork
        With a schema.
    X : array_like (n_rows, n_features)
        Rows that it was not trained on, from `network.schema.rows`.
    y : array_like (n_rows,)
        From `network.schema.targets`.
    repeats : int
        How often each column is shuffled.
    seed : int, optional
        None for NumPy's global generator.
    balanced : bool
        Of classes, measure not the accuracy but the mean of their recalls, in which all classes count alike.

    Returns
    -------
    list of Importance
        Of each column that was measured, the largest mean first.

    Raises
    ------
    TypeError, ValueError
        If the network has no schema, X, y or repeats are invalid, or balanced is True in a regression.

    Examples
    --------
    >>> import pandas
    >>> from fastmlp import NeuralNetwork
    >>> from fastmlp.report import permutation_importance
    >>> from fastmlp.tables import Schema
    >>> frame = pandas.DataFrame({"age": [1, 2, 1, 2] * 5, "size": [1, 1, 9, 9] * 5, "kind": ["a", "a", "b", "b"] * 5})
    >>> schema = Schema.fit(frame, target="kind")
    >>> X, y = schema.rows(frame), schema.targets(frame).y
    >>> net = NeuralNetwork(2, [8], 2, seed=0)
    >>> net.schema = schema
    >>> history = net.fit(X, y, epochs=50, learning_rate=0.05, seed=0)
    >>> [one.name for one in permutation_importance(net, X, y) if one.mean > 0.2]
    ['size']
    """
    schema = network.schema
    if schema is None:
        raise ValueError("network must have a schema, got None: assign net.schema")
    rows, targets, repeats = real_matrix("X", X, network.input_size), np.asarray(y), integer("repeats", repeats)
    if targets.shape != (len(rows),) or not len(rows):
        raise ValueError(f"y must have one target for each row of X, got {targets.shape} for {len(rows)} rows")
    n_classes = len(schema.task.class_names)
    if targets.dtype.kind not in "biuf" or (n_classes and not np.isin(targets, np.arange(n_classes)).all()):
        needed = f"numbers of classes from 0 to {n_classes - 1}" if n_classes else "numbers"
        raise ValueError(f"y must be {needed}, as network.schema.targets gives, got {shortened(targets)}")
    _, score = score_of(schema.task, balanced)
    # a thread of its own: so few rows are not worth the others
    single = copy.copy(network)
    single.n_threads = 1

    def predicted(rows: np.ndarray) -> np.ndarray:
        return np.ravel(single.predict(rows))

    groups, first = {}, 0
    for one in schema.inputs:
        groups[one.name] = slice(first, first := first + len(one.names()))
    names, n_rows = _measured(network, groups, len(rows), repeats)
    with random_state(seed) as generator:
        drawn = np.sort(generator.permutation(len(rows))[:n_rows])
        rows, targets = rows[drawn], targets[drawn]
        whole, shuffled, found = score(predicted(rows), targets), rows.copy(), []
        for name in names:
            lost = []
            for _ in range(repeats):
                shuffled[:, groups[name]] = rows[generator.permutation(n_rows), groups[name]]
                lost.append(whole - score(predicted(shuffled), targets))
            shuffled[:, groups[name]] = rows[:, groups[name]]
            found.append(Importance(name, float(np.mean(lost)), float(np.std(lost)), n_rows))
    return sorted(found, key=lambda one: -one.mean)


def score_of(task: Task, balanced: bool) -> tuple[str, Callable[[np.ndarray, np.ndarray], float]]:
    """The name of the score of predictions (n_rows,) and targets, and its function; see `permutation_importance`."""
    if not boolean("balanced", balanced):
        return task.score_name, task.score
    if not task.is_classification:
        raise ValueError("balanced must be False in a regression, got True")
    return "mean recall", mean_recall


def _measured(network: NeuralNetwork, groups: Mapping[str, slice], n_rows: int, repeats: int) -> tuple[list[str], int]:
    """The columns that are measured, those with the largest weights first, and on how many rows."""
    n_times = MAX_PRODUCTS // (repeats * sum(array.size for array in network.params.values()))
    n_columns = min(len(groups), max(n_times // min(MIN_ROWS, n_rows), 1))
    weights = network.params["W1"]
    names = sorted(groups, key=lambda name: -float(np.linalg.norm(weights[groups[name]])))
    return names[:n_columns], min(n_rows, MAX_ROWS, max(n_times // n_columns, MIN_ROWS))
