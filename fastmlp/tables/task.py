"""What is learnt from a table: classes or numbers, decided from the target column."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from fastmlp.conversion import shortened
from fastmlp.functions.scores import accuracy, r2
from fastmlp.remedies import argument, listed
from fastmlp.tables.columns import BOOLEANS, REFUSED, Column
from fastmlp.tables.inputs import check_known, notation_of, numbers_in, text
from fastmlp.tables.notations import Notation, are_numbers, check_decimal
from fastmlp.tables.parts import SHARES, Split, Targets, drawn
from fastmlp.tables.values import Values, column_of, named_columns, text_of, values_of
from fastmlp.validation import one_of

KINDS = ("classification", "regression")
# Numbers are classes where they are whole and there are at most so many different ones, or just two of them.
MAX_CLASSES_OF_NUMBERS = 20
# Rows that a class has on average at least, unless there are two, or the task is said; with fewer than MIN_ROWS it is
# no class in any case.
ROWS_OF_A_CLASS, MIN_ROWS = 10, 2


@dataclass(frozen=True)
class Task:
    """What is learnt: the class of each row, or a number; see `fit`.

    Attributes
    ----------
    target : str
        The column.
    kind : {"classification", "regression"}
    class_names : tuple of str
        In the order of the network's outputs, texts in alphabetical and numbers in numerical order, which have their
        units; empty in a regression.
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
    (array([0, 1, 0, 1]), ["1 of 5 rows has no 'grade' and is left out."])
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
            As in `Column.of`.

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
        column = Column.of(target, values, decimal)
        is_numeric = column.values.dtype == np.float64 and column.kind != "boolean"
        are_ids = column.kind == "id" and is_numeric and kind == "regression"  # years, say
        found, numbers = values_of(values), column.values[~np.isnan(column.values)] if is_numeric else np.zeros(0)
        n_different = len(np.unique(numbers)) if is_numeric else column.n_different
        if n_different == 1:  # a constant may have gaps, and be spelled in two ways
            raise ValueError(
                f"target {target!r} has only the value {shortened(column.examples[0])}: name another column to be "
                "predicted"
            )
        if kind == "regression" and not is_numeric and column.n_different and column.kind not in REFUSED:
            got = _no_number(found)
            raise ValueError(
                f"target {target!r} must have numbers for {argument('task', kind)}, got {got}: correct it, say "
                f"{argument('task', 'classification')}, or name another column"
            )
        if column.why is not None and not are_ids:
            instead = ", or" if column.kind in REFUSED else ":"
            raise ValueError(f"target {target!r} {column.why}{instead} name another column to be predicted")
        if kind is None and is_numeric and not _are_classes(numbers, n_different):
            kind = "regression"
        notation = column.notation if is_numeric else None
        if kind == "regression":
            return cls(target, kind, (), notation)
        names = _class_names(column, is_numeric, found.different)
        n_rows, n_classes = len(column.values) - column.n_missing, len(names)
        least = MIN_ROWS if kind or n_classes == 2 else ROWS_OF_A_CLASS
        if least * n_classes > n_rows:
            others = ["regression"] * is_numeric + ["classification"] * (kind is None)
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
        check_decimal(decimal)
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
                f"{'is' if n_gaps == 1 else 'are'} left out."
            ]
        return Targets(rows, y[rows], notes)

    def _targets_of(self, found: Values, decimal: str | None) -> np.ndarray:
        """Targets (n_rows,) of all rows; gaps have class -1, or NaN."""
        names: list[Any] = list(self.class_names)
        if self.notation is None:
            are_booleans = tuple(sorted(map(str.lower, names))) in BOOLEANS
            spelled = str.lower if are_booleans else str
            names, different = list(map(spelled, names)), [spelled(text_of(value)) for value in found.different]
        else:
            numbers = numbers_in(found, self.notation, decimal)
            if not self.is_classification:
                return numbers
            # gaps have no class: `targets` leaves their rows out
            unique, codes = np.unique(numbers, return_inverse=True)
            names, different = self.notation.read(names).tolist(), unique[~np.isnan(unique)].tolist()
            codes = np.where(np.isnan(numbers), -1, codes)
            found = found._replace(content="numbers", codes=codes, different=different)
        places = {name: i for i, name in enumerate(names)}
        classes = np.array([places.get(value, -1) for value in different], np.int64)
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
        if not self.is_classification:
            return flat
        if flat.dtype.kind not in "iu" or (len(flat) and not 0 <= flat.min() <= flat.max() < len(self.class_names)):
            raise ValueError(
                f"predictions must be integers from 0 to {len(self.class_names) - 1}, got {shortened(flat)}"
            )
        return np.array(self.class_names, object)[flat]

    def split(self, targets: Targets, shares: Sequence[float] = SHARES, seed: int | None = None) -> Split:
        """Draw rows of a frame to train, to validate and to test with; of each class each part has its share.

        Parameters
        ----------
        targets : Targets
            What `targets` gives of the frame.
        shares : two numbers
            Of the rows that validate, and that test; their sum is below 1, and all others train. With 0, a part is
            empty.
        seed : int, optional
            By default, NumPy's global generator draws.

        Returns
        -------
        Split
            Rows of the frame that have a target. Each class with enough of them is in each part. A smaller one is in
            the training part.

        Raises
        ------
        TypeError, ValueError
            If targets are no `Targets`, shares are no such numbers, or there are fewer rows than parts.

        Examples
        --------
        >>> import pandas
        >>> from fastmlp.tables import Task
        >>> frame = pandas.DataFrame({"species": ["ant"] * 8 + ["bee"] * 2})
        >>> task = Task.fit(frame, "species")
        >>> train, validation, test, notes = task.split(task.targets(frame), (0.2, 0.2), seed=0)
        >>> len(train), len(validation), len(test), notes
        (6, 2, 2, ["No row of class 'bee' (2 rows) is in the validation part."])
        """
        return drawn(targets, shares, seed, self.class_names)

    @property
    def score_name(self) -> str:
        """What predictions are judged by: "accuracy", or in a regression "R2"."""
        return "accuracy" if self.is_classification else "R2"

    def score(self, predictions: npt.ArrayLike, y: npt.ArrayLike) -> float:
        """How good predictions (n_rows,) of targets y are, classes or numbers: the accuracy, or in a regression R2.

        Classes are numbers or names, in both alike.

        Raises
        ------
        ValueError
            If they have not the same shape, or one has names and the other numbers.

        Examples
        --------
        >>> from fastmlp.tables import Task
        >>> Task("species", "classification", ("ant", "bee")).score([0, 1, 1, 1], [0, 1, 0, 1])
        0.75
        """
        found, true = np.asarray(predictions), np.asarray(y)
        if found.shape != true.shape:
            raise ValueError(f"predictions must have the shape of y, {true.shape}, got {found.shape}")
        if (found.dtype.kind in "biuf") != (true.dtype.kind in "biuf"):
            got = f"{shortened(found[:1].tolist())} for {shortened(true[:1].tolist())}"
            raise ValueError(f"predictions must be numbers or names of classes as y, got {got}: use decoded")
        return (accuracy if self.is_classification else r2)(found, true)

    def constant_prediction(self, y: npt.ArrayLike) -> float:
        """What the constant predictor of targets y (n_rows,) says of every row: their most frequent class, or mean.

        Examples
        --------
        >>> from fastmlp.tables import Task
        >>> Task("species", "classification", ("ant", "bee")).constant_prediction([0, 1, 1])
        1
        """
        known = np.asarray(y)
        if not len(known):
            raise ValueError("y must have a target at least, got none")
        return int(np.bincount(known).argmax()) if self.is_classification else float(known.mean())

    def constant_score(self, y_train: npt.ArrayLike, y: npt.ArrayLike) -> float:
        """The score on targets y of the constant predictor, which says the most frequent class or the mean of y_train.

        It is the accuracy, or in a regression R2, see `score`.

        Examples
        --------
        >>> from fastmlp.tables import Task
        >>> Task("species", "classification", ("ant", "bee")).constant_score([0, 0, 1], [0, 1, 0, 0])
        0.75
        >>> Task("price", "regression").constant_score([1.0, 2.0, 3.0], [1.0, 3.0])
        0.0
        """
        return self.score(np.full(len(np.asarray(y)), self.constant_prediction(y_train)), y)

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
        made = cls(text(document["target"]), kind, names, None if notation is None else notation_of(notation))
        if made.notation is not None and np.isnan(made.notation.read(names)).any():
            raise ValueError(f"the classes {listed(list(names))} must be numbers in the notation {notation!r}")
        return made


