"""The fully connected networks of Stanford's CS231n, with the interface of its assignments 1 and 2."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from fastmlp.courses.base import unused
from fastmlp.courses.stanford import ScoresOrLoss, SelfTraining, StanfordNetwork, guarded
from fastmlp.interface.calls import public
from fastmlp.validation import float_dtype, integer, layer_sizes, number, real_array

# The course's images, and its classes.
_INPUT_DIM, _NUM_CLASSES = 3 * 32 * 32, 10

# What to do in place of assigning an attribute of dropout.
_MADE_WITH = "pass dropout_keep_ratio where the network is made"


class _NormalWeights(StanfordNetwork):
    """Normal weights with a standard deviation that the user gives, and zeros as biases."""

    def _start_normal(
        self,
        sizes: tuple[int, ...],
        deviation: float,
        dtype: npt.DTypeLike,
        n_threads: int | None,
        seed: int | None,
        dropout: float = 0.0,
    ) -> None:
        def draw(params: Any, generator: Any) -> None:
            for name, array in params.items():
                if name.startswith("W"):
                    array[...] = deviation * generator.randn(*array.shape)

        checked = float_dtype("dtype", dtype)
        self._start(sizes, draw, dtype=checked, n_threads=n_threads, seed=seed, dropout=dropout)

    def _flat_rows(self, X: npt.ArrayLike) -> np.ndarray:
        """X (n_rows, ...) as (n_rows, input_size)."""
        rows = real_array("X", X)
        if rows.ndim < 2 or math.prod(rows.shape[1:]) != self.input_size:
            raise ValueError(f"X must have rows of {self.input_size} numbers, got shape {rows.shape}")
        return rows.reshape(len(rows), self.input_size)


@guarded
@public
class TwoLayerNet(_NormalWeights, SelfTraining):
    """The two-layer network of assignment 1: the older class of that name, or the modular one.

    The arguments tell which of the two it is. With those of the older class, also by position, `reg` is an argument of
    `loss` and `train`. With those of the modular class, by name, or without any, `reg` is an attribute, rows of X may
    have any shape with input_dim numbers, and the course's `Solver` trains it, in place of `train`. The notebooks on
    image features make both with three sizes by position: with `reg` or `weight_scale` that is the modular class, and
    otherwise the older one, with its `std`, until `reg` is assigned.

    Parameters
    ----------
    input_size, hidden_size, output_size : int
        Sizes of the older class, which needs all three.
    std : float
        Standard deviation of the older class's weights, by default 1e-4. Weights are drawn from NumPy's global
        generator; biases are zero.
    input_dim, hidden_dim, num_classes : int
        Sizes of the modular class, by default 3 * 32 * 32, 100 and 10.
    weight_scale : float
        Standard deviation of the modular class's weights, by default 1e-3.
    reg : float
        Strength of the modular class's L2 regularisation, by default 0.
    dtype, n_threads, seed
        See `fastmlp.NeuralNetwork`; float64 where no dtype is given.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it must be, or there are some of both classes.

    Examples
    --------
    The older one:

    >>> import numpy as np
    >>> from fastmlp.courses import TwoLayerNet
    >>> np.random.seed(0)
    >>> net = TwoLayerNet(4, 10, 3, std=0.1, seed=0)
    >>> X, y = 10 * np.eye(4), np.array([0, 1, 2, 2])
    >>> stats = net.train(X, y, X, y, learning_rate=1e-1, reg=5e-6, num_iters=100, batch_size=4)
    >>> net.predict(X).tolist(), stats["loss_history"][-1] < 0.1
    ([0, 1, 2, 2], True)

    The modular one:

    >>> net = TwoLayerNet(hidden_dim=50, reg=0.1, seed=0)
    >>> loss, grads = net.loss(np.ones((2, 3, 32, 32)), [3, 8])
    >>> net.reg, grads["W1"].shape
    (0.1, (3072, 50))
    """

    # None for the older class, whose pickles have none
    _reg: float | None = None
    # whether it may become the modular class: it was made by what both have
    _is_of_both = False

    def __init__(
        self,
        input_size: int | None = None,
        hidden_size: int | None = None,
        output_size: int | None = None,
        std: float | None = None,
        *,
        input_dim: int | None = None,
        hidden_dim: int | None = None,
        num_classes: int | None = None,
        weight_scale: float | None = None,
        reg: float | None = None,
        dtype: npt.DTypeLike = np.float64,
        n_threads: int | None = None,
        seed: int | None = None,
    ):
        older: dict[str, Any] = {"input_size": input_size, "hidden_size": hidden_size, "output_size": output_size}
        older |= {"std": std}
        modular: dict[str, Any] = {"input_dim": input_dim, "hidden_dim": hidden_dim, "num_classes": num_classes}
        modular |= {"weight_scale": weight_scale, "reg": reg}
        is_older = _is_older(older, modular)
        if is_older:
            hidden = integer("hidden_size", hidden_size)
            sizes = layer_sizes(input_size, [hidden], output_size, None)
            deviation, strength = number("std", 1e-4 if std is None else std, 0), None
        else:
            first = _first_given(input_size, input_dim, _INPUT_DIM)
            hidden = integer("hidden_dim", _first_given(hidden_size, hidden_dim, 100))
            last = _first_given(output_size, num_classes, _NUM_CLASSES)
            sizes = layer_sizes(first, [hidden], last, None, ("input_dim", "hidden_dim", "num_classes"))
            deviation = number("weight_scale", 1e-3 if weight_scale is None else weight_scale, 0)
            strength = number("reg", 0.0 if reg is None else reg)
        self._start_normal(sizes, deviation, dtype, n_threads, seed)
        self._reg = strength
        self._is_of_both = is_older and std is None

    @property
    def reg(self) -> float:
        """Strength of the L2 regularisation of the modular class; may be assigned."""
        if self._reg is None:
            raise AttributeError(_OLDER_REG)
        return self._reg

    @reg.setter
    def reg(self, value: float) -> None:
        if self._reg is None and not self._is_of_both:
            raise AttributeError(_OLDER_REG)
        self._reg = number("reg", value)

    def loss(self, X: npt.ArrayLike, y: npt.ArrayLike | None = None, reg: float | None = None) -> ScoresOrLoss:
        """Scores of the classes, or the loss and its gradients.

        Parameters
        ----------
        X : array_like (n_rows, input_size)
            In the modular class also (n_rows, ...): rows of any shape with input_dim numbers.
        y : array_like (n_rows,), optional
            Labels from 0 to output_size - 1.
        reg : float
            Strength of the L2 regularisation of the weights, by default 0; of the older class only. For a notebook of
            2015 or 2016, whose loss has 0.5 in front, pass half of it.

        Returns
        -------
        ndarray (n_rows, output_size)
            Scores, where y is not given.
        (float, dict of ndarray)
            Else mean cross-entropy plus `reg * sum(W**2)`, in the modular class plus `0.5 * self.reg * sum(W**2)`, and
            its gradients by the names of the parameters.

        Raises
        ------
        TypeError, ValueError
            If an argument is not what it must be.
        """
        if self._reg is None:
            return self._loss(X, y, self._strength(0.0 if reg is None else reg))
        if reg is not None:
            raise TypeError("TwoLayerNet.loss takes no reg in the modular class, made with hidden_dim: assign net.reg")
        return self._loss(self._flat_rows(X), y, self._reg)

    def predict(self, X: npt.ArrayLike) -> np.ndarray:
        """The class with the highest score for each row of X, as `loss` takes it, as an integer array (n_rows,)."""
        return super().predict(X if self._reg is None else self._flat_rows(X))

    def _strength(self, reg: Any) -> float:
        if self._reg is not None:
            raise TypeError(
                "TwoLayerNet.train is one of the older class, made with hidden_size: train the modular class by a "
                "Solver, which calls net.loss(X, y)"
            )
        return 2 * number("reg", reg)


def _is_older(older: dict[str, Any], modular: dict[str, Any]) -> bool:
    """Whether the arguments of TwoLayerNet, None where not given, are the older class's."""
    given, others = ([name for name, value in names.items() if value is not None] for names in (older, modular))
    if given == ["input_size", "hidden_size", "output_size"] and others and {"weight_scale", "reg"}.issuperset(others):
        return False  # three sizes by position, and what the modular class alone has
    if given and others:
        raise TypeError(
            f"TwoLayerNet takes {', '.join(older)}, by position too, of the older class, or {', '.join(modular)} of "
            f"the modular one, got {', '.join(given)} and {', '.join(others)}; reg is an argument of the older class's "
            "loss and train"
        )
    missing = [name for name in ("input_size", "hidden_size", "output_size") if name not in given]
    if given and missing:
        raise TypeError(
            f"TwoLayerNet with {', '.join(given)} needs {', '.join(missing)}; the modular class, whose arguments are "
            f"{', '.join(modular)}, by name, needs none"
        )
    return bool(given)


