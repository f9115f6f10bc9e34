"""What errors about rows and labels say to do: with texts, gaps and dates, and with labels that are not from 0."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy as np

from fastmlp.conversion import NotNumericError, shortened

# What `content` calls the labels of classes, and those of a yes or no, for which texts need another remedy.
LABELS = "integer labels"
YES_OR_NO = "numbers from 0 to 1"

ESTIMATOR = "or use fastmlp.MLPClassifier, which takes any labels"
# Names of columns that an error shows.
MAX_NAMES = 5


class Library(NamedTuple):
    """How a library of frames does what columns may need; {X} is the frame, {columns} a list of names."""

    one_hot: str
    convert: str
    fill: str


LIBRARIES = {
    "pandas": Library(
        "pandas.get_dummies({X}, columns={columns})",
        "{X}.astype(dict.fromkeys({columns}, float))",
        "by {X}.fillna",
    ),
    "polars": Library(
        "{X}.to_dummies({columns})",
        "{X}.cast(dict.fromkeys({columns}, polars.Float64))",
        "by {X}.fill_nan(None).fill_null",
    ),
}
OTHERS = Library("as scikit-learn's OneHotEncoder does", "by a cast to float64", "as scikit-learn's SimpleImputer does")


def listed(labels: list[Any]) -> str:
    """The labels, or the first ones of many."""
    more = len(labels) - MAX_NAMES
    return ", ".join(map(shortened, labels[:MAX_NAMES])) + (f" and {more} more" if more > 0 else "")


# How an argument is written in what errors say to do: as in Python, unless the command has options in its place.
spelling: ContextVar[Callable[[str, Any], str]] = ContextVar("spelling", default="{}={!r}".format)


def argument(name: str, value: Any) -> str:
    """An argument with a value, in words of whoever called: decimal=',' or --decimal , say."""
    return spelling.get()(name, value)


def counted(n: int, noun: str, plural: str | None = None) -> str:
    """A number of things, 1 row or 1,200 rows."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def of_array(name: str, found: NotNumericError, content: str) -> str:
    """What to do with an array, or with y; empty where that depends on what it means."""
    if found.kind == "missing values":
        return f"leave these rows out of X and {name}" if name.startswith("y") else "fill them in first"
    if found.kind != "texts":
        return ""
    if content == LABELS:
        return f"{_number_classes(name)}, {ESTIMATOR}"
    if found.are_numbers:
        return f"convert them, numpy.asarray({name}, float)"
    if content == YES_OR_NO:
        return f"pass numpy.asarray({name}) == the text that is 1, {ESTIMATOR}"
    return f"texts are classes, and need loss='cross_entropy', {ESTIMATOR}" if name.startswith("y") else ""


def of_columns(name: str, frame: Any, columns: list[Any], found: NotNumericError, content: str) -> str:
    """What to do with columns of a frame, which all hold the same kind of values."""
    if name.startswith("y") and (remedy := of_array(name, found, content)):
        return remedy
    library = LIBRARIES.get(type(frame).__module__.partition(".")[0], OTHERS)
    shown = f"[{', '.join(map(shortened, columns[:MAX_NAMES]))}{', ...' * (len(columns) > MAX_NAMES)}]"
    if found.kind == "texts":
        if found.are_numbers:
            return "convert them, " + library.convert.format(X=name, columns=shown)
        return "encode them, " + library.one_hot.format(X=name, columns=shown)
    return {
        "missing values": f"fill them in, {library.fill.format(X=name)}, or leave these rows out, of y too",
        "infinite values": "replace them by finite numbers",
        "dates": "make numbers of them, such as the year, or days since one of them",
        "durations": "make numbers of them, such as seconds",
        "values": "convert them to numbers, or leave the columns out",
    }[found.kind]


def of_labels(name: str, y: np.ndarray, n_classes: int) -> str:
    """The end of an error about labels y (n_rows,) of classes; empty where it is unknown what they are."""
    labels = np.unique(y)
    if np.isnan(labels).any():
        return f"; leave rows without a label out of X and {name}"
    n_labels = len(labels)
    if not n_labels or not np.isfinite(labels).all():
        return ""
    if (labels != np.floor(labels)).any():
        return "; numbers that are no labels need another loss, 'squared_error' say, or fastmlp.MLPRegressor"
    if np.array_equal(labels, (-1, 1)):
        return f"; these look like -1 and 1: pass (numpy.asarray({name}) > 0).astype(int), {ESTIMATOR}"
    if n_classes > 1 and labels[0] == 1 and labels[-1] == n_classes:
        return f"; these look like labels from 1: pass numpy.asarray({name}) - 1, {ESTIMATOR}"
    if n_labels > n_classes:
        text = f"; {n_labels} classes need loss='cross_entropy' and output_size={n_labels}"
        are_numbered = labels[0] == 0 and labels[-1] == n_labels - 1
        return text if are_numbered else f"{text}; {_number_classes(name)}"
    return f"; {_number_classes(name)}, {ESTIMATOR}"


def of_one_hot(name: str, y: np.ndarray, n_classes: int) -> str:
    """The end of an error about labels y of a wrong shape: whether they look like one-hot rows of these classes."""
    if y.ndim == 2 and y.shape[1] == n_classes > 1 and np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all():
        return f"; these look like one-hot rows: pass numpy.argmax({name}, axis=1)"
    return ""


def _number_classes(name: str) -> str:
    """How labels of any kind become numbers of classes."""
    if name != "y":  # such as y_val, which may lack a class
        return f"number them as those of y, by its sorted names: numpy.searchsorted(names, {name})"
    later = "later ones by numpy.searchsorted(names, y)"
    return f"number the classes, names, y = numpy.unique(y, return_inverse=True), {later}"
