"""How much a network's score depends on each column of a table."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fastmlp.functions.scores import accuracy, r2
from fastmlp.generators import random_state
from fastmlp.network import NeuralNetwork
from fastmlp.validation import integer, real_matrix

# Numbers that are predicted from, in all, beyond which fewer rows are drawn; and the fewest rows.
MAX_NUMBERS, MIN_ROWS = 100_000_000, 200


class Importance(NamedTuple):
    """What the score loses where a column's values are shuffled among the rows.

    Attributes
    ----------
    name : str
        The column.
    mean, spread : float
        Mean and standard deviation over the repetitions.
    """

    name: str
    mean: float
    spread: float


def permutation_importance(
    network: NeuralNetwork, X: npt.ArrayLike, y: npt.ArrayLike, *, repeats: int = 5, seed: int | None = 0
) -> list[Importance]:
    """Measure what accuracy, or R2, loses without each column of the table that the network's schema describes.

    A column's values are shuffled among the rows; all its inputs move together, such as those for each value of a
    category. Columns that say the same make each other look unimportant. Of very many rows some are drawn.

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

    Returns
    -------
    list of Importance
        The largest mean first.

    Raises
    ------
    TypeError, ValueError
        If the network has no schema, or X, y or repeats are invalid.

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
    score = accuracy if schema.task.is_classification else r2
    with random_state(seed) as generator:
        n_rows = n_drawn(len(rows), len(schema.inputs), rows.shape[1], repeats)
        if n_rows < len(rows):
            drawn = np.sort(generator.permutation(len(rows))[:n_rows])
            rows, targets = rows[drawn], targets[drawn]
        whole = score(np.ravel(network.predict(rows)), targets)
        shuffled, first, found = rows.copy(), 0, []
        for one in schema.inputs:
            group = slice(first, first := first + len(one.names()))
            lost = []
            for _ in range(repeats):
                shuffled[:, group] = rows[generator.permutation(len(rows)), group]
                lost.append(whole - score(np.ravel(network.predict(shuffled)), targets))
            shuffled[:, group] = rows[:, group]
            found.append(Importance(one.name, float(np.mean(lost)), float(np.std(lost))))
    return sorted(found, key=lambda one: -one.mean)


def n_drawn(n_rows: int, n_columns: int, n_features: int, repeats: int) -> int:
    """How many rows the importance is measured on."""
    return min(n_rows, max(MIN_ROWS, MAX_NUMBERS // (repeats * n_columns * n_features)))
