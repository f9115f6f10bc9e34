"""The rows of a frame that have a target, and which of them train, validate and test."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fastmlp.generators import random_state
from fastmlp.remedies import counted
from fastmlp.validation import number, real_array

# What the parts are called in sentences, by the names of their arrays, such as X_train.
PARTS = {"train": "training", "val": "validation", "test": "test"}
# The shares of a table's rows that validate and that test.
SHARES = (0.1, 0.2)


class Targets(NamedTuple):
    """Targets of the rows of a frame that have one.

    Attributes
    ----------
    rows : ndarray (n_known,), intp
        Their numbers in the frame, from 0, sorted.
    y : ndarray (n_known,)
        The number of each row's class, int64, or float64 in a regression.
    notes : list of str
        A sentence that says how many rows are left out, if any.
    """

    rows: np.ndarray
    y: np.ndarray
    notes: list[str]

    def of(self, rows: npt.ArrayLike) -> np.ndarray:
        """The targets (n,) of these rows (n,) of the frame.

        Raises
        ------
        TypeError, ValueError
            If rows are no integers, or one of them has no target.

        Examples
        --------
        >>> import pandas
        >>> from fastmlp.tables import Task
        >>> frame = pandas.DataFrame({"price": [1.5, None, 2.5, 4.0]})
        >>> Task.fit(frame, "price").targets(frame).of([3, 2])
        array([4. , 2.5])
        """
        wanted = real_array("rows", rows, "integers", kinds="iu")
        lacking = wanted[~np.isin(wanted, self.rows)]
        if len(lacking):
            raise ValueError(f"rows must have a target each, got row {lacking[0]} without one")
        return self.y[np.searchsorted(self.rows, wanted)]


class Split(NamedTuple):
    """Rows of a frame in three parts.

    Attributes
    ----------
    train, validation, test : ndarray (n_part,), intp
        Their numbers in the frame, from 0, sorted.
    notes : list of str
        Sentences that say how many rows are in no part, and which class a part lacks.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    notes: list[str]

    @property
    def parts(self) -> dict[str, np.ndarray]:
        """The rows of each part, by the names "train", "val" and "test"."""
        return dict(zip(PARTS, self[:-1], strict=True))


def drawn(targets: Targets, shares: Sequence[float], seed: int | None, class_names: Sequence[str]) -> Split:
    """Rows of each part, see `Task.split`; without names of classes, the targets are numbers."""
    if not isinstance(targets, Targets):
        raise TypeError(f"targets must be what Task.targets gives, got {type(targets).__name__}")
    parts, y = _checked_shares(shares), targets.y
    n_parts = int(np.count_nonzero(parts))
    if len(y) < n_parts:
        raise ValueError(f"targets must have a row for each of {n_parts} parts, got {len(y)}")
    with random_state(seed) as generator:
        order = generator.permutation(len(y))
    classes = np.unique(y) if class_names else ()
    groups = [order[y[order] == code] for code in classes] if class_names else [order]
    counts = _counts(list(map(len, groups)), parts)
    pieces = [np.split(group, np.cumsum(of_group)[:-1]) for group, of_group in zip(groups, counts, strict=True)]
    chosen = [np.sort(np.concatenate(part)) for part in zip(*pieces, strict=True)]
    notes = list(targets.notes)
    for name, share, part in zip(PARTS.values(), parts, chosen, strict=True):
        for code in np.setdiff1d(classes, y[part]) if share else ():
            n = counted(int(np.count_nonzero(y == code)), "row")
            notes.append(f"No row of class {class_names[code]!r} ({n}) is in the {name} part.")
    train, validation, test = (targets.rows[part] for part in chosen)
    return Split(train, validation, test, notes)


def _checked_shares(shares: Sequence[float]) -> list[float]:
    """The share of each part."""
    if not isinstance(shares, Iterable):
        raise TypeError(f"shares must be two numbers whose sum is below 1, got {shares!r}")
    held_out = [number(f"shares[{i}]", share, 0, 1) for i, share in enumerate(shares)]
    if len(held_out) != len(SHARES) or sum(held_out) >= 1:
        raise ValueError(f"shares must be two numbers whose sum is below 1, got {shares!r}")
    return [1 - sum(held_out), *held_out]


def _counts(sizes: Sequence[int], shares: Sequence[float]) -> list[list[int]]:
    """How many rows of each group, of these sizes, each part has: its share, and one at least if it can."""
    parts = np.flatnonzero(shares)
    carried = np.zeros(len(shares))  # what rounding has kept from a part so far
    counts = []
    for n in sizes:
        wanted = np.multiply(shares, n) + carried
        least = np.zeros(len(shares), np.int64)
        least[parts if n >= len(parts) else parts[:1]] = 1
        given = np.maximum(np.floor(wanted).astype(np.int64), least)
        while given.sum() < n:
            given[np.argmax(wanted - given)] += 1
        while given.sum() > n:
            given[np.argmin(np.where(given > least, wanted - given, np.inf))] -= 1
        carried = np.clip(wanted - given, -1, 1)  # what small groups lack is not for a large one to make up for
        counts.append(given.tolist())
    return counts
