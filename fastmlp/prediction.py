"""What a trained network is asked for: probabilities, classes, and how good they are."""

import numpy as np
import numpy.typing as npt

from fastmlp.assignment import AssignmentNetwork
from fastmlp.engine.parameters import l2_penalty
from fastmlp.interface.calls import base_of
from fastmlp.interface.overrides import FORWARD, OR_CALL, refusal
from fastmlp.validation import number


@base_of("fastmlp.network", "NeuralNetwork")
class PredictingNetwork(AssignmentNetwork):
    """Predictions of a network, in blocks of rows; `fastmlp.NeuralNetwork` says what it is."""

    def predict_proba(self, X: npt.ArrayLike) -> np.ndarray:
        """Probability of each class, as `forward` gives it, in blocks of rows.

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
        _check_predict_proba(self)
        return self._engine.predict_proba(X)

    def predict(self, X: npt.ArrayLike) -> np.ndarray:
        """Most probable class of each row of X (n_rows, input_size), as an integer array (n_rows,).

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
        _check_predict(self)
        return self._engine.predict(X)

    def evaluate(self, X: npt.ArrayLike, y: npt.ArrayLike, reg: float = 0.0) -> tuple[float, float]:
        """Loss, as `backward` returns it, and accuracy on X (n_rows, input_size), y (n_rows,); changes nothing.

        Raises
        ------
        TypeError, ValueError
            If X and y are not finite rows and their labels, or there are none.

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
        check_evaluate(self)
        loss, accuracy = self._engine.evaluate(X, y)
        return loss + l2_penalty(self.params, number("reg", reg)), accuracy

    def score(self, X: npt.ArrayLike, y: npt.ArrayLike) -> float:
        """Accuracy of `predict` on X (n_rows, input_size) for labels y (n_rows,), see `evaluate`.

        Examples
        --------
        >>> import numpy as np
        >>> from fastmlp import NeuralNetwork
        >>> net = NeuralNetwork(3, [], 3)
        >>> net.params["W1"] = np.eye(3)
        >>> net.score(np.eye(3), [0, 1, 0])
        0.6666666666666666
        """
        return self.evaluate(X, y)[1]


_PROBABILITIES = dict.fromkeys((*FORWARD, "forward"), OR_CALL)
_CLASSES = _PROBABILITIES | {"predict_proba": OR_CALL}
_check_predict_proba = refusal(PredictingNetwork, "predict_proba", _PROBABILITIES)
_check_predict = refusal(PredictingNetwork, "predict", _CLASSES)
check_evaluate = refusal(PredictingNetwork, "evaluate", _CLASSES | dict.fromkeys(("predict", "cross_entropy"), OR_CALL))
