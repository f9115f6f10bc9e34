"""`NeuralNetwork`: the assignment's class, its construction and the three calls of a step."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fastmlp.architecture import Architecture
from fastmlp.defaults import get_default_dtype
from fastmlp.diagram import network_html
from fastmlp.engine import Engine
from fastmlp.engine.parameters import initialize
from fastmlp.functions import activations, losses
from fastmlp.functions.optimizers import checked_optimizer
from fastmlp.generators import drawn_seed, random_state
from fastmlp.interface.calls import public
from fastmlp.interface.overrides import BACKWARD, FORWARD, LOOP, OR_CALL, Originals, refusal
from fastmlp.methods.files import FileMethods
from fastmlp.methods.training import TrainingMethods
from fastmlp.preprocessing import Standardizer
from fastmlp.validation import (
    boolean,
    float_dtype,
    layer_sizes,
    number,
    thread_count,
    time_step,
)


@public
class NeuralNetwork(TrainingMethods, FileMethods):
    """A multilayer perceptron for classification or regression, with L2 regularisation.

    `forward`, `backward` and `update` are the three calls of a training loop written by hand; `fit` is that loop.
    A network may be trained by one thread at a time, and refuses others; any number may predict, and during a training
    they may see some parameters before and some after an update. A copy (`copy.deepcopy`, `pickle`) has parameters,
    gradients, moments and step count of its own, but not the batch of the last `forward`.

    Its methods are compiled and do not call each other. So where a subclass or an assignment replaces one (`relu`,
    `forward`, `predict`, ...), a call that would ignore it, such as `fit`, raises a TypeError that says so;
    `fastmlp.reference.NeuralNetwork` calls all of them.

    Parameters
    ----------
    input_size : int
        Number of features.
    hidden_sizes : sequence of int
        Size of each hidden layer; may be empty.
    output_size : int
        Number of classes, of targets in a regression, or of yes-or-no labels: 1 for two classes with the loss
        "binary_cross_entropy".
    num_layers : int, optional
        Number of affine layers, `len(hidden_sizes) + 1`; checked where it is given.
    activation : str or sequence of str
        What each hidden layer applies to its sums, or a list with one for each layer: "relu", "leaky_relu" (slope 0.01
        below 0), "elu", "gelu" (with the error function), "gelu_tanh" (its approximation by tanh), "silu", "tanh",
        "logistic" or "identity".
    loss : str
        What is minimised: the mean over rows, and over outputs where there are several targets.

        * "cross_entropy", of classes; the outputs are their probabilities, by softmax. The score is the accuracy.
        * "binary_cross_entropy", where each output is yes or no: of several labels a row, y (n, k) of 0 and 1, or of
          two classes, y (n,). The outputs are probabilities, by the logistic function; the score is the share of rows
          with all outputs right.
        * "squared_error", "half_squared_error", "huber" (half the square up to `delta`, and straight beyond), of
          numbers; the score is R2.
        * "absolute_error", of numbers; the score is D2, which compares with the median as R2 does with the mean.
        * "poisson", of counts, at least 0: exp(output) - y * output. Predictions are expected counts; the score is D2.
    label_smoothing : float
        Of "cross_entropy", in [0, 1): this share of each label is spread over all classes.
    delta : float
        Of "huber", in the units in which the network learns: standard deviations where targets are standardised.
    dropout : float or sequence of float
        The probability in [0, 1) with which each unit of the hidden layers is set to 0 in training, for each row anew;
        the others are multiplied by 1 / (1 - dropout) (Srivastava et al., Dropout, 2014). Or a list: the rate of the
        inputs first, then one for each hidden layer. `fit`, `train_epoch` and `forward(X, training=True)` drop units;
        predictions do not.
    dtype : {"float64", "float32"} or numpy.dtype, optional
        The dtype of parameters and results; see `set_default_dtype`.
    n_threads : int, optional
        Threads to compute with; by default OpenMP's number, at most the processors that this process may use. Results
        do not depend on it. More than there are processors is slow, and slows down the thread's other networks too,
        since OpenMP keeps the largest team.
    seed : int, optional
        Draw the weights from a `numpy.random.RandomState` of their own with this seed, instead of NumPy's global one.
    init : {"assignment", "he", "glorot"}
        Distribution of the weights, see `fastmlp.engine.parameters.initialize`.
    standardizer : Standardizer, optional
        A fitted one, applied to all rows of X in training and in prediction, and saved with the network. Raw uint8
        pixels then need no converted copy.

    Attributes
    ----------
    params : mapping
        `W1, b1, ..., Wk, bk`: live arrays, Wi (sizes[i-1], sizes[i]) and bi (sizes[i],). Assigning copies into place.
    gradients : mapping
        The same of the loss's gradients: live, overwritten by the next `backward`; empty before the first one.
    outputs : dict
        `X, h1, ..., scores` of the last `forward`: read-only, valid until the next call.
    class_names : list of str or None
        The name of each class, for `predict_names`, figures and files; saved with the network. `predict` still returns
        integers.
    feature_names : list of str or None
        The name of each column of X; `fit` and `train_epoch` learn them from a frame. Saved with the network.
    schema : fastmlp.tables.Schema or None
        How the columns of a table become rows of X, and what is learnt. Saved with the network.
    history : fastmlp.training.History or None
        Of the last `fit`, an interrupted one included.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid; no random number has been drawn then.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp import NeuralNetwork
    >>> net = NeuralNetwork(4, [10], 3, 2, seed=0)
    >>> X, y = np.eye(4), np.array([0, 1, 2, 2])
    >>> for t in range(200):
    ...     scores = net.forward(X)
    ...     loss = net.backward(y, reg=1e-3)
    ...     net.update(0.5)
    >>> net.predict(X)
    array([0, 1, 2, 2])
    """

    _check_forward: ClassVar[Callable[[Any], None]]
    _check_backward: ClassVar[Callable[[Any], None]]

    def __init__(
        self,
        input_size: int,
        hidden_sizes: Iterable[int],
        output_size: int,
        num_layers: int | None = None,
        *,
        activation: str | Sequence[str] = "relu",
        loss: str = "cross_entropy",
        label_smoothing: float = 0.0,
        delta: float = 1.0,
        dropout: float | Sequence[float] = 0.0,
        dtype: npt.DTypeLike | None = None,
        n_threads: int | None = None,
        seed: int | None = None,
        init: str = "assignment",
        standardizer: Standardizer | None = None,
    ):
        sizes = layer_sizes(input_size, hidden_sizes, output_size, num_layers)
        checked = get_default_dtype() if dtype is None else float_dtype("dtype", dtype)
        architecture = Architecture.of(
            sizes,
            checked,
            activation=activation,
            loss=loss,
            label_smoothing=label_smoothing,
            delta=delta,
            dropout=dropout,
        )
        with random_state(seed) as generator:
            engine = Engine(architecture)
            engine.n_threads = thread_count(n_threads)
            engine.standardizer = standardizer
            initialize(engine.params, init, generator)
            if architecture.drops:
                engine.dropout_seed = drawn_seed(generator)
        self._adopt(engine)
        self._class_names = None
        self._feature_names = None if standardizer is None else standardizer.feature_names

    # the assignment's helpers, on plain arrays
    linear = staticmethod(activations.linear)
    linear_grad = staticmethod(activations.linear_grad)
    relu = staticmethod(activations.relu)
    relu_grad = staticmethod(activations.relu_grad)
    softmax = staticmethod(activations.softmax)
    softmax_grad = staticmethod(losses.softmax_grad)
    cross_entropy = staticmethod(losses.cross_entropy)

    def forward(self, X: npt.ArrayLike, *, training: bool = False) -> np.ndarray:
        """Compute the outputs: the probability of each class, or the predictions of a regression.

        Parameters
        ----------
        X : array_like (n_rows, input_size)
            Real numbers of any type and layout. An array that needs no conversion is not copied: `backward` reads it
            again.
        training : bool
            Apply dropout, if the network has any. The same units are dropped until the next `update`.

        Returns
        -------
        ndarray (n_rows, output_size)
            Probabilities, by softmax, or predictions; a new array of the network's dtype.

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
        self._check_forward()
        if training is not False:  # checked only then, since a step of a tiny network takes microseconds
            training = boolean("training", training)
        if self._feature_names is not None:
            self._check_columns("X", X)
        return self._engine.forward(X, training)

    def backward(self, y: npt.ArrayLike, reg: float = 0.0, *, sample_weight: npt.ArrayLike | None = None) -> float:
        """Compute the loss of the batch last given to `forward`, and its gradients.

        Parameters
        ----------
        y : array_like (n_rows,)
            Labels from 0 to output_size - 1; whole floats and shape (n_rows, 1) are accepted. Otherwise (n_rows,
            output_size), or (n_rows,) for one output: numbers in a regression, counts for "poisson", and 0, 1 or
            anything between for "binary_cross_entropy".
        reg : float
            Strength of the L2 regularisation of the weights; biases are not regularised.
        sample_weight : array_like (n_rows,), optional
            How often each row counts, 0 or from 1e-100 to 1e12: one that weighs 2 is as good as two rows. By default
            all weigh 1.

        Returns
        -------
        float
            Mean loss of the rows, with their weights, plus `0.5 * reg * sum(W**2)` over all weight matrices.

        Raises
        ------
        RuntimeError
            Without a `forward` before.
        TypeError, ValueError
            If y has another length, or a label is no integer in the range; the first such one is named. If a weight is
            negative or not finite, or all are 0.

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
        self._check_backward()
        return self._engine.backward(y, number("reg", reg), sample_weight)

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
        weight_decay: float = 0.01,
        rho: float = 0.9,
    ) -> None:
        """Apply the gradients of the last `backward`.

        Parameters
        ----------
        lr : float
            Learning rate.
        b1, b2, eps : float
            Adam's decay rates of the two moments, and its epsilon; b1 is also the momentum of "Momentum" and
            "Nesterov", and eps also that of "RMSprop".
        opt : {"SGD", "Momentum", "Nesterov", "Adam", "AdamW", "RMSprop"}
            In upper or lower case: plain gradient descent; Sutskever et al. (2013), equations 1 and 2; Bengio et al.
            (2013), equation 7; Kingma and Ba (2015), algorithm 1; Loshchilov and Hutter (2019), algorithm 2; Tieleman
            and Hinton (2012), lecture 6.5.
        t : int, optional
            Time step of Adam's bias correction, from 1; `epoch` and `step` are other names for it. It holds for this
            update only; where it is absent, the network counts its updates of any kind.
        weight_decay : float
            AdamW's decoupled decay: each update also subtracts lr * weight_decay * parameter.
        rho : float
            RMSprop's decay rate of the mean of squared gradients.

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
        optimizer = checked_optimizer(opt, b1, b2, eps, weight_decay, rho)
        self._engine.apply(optimizer, number("lr", lr), t)

    def _repr_html_(self) -> str:
        """The picture of the layers, in a notebook."""
        engine = self._engine
        is_standardized, n_parameters = engine.standardizer is not None, engine.layout.n_parameters
        return network_html(type(self).__name__, engine.architecture, n_parameters, is_standardized, self._class_names)


_STEPS = FORWARD | BACKWARD | dict.fromkeys(("forward", "backward", "update"), LOOP)
_PROBABILITIES = dict.fromkeys((*FORWARD, "forward"), OR_CALL)
_CLASSES = _PROBABILITIES | {"predict_proba": OR_CALL}

# What the methods do not use, and what to do instead where that has been replaced.
_IGNORED = {
    "forward": FORWARD,
    "backward": BACKWARD,
    "train_epoch": _STEPS,
    "fit": _STEPS | {"train_epoch": "call it in a loop over epochs"},
    "predict_proba": _PROBABILITIES,
    "predict": _CLASSES,
    "evaluate": _CLASSES | dict.fromkeys(("predict", "cross_entropy"), OR_CALL),
    "to_onnx": dict.fromkeys((*_CLASSES, "predict", "predict_names"), "an ONNX graph has fastmlp's own functions only"),
}
for _call, _members in _IGNORED.items():
    setattr(NeuralNetwork, f"_check_{_call}", refusal(NeuralNetwork, _call, _members))
NeuralNetwork._evaluate_members = Originals(NeuralNetwork, ["evaluate"])
