"""How the columns of a table become the rows of a network, learnt from its training rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from fastmlp.engine.quotas import check_memory
from fastmlp.remedies import argument, listed
from fastmlp.tables import inputs
from fastmlp.tables.columns import REFUSED, Column
from fastmlp.tables.inputs import Input
from fastmlp.tables.notations import check_decimal
from fastmlp.tables.parts import Targets
from fastmlp.tables.task import Task
from fastmlp.tables.values import column_of, named_columns, values_of
from fastmlp.validation import integer, number, one_of, row_indices

# The options of `read_table` that a schema may keep, by their types in JSON.
READING = {"delimiter": str, "decimal": str, "missing": list, "encoding": str, "header": bool}


@dataclass(frozen=True)
class Schema:
    """How a frame's columns become inputs of a network, and its target what is learnt; made by `fit`.

    * A number is an input, whose gaps get the median. Where the training rows had gaps, a second input says where.
      A number that is lower or higher than those of all training rows is taken for the lowest or the highest of them.
    * A boolean is 0 or 1, its gaps the more frequent of both, with such a second input.
    * A category has an input of 0 and 1 for each value with at least two training rows and one in 500 of them, for gaps
      and for all other values, where the training rows had such. A value that was not seen is one of the others.

    The inputs are not standardised: that is for the network's `Standardizer`. Frames may have their columns in any
    order, and others besides.

    Attributes
    ----------
    inputs : tuple
        A description of each column that is an input.
    task : Task
        What is learnt.
    left_out : dict of str to str
        The columns that were left out, and why: constant and id-like ones, copies of the target, those without values
        or with many texts.
    constant_prediction : float or None
        What `Task.constant_prediction` says of the training rows, by which results may be judged; None where none of
        them has a target.
    reading : dict
        How `read_table` has read the table, see `Table.reading`, by which later ones are read.

    Examples
    --------
    >>> import pandas
    >>> from fastmlp.tables import Schema
    >>> frame = pandas.DataFrame(
    ...     {
    ...         "mass": ["3,750", None, "4,200.5", "5,100"],
    ...         "island": ["Dream", "Biscoe", "Dream", "Biscoe"],
    ...         "study": "palmer",
    ...         "species": ["Adelie", "Gentoo", "Adelie", "Gentoo"],
    ...     }
    ... )
    >>> schema = Schema.fit(frame, target="species")
    >>> schema.feature_names
    ['mass', 'mass (missing)', 'island=Biscoe', 'island=Dream']
    >>> schema.left_out
    {'study': "has only the value 'palmer'"}
    >>> schema.rows(frame[["island", "mass"]])[:2].tolist()
    [[3750.0, 0.0, 0.0, 1.0], [4200.5, 1.0, 1.0, 0.0]]
    >>> schema.targets(frame).y
    array([0, 1, 0, 1])
    """

    inputs: tuple[Input, ...]
    task: Task
    left_out: dict[str, str] = field(default_factory=dict)
    constant_prediction: float | None = None
    reading: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def fit(
        cls,
        frame: Any,
        *,
        target: str,
        ignore: Sequence[str] = (),
        task: str | Task | None = None,
        decimal: str | None = None,
        rows: npt.ArrayLike | None = None,
        columns: Iterable[Column] = (),
        reading: Mapping[str, Any] | None = None,
    ) -> Self:
        """Learn a schema from a frame.

        What a column is follows from all of its values, see `Column.of`; medians, frequent values, and whether there
        are gaps, from the training rows.

        Parameters
        ----------
        frame : frame of pandas, Polars or pyarrow
        target : str
            The column that is to be predicted.
        ignore : sequence of str
            Columns that are no inputs.
        task : {"classification", "regression"} or Task, optional
            What is learnt; by default `Task.fit` decides it.
        decimal : {".", ","}, optional
            The decimal mark of numbers in texts; by default it follows from each column.
        rows : array_like (n_train,) of int, optional
            The training rows, as `Task.split` draws them; by default all rows.
        columns : iterable of Column, optional
            Those that `columns_of` has understood already, which takes time for many rows.
        reading : mapping, optional
            The options with which `read_table` has read the frame, to be kept.

        Raises
        ------
        TypeError, ValueError
            If frame is no frame, lacks the target or an ignored column, or has two columns of one name. If rows are no
            numbers of rows, or the task is of another target. If a column has dates, or values that may mean different
            things: all of them are named, with what to do. If the target cannot be one, see `Task.fit`, or no column is
            left.
        fastmlp.optional.MissingLibraryError
            Without the extra `cli`.
        """
        check_decimal(decimal)
        series = named_columns(frame)
        ignored = [ignore] if isinstance(ignore, str) else list(ignore)
        for name in (target, *ignored):
            column_of(series, name)
        if target in ignored:
            raise ValueError(f"ignore must not have the target, got {target!r}")
        if not isinstance(task, Task):
            task = Task.fit(frame, target, task, decimal)
        elif task.target != target:
            raise ValueError(f"task must be of the target {target!r}, got one of {task.target!r}")
        n_rows = len(series[target])
        train = np.arange(n_rows) if rows is None else row_indices("rows", rows, n_rows)
        used = {name: values for name, values in series.items() if name not in {target, *ignored}}
        known = {column.name: column for column in columns}
        found = [known[name] if name in known else Column.of(name, used[name], decimal) for name in used]
        of_target = known[target] if target in known else Column.of(target, series[target], decimal)
        if refused := [column for column in found if column.kind in REFUSED]:
            raise ValueError(_refusal(refused))
        left_out, made = {}, []
        for column in found:
            why = column.why
            if column.has_values_of(of_target):  # a copy, as of a name that a file has twice
                why = f"has the same values as {target!r}, the target"
            elif why is None:
                one = inputs.input_of(column, train)
                if one is not None:
                    made.append(one)
                    continue
                why = "has the same or only rare values in the training rows"
            left_out[column.name] = why
        if not made:
            reasons = "; ".join(f"{name!r} {why}" for name, why in left_out.items())
            got = f"none: {reasons}" if reasons else "none that is not ignored"
            raise ValueError(f"frame must have a column to learn from besides {target!r}, got {got}")
        with_target, y, _ = task.targets(frame, decimal)
        y = y[np.isin(with_target, train)]
        constant = task.constant_prediction(y) if len(y) else None
        return cls(tuple(made), task, left_out, constant, _options(reading or {}))

    @property
    def feature_names(self) -> list[str]:
        """A name for each input of the network, all different, as `net.feature_names`."""
        names: dict[str, None] = {}
        for name in (name for one in self.inputs for name in one.names()):
            number, new = 1, name
            while new in names:  # a=b of a column `a` and of one that is called so
                number += 1
                new = f"{name} #{number}"
            names[new] = None
        return list(names)

    def rows(self, frame: Any, decimal: str | None = None) -> np.ndarray:
        """The rows of a frame as inputs of the network.

        Parameters
        ----------
        frame : frame of pandas, Polars or pyarrow
            The columns are found by their names; others may be there.
        decimal : {".", ","}, optional
            The decimal mark of numbers in texts, by default as it was in the training.

        Returns
        -------
        ndarray (n_rows, n_features), float64

        Raises
        ------
        TypeError, ValueError
            If it is no frame, or lacks columns: all are named. If a column of numbers or booleans has something else:
            each column is named, with the first such row, by its label in the frame, or by its line in a text file.
        MemoryError
            If they would not fit into memory.
        """
        return self.rows_and_notes(frame, decimal)[0]

    def rows_and_notes(self, frame: Any, decimal: str | None = None) -> tuple[np.ndarray, list[str]]:
        """What `rows` gives, and a sentence for each column with values that were replaced.

        These are gaps where the training had none, numbers beyond those of the training, and new values of categories.

        Examples
        --------
        >>> import pandas
        >>> from fastmlp.tables import Schema
        >>> frame = pandas.DataFrame({"size": [1.5, 2.5, 2.0, 1.0], "price": [3.0, 4.0, 3.5, 9.0]})
        >>> schema = Schema.fit(frame, target="price")
        >>> schema.rows_and_notes(pandas.DataFrame({"size": [2.0, None]}))
        (array([[2.  ],
               [1.75]]), ["Column 'size': 1 row has a gap, where the training had none: the median, 1.75, is taken."])
        """
        check_decimal(decimal)
        series = named_columns(frame)
        if missing := [one.name for one in self.inputs if one.name not in series]:
            raise ValueError(f"frame must have the columns of the training, got none that are called {listed(missing)}")
        n_rows, n_inputs = len(next(iter(series.values()))), len(self.feature_names)
        largest = max(self.inputs, key=lambda one: len(one.names())).name
        # the blocks of columns and their concatenation, of float64
        remedy = f"use fewer rows, or leave out columns with many values, such as {largest!r}"
        check_memory(f"{n_rows:,} rows of {n_inputs:,} inputs", 2 * 8 * n_rows * n_inputs, remedy)
        blocks, notes, problems = [], [], []
        for one in self.inputs:
            try:
                block, replaced = one.encoded(values_of(series[one.name]), decimal)
            except ValueError as error:
                problems.append(f"column {one.name!r} {error}")
                continue
            blocks.append(block)
            notes += [f"Column {one.name!r}: {'; '.join(replaced)}."] * bool(replaced)
        if problems:
            raise ValueError("; ".join(problems))
        return np.concatenate(blocks, axis=1), notes

    def targets(self, frame: Any, decimal: str | None = None) -> Targets:
        """The targets of a frame's rows, see `Task.targets`."""
        return self.task.targets(frame, decimal)

    def to_dict(self) -> dict[str, Any]:
        """The schema as plain values of JSON, from which `from_dict` makes it again.

        Examples
        --------
        >>> import json, pandas
        >>> from fastmlp.tables import Schema
        >>> frame = pandas.DataFrame({"size": [1.5, 2.5, 2.0, 1.0], "price": [3.0, 4.0, 3.5, 9.0]})
        >>> schema = Schema.fit(frame, target="price")
        >>> Schema.from_dict(json.loads(json.dumps(schema.to_dict()))) == schema
        True
        """
        return {
            "inputs": [inputs.to_dict(one) for one in self.inputs],
            "task": self.task.to_dict(),
            "left_out": dict(self.left_out),
            "constant": self.constant_prediction,
            "reading": dict(self.reading),
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """The schema that `to_dict` described.

        Raises
        ------
        ValueError
            If it is something else.
        """
        try:
            made = tuple(map(inputs.from_dict, document["inputs"]))
            left_out = {inputs.text(name): inputs.text(why) for name, why in document["left_out"].items()}
            task, constant = Task.from_dict(document["task"]), document["constant"]
            if constant is not None and task.is_classification:
                constant = integer("constant", constant, 0, len(task.class_names) - 1)
            elif constant is not None:
                constant = number("constant", constant)
            return cls(made, task, left_out, constant, _options(document["reading"]))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"document must be what Schema.to_dict gives: {type(error).__name__}: {error}") from error


def _options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Options of `read_table`, which checks their values when it is called."""
    options = {one_of("reading", name, tuple(READING), any_case=False): value for name, value in given.items()}
    for name, value in options.items():
        if not isinstance(value, READING[name]):
            raise TypeError(f"reading[{name!r}] must be a {READING[name].__name__}, got {value!r}")
    return {name: list(map(inputs.text, value)) if name == "missing" else value for name, value in options.items()}


def _refusal(columns: Sequence[Column]) -> str:
    """What is wrong with each of these columns, and what to do."""
    problems = "; ".join(f"column {column.name!r} {column.why}" for column in columns)
    return f"{problems}. Or leave them out: {argument('ignore', [column.name for column in columns])}"
