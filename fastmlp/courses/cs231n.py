"""The two fully connected networks of Stanford's CS231n, with the interface of its assignments 1 and 2."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from fastmlp.courses.base import CourseNetwork
from fastmlp.functions.optimizers import checked_optimizer
from fastmlp.interface.calls import public
from fastmlp.interface.overrides import refusal
from fastmlp.validation import class_labels, float_dtype, integer, layer_sizes, number, real_array, real_matrix

ScoresOrLoss = np.ndarray | tuple[float, dict[str, np.ndarray]]


class _StanfordNetwork(CourseNetwork):
    """Normal weights with a standard deviation that the user gives, and a loss that is returned with its gradients."""

    def _start_normal(
        self, sizes: tuple[int, ...], deviation: float, dtype: npt.DTypeLike, n_threads: int | None, seed: int | None
    ) -> None:
        def draw(params: Any, generator: Any) -> None:
            for name, array in params.items():
                if name.startswith("W"):
                    array[...] = deviation * generator.randn(*array.shape)

        self._start(sizes, draw, dtype=float_dtype("dtype", dtype), n_threads=n_threads, seed=seed)

    def _loss(self, X: npt.ArrayLike, y: npt.ArrayLike | None, reg: float) -> ScoresOrLoss:
        """The scores; with y, mean cross-entropy + 0.5 * reg * sum(W**2), and a copy of its gradients."""
        self._engine.forward(X)
        if y is None:
            return self._engine.scores()
        return self._engine.backward(y, reg), self._engine.gradients.copy()


@public
class TwoLayerNet(_StanfordNetwork):
    """The two-layer network of assignment 1.

    Parameters
    ----------
    input_size, hidden_size, output_size : int
    std : float
        Standard deviation of the weights, which are drawn from NumPy's global generator; biases are zero.
    dtype, n_threads, seed
        See `fastmlp.NeuralNetwork`; float64 where no dtype is given.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp.courses import TwoLayerNet
    >>> np.random.seed(0)
    >>> net = TwoLayerNet(4, 10, 3, std=0.1, seed=0)
    >>> X, y = 10 * np.eye(4), np.array([0, 1, 2, 2])
    >>> stats = net.train(X, y, X, y, learning_rate=1e-1, reg=5e-6, num_iters=100, batch_size=4)
    >>> net.predict(X).tolist(), stats["loss_history"][-1] < 0.1
    ([0, 1, 2, 2], True)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int,
        std: float = 1e-4,
        *,
        dtype: npt.DTypeLike = np.float64,
        n_threads: int | None = None,
        seed: int | None = None,
    ):
        sizes = layer_sizes(input_size, [integer("hidden_size", hidden_size)], output_size, None)
        self._start_normal(sizes, number("std", std, 0), dtype, n_threads, seed)

    def loss(self, X: npt.ArrayLike, y: npt.ArrayLike | None = None, reg: float = 0.0) -> ScoresOrLoss:
        """Scores of the classes, or the loss and its gradients.

        Parameters
        ----------
        X : array_like (n_rows, input_size)
        y : array_like (n_rows,), optional
            Labels from 0 to output_size - 1.
        reg : float
            Strength of the L2 regularisation of the weights.

        Returns
        -------
        ndarray (n_rows, output_size)
            Scores, where y is not given.
        (float, dict of ndarray)
            Else mean cross-entropy plus `reg * sum(W**2)`, and its gradients by the names of the parameters.

        Raises
        ------
        TypeError, ValueError
            If an argument is not what it must be.
        """
        return self._loss(X, y, 2 * number("reg", reg))

    def train(
        self,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        X_val: npt.ArrayLike,
        y_val: npt.ArrayLike,
        learning_rate: float = 1e-3,
        learning_rate_decay: float = 0.95,
        reg: float = 5e-6,
        num_iters: int = 100,
        batch_size: int = 200,
        verbose: bool = False,
    ) -> dict[str, list[float]]:
        """Train by SGD on batches that are drawn with replacement from NumPy's global generator.

        Parameters
        ----------
        X, y, X_val, y_val : array_like
            Rows and labels to train on and to validate with.
        learning_rate, learning_rate_decay : float
            The rate, and the factor on it after each epoch, which is as many steps as it takes to see len(X) rows.
        reg : float
            As in `loss`.
        num_iters, batch_size : int
            Number of steps, and rows of each.
        verbose : bool
            Print the loss every 100 steps. As in the course, a training that diverges goes on, with a loss of NaN.

        Returns
        -------
        dict
            `loss_history`, a number for each step; `train_acc_history`, `val_acc_history`, one for each epoch.

        Raises
        ------
        TypeError, ValueError
            If an argument is not what it must be, or a row is not finite; nothing has changed then.
        """
        _check_train(self)
        rows, rows_val = (real_matrix(name, values, self.input_size) for name, values in (("X", X), ("X_val", X_val)))
        labels = class_labels("y", y, len(rows), self.output_size)
        labels_val = class_labels("y_val", y_val, len(rows_val), self.output_size)
        for name, array in (("X", rows), ("X_val", rows_val)):
            if len(array) == 0:
                raise ValueError(f"{name} must have at least one row, got none")
            self._engine.check_finite(name, array)
        rate, decay = number("learning_rate", learning_rate), number("learning_rate_decay", learning_rate_decay)
        reg = 2 * number("reg", reg)
        num_iters, batch_size = integer("num_iters", num_iters), integer("batch_size", batch_size)
        steps_of_epoch = max(len(rows) / batch_size, 1)  # as in the course, not rounded
        losses, train_accuracies, val_accuracies = [], [], []
        for step in range(num_iters):
            batch = np.random.choice(len(rows), batch_size)
            self._engine.forward(rows[batch])
            losses.append(self._engine.backward(labels[batch], reg))
            self._engine.apply(checked_optimizer("SGD", 0, 0, 0), rate)
            if verbose and step % 100 == 0:
                print(f"iteration {step} / {num_iters}: loss {losses[-1]:f}")
            if step % steps_of_epoch == 0:
                train_accuracies.append(float(np.mean(self.predict(rows[batch]) == labels[batch])))
                val_accuracies.append(float(np.mean(self.predict(rows_val) == labels_val)))
                rate *= decay
        return {"loss_history": losses, "train_acc_history": train_accuracies, "val_acc_history": val_accuracies}

    def predict(self, X: npt.ArrayLike) -> np.ndarray:
        """The class with the highest score for each row of X (n_rows, input_size), as an integer array (n_rows,)."""
        _check_predict(self)
        return self._engine.predict(X)


