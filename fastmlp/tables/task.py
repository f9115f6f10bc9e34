"""What is learnt from a table: classes or numbers, decided from the target column; its rows in parts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from fastmlp.conversion import shortened
from fastmlp.functions.scores import accuracy, r2
from fastmlp.generators import random_state
from fastmlp.remedies import argument, counted, listed
from fastmlp.tables.columns import REFUSED, Column, understood
from fastmlp.tables.inputs import check_known, notation_of, numbers_in, text
from fastmlp.tables.notations import Notation
from fastmlp.tables.values import Values, column_of, named_columns, text_of, values_of
from fastmlp.validation import number, one_of

KINDS = ("classification", "regression")
# Numbers are classes where they are whole and there are at most so many different ones, or just two of them.
MAX_CLASSES_OF_NUMBERS = 20
# Rows that a class has on average at least, unless there are two, or the task is said; with fewer than MIN_ROWS it is
# no class in any case.
ROWS_OF_A_CLASS, MIN_ROWS = 10, 2
PARTS = ("training", "validation", "test")


class Targets(NamedTuple):
    """Targets of the rows of a table that have one.

    Attributes
    ----------
    rows : ndarray (n_known,), intp
        Their numbers, from 0.
    y : ndarray (n_known,)
        The number of each row's class, int64, or float64 in a regression.
    notes : list of str
        Says how many rows are left out, if any.
    """

    rows: np.ndarray
    y: np.ndarray
    notes: list[str]


class Split(NamedTuple):
    """Rows (n_part,) of each part, sorted, as intp; and what to say where a part lacks a class."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    notes: list[str]


