"""Fitted estimators for other programs, and from scikit-learn."""

import os
from typing import Any, Self

import numpy.typing as npt
from sklearn.utils.validation import check_is_fitted

from fastmlp.estimators import sklearn_conversion
from fastmlp.estimators.targets import Labels, Numbers
from fastmlp.exchange import graphs
from fastmlp.network import NeuralNetwork
from fastmlp.validation import float_dtype


class ExchangeMixin:
    """The methods of both estimators that take them to other programs, and take scikit-learn's."""

    network_: NeuralNetwork
    _encoding: Labels | Numbers

    @classmethod
    def from_sklearn(cls, fitted: Any) -> Self:
        """A fitted estimator that predicts as scikit-learn's does, up to rounding, and goes on from where that is.

        Parameters
        ----------
        fitted : sklearn.neural_network.MLPClassifier or MLPRegressor
            Of the same kind. Its parameters, weights, labels, names of columns, and what it says of its training are
            copied, and the moments of its optimiser, so that `partial_fit` goes on as it would there, up to rounding
            and the order of the rows.

        Returns
        -------
        MLPClassifier or MLPRegressor

        Raises
        ------
        TypeError
            If it is an estimator of another kind; of a pipeline, pass the last step.
        ValueError
            If it is a classifier with a single class.
        sklearn.exceptions.NotFittedError
            If it is not fitted.

        Examples
        --------
        >>> import numpy as np
        >>> from fastmlp import MLPClassifier
        >>> from sklearn import neural_network
        >>> X, y = np.array([[0.0], [1.0]]), ["no", "yes"]
        >>> theirs = neural_network.MLPClassifier(solver="lbfgs", random_state=0).fit(X, y)
        >>> ours = MLPClassifier.from_sklearn(theirs)
        >>> bool(np.allclose(ours.predict_proba(X), theirs.predict_proba(X)))
        True
        """
        estimator = cls()
        sklearn_conversion.copy_fitted(estimator, fitted)
        return estimator

    def to_sklearn(self) -> Any:
        """A fitted estimator of scikit-learn that predicts as this one, up to rounding.

        The standardizer and the units of the targets are folded into the first and the last layer. `partial_fit` and
        `warm_start` go on from there, with a new optimiser. What only training needs and scikit-learn lacks is left
        out: dropout, label smoothing, weights of classes, clipping and callbacks; AdamW becomes Adam, and a schedule of
        `fastmlp.schedules` a constant rate. Of an estimator that `from_network` made, there is no `loss_`.

        Returns
        -------
        sklearn.neural_network.MLPClassifier or MLPRegressor
            Of float64 where the network has a standardizer, and else of the network's dtype.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError
            If scikit-learn has no such activation or loss, or one activation for each layer is needed. If there is a
            single class, for which scikit-learn's `predict_proba` has two columns, and this one's has one.

        Examples
        --------
        >>> import numpy as np
        >>> from fastmlp import MLPClassifier
        >>> X, y = np.array([[0.0], [1.0]]), ["no", "yes"]
        >>> ours = MLPClassifier(solver="lbfgs", standardize=True, random_state=0).fit(X, y)
        >>> theirs = ours.to_sklearn()
        >>> type(theirs).__module__.partition(".")[0]
        'sklearn'
        >>> bool(np.allclose(theirs.predict_proba(X), ours.predict_proba(X)))
        True
        """
        check_is_fitted(self)
        return sklearn_conversion.to_sklearn(self)

    def to_onnx(self, path: str | os.PathLike[str], *, input_dtype: npt.DTypeLike | None = None) -> None:
        """Write an ONNX graph of what this estimator predicts, as `NeuralNetwork.to_onnx` does.

        Its outputs are, of a classifier, `label`, of `classes_`, and `probabilities` (n_rows, n_classes); of a
        regression, `variable` (n_rows, n_outputs). Of several labels a row, `label` is (n_rows, n_labels), of 0 and 1.

        Parameters
        ----------
        path : path-like
            The file, under exactly this name. It takes the place of an older one only when it is complete.
        input_dtype : {"float64", "float32"} or numpy.dtype, optional
            Of the input `X`; by default the network's, which is that of the rows of `fit`.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        fastmlp.optional.MissingLibraryError
            Without the extra `onnx`.
        TypeError, ValueError
            If the labels are neither texts nor numbers, or one is no text of Unicode.
        OSError
            If the file cannot be written.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> import onnxruntime
        >>> from fastmlp import MLPClassifier
        >>> classifier = MLPClassifier(solver="lbfgs", random_state=0).fit([[0.0], [1.0]], ["no", "yes"])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     classifier.to_onnx(Path(folder, "classifier.onnx"))
        ...     session = onnxruntime.InferenceSession(Path(folder, "classifier.onnx"))
        >>> [str(label) for label in session.run(["label"], {"X": [[0.1], [0.9]]})[0]]
        ['no', 'yes']
        """
        check_is_fitted(self)
        encoding, classes = self._encoding, None
        if isinstance(encoding, Labels) and not encoding.is_multilabel:
            classes = encoding.classes
        graphs.save(
            self.network_._engine,
            path,
            classes=classes,
            class_names=None if classes is None else [str(label) for label in classes],
            feature_names=self.network_.feature_names,
            input_dtype=None if input_dtype is None else float_dtype("input_dtype", input_dtype),
        )
