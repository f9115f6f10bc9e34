"""Training of one trial's network."""

import hashlib
import math
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from fastmlp.architecture import Architecture
from fastmlp.diagnosis import diverged
from fastmlp.engine import Engine
from fastmlp.frames import check_column_names, column_names
from fastmlp.functions.losses import LOSSES
from fastmlp.history import DivergenceError, History
from fastmlp.network import NeuralNetwork
from fastmlp.sample_weights import class_weights
from fastmlp.tuning.plan import Plan
from fastmlp.tuning.space import Configuration
from fastmlp.validation import MAX_BLAS_SIZE, as_stored, names, real_array, real_matrix

# Number of rows that are copied and hashed at a time.
BLOCK_ROWS = 1024


class StoppedError(Exception):
    """Training was told to stop."""


class TrialRunner:
    """Trains single networks on one copy of the arrays, in any number of threads, until `stopped` is set."""

    def __init__(
        self,
        plan: Plan,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        X_val: npt.ArrayLike,
        y_val: npt.ArrayLike,
        X_test: npt.ArrayLike | None = None,
        y_test: npt.ArrayLike | None = None,
    ):
        self._plan, self._dtype, self.stopped = plan, np.dtype(plan.dtype), False
        frames = {"X": X, "X_val": X_val, "X_test": X_test}
        rows = real_array("X", X)
        n_features = rows.shape[1] if rows.ndim == 2 else 1
        rows = real_matrix("X", rows, n_features)
        feature_names, where = names("feature_names", plan.feature_names, n_features, "feature"), "feature_names"
        if feature_names is None:
            feature_names, where = column_names(X), "X.columns"
        for name, frame in frames.items():
            check_column_names(name, frame, feature_names, where)
        engine = Engine(Architecture.of((max(1, n_features), 1), self._dtype))
        engine.standardizer = plan.standardizer  # checked here, before any training
        self._loss = LOSSES[plan.loss]
        options: dict[str, Any] = {"loss": plan.loss, "label_smoothing": plan.label_smoothing, "delta": plan.delta}
        targets = real_array("y", y, self._loss.content)
        n_outputs = max(1, targets.shape[1]) if targets.ndim == 2 else 1
        if self._loss.of_classes:
            n_outputs = MAX_BLAS_SIZE  # how many there are, is known when all labels have been checked
        architecture = Architecture.of((n_features, n_outputs), self._dtype, **options)
        self._loss_option = architecture.loss_option
        if (X_test is None) != (y_test is None):
            raise ValueError("X_test and y_test must be given together, got only one of them")
        parts: list[tuple[str, Any, Any]] = [("", rows, y), ("_val", X_val, y_val)]
        if X_test is not None:
            parts.append(("_test", X_test, y_test))
        arrays = []
        for part, X_part, y_part in parts:
            matrix = real_matrix(f"X{part}", X_part, n_features)
            if matrix.size == 0:
                needed, got = ("row", "none") if part else ("row and one column", matrix.shape)
                raise ValueError(f"X{part} must have at least one {needed}, got {got}")
            # one copy for all trials, where the kernels cannot read the rows as they are
            stored = as_stored(matrix, self._dtype)
            engine.check_finite(f"X{part}", stored)
            arrays.append((stored, architecture.checked_targets(f"y{part}", y_part, len(matrix))))
        (self.X, self.y), (self.X_val, self.y_val), *self._test = arrays
        if self._loss.of_classes:
            n_classes = 1 + max(int(labels.max()) for _, labels in arrays)
            n_outputs = n_classes if plan.class_names is None else len(plan.class_names)
            if n_classes > n_outputs:
                raise ValueError(f"class_names must be {n_classes} names, one for each class, got {n_outputs}")
        else:
            self.y = self.y.reshape(targets.shape)  # predictions get the dimensions of y
        self._n_outputs = n_outputs
        architecture = Architecture.of((n_features, n_outputs), self._dtype, **options)
        self._class_weights = class_weights(architecture, self.y, plan.class_weight)
        n_names = n_outputs if self._loss.of_classes else architecture.n_classes
        self._class_names = names("class_names", plan.class_names, n_names, "class")
        self._feature_names = feature_names

    def identity(self) -> dict[str, Any]:
        """What must be equal for two searches to share trials: the seed, the loss, the dtype and the data, say."""
        digest = hashlib.blake2b(digest_size=16)
        for array in (self.X, self.y, self.X_val, self.y_val):
            digest.update(f"{array.dtype.str} {array.shape}".encode())
            for start in range(0, len(array), BLOCK_ROWS):
                digest.update(array[start : start + BLOCK_ROWS].tobytes())
        if (standardizer := self._plan.standardizer) is not None:
            digest.update(standardizer.mean_.tobytes() + standardizer.scale_.tobytes())
        return {
            "seed": self._plan.seed,
            "dtype": self._dtype.name,
            "loss": self._loss.name,
            **({self._loss.option: self._loss_option} if self._loss.option else {}),
            **({} if self._class_weights is None else {"class_weights": self._class_weights.tolist()}),
            "n_classes": self._n_outputs,  # of a regression, the number of targets
            "data": digest.hexdigest(),
        }

    def train(self, configuration: Configuration) -> tuple[History, NeuralNetwork]:
        """Train a network in the calling thread; where it diverges, the history has the epochs before.

        A network whose loss is finite at the end, but as high as `fastmlp.diagnosis.diverged` describes, counts as
        diverged in its last epoch.
        """
        seed, settings = self._plan.seed, configuration.settings
        network = NeuralNetwork(
            self.X.shape[1],
            configuration.hidden_sizes,
            self._n_outputs,
            loss=self._loss.name,
            label_smoothing=self._plan.label_smoothing,
            delta=self._plan.delta,
            dropout=configuration.dropout,
            dtype=self._dtype,
            n_threads=1,
            seed=seed,
            init=configuration.init,
            activation=configuration.activation,
            standardizer=self._plan.standardizer,
        )
        self.set_names(network)
        # the units of a regression's losses
        y = self.y.reshape(len(self.y), -1)
        network._engine.begin_fit(y, None, flat=self.y.ndim == 1, standardize=settings.standardize_targets)
        untrained_loss = network.evaluate(self.X_val, self.y_val, settings.regularization)[0]
        with suppress(DivergenceError):
            network.fit(
                self.X,
                self.y,
                **vars(settings),
                class_weight=self._plan.class_weight,
                seed=seed,
                X_val=self.X_val,
                y_val=self.y_val,
                progress=self._check_stopped,
            )
        network.n_threads = None
        history = network.history
        assert history is not None
        if len(history) == settings.n_epochs:
            last = history[-1]
            n_classes = self._n_outputs if self._loss.of_classes else 1
            if diverged(last.train_loss, last.val_loss, untrained_loss, n_classes):
                history = history[:-1]
        return history, network

    def set_names(self, network: NeuralNetwork) -> bool:
        """Give a network this search's names of classes and features; returns whether it had other names."""
        before = network.class_names, network.feature_names
        network.class_names, network.feature_names = self._class_names, self._feature_names
        return before != (self._class_names, self._feature_names)

    def test(self, network: NeuralNetwork) -> float:
        """A network's score on the test rows; NaN without test rows."""
        return network.score(*self._test[0]) if self._test else math.nan

    def _check_stopped(self, n_batches: int) -> None:
        if self.stopped:
            raise StoppedError
