"""The rows of a table that a network was trained and tested with, their targets, and what it predicts."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fastmlp.network import NeuralNetwork
from fastmlp.tables.schema import Schema
from fastmlp.tables.task import PARTS, Split
from fastmlp.validation import row_indices


class Part(NamedTuple):
    """Some rows of a table.

    Attributes
    ----------
    name : {"training", "validation", "test"}
    X : ndarray (n_rows, n_features), float64
    y, predictions : ndarray (n_rows,)
        Numbers of classes, or numbers.
    """

    name: str
    X: np.ndarray
    y: np.ndarray
    predictions: np.ndarray


def parts_of(network: NeuralNetwork, schema: Schema, frame: Any, split: Split, decimal: str | None) -> list[Part]:
    """Each part that has rows; the training part has."""
    X = schema.rows(frame, decimal)
    known, targets, _ = schema.targets(frame, decimal)
    places = np.full(len(X), -1)
    places[known] = np.arange(len(known))
    found = []
    for field, name, numbers in zip(Split._fields[:-1], PARTS, split[:-1], strict=True):
        if field != "train" and not len(numbers):
            continue
        rows = row_indices(f"split.{field}", numbers, len(X))
        if (places[rows] < 0).any():
            row = rows[np.argmin(places[rows])]
            raise ValueError(f"split.{field} must have rows with a {schema.task.target!r}, got row {row} without one")
        part = X[rows]
        found.append(Part(name, part, targets[places[rows]], np.ravel(network.predict(part))))
    return found


def judged(parts: Sequence[Part]) -> Part:
    """The part whose results say most of new rows: that of the test, else of the validation, else of the training."""
    return parts[-1]
