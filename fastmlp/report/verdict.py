"""What a training has come to, in sentences: whether the network fits, and which classes it never predicts."""

import numpy as np

from fastmlp.data.data_set import DataSet
from fastmlp.diagnosis import MIN_EPOCHS
from fastmlp.history import History
from fastmlp.remedies import argument, counted, listed

# A class is rare with less than this share of the rows that classes have on average.
RARE = 0.75
# Of so few rows a score says little.
FEW_ROWS = 20


def verdict(data: DataSet, history: History | None, predictions: np.ndarray, balanced: bool) -> list[str]:
    """Whether a network over- or underfits, what else its curves say, and which classes it never predicts.

    Parameters
    ----------
    data : DataSet
    history : History or None
        After too few epochs, or without a history, there is nothing to say of curves.
    predictions : ndarray (n_test,)
        Of the test rows, classes by their numbers.
    balanced : bool
        Whether all classes counted alike in the training.

    Examples
    --------
    >>> import pandas
    >>> from fastmlp.data import DataSet
    >>> from fastmlp.report import verdict
    >>> frame = pandas.DataFrame({"size": [1.5, 2, 2.5, 4] * 20, "kind": ["bee", "bee", "bee", "bee", "cat"] * 16})
    >>> data = DataSet.of_table(frame, target="kind")
    >>> verdict(data, None, 0 * data.arrays["y_test"], balanced=False)
    ["It never predicts 'cat': with class_weight='balanced', rare classes count as much as others."]
    """
    found = [] if history is None else _of_curves(history, len(data.arrays["y_val"]), balanced)
    return found + (_of_classes(data, predictions) if data.task.is_classification and not balanced else [])


def _of_curves(history: History, n_val: int, balanced: bool) -> list[str]:
    """What the curves say, with the state of the fit before it where that does not name it."""
    found, state = history.diagnose(), history.state_of_fit
    if len(history) < MIN_EPOCHS or any(state in sentence for sentence in found):
        return found
    kept = history[history.kept_epoch - 1]
    scores = f"train {history.score_name} {kept.train_score:.4f}, validation {kept.val_score:.4f}"
    how = f", of only {counted(n_val, 'row')}" if n_val < FEW_ROWS else ""
    how += ", where each class counts alike" if balanced else ""
    return [f"The network {state}: {scores}{how}.", *found]


def _of_classes(data: DataSet, predictions: np.ndarray) -> list[str]:
    """The classes of test rows that are never predicted; weights may help where one of them is rare."""
    missed, names = np.setdiff1d(data.arrays["y_test"], predictions), data.task.class_names
    if not len(missed):
        return []
    counts = np.bincount(data.arrays["y_train"], minlength=len(names))
    remedy = ""
    if counts[missed].min() < RARE * counts.mean():
        remedy = f": with {argument('class_weight', 'balanced')}, rare classes count as much as others"
    return [f"It never predicts {listed([names[number] for number in missed])}{remedy}."]
