"""Training of a network: by `fit`, or epoch by epoch."""

import functools
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fastmlp import training
from fastmlp.engine import Engine
from fastmlp.engine.batches import Examples
from fastmlp.files.checkpoints import Checkpoint
from fastmlp.frames import check_column_names, column_names
from fastmlp.functions.optimizers import of_batches
from fastmlp.history import History
from fastmlp.interface.overrides import Originals
from fastmlp.methods.prediction import PredictionMethods
from fastmlp.progress import Advance
from fastmlp.sample_weights import checked_weights, class_weights
from fastmlp.schedules import Schedule
from fastmlp.settings import Settings
from fastmlp.training import Callback
from fastmlp.validation import boolean, integer, number, row_indices


class TrainingMethods(PredictionMethods):
    """The methods that train a network."""

    _check_fit: ClassVar[Callable[[Any], None]]
    _check_train_epoch: ClassVar[Callable[[Any], None]]
    _evaluate_members: ClassVar[Originals]

    def fit(
        self,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        *,
        sample_weight: npt.ArrayLike | None = None,
        class_weight: str | Mapping[int, float] | None = None,
        epochs: int | None = None,
        batch_size: int = 200,
        learning_rate: float | None = None,
        learning_rate_decay: float = 1.0,
        schedule: str | Schedule | Callable[[int, int], float] | None = None,
        regularization: float = 0.0,
        clip_norm: float | None = None,
        optimizer: str = "Adam",
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.01,
        rho: float = 0.9,
        time_step: str = "update",
        drop_last: bool = False,
        standardize_targets: bool = True,
        early_stopping: bool = False,
        patience: int | None = None,
        tol: float = 1e-4,
        validation_fraction: float | None = None,
        seed: int | None = None,
        X_val: npt.ArrayLike | None = None,
        y_val: npt.ArrayLike | None = None,
        sample_weight_val: npt.ArrayLike | None = None,
        progress: bool | Advance | None = None,
        callbacks: Iterable[Callback] = (),
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_seconds: float = 0.0,
        resume: bool = False,
    ) -> History:
        """Train on the rows of X; a second call continues the training, with the row order of its own seed.

        Parameters
        ----------
        X : array_like (n_rows, input_size)
            Real numbers of any type and layout, memory maps included; rows are gathered, converted and standardised a
            batch at a time. Of a frame of pandas, Polars or pyarrow, the names of its columns become `feature_names`,
            unless there are some: then, and in all later calls, a frame must have these columns in this order.
        y : array_like (n_rows,)
            Labels from 0 to output_size - 1, or what the loss needs, see `backward`.
        sample_weight : array_like (n_rows,), optional
            How often each row counts, at least 0, in the loss and in the score; see `backward`. A batch whose rows all
            weigh 0 is skipped. All weigh 1 by default.
        class_weight : {"balanced"} or mapping from label to weight, optional
            How often each row of a class counts, in X_val too; weights of rows are multiplied by it. "balanced" is
            n_rows / (n_classes * n_rows_of_the_class). Classes that a mapping leaves out weigh 1.
        epochs : int, optional
            Passes over X. By default as many as make 2,000 updates, but at least 10 and at most 200; 400 where a batch
            has all rows, and 200 iterations of "lbfgs".
        batch_size : int
            Rows of one update.
        learning_rate : float, optional
            Where it is not given, 0.05 for SGD, 0.01 for Momentum and Nesterov, 0.001 for Adam, AdamW and RMSprop.
        learning_rate_decay : float
            Factor on the rate after each epoch; short for `schedule=Exponential(factor)`.
        schedule : str, Schedule or callable, optional
            How the rate changes, see `fastmlp.schedules`: "constant", "exponential", "step", "cosine" (with a warm-up),
            "one_cycle", "inverse_scaling" or "plateau" (of the validation loss, or else of the training loss); one with
            other parameters, such as `Cosine(warmup=0.1)`; or a function of epoch and step, both counted from 0, that
            returns the rate of that batch.
        regularization : float
            As `reg` of `backward`.
        clip_norm : float, optional
            Scale the gradient of a batch, regularisation included, down to this Euclidean norm over all parameters
            where it is larger (Pascanu, Mikolov and Bengio, 2013, algorithm 1). By default it is not clipped.
        optimizer : {"SGD", "Momentum", "Nesterov", "Adam", "AdamW", "RMSprop", "lbfgs"}
            As `opt` of `update`, in upper or lower case. "lbfgs" is SciPy's L-BFGS, for small tables (Liu and Nocedal,
            1989): each iteration, an epoch of the history, follows the gradient of all rows, and it ends before
            `epochs` of them where nothing improves. Settings of batches and learning rates, dropout and checkpoints are
            refused with it, and early stopping. Results may differ between machines, by rounding.
        beta1, beta2, epsilon : float
            As `b1`, `b2` and `eps` of `update`.
        weight_decay, rho : float
            As in `update`.
        time_step : {"update", "epoch"}
            What Adam's bias correction counts; the assignment's notebook counts epochs.
        drop_last : bool
            Leave out the rows of each epoch that do not fill a batch.
        standardize_targets : bool
            In a regression, train on (y - mean) / std, with the mean and the standard deviation of each column of y in
            the network's first training; predictions are in the units of y. The losses of the history are those of the
            standardised targets.
        early_stopping : bool
            Keep the parameters after the epoch with the lowest validation loss, or training loss where there are no
            validation data, and stop where `patience` epochs in a row have not been below the lowest one before them by
            more than `tol`. They are kept however the training ends, by Ctrl-C or an error, too; `history.best_epoch`
            and `history.kept` say which.
        patience : int, optional
            Number of these epochs, 10 by default; where it is given, training stops early.
        tol : float
            At least 0.
        validation_fraction : float, optional
            Hold out this share of the rows, drawn at random, of each class its share, to validate with in place of
            X_val and y_val; at least one row of each class is left to train on. Rows that weigh 0 do not count.
        seed : int, optional
            Shuffle with a `numpy.random.RandomState` of its own; by default `numpy.random.permutation` is called. With
            one seed, every call has the rows in the same order, epoch for epoch. Where `fit` is called again and again,
            give each call another seed, or none after `numpy.random.seed` once; or call it once, for more epochs.
        X_val, y_val : array_like, optional
            Validation data, evaluated after each epoch.
        sample_weight_val : array_like, optional
            Weights of its rows.
        progress : bool or callable, optional
            Show a progress bar with the last epoch's loss and score (needs tqdm), or call this with each number of
            batches done; what it raises ends `fit`.
        callbacks : iterable of callable
            Each is called as `callback(network, history)` after each epoch; one that returns True ends the training.
            `fastmlp.callbacks` has some.
        checkpoint : path-like, optional
            A file to write at the start and after each epoch, when the callbacks have been called: a model file, as
            `save` writes it, that also says how far the training is. At every moment it is whole.
        checkpoint_seconds : float
            Least time between two checkpoints; the last epoch's is always written.
        resume : bool
            Go on from the checkpoint where there is one, with its parameters, and the generator as it was then, NumPy's
            global one included. The settings must be as they were, but for epochs, which may be more unless the
            schedule depends on it; X, y, of which a sample is compared, the weights and the standardizer too; X_val,
            y_val, callbacks and a function as schedule are not compared.
            Network and history end with the bits of a training that was never cut off, times apart; what callbacks
            remember is not kept. A training that is complete, or ended early, is not repeated, so each
            training needs a path of its own.

        Returns
        -------
        History
            Arrays of loss, score, learning rate and time by epoch; also kept as `history`.

        Warns
        -----
        UserWarning
            In the first training of a network without a standardizer, where the largest column of X has a root mean
            square above 10 or below 0.1, or a column has a mean above 10 times its standard deviation.

        Raises
        ------
        DivergenceError
            When the loss or a parameter is no longer finite; parameters are then as after the last finite epoch, or
            the best one with early stopping.
        TypeError, ValueError
            If an argument makes no sense, or is not as it was in the checkpoint; nothing has changed then. Also if a
            row of X is not finite, which is found when the loss is not; parameters are as after the epoch before.
        fastmlp.ModelFileError
            If the checkpoint's file is damaged, or no checkpoint.
        fastmlp.optional.MissingLibraryError
            Where progress or a `.safetensors` checkpoint needs an extra.
        OSError
            If the checkpoint cannot be written; of one that was there, nothing is lost.
        RuntimeError
            If the network is at work in another thread.

        Examples
        --------
        >>> from fastmlp import NeuralNetwork, load_digits
        >>> X, y = load_digits()
        >>> net = NeuralNetwork(64, [32], 10, seed=0)
        >>> history = net.fit(X / 16, y, epochs=10, batch_size=32, optimizer="Adam", seed=0)
        >>> len(history), bool(history.train_accuracy[-1] > 0.9)
        (10, True)

        Two calls are one for twice the epochs where the generator goes on, but not where each has the same seed:

        >>> import numpy as np
        >>> nets = [NeuralNetwork(64, [32], 10, seed=0) for _ in range(3)]
        >>> history = nets[0].fit(X / 16, y, epochs=2, seed=0)
        >>> for _ in range(2):
        ...     history = nets[1].fit(X / 16, y, epochs=1, seed=0)  # one order, twice
        >>> np.random.seed(0)
        >>> for _ in range(2):
        ...     history = nets[2].fit(X / 16, y, epochs=1)
        >>> [bool(np.array_equal(net.params["W1"], nets[0].params["W1"])) for net in nets]
        [True, False, True]
        """
        self._check_fit()
        evaluate = self._own_evaluation if any(self._evaluate_members.replaced(self)) else None
        if X_val is not None and evaluate is None:
            self._check_evaluate()  # now, and not after the first epoch
        engine = self._engine
        settings = Settings(
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            learning_rate_decay=learning_rate_decay,
            schedule=schedule,
            regularization=regularization,
            clip_norm=clip_norm,
            optimizer=optimizer,
            beta1=beta1,
            beta2=beta2,
            epsilon=epsilon,
            weight_decay=weight_decay,
            rho=rho,
            time_step=time_step,
            drop_last=drop_last,
            standardize_targets=standardize_targets,
            early_stopping=early_stopping,
            patience=patience,
            tol=tol,
            validation_fraction=validation_fraction,
        )
        self._check_columns("X", X)
        feature_names = self._feature_names or column_names(X)
        where = "X.columns" if self._feature_names is None else "net.feature_names"
        check_column_names("X_val", X_val, feature_names, where)
        checkpointer = None
        seconds, resume = number("checkpoint_seconds", checkpoint_seconds, 0), boolean("resume", resume)
        if checkpoint is not None:
            checkpointer = Checkpoint(
                lambda: self._model()._replace(feature_names=self._feature_names or feature_names),
                checkpoint,
                seconds,
                resume,
            )
        elif resume:
            raise ValueError("checkpoint must be given with resume=True, got None")

        def learn_names() -> None:
            of_file = None if checkpointer is None else checkpointer.feature_names
            self._feature_names = of_file or feature_names

        fit = functools.partial(
            training.fit,
            sample_weight=sample_weight,
            class_weight=class_weight,
            seed=seed,
            X_val=X_val,
            y_val=y_val,
            sample_weight_val=sample_weight_val,
            progress=progress,
            callbacks=callbacks,
            checkpointer=checkpointer,
            begin=learn_names,
            evaluate=evaluate,
            check=lambda: self._check_unchanged(engine),
            offers_standardizer=engine.n_updates == 0 and engine.standardizer is None,
        )
        return engine.exclusive.run(fit, engine, self, X, y, settings)

    def train_epoch(
        self,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        order: npt.ArrayLike | None = None,
        *,
        sample_weight: npt.ArrayLike | None = None,
        class_weight: str | Mapping[int, float] | None = None,
        batch_size: int = 200,
        learning_rate: float | None = None,
        regularization: float = 0.0,
        clip_norm: float | None = None,
        optimizer: str = "Adam",
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.01,
        rho: float = 0.9,
        time_step: int | None = None,
    ) -> tuple[float, float]:
        """Train once on the rows of X in a given order: the loop of `fit`, for loops over epochs of one's own.

        It does what `forward(X, training=True)`, `backward` and `update` do for batch after batch of X[order], to the
        last bit.

        Parameters
        ----------
        X : array_like (n_rows, input_size)
            As in `fit`, which learns the names of a frame's columns, too.
        y : array_like (n_rows,)
            As in `fit`.
        order : array_like of int (n,), optional
            Rows of X, from 0 to n_rows - 1, in the order in which they are taken; any number of them, any of them more
            than once. By default all in turn.
        sample_weight, class_weight
            As in `fit`, of all rows of X.
        batch_size, learning_rate, regularization, clip_norm, optimizer, beta1, beta2, epsilon, weight_decay, rho
            As in `fit`.
        time_step : int, optional
            Of Adam's bias correction, for all batches; by default the network counts its updates.

        Returns
        -------
        loss, score : float
            Mean loss, regularisation included, and score of the rows with their weights, each as the network was when
            it saw them.

        Raises
        ------
        DivergenceError
            When the loss of a batch is not finite, or a parameter at the end. A batch whose loss is not finite changes
            nothing.
        TypeError, ValueError
            If an argument makes no sense; nothing has changed then. Also if a row of X is not finite, which is found
            when the loss is not; the batches before have been applied.

        Examples
        --------
        >>> import numpy as np
        >>> from fastmlp import NeuralNetwork
        >>> net, X, y = NeuralNetwork(4, [10], 3, seed=0), np.eye(4), [0, 1, 2, 2]
        >>> for epoch in range(100):
        ...     loss, accuracy = net.train_epoch(X, y, [3, 1, 0, 2], batch_size=2, learning_rate=0.5)
        >>> accuracy
        1.0
        """
        self._check_train_epoch()
        engine = self._engine
        settings = Settings(
            batch_size=batch_size,
            learning_rate=learning_rate,
            regularization=regularization,
            clip_norm=clip_norm,
            optimizer=of_batches("optimizer", optimizer),
            beta1=beta1,
            beta2=beta2,
            epsilon=epsilon,
            weight_decay=weight_decay,
            rho=rho,
        )
        self._check_columns("X", X)
        rows = engine.architecture.checked_rows("X", X)
        if len(rows) == 0:
            raise ValueError("X must have at least one row to train on, got none")
        targets = engine.architecture.checked_targets("y", y, len(rows))
        weights = checked_weights(targets, sample_weight, class_weights(engine.architecture, targets, class_weight))
        checked = np.arange(len(rows), dtype=np.intp) if order is None else row_indices("order", order, len(rows))
        if weights is not None and not weights[checked].any():
            raise ValueError("order must have a row that weighs more than 0, got none")
        t = None if time_step is None else integer("time_step", time_step, 1, 2**53)
        self._check_unchanged(engine)
        examples = Examples(rows, targets, weights)
        self._feature_names = self._feature_names or column_names(X)
        return engine.exclusive.run(training.train_once, engine, examples, checked, settings, t)

    def _own_evaluation(self, examples: Examples, regularization: float) -> tuple[float, float]:
        """By the `evaluate` that a user has put in the place of this class's."""
        if examples.weights is None:
            return self.evaluate(examples.X, examples.y, regularization)
        return self.evaluate(examples.X, examples.y, regularization, sample_weight=examples.weights)

    def _check_unchanged(self, engine: Engine) -> None:
        """Raise where a user's callback has made it impossible to go on."""
        self._check_train_epoch()
        if self._engine is not engine:
            raise RuntimeError("this network has been constructed again while it was being trained")
