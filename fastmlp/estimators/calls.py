"""What surrounds a call of `fit`: warnings at the line of the caller, and what an error leaves behind."""

import contextlib
import inspect
import warnings
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def restored_on_error(estimator: Any) -> Iterator[None]:
    """What `validate_data` sets of an estimator is as it was before where an error is raised."""
    names = ("n_features_in_", "feature_names_in_")
    before = {name: value for name, value in vars(estimator).items() if name in names}
    try:
        yield
    except BaseException:
        for name in names:
            vars(estimator).pop(name, None)
        vars(estimator).update(before)
        raise


def warn(text: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line that has called the estimator."""
    frame, level = inspect.currentframe(), 0
    while frame is not None and frame.f_globals.get("__name__", "").startswith(("fastmlp.", "sklearn.callback.")):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, category, stacklevel=level + 1)