@public
class FullyConnectedNet(_StanfordNetwork):
    """The network of any depth of assignment 2, without normalisation and dropout; the course's `Solver` trains it.

    Parameters
    ----------
    hidden_dims : sequence of int
        Size of each hidden layer.
    input_dim, num_classes : int
    dropout_keep_ratio, normalization
        Must be 1 and None.
    reg : float
        Strength of the L2 regularisation of the weights.
    weight_scale : float
        Standard deviation of the weights; biases are zero.
    dtype : {"float32", "float64"} or numpy.dtype
    seed : int, optional
        Draw the weights from a generator of their own with this seed, instead of NumPy's global one.
    n_threads : int, optional
        See `fastmlp.NeuralNetwork`.

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

    def __init__(
        self,
        hidden_dims: Iterable[int],
        input_dim: int = 3 * 32 * 32,
        num_classes: int = 10,
        dropout_keep_ratio: float = 1,
        normalization: str | None = None,
        reg: float = 0.0,
        weight_scale: float = 1e-2,
        dtype: npt.DTypeLike = np.float32,
        seed: int | None = None,
        *,
        n_threads: int | None = None,
    ):
        if dropout_keep_ratio != 1:
            raise ValueError(
                "dropout_keep_ratio must be 1: this class has no dropout, fastmlp.NeuralNetwork has; "
                f"got {dropout_keep_ratio!r}"
            )
        if normalization is not None:
            raise ValueError(f"normalization must be None: fastmlp has no normalisation, got {normalization!r}")
        names = ("input_dim", "hidden_dims", "num_classes")
        sizes = layer_sizes(input_dim, hidden_dims, num_classes, None, names)
        self.reg = number("reg", reg)
        self._start_normal(sizes, number("weight_scale", weight_scale, 0), dtype, n_threads, seed)

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
        rows = real_array("X", X)
        if rows.ndim < 2 or math.prod(rows.shape[1:]) != self.input_size:
            raise ValueError(f"X must have rows of {self.input_size} numbers, got shape {rows.shape}")
        return self._loss(rows.reshape(len(rows), self.input_size), y, number("reg", self.reg))


_check_train = refusal(TwoLayerNet, "train", {"loss": "call it in a loop of your own"})
_check_predict = refusal(TwoLayerNet, "predict", {"loss": "replace predict too"})
