"""Scores of each class of a classification: precision, recall, F1, and the area under the ROC curve."""

from typing import NamedTuple

import numpy as np


class ClassScores(NamedTuple):
    """Scores (n_classes,) of each class against all others, float64; NaN where there is nothing to measure.

    Attributes
    ----------
    precision : ndarray
        Share of the rows predicted as the class that are of it; NaN if there are none.
    recall : ndarray
        Share of the rows of the class that are predicted as it; NaN if there are none.
    f1 : ndarray
        Harmonic mean of both; NaN if no row is of the class or predicted as it.
    n_rows : ndarray
        Number of rows of the class, int64.
    """

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    n_rows: np.ndarray


def confusion_matrix(y: np.ndarray, classes: np.ndarray, n_classes: int) -> np.ndarray:
    """Number of rows (n_classes, n_classes) by true class y (n_rows,) and predicted class (n_rows,), from 0.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp.functions.class_scores import confusion_matrix
    >>> confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), 2)
    array([[1, 1],
           [0, 1]])
    """
    return np.bincount(y * n_classes + classes, minlength=n_classes**2).reshape(n_classes, n_classes)


def class_scores(confusion: np.ndarray) -> ClassScores:
    """Precision, recall and F1 of each class from a confusion matrix (n_classes, n_classes).

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp.functions.class_scores import class_scores
    >>> class_scores(np.array([[1, 1], [0, 2]])).recall
    array([0.5, 1. ])
    """
    right, of_class, predicted = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    with np.errstate(invalid="ignore"):  # 0 of 0 rows
        return ClassScores(right / predicted, right / of_class, 2 * right / (of_class + predicted), of_class)


def mean_score(scores: np.ndarray, n_rows: np.ndarray) -> float:
    """The mean of the scores (n_classes,) of the classes that have rows; one that is NaN counts as 0.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp.functions.class_scores import mean_score
    >>> mean_score(np.array([1.0, np.nan, np.nan]), np.array([3, 2, 0]))
    0.5
    """
    return float(np.nan_to_num(scores[n_rows > 0]).mean())


def mean_recall(classes: np.ndarray, y: np.ndarray) -> float:
    """The mean of the recalls of the classes that have rows, from predicted and true classes (n_rows,).

    It is the balanced accuracy: all classes count alike, however many rows they have.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp.functions.class_scores import mean_recall
    >>> mean_recall(np.array([0, 0, 0, 0]), np.array([0, 0, 0, 1]))
    0.5
    """
    n_rows = np.bincount(y)
    right = np.bincount(y[classes == y], minlength=len(n_rows))
    return float((right[n_rows > 0] / n_rows[n_rows > 0]).mean())


def roc_auc(is_class: np.ndarray, scores: np.ndarray) -> float:
    """Area under the ROC curve: how often a row of the class has a higher score than one of another class.

    Ties count half, as in scikit-learn's `roc_auc_score`; NaN if all rows are of the class, or none.

    Parameters
    ----------
    is_class : ndarray (n_rows,) of bool
    scores : ndarray (n_rows,)
        Such as the probabilities of the class.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp.functions.class_scores import roc_auc
    >>> roc_auc(np.array([False, True, True]), np.array([0.2, 0.2, 0.9]))
    0.75
    """
    _, codes, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[codes]  # those of equal scores are their mean
    n_in = int(np.count_nonzero(is_class))
    pairs = n_in * (len(scores) - n_in)
    return float((ranks[is_class].sum() - n_in * (n_in + 1) / 2) / pairs) if pairs else float("nan")


def roc_auc_of_classes(probabilities: np.ndarray, y: np.ndarray) -> np.ndarray:
    """`roc_auc` of each class against all others, an array (n_classes,).

    Parameters
    ----------
    probabilities : ndarray (n_rows, n_classes)
        Or (n_rows, 1), of the second of two classes.
    y : ndarray (n_rows,)
        Labels from 0.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp.functions.class_scores import roc_auc_of_classes
    >>> roc_auc_of_classes(np.array([[0.2], [0.2], [0.9]]), np.array([0, 1, 1]))
    array([0.75, 0.75])
    """
    if probabilities.shape[1] == 1:
        probabilities = np.hstack([1 - probabilities, probabilities])
    return np.array([roc_auc(y == i, column) for i, column in enumerate(probabilities.T)])


def most_confused(confusion: np.ndarray, n: int) -> list[tuple[int, int, int]]:
    """The true class, the predicted class and the number of rows of at most n pairs of classes, the most rows first.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp.functions.class_scores import most_confused
    >>> most_confused(np.array([[5, 0, 1], [3, 5, 0], [0, 0, 5]]), 10)
    [(1, 0, 3), (0, 2, 1)]
    """
    wrong = confusion - np.diag(np.diag(confusion))
    first = np.argsort(-wrong, axis=None, kind="stable")[:n]
    pairs = zip(*np.unravel_index(first, wrong.shape), wrong.ravel()[first], strict=True)
    return [(int(true), int(predicted), int(rows)) for true, predicted, rows in pairs if rows]