@dataclass(frozen=True)
class Task:
    """What is learnt: the class of each row, or a number; see `fit`.

    Attributes
    ----------
    target : str
        The column.
    kind : {"classification", "regression"}
    class_names : tuple of str
        In the order of the network's outputs, texts in alphabetical and numbers in numerical order; empty in a
        regression.
    notation : Notation or None
        How the target's numbers are written; None where its classes are texts.

    Examples
    --------
    >>> import pandas
    >>> from fastmlp.tables import Task
    >>> frame = pandas.DataFrame({"grade": ["2", "10", "2", "10", None]})
    >>> task = Task.fit(frame, "grade")
    >>> task.kind, task.class_names
    ('classification', ('2', '10'))
    >>> rows, y, notes = task.targets(frame)
    >>> y, notes
    (array([0, 1, 0, 1]), ["1 of 5 rows has no 'grade' and is left out"])
    >>> task.decoded(y)
    array(['2', '10', '2', '10'], dtype=object)
    """

    target: str
    kind: str
    class_names: tuple[str, ...] = ()
    notation: Notation | None = None

    @classmethod
    def fit(cls, frame: Any, target: str, kind: str | None = None, decimal: str | None = None) -> Self:
        """Decide what is learnt from a column of a frame.

        Texts, booleans, two different numbers, and whole numbers of which there are at most 20 different ones with ten
        rows each on average are classes; other numbers are targets of a regression.

        Parameters
        ----------
        frame : frame of pandas, Polars or pyarrow
        target : str
        kind : {"classification", "regression"}, optional
            Overrides that.
        decimal : {".", ","}, optional
            As in `understood`.

        Raises
        ------
        TypeError, ValueError
            If frame is no frame, or there is no such column. If it cannot be a target: ids, a constant, gaps alone,
            dates, too many texts; more classes than a tenth of the rows, where the kind is not given, or than half of
            them.
        fastmlp.optional.MissingLibraryError
            Without the extra `cli`.
        """
        if kind is not None:
            kind = one_of("task", kind, KINDS)
        values = column_of(named_columns(frame), target)
        column = understood(target, values, decimal)
        are_numbers = column.values.dtype == np.float64 and column.kind != "boolean"
        are_ids = column.kind == "id" and are_numbers and kind == "regression"  # years, say
        if column.n_different == 1:  # a constant may have gaps
            raise ValueError(
                f"target {target!r} has only the value {shortened(column.examples[0])}: name another column to be "
                "predicted"
            )
        if column.why is not None and not are_ids:
            instead = ", or" if column.kind in REFUSED else ":"
            raise ValueError(f"target {target!r} {column.why}{instead} name another column to be predicted")
        if kind == "regression" and not are_numbers:
            raise ValueError(
                f"target {target!r} must have numbers for {argument('task', kind)}, got {listed(column.examples)}: say "
                f"{argument('task', 'classification')}, or name another column"
            )
        names = _class_names(column, are_numbers, values)
        n_rows, n_classes = len(column.values) - column.n_missing, len(names)
        if kind is None and are_numbers and not _are_classes(names, n_rows):
            kind = "regression"
        notation = column.notation if are_numbers else None
        if kind == "regression":
            return cls(target, kind, (), notation)
        least = MIN_ROWS if kind or n_classes == 2 else ROWS_OF_A_CLASS
        if least * n_classes > n_rows:
            others = ["regression"] * are_numbers + ["classification"] * (kind is None)
            raise ValueError(
                f"target {target!r} must have at least {least} rows for each class on average, got {n_rows:,} rows "
                f"with {n_classes:,} different values such as {listed(column.examples)}: "
                + ", or ".join(["name another column", "join rare classes", *(argument("task", one) for one in others)])
            )
        return cls(target, "classification", tuple(names), notation)

    @property
    def in_words(self) -> str:
        """A sentence that says what is learnt, and how to decide otherwise."""
        if not self.is_classification:
            classes = argument("task", "classification")
            return f"Of {self.target!r}, a number is learnt (regression); classes are learnt by {classes}."
        others = f"; a number is learnt by {argument('task', 'regression')}" if self.notation is not None else ""
        names = list(self.class_names)
        return f"Of {self.target!r}, {len(names)} classes are learnt: {listed(names)}{others}."

    @property
    def is_classification(self) -> bool:
        """Whether classes are learnt, and not numbers."""
        return self.kind == "classification"

    def targets(self, frame: Any, decimal: str | None = None) -> Targets:
        """The targets of a frame's rows, those without one left out.

        Parameters
        ----------
        frame : frame of pandas, Polars or pyarrow
        decimal : {".", ","}, optional
            Of numbers in texts, by default as it was in the frame that the task was fitted to.

        Returns
        -------
        Targets

        Raises
        ------
        TypeError, ValueError
            If it is no frame or has no such column; if a row has another class, or no number in a regression.
        """
        found = values_of(column_of(named_columns(frame), self.target))
        try:
            y = self._targets_of(found, decimal)
        except ValueError as error:
            raise ValueError(f"target {self.target!r} {error}") from None
        rows = np.flatnonzero(found.codes >= 0)
        n_gaps, notes = len(y) - len(rows), []
        if n_gaps:
            notes = [
                f"{n_gaps:,} of {len(y):,} rows {'has' if n_gaps == 1 else 'have'} no {self.target!r} and "
                f"{'is' if n_gaps == 1 else 'are'} left out"
            ]
        return Targets(rows, y[rows], notes)

    def _targets_of(self, found: Values, decimal: str | None) -> np.ndarray:
        """Targets (n_rows,) of all rows, with something for gaps."""
        if self.notation is not None:
            numbers = numbers_in(found, self.notation, decimal)
            if not self.is_classification:
                return numbers
            # gaps are of no class, but their rows are not looked at
            different, codes = np.unique(numbers, return_inverse=True)
            found = Values("numbers", np.where(np.isnan(numbers), -1, codes), different[~np.isnan(different)].tolist())
        places = {name: i for i, name in enumerate(self.class_names)}
        classes = np.array([places.get(text_of(value), -1) for value in found.different], np.int64)
        check_known(found, classes >= 0, f"one of the classes {listed(list(self.class_names))}")
        return found.taken(classes, -1)

    def decoded(self, predictions: npt.ArrayLike) -> np.ndarray:
        """What a network's `predict` gives (n_rows,) as names of classes, an array of objects, or numbers as they are.

        Examples
        --------
        >>> from fastmlp.tables import Task
        >>> Task("species", "classification", ("ant", "bee")).decoded([1, 0])
        array(['bee', 'ant'], dtype=object)
        """
        flat = np.ravel(np.asarray(predictions))
        return np.array(self.class_names, object)[flat] if self.is_classification else flat

    def split(self, y: npt.ArrayLike, shares: Sequence[float] = (0.7, 0.15, 0.15), seed: int | None = None) -> Split:
        """Draw rows to train, to validate and to test with; of each class each part has its share.

        Parameters
        ----------
        y : array_like (n_rows,)
            Targets of this task.
        shares : three numbers
            Of the rows; their sum is 1, and the first is not 0. Another may be: that part is empty then.
        seed : int, optional
            By default, NumPy's global generator draws.

        Returns
        -------
        Split
            Each class with enough rows is in each part. A smaller one is in the training part.

        Raises
        ------
        ValueError
            If shares are no such numbers, or there are fewer rows than parts.

        Examples
        --------
        >>> from fastmlp.tables import Task
        >>> task = Task("species", "classification", ("ant", "bee"))
        >>> train, validation, test, notes = task.split([0] * 8 + [1, 1], (0.6, 0.2, 0.2), seed=0)
        >>> len(train), len(validation), len(test), notes
        (6, 2, 2, ["no row of class 'bee' (2 rows) is in the validation part"])
        """
        labels = np.asarray(y)
        parts = _checked_shares(shares)
        n_parts = int(np.count_nonzero(parts))
        if len(labels) < n_parts:
            raise ValueError(f"y must have a row for each of {n_parts} parts, got {len(labels)}")
        with random_state(seed) as generator:
            order = generator.permutation(len(labels))
        groups = [order]
        if self.is_classification:
            groups = [order[labels[order] == code] for code in np.unique(labels)]
        counts = _counts(list(map(len, groups)), parts)
        pieces = [np.split(group, np.cumsum(of_group)[:-1]) for group, of_group in zip(groups, counts, strict=True)]
        train, validation, test = (np.sort(np.concatenate(part)) for part in zip(*pieces, strict=True))
        notes = []
        for name, share, part in zip(PARTS, parts, (train, validation, test), strict=True):
            for code in np.setdiff1d(labels, labels[part]) if self.is_classification and share else ():
                n = int(np.count_nonzero(labels == code))
                notes.append(f"no row of class {self.class_names[code]!r} ({counted(n, 'row')}) is in the {name} part")
        return Split(train, validation, test, notes)

    @property
    def score_name(self) -> str:
        """What predictions are judged by: "accuracy", or in a regression "R2"."""
        return "accuracy" if self.is_classification else "R2"

    def score(self, predictions: npt.ArrayLike, y: npt.ArrayLike) -> float:
        """How good predictions (n_rows,) of targets y are, classes or numbers: the accuracy, or in a regression R2.

        Examples
        --------
        >>> from fastmlp.tables import Task
        >>> Task("species", "classification", ("ant", "bee")).score([0, 1, 1, 1], [0, 1, 0, 1])
        0.75
        """
        return (accuracy if self.is_classification else r2)(np.asarray(predictions), np.asarray(y))

    def constant(self, y: npt.ArrayLike) -> float:
        """What who always says the same says of such targets y (n_rows,): the most frequent class, or their mean."""
        known = np.asarray(y)
        return int(np.bincount(known).argmax()) if self.is_classification else float(known.mean())

    def constant_score(self, y_train: npt.ArrayLike, y: npt.ArrayLike) -> float:
        """The score on targets y of who always says the same, the most frequent class or the mean of y_train.

        It is the accuracy, or in a regression R2.

        Examples
        --------
        >>> from fastmlp.tables import Task
        >>> Task("species", "classification", ("ant", "bee")).constant_score([0, 0, 1], [0, 1, 0, 0])
        0.75
        >>> Task("price", "regression").constant_score([1.0, 2.0, 3.0], [1.0, 3.0])
        0.0
        """
        return self.score(np.full(len(np.asarray(y)), self.constant(y_train)), y)

    def to_dict(self) -> dict[str, Any]:
        """The task as plain values of JSON."""
        return {
            "target": self.target,
            "kind": self.kind,
            "class_names": list(self.class_names),
            "notation": None if self.notation is None else list(self.notation),
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """The task that `to_dict` described; errors are of any type where it is something else."""
        kind = one_of("kind", document["kind"], KINDS)
        names, notation = tuple(map(text, document["class_names"])), document["notation"]
        if (kind == "classification") != (len(set(names)) == len(names) > 1):
            raise ValueError(f"a {kind} must not have the classes {listed(list(names))}")
        return cls(text(document["target"]), kind, names, None if notation is None else notation_of(notation))


def _class_names(column: Column, are_numbers: bool, values: Any) -> list[str]:
    """Different values as texts, numbers in numerical order."""
    if are_numbers:
        return [text_of(value) for value in np.unique(column.values[~np.isnan(column.values)]).tolist()]
    return sorted(map(text_of, values_of(values).different))


def _are_classes(numbers: list[str], n_rows: int) -> bool:
    """Whether so many different numbers in so many rows are classes."""
    n = len(numbers)
    return n == 2 or (
        n <= MAX_CLASSES_OF_NUMBERS
        and n * ROWS_OF_A_CLASS <= n_rows
        and all(float(value).is_integer() for value in numbers)
    )


def _checked_shares(shares: Sequence[float]) -> list[float]:
    parts = [number(f"shares[{i}]", share, 0, 1) for i, share in enumerate(shares)]
    if len(parts) != len(PARTS) or not parts[0] or abs(sum(parts) - 1) > 1e-9:
        raise ValueError(f"shares must be three numbers whose sum is 1, the first above 0, got {shares!r}")
    return parts


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
