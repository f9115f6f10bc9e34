"""Frames of pandas, Polars and pyarrow as arrays of numbers, and the names of their columns.

None of these libraries is imported: who passes a frame has it.
"""

from typing import Any, NamedTuple

import numpy as np

from fastmlp.conversion import NotNumbers, numbers_of, of_labels

# Names of columns that an error shows.
MAX_SHOWN = 5


class Advice(NamedTuple):
    """How a library does what columns may need; {X} is the frame, {columns} a list of names."""

    one_hot: str
    to_numbers: str
    fill: str


ADVICE = {
    "pandas": Advice(
        "pandas.get_dummies({X}, columns={columns})",
        "{X}.astype(dict.fromkeys({columns}, float))",
        "{X}.fillna({X}.median(numeric_only=True)), or leave these rows out, {X}.dropna()",
    ),
    "polars": Advice(
        "{X}.to_dummies({columns})",
        "{X}.cast(dict.fromkeys({columns}, polars.Float64))",
        "{X}.fill_nan(None).fill_null(strategy='mean'), or leave these rows out, {X}.drop_nulls()",
    ),
}
# of other libraries
GENERAL = Advice("scikit-learn's OneHotEncoder", "a cast to float64", "scikit-learn's SimpleImputer")


def column_labels(values: Any) -> list[Any] | None:
    """The label of each column of a frame; None for what is no frame."""
    if _is_arrow(values):
        return list(values.schema.names)
    cls = type(values)  # an attribute of the object itself may be one of pandas' columns
    return list(values.columns) if hasattr(cls, "columns") and hasattr(cls, "__array__") else None


def _is_arrow(values: Any) -> bool:
    """Whether this is a table or a batch of pyarrow."""
    return hasattr(type(values), "num_columns")


def column_names(values: Any) -> list[str] | None:
    """The names of a frame's columns, if they are different texts; None for others, and for what is no frame."""
    labels = column_labels(values)
    if not labels or not all(isinstance(label, str) for label in labels) or len(set(labels)) < len(labels):
        return None
    return [str(label) for label in labels]


def check_column_names(name: str, values: Any, known: list[str] | None) -> None:
    """Raise where a frame has other columns than these, or has them in another order."""
    found = None if known is None else column_names(values)
    if found is None or known is None or found == known:
        return
    missing, unknown = ([one for one in a if one not in b] for a, b in ((known, found), (found, known)))
    if missing or unknown:
        parts = {"without": missing, "with": unknown}
        got = " and ".join(f"{word} {_listed(columns)}" for word, columns in parts.items() if columns)
    else:
        i = next(i for i, pair in enumerate(zip(found, known, strict=True)) if len(set(pair)) > 1)
        got = f"with {found[i]!r} in place of {known[i]!r}"
    raise ValueError(
        f"{name} must have the network's columns in their order, feature_names, got a frame {got}: "
        f"pass {name}{'.select(net.feature_names)' if _is_arrow(values) else '[net.feature_names]'}, or "
        "assign net.feature_names where the columns have other names now"
    )


def numbers_of_frame(name: str, frame: Any, labels: list[Any], content: str) -> np.ndarray:
    """A frame as an array (n_rows, n_columns) of numbers; the error names all columns that have others, and why."""
    array = np.asarray(frame)
    if array.dtype.kind in "biuf" and not _has_nan(array):
        return array
    columns = [_numbers_of_column(frame, i) for i in range(len(labels))]
    problems = {label: found for label, found in zip(labels, columns, strict=True) if isinstance(found, NotNumbers)}
    if not problems:
        return np.column_stack([found for found in columns if not isinstance(found, NotNumbers)])
    text = "; ".join(_explained(name, type(frame).__module__.partition(".")[0], problems, content))
    only_missing = all(found.kind == "missing values" for found in problems.values())
    raise (ValueError if only_missing else TypeError)(f"{name} must be an array of {content}, got a frame: {text}")


def _has_nan(array: np.ndarray) -> bool:
    """Whether there is a NaN, found column by column, since frames may be large and are in that order."""
    return array.dtype.kind == "f" and any(np.isnan(array[:, i]).any() for i in range(array.shape[1]))


def _numbers_of_column(frame: Any, i: int) -> np.ndarray | NotNumbers:
    cls = type(frame)
    if hasattr(cls, "iloc"):  # pandas'
        column = frame.iloc[:, i]
    else:  # Polars', pyarrow's
        column = frame.to_series(i) if hasattr(cls, "to_series") else frame.column(i)
    found = numbers_of(np.asarray(column))
    if isinstance(found, np.ndarray) and found.dtype.kind == "f" and np.isnan(found).any():
        return NotNumbers.of("missing values", found, np.isnan(found))
    return found


def _explained(name: str, library: str, problems: dict[Any, NotNumbers], content: str) -> list[str]:
    """A text for each kind of what is no number: the columns that have it, and what to do."""
    texts = []
    for kind in dict.fromkeys(found.kind for found in problems.values()):
        columns = [label for label, found in problems.items() if found.kind == kind]
        first = problems[columns[0]]
        advice = _advice(ADVICE.get(library, GENERAL), first).format(X=name, columns=columns)
        if kind == "texts":
            advice = of_labels(name, first, content) or advice
        holds = f"column {columns[0]!r} has" if len(columns) == 1 else f"columns {_listed(columns)} have"
        example = f"as in row {first.at[0]}" if kind == "missing values" else f"such as {first.example!r}"
        texts.append(f"{holds} {kind}, {example}: {advice}")
    return texts


def _advice(library: Advice, found: NotNumbers) -> str:
    if found.kind == "missing values":
        return f"fill them in, {library.fill}"
    if found.kind == "texts":
        return f"convert them, {library.to_numbers}" if found.is_number_as_text else f"encode them, {library.one_hot}"
    if found.kind == "dates":
        return "make numbers of them, the year or the days since a date"
    return "convert them to numbers, or leave them out"


def _listed(labels: list[Any]) -> str:
    """The labels, or the first ones of many."""
    more = len(labels) - MAX_SHOWN
    return ", ".join(map(repr, labels[:MAX_SHOWN])) + (f" and {more} more" if more > 0 else "")
