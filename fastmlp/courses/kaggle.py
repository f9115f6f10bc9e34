"""Predictions as a file to submit to a Kaggle competition."""

import os

import numpy as np
import numpy.typing as npt

from fastmlp.files.csv_files import Columns, write_csv
from fastmlp.validation import real_array


def output_submission_csv(path: str | os.PathLike[str], predictions: npt.ArrayLike) -> None:
    """Write predictions as a CSV file with the columns `id` and `category`.

    Missing parent folders are created. A file that is there already is replaced at once, when the new one is complete.

    Parameters
    ----------
    path : str or path-like
        The file to write.
    predictions : array_like
        Labels, shape (n,) or (n, 1): integers, floats that are whole numbers, or texts.

    Raises
    ------
    TypeError, ValueError
        If `predictions` are neither whole numbers nor texts, or have another shape. No file is touched then.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from fastmlp.courses.kaggle import output_submission_csv
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     output_submission_csv(Path(folder, "submission.csv"), [3, 8, 8])
    ...     print(Path(folder, "submission.csv").read_text(), end="")
    id,category
    0,3
    1,8
    2,8
    """
    write_csv(path, submission(predictions))


def submission(predictions: npt.ArrayLike) -> Columns:
    """The columns of such a file."""
    array = real_array("predictions", predictions, "integer labels or texts", kinds="biufU")
    if array.ndim != 1 and array.shape[1:] != (1,):
        raise ValueError(
            f"predictions must have shape (n,) or (n, 1), got {array.shape}; of class scores take the argmax"
        )
    array = array.ravel()
    labels = array.tolist()
    if array.dtype.kind != "U":
        bad = np.flatnonzero(~np.isfinite(array) | (array != np.floor(array)))
        if len(bad):
            raise ValueError(f"predictions must be whole numbers, got {array[bad[0]]!s} at index {bad[0]}")
        labels = [int(label) for label in labels]
    return [("id", range(len(labels))), ("category", labels)]
