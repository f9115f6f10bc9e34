"""What networks have in common whose `loss` returns its gradients, and which train themselves, as CS231n has them."""

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import numpy as np
import numpy.typing as npt

from fastmlp.courses.base import CourseNetwork
from fastmlp.functions.optimizers import checked_optimizer
from fastmlp.generators import drawn_seed
from fastmlp.interface.overrides import refusal
from fastmlp.validation import class_labels, integer, number, real_matrix

ScoresOrLoss = np.ndarray | tuple[float, dict[str, np.ndarray]]


class StanfordNetwork(CourseNetwork):
    """A network whose loss is returned with its gradients."""

    # whether each training pass drops other units
    _draws_dropout = False

    def _loss(self, X: npt.ArrayLike, y: npt.ArrayLike | None, reg: float) -> ScoresOrLoss:
        """The scores; with y, mean cross-entropy + 0.5 * reg * sum(W**2), and a copy of its gradients."""
        engine = self._engine
        if y is None:
            engine.forward(X)
            return engine.scores()
        if self._draws_dropout:
            rows = engine.architecture.checked_rows("X", X)
            engine.architecture.checked_targets("y", y, len(rows))  # before a number is drawn
            engine.exclusive.run(setattr, engine, "dropout_seed", drawn_seed(np.random))
        engine.forward(X, training=True)
        return engine.backward(y, reg), engine.gradients.copy()


class SelfTraining(StanfordNetwork):
    """Training by SGD and prediction; the class that derives from it has `loss`, and is decorated by `guarded`."""

    _check_train: ClassVar[Callable[[Any], None]]
    _check_predict: ClassVar[Callable[[Any], None]]

    def _strength(self, reg: Any) -> float:
        """What 0.5 * sum(W**2) is multiplied by, for the argument `reg` of `loss` and `train`."""
        return number("reg", reg)

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
        self._check_train()
        rows, rows_val = (real_matrix(name, values, self.input_size) for name, values in (("X", X), ("X_val", X_val)))
        labels = class_labels("y", y, len(rows), self.output_size)
        labels_val = class_labels("y_val", y_val, len(rows_val), self.output_size)
        for name, array in (("X", rows), ("X_val", rows_val)):
            if len(array) == 0:
                raise ValueError(f"{name} must have at least one row, got none")
            self._engine.check_finite(name, array)
        rate, decay = number("learning_rate", learning_rate), number("learning_rate_decay", learning_rate_decay)
        reg = self._strength(reg)
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
        self._check_predict()
        return self._engine.predict(X)


C = TypeVar("C", bound=type[SelfTraining])


def guarded(cls: C) -> C:
    """A decorator: `train` and `predict` refuse a network with replaced members that they would ignore."""
    cls._check_train = refusal(cls, "train", {"loss": "call it in a loop of your own"})
    cls._check_predict = refusal(cls, "predict", {"loss": "replace predict too"})
    return cls
