"""The assignment's face of a network: construction, parameters, and the three calls of a training loop."""

import copy
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from fastmlp import _kernels
from fastmlp.base import BaseNetwork
from fastmlp.defaults import get_default_dtype
from fastmlp.engine import Engine
from fastmlp.engine.parameters import initialize
from fastmlp.interface.calls import base_of
from fastmlp.interface.overrides import BACKWARD, FORWARD, refusal
from fastmlp.preprocessing import Standardizer
from fastmlp.reference import Functions
from fastmlp.training import History
from fastmlp.validation import (
    MIN_EPSILON,
    float_dtype,
    layer_sizes,
    names,
    number,
    one_of,
    random_state,
    thread_count,
    time_step,
)


@base_of("fastmlp.network", "NeuralNetwork")
class AssignmentNetwork(Functions, BaseNetwork):
    """What the assignment asks of its `NeuralNetwork`; `fastmlp.NeuralNetwork` says what it is."""

    history: History | None = None
    _class_names: list[str] | None = None
    _feature_names: list[str] | None = None

    def __init__(
        self,
        input_size: int,
        hidden_sizes: Iterable[int],
        output_size: int,
        num_layers: int | None = None,
        *,
        dtype: npt.DTypeLike | None = None,
        n_threads: int | None = None,
        seed: int | None = None,
        init: str = "assignment",
        standardizer: Standardizer | None = None,
    ):
        sizes = layer_sizes(input_size, hidden_sizes, output_size, num_layers)
        checked = get_default_dtype() if dtype is None else float_dtype("dtype", dtype)
        with random_state(seed) as generator:
            engine = Engine(sizes, checked)
            engine.n_threads = thread_count(n_threads)
            engine.standardizer = standardizer
            initialize(engine.params, init, generator)
        self._adopt(engine)

    @property
    def standardizer(self) -> Standardizer | None:
        """What rows of X go through on their way in, everywhere; None for nothing."""
        return self._engine.standardizer

    @standardizer.setter
    def standardizer(self, value: Standardizer | None) -> None:
        self._engine.standardizer = value

    @property
    def class_names(self) -> list[str] | None:
        """The name of each class, a list of different texts that may be assigned; None where they have none.

        Examples
        --------
        >>> from fastmlp import NeuralNetwork
        >>> net = NeuralNetwork(4, [10], 2)
        >>> net.class_names = ["cat", "dog"]
        >>> [net.class_names[label] for label in net.predict([[1.0, 2.0, 3.0, 4.0]])][0] in net.class_names
        True
        """
        return copy.copy(self._class_names)  # a list that is changed has not been checked

    @class_names.setter
    def class_names(self, values: Iterable[str] | None) -> None:
        self._class_names = names("class_names", values, self.output_size, "class")

    @property
    def feature_names(self) -> list[str] | None:
        """The name of each column of X, a list of different texts that may be assigned; None where they have none."""
        return copy.copy(self._feature_names)

    @feature_names.setter
    def feature_names(self, values: Iterable[str] | None) -> None:
        self._feature_names = names("feature_names", values, self.input_size, "feature")

    def forward(self, X: npt.ArrayLike) -> np.ndarray:
        """Compute the probability of each class.

        Parameters
        ----------
        X : array_like (n_rows, input_size)
            Real numbers of any type and layout. An array that needs no conversion is not copied: `backward` reads it
            again.

        Returns
        -------
        ndarray (n_rows, output_size)
            Softmax of the last layer's scores, a fresh array of the network's dtype; (0, output_size) for no rows.

        Raises
        ------
        TypeError, ValueError
            If X is not real or not of that shape; the last batch then stays the one for `backward`.

        Examples
        --------
        >>> import numpy as np
        >>> from fastmlp import NeuralNetwork
        >>> NeuralNetwork(4, [10], 3).forward(np.ones((5, 4))).sum(axis=1).round(6)
        array([1., 1., 1., 1., 1.])
        """
        _check_forward(self)
        return self._engine.forward(X)

    def backward(self, y: npt.ArrayLike, reg: float = 0.0) -> float:
        """Compute the loss of the batch last given to `forward`, and its gradients.

        Parameters
        ----------
        y : array_like (n_rows,)
            Labels from 0 to output_size - 1; whole floats and shape (n_rows, 1) will do.
        reg : float
            Strength of the L2 regularisation of the weights; biases are not regularised.

        Returns
        -------
        float
            Mean cross-entropy plus `0.5 * reg * sum(W**2)` over all weight matrices.

        Raises
        ------
        RuntimeError
            Without a `forward` before.
        TypeError, ValueError
            If y has another length, or a label is no integer in the range; the first such one is named.

        Examples
        --------
        >>> import numpy as np
        >>> from fastmlp import NeuralNetwork
        >>> net = NeuralNetwork(4, [10], 3, seed=0)
        >>> scores = net.forward(np.eye(4))
        >>> loss = net.backward([0, 1, 2, 2])
        >>> bool(np.isclose(loss, -np.log(scores[range(4), [0, 1, 2, 2]]).mean()))
        True
        """
        _check_backward(self)
        return self._engine.backward(y, number("reg", reg))

    def update(
        self,
        lr: float = 0.001,
        b1: float = 0.9,
        b2: float = 0.999,
        eps: float = 1e-8,
        opt: str = "SGD",
        t: int | None = None,
        *,
        epoch: int | None = None,
        step: int | None = None,
    ) -> None:
        """Apply the gradients of the last `backward`.

        Parameters
        ----------
        lr : float
            Learning rate.
        b1, b2, eps : float
            Adam's decay rates of the two moments, and its epsilon; b1 is also the momentum of "Momentum".
        opt : {"SGD", "Momentum", "Adam"}
            In upper or lower case: plain gradient descent, Sutskever et al. (2013) equations 1 and 2, or Kingma and
            Ba (2015) algorithm 1.
        t : int, optional
            Time step of Adam's bias correction, from 1; `epoch` and `step` are other names for it. It holds for this
            update only; where it is absent, the network counts its updates of any kind.

        Raises
        ------
        RuntimeError
            Without gradients.
        TypeError, ValueError
            If a number is not finite or out of its range, the optimiser unknown, or two time steps are given.

        Examples
        --------
        >>> import numpy as np
        >>> from fastmlp import NeuralNetwork
        >>> net = NeuralNetwork(4, [10], 3, seed=0)
        >>> probabilities, loss = net.forward(np.eye(4)), net.backward([0, 1, 2, 2])
        >>> W1 = net.params["W1"].copy()
        >>> net.update(0.1)
        >>> bool(np.array_equal(net.params["W1"], W1 - 0.1 * net.gradients["W1"]))
        True
        """
        t = time_step(t, epoch, step)
        opt = one_of("opt", opt, _kernels.OPTIMIZERS)
        lr = number("lr", lr)
        if opt == "SGD":
            b1 = b2 = eps = 0.0
        else:
            b1, b2 = number("b1", b1, 0, 1, open_high=True), number("b2", b2, 0, 1, open_high=True)
            eps = number("eps", eps, MIN_EPSILON)
        self._engine.update(opt, lr, b1, b2, eps, t)


_check_forward = refusal(AssignmentNetwork, "forward", FORWARD)
_check_backward = refusal(AssignmentNetwork, "backward", BACKWARD)
