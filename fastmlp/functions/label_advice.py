"""What errors about labels say they look like, and how to pass them."""

import numpy as np

ESTIMATOR = "or use fastmlp.MLPClassifier, which takes any labels"


def advice_on_labels(name: str, y: np.ndarray, n_classes: int) -> str:
    """The end of an error about labels y, real numbers, that says what they look like; empty where that is unknown."""
    if y.ndim == 2 and y.shape[1] > 1:
        is_one_hot = np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all()
        return f"; these look like one-hot rows: pass numpy.argmax({name}, axis=1)" if is_one_hot else ""
    labels = np.unique(y)
    if not len(labels) or not np.isfinite(labels).all():
        return ""
    if (labels != np.floor(labels)).any():
        return "; numbers that are no labels need another loss, 'squared_error' say, or fastmlp.MLPRegressor"
    if np.array_equal(labels, (-1, 1)):
        return f"; these look like -1 and 1: pass ({name} > 0).astype(int), {ESTIMATOR}"
    if labels[0] == 1 and labels[-1] == n_classes:
        return f"; these look like labels from 1: pass {name} - 1, {ESTIMATOR}"
    if len(labels) <= n_classes and (labels[0] < 0 or labels[-1] >= n_classes):
        return f"; number the classes, names, {name} = numpy.unique({name}, return_inverse=True), {ESTIMATOR}"
    return f"; {len(labels)} classes need output_size={len(labels)}" if labels[-1] >= n_classes else ""