def _class_names(column: Column, is_numeric: bool, different: list[Any]) -> list[str]:
    """Different values as texts, in numerical order where they are numbers."""
    names = list(map(text_of, different))
    if is_numeric:
        # as it stands, with a unit say; where a number is spelled in two ways as the first of them
        texts = dict(zip(column.notation.read(names)[::-1].tolist(), names[::-1], strict=True))
        # but plainly 3 for 3.0 and +3
        is_plain = column.notation == Notation()
        return [text_of(n) if is_plain and not texts[n].isdecimal() else texts[n] for n in sorted(texts)]
    names.sort()
    if column.kind == "boolean" and len(names) > 2:  # TRUE, True and false
        return sorted(set(map(str.lower, names)))
    return names


def _no_number(found: Values) -> str:
    """The first value that is no number, or the first one, and where it is."""
    code = int(np.argmin(are_numbers(list(map(text_of, found.different)))))
    return f"{shortened(found.different[code])} in {found.place_of(code)}"


def _are_classes(numbers: np.ndarray, n_classes: int) -> bool:
    """Whether numbers (n_rows,), of which so many are different, are classes."""
    are_few = n_classes <= MAX_CLASSES_OF_NUMBERS and n_classes * ROWS_OF_A_CLASS <= len(numbers)
    return n_classes == 2 or (are_few and bool((numbers == np.floor(numbers)).all()))