def _first_given(*values: Any) -> Any:
    """The first value that is not None."""
    return next(value for value in values if value is not None)


@public
class FullyConnectedNet(_NormalWeights):
    """The network of any depth of assignment 2, without normalisation; the course's `Solver` trains it.

    `loss(X, y)` drops units of the hidden layers where there is dropout, `loss(X)` does not. Without `seed`, each
    `loss(X, y)` drops other units, by a number from NumPy's global generator; with `seed`, always the same ones, so
    that gradients can be checked.

    Parameters
    ----------
    hidden_dims : sequence of int
        Size of each hidden layer.
    input_dim, num_classes : int
    dropout_keep_ratio : float
        The probability in (0, 1] with which each unit of the hidden layers is kept in training; the others are set to
        0, and those that are kept are divided by it (Srivastava et al., Dropout, 2014). 1 for no dropout.
    normalization
        Must be None.
    reg : float
        Strength of the L2 regularisation of the weights.
    weight_scale : float
        Standard deviation of the weights; biases are zero.
    dtype : {"float32", "float64"} or numpy.dtype
    seed : int, optional
        Draw the weights from a generator of their own with this seed, instead of NumPy's global one, and drop the same
        units each time.
    dropout : float, optional
        The name of `dropout_keep_ratio` in the edition of 2018. In that of 2017 it was the probability to drop, and 0
        for none: pass `dropout_keep_ratio=1 - dropout`.
    n_threads : int, optional
        See `fastmlp.NeuralNetwork`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it must be.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp.courses import FullyConnectedNet
    >>> net = FullyConnectedNet([20, 30], input_dim=12, weight_scale=5e-2, dtype=np.float64, seed=0)
    >>> X = np.ones((2, 2, 3, 2))  # rows of any shape with 12 numbers
    >>> net.loss(X).shape
    (2, 10)
    >>> loss, grads = net.loss(X, [3, 8])
    >>> round(loss, 1), list(grads)
    (2.3, ['W1', 'b1', 'W2', 'b2', 'W3', 'b3'])
    """

    dropout = unused("dropout", _MADE_WITH)
    dropout_keep_ratio = unused("dropout_keep_ratio", _MADE_WITH)
    dropout_param = unused("dropout_param", _MADE_WITH)
    use_dropout = unused("use_dropout", _MADE_WITH)
    normalization = unused("normalization", "fastmlp has no normalisation")

    def __init__(
        self,
        hidden_dims: Iterable[int],
        input_dim: int = _INPUT_DIM,
        num_classes: int = _NUM_CLASSES,
        dropout_keep_ratio: float = 1,
        normalization: str | None = None,
        reg: float = 0.0,
        weight_scale: float = 1e-2,
        dtype: npt.DTypeLike = np.float32,
        seed: int | None = None,
        *,
        dropout: float | None = None,
        n_threads: int | None = None,
    ):
        rate = 1 - _keep_ratio(dropout_keep_ratio, dropout)
        if normalization is not None:
            raise ValueError(f"normalization must be None: fastmlp has no normalisation, got {normalization!r}")
        names = ("input_dim", "hidden_dims", "num_classes")
        sizes = layer_sizes(input_dim, hidden_dims, num_classes, None, names)
        self.reg = number("reg", reg)
        self._start_normal(sizes, number("weight_scale", weight_scale, 0), dtype, n_threads, seed, rate)
        self._draws_dropout = self._engine.architecture.drops and seed is None

    def loss(self, X: npt.ArrayLike, y: npt.ArrayLike | None = None) -> ScoresOrLoss:
        """Scores of the classes, or the loss and its gradients.

        Parameters
        ----------
        X : array_like (n_rows, ...)
            Rows of any shape with input_dim numbers.
        y : array_like (n_rows,), optional
            Labels from 0 to num_classes - 1.

        Returns
        -------
        ndarray (n_rows, num_classes)
            Scores, where y is not given.
        (float, dict of ndarray)
            Else mean cross-entropy plus `0.5 * reg * sum(W**2)`, and its gradients by the names of the parameters.

        Raises
        ------
        TypeError, ValueError
            If an argument is not what it must be.
        """
        return self._loss(self._flat_rows(X), y, number("reg", self.reg))


def _keep_ratio(dropout_keep_ratio: Any, dropout: Any) -> float:
    """The probability that a unit is kept, which has two names."""
    name, value = "dropout_keep_ratio", dropout_keep_ratio
    if dropout is not None:
        if dropout_keep_ratio != 1:
            raise TypeError(f"dropout is an older name of dropout_keep_ratio: pass one, got {dropout!r} and {value!r}")
        name, value = "dropout", dropout
    ratio = number(name, value, 0, 1)
    if 1 - ratio == 1:
        raise ValueError(
            f"{name} must be above 0, got {value!r}: it is the probability that a unit is kept, and 1 for no dropout; "
            "in the edition of 2017 dropout was the probability to drop: pass dropout_keep_ratio=1 - dropout"
        )
    return ratio


_OLDER_REG = (
    "a TwoLayerNet of the older class has no attribute reg: pass reg to loss and train; one that is made without std "
    "becomes the modular class when reg is assigned"
)
