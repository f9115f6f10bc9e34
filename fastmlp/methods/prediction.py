"""Predictions of a network, and how good they are."""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fastmlp.engine.batches import Examples
from fastmlp.methods.attributes import NetworkAttributes
from fastmlp.sample_weights import checked_weights
from fastmlp.validation import number


class PredictionMethods(NetworkAttributes):
    """The methods that predict and evaluate."""

    _check_predict_proba: ClassVar[Callable[[Any], None]]
    _check_predict: ClassVar[Callable[[Any], None]]
    _check_evaluate: ClassVar[Callable[[Any], None]]

    def predict_proba(self, X: npt.ArrayLike) -> np.ndarray:
        """Compute the probability of each class, or of each label to be 1, as `forward` does, in blocks of rows.

        Parameters
        ----------
        X : array_like (n_rows, input_size)
            Any number of rows.

        Returns
        -------
        ndarray (n_rows, output_size)

        Raises
        ------
        TypeError, ValueError
            If X is not real, not finite or not of that shape; the first number that is not finite is named.

        Examples
        --------
        >>> import numpy as np
        >>> from fastmlp import NeuralNetwork
        >>> net, X = NeuralNetwork(4, [10], 3), np.ones((5, 4))
        >>> bool(np.array_equal(net.predict_proba(X), net.forward(X)))
        True
        """
        self._check_predict_proba()
        if not self._engine.architecture.loss_row.is_classifier:
            raise TypeError(f"predict_proba needs a classifier, and this network has loss={self.loss!r}: use predict")
        self._check_columns("X", X)
        return self._engine.predict_outputs(X)

    def predict(self, X: npt.ArrayLike) -> np.ndarray:
        """Most probable class of each row of X (n_rows, input_size), as an integer array (n_rows,).

        `predict_names` gives the names of these classes, where the network has `class_names`.

        In a regression, the outputs in the units of y; with "binary_cross_entropy", 1 where an output is above 0.5 and
        0 elsewhere; both with as many dimensions as the y of `fit` had.

        Raises
        ------
        TypeError, ValueError
            If X is not real, not finite or not of that shape; the first number that is not finite is named.

        Examples
        --------
        >>> import numpy as np
        >>> from fastmlp import NeuralNetwork
        >>> net = NeuralNetwork(3, [], 3)
        >>> net.params["W1"] = np.eye(3)
        >>> net.predict([[0, 5, 0], [7, 0, 0]])
        array([1, 0])
        """
        self._check_predict()
        self._check_columns("X", X)
        return self._engine.predict(X)

    def predict_names(self, X: npt.ArrayLike) -> np.ndarray:
        """The name of the most probable class of each row of X (n_rows, input_size), an array of texts (n_rows,).

        They are those of `class_names`; `predict` gives the numbers of the classes.

        Raises
        ------
        TypeError, ValueError
            If the network has no `class_names`, or several labels a row; or as in `predict`.

        Examples
        --------
        >>> import numpy as np
        >>> from fastmlp import NeuralNetwork
        >>> net = NeuralNetwork(3, [], 3)
        >>> net.params["W1"], net.class_names = np.eye(3), ["ant", "bee", "cat"]
        >>> net.predict_names([[0, 5, 0], [7, 0, 0]]).tolist()
        ['bee', 'ant']
        """
        architecture = self._engine.architecture
        if not architecture.has_one_class:
            raise TypeError(
                f"predict_names needs one class a row, and this network has loss={self.loss!r} and {self.output_size} "
                "outputs: use predict"
            )
        if self._class_names is None:
            raise ValueError("predict_names needs class_names, got None: assign net.class_names = [...]")
        return np.array(self._class_names)[np.ravel(self.predict(X))]

    def evaluate(
        self,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        reg: float = 0.0,
        *,
        sample_weight: npt.ArrayLike | None = None,
    ) -> tuple[float, float]:
        """Loss, as `backward` returns it, and score (accuracy, R2, ...) on X (n_rows, input_size) and y.

        Rows count as often as `sample_weight` (n_rows,) says, once by default.

        Raises
        ------
        TypeError, ValueError
            If X and y are not finite rows and their labels, or there are none; or a weight is invalid.

        Examples
        --------
        >>> import numpy as np
        >>> from fastmlp import NeuralNetwork
        >>> net = NeuralNetwork(2, [], 3)
        >>> net.params["W1"] = np.zeros((2, 3))
        >>> loss, accuracy = net.evaluate(np.ones((4, 2)), [0, 0, 1, 2])
        >>> round(loss, 6), accuracy  # log(3), and the first class wins a tie
        (1.098612, 0.5)
        """
        self._check_evaluate()
        architecture = self._engine.architecture
        self._check_columns("X", X)
        rows = architecture.checked_rows("X", X)
        if len(rows) == 0:
            raise ValueError("X must have at least one row to evaluate, got none")
        targets = architecture.checked_targets("y", y, len(rows))
        examples = Examples(rows, targets, checked_weights(targets, sample_weight))
        return self._engine.evaluate(examples, number("reg", reg))

    def score(self, X: npt.ArrayLike, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> float:
        """Accuracy, or R2 or D2 of a regression, of `predict` on X (n_rows, input_size) for y, see `evaluate`.

        R2, the coefficient of determination, is the mean of all outputs'; that of a constant prediction is at most 0.

        Examples
        --------
        >>> import numpy as np
        >>> from fastmlp import NeuralNetwork
        >>> net = NeuralNetwork(3, [], 3)
        >>> net.params["W1"] = np.eye(3)
        >>> net.score(np.eye(3), [0, 1, 0])
        0.6666666666666666
        """
        if sample_weight is None:  # `evaluate` may be a user's own, without weights
            return self.evaluate(X, y)[1]
        return self.evaluate(X, y, sample_weight=sample_weight)[1]
