"""`NeuralNetwork`: the assignment's face, and fit, predict, save and load for everybody else."""

import functools
import os
from collections.abc import Iterable
from typing import Self

import numpy as np
import numpy.typing as npt

from fastmlp import training
from fastmlp.files import models
from fastmlp.files.checkpoints import Checkpoint
from fastmlp.interface.calls import public
from fastmlp.interface.overrides import BACKWARD, FORWARD, LOOP, Originals, refusal
from fastmlp.prediction import PredictingNetwork, check_evaluate
from fastmlp.progress import Advance
from fastmlp.training import Callback, DivergenceError, History
from fastmlp.validation import boolean, class_labels, integer, number, real_matrix, row_indices


@public
class NeuralNetwork(PredictingNetwork):
    """A multilayer perceptron: ReLU hidden layers, a softmax output, cross-entropy loss, L2 regularisation.

    `forward`, `backward` and `update` are the three calls of a training loop written by hand; `fit` is that loop.
    A network may be used by one thread at a time, and refuses others; predictions may come from any number, and during
    a training see parameters of one batch beside those of the next. A copy (`copy.deepcopy`, `pickle`) has parameters,
    gradients, moments and step count of its own, but not the batch of the last `forward`.

    What it computes is compiled. A member that a subclass, a patch or an assignment has replaced (`relu`, `forward`,
    `predict`, ...) runs where it is called; a call that would ignore it, such as `fit`, is a TypeError that says so.
    `fastmlp.reference.NeuralNetwork` calls all of them.

    Parameters
    ----------
    input_size : int
        Number of features.
    hidden_sizes : sequence of int
        Size of each hidden layer; may be empty.
    output_size : int
        Number of classes.
    num_layers : int, optional
        Number of affine layers, `len(hidden_sizes) + 1`; checked where it is given.
    dtype : {"float64", "float32"} or numpy.dtype, optional
        Of parameters and of everything computed; see `set_default_dtype`.
    n_threads : int, optional
        Threads to compute with; by default OpenMP's number, or as many as this process may use of the processors.
        Results do not depend on it. The largest number that a calling thread has asked for stays the size of its team,
        so more than there are processors slows down its other networks too. Where BLAS owns the threads
        (`fastmlp info`), BLAS decides.
    seed : int, optional
        Draw the weights from a `numpy.random.RandomState` of their own with this seed, instead of NumPy's global one.
    init : {"assignment", "he", "glorot"}
        Distribution of the weights, see `fastmlp.engine.parameters.initialize`.
    standardizer : Standardizer, optional
        A fitted one that all rows of X go through on their way in, in training and in prediction; it is saved with the
        network. Raw uint8 pixels then need no converted copy.

    Attributes
    ----------
    params : mapping
        `W1, b1, ..., Wk, bk`: live arrays, Wi (sizes[i-1], sizes[i]) and bi (sizes[i],). Assigning copies into place.
    gradients : mapping
        The same of the loss's gradients: live, overwritten by the next `backward`; empty before the first one.
    outputs : dict
        `X, h1, ..., scores` of the last `forward`: read-only, valid until the next call.
    class_names, feature_names : list of str or None
        The name of each class and of each column of X, for figures and files; saved with the network.
    history : fastmlp.training.History or None
        Of the last `fit`, an interrupted one included.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it must be; no random number has been drawn then.

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

    def fit(
        self,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        *,
        epochs: int = 10,
        batch_size: int = 200,
        learning_rate: float | None = None,
        learning_rate_decay: float = 1.0,
        regularization: float = 0.0,
        optimizer: str = "SGD",
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        time_step: str = "update",
        drop_last: bool = False,
        seed: int | None = None,
        X_val: npt.ArrayLike | None = None,
        y_val: npt.ArrayLike | None = None,
        progress: bool | Advance | None = None,
        callbacks: Iterable[Callback] = (),
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_seconds: float = 0.0,
        resume: bool = False,
    ) -> History:
        """Train on the rows of X; a second call goes on where the first one ended, with the order that its seed gives.

        Parameters
        ----------
        X : array_like (n_rows, input_size)
            Real numbers of any type and layout, memory maps included; rows are gathered, converted and standardised a
            batch at a time.
        y : array_like (n_rows,)
            Labels from 0 to output_size - 1.
        epochs : int
            Passes over X.
        batch_size : int
            Rows of one update.
        learning_rate : float, optional
            0.05 for SGD, 0.01 for Momentum, 0.001 for Adam where it is not given.
        learning_rate_decay : float
            Factor on the rate after each epoch.
        regularization : float
            As `reg` of `backward`.
        optimizer : {"SGD", "Momentum", "Adam"}
            As `opt` of `update`, in upper or lower case.
        beta1, beta2, epsilon : float
            As `b1`, `b2` and `eps` of `update`.
        time_step : {"update", "epoch"}
            What Adam's bias correction counts; the assignment's notebook counts epochs.
        drop_last : bool
            Leave out the rows of each epoch that do not fill a batch.
        seed : int, optional
            Shuffle with a `numpy.random.RandomState` of its own; by default `numpy.random.permutation` is called. With
            one seed, every call has the rows in the same order, epoch for epoch. Where `fit` is called again and again,
            give each call another seed, or none after `numpy.random.seed` once; or call it once, for more epochs.
        X_val, y_val : array_like, optional
            Validation data, evaluated after each epoch.
        progress : bool or callable, optional
            Show a progress bar (needs tqdm), or call this with each number of batches done; what it raises ends `fit`.
        callbacks : iterable of callable
            Each is called as `callback(network, history)` after each epoch; one that returns True ends the training.
        checkpoint : path-like, optional
            A file to write at the start and after each epoch, when the callbacks have been called: a model file, as
            `save` writes it, that also says how far the training is. At every moment it is whole.
        checkpoint_seconds : float
            At least so many from one checkpoint to the next, the last epoch's apart.
        resume : bool
            Go on from the checkpoint where there is one, with its parameters, and the generator as it was then, NumPy's
            global one included. The settings must be as they were, but for epochs, which may be more; X, y, of which a
            sample is compared, and the standardizer too; X_val, y_val and callbacks are not compared. Network and
            history end with the bits of a training that was never cut off, times apart; what callbacks remember is not
            kept. A training that is complete, or that a callback has ended, is not repeated, so each training needs a
            path of its own.

        Returns
        -------
        History
            Arrays of loss, accuracy, rate and time by epoch; also kept as `history`.

        Raises
        ------
        DivergenceError
            When the loss or a parameter is no longer finite; parameters are then as after the last finite epoch.
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
        _check_fit(self)
        if X_val is not None and not any(_EVALUATE.replaced(self)):
            check_evaluate(self)  # now, and not after the first epoch
        settings = training.Settings(
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            learning_rate_decay=learning_rate_decay,
            regularization=regularization,
            optimizer=optimizer,
            beta1=beta1,
            beta2=beta2,
            epsilon=epsilon,
            time_step=time_step,
            drop_last=drop_last,
        )
        keeper = None
        seconds, resume = number("checkpoint_seconds", checkpoint_seconds, 0), boolean("resume", resume)
        if checkpoint is not None:
            keeper = Checkpoint(self._model, checkpoint, seconds, resume)
        elif resume:
            raise ValueError("checkpoint must be given with resume=True, got None")
        fit = functools.partial(
            training.fit,
            seed=seed,
            X_val=X_val,
            y_val=y_val,
            progress=progress,
            callbacks=callbacks,
            keeper=keeper,
        )
        return self._engine.exclusive.run(fit, self, X, y, settings)

    def train_epoch(
        self,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        order: npt.ArrayLike | None = None,
        *,
        batch_size: int = 200,
        learning_rate: float | None = None,
        regularization: float = 0.0,
        optimizer: str = "SGD",
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        time_step: int | None = None,
    ) -> tuple[float, float]:
        """Train once on the rows of X in a given order: the loop of `fit`, for loops over epochs of one's own.

        It does what `forward`, `backward` and `update` do for batch after batch of X[order], to the last bit.

        Parameters
        ----------
        X : array_like (n_rows, input_size)
            As in `fit`.
        y : array_like (n_rows,)
            Labels from 0 to output_size - 1.
        order : array_like of int (n,), optional
            Rows of X, from 0 to n_rows - 1, in the order in which they are taken; any number of them, any of them more
            than once. By default all in turn.
        batch_size, learning_rate, regularization, optimizer, beta1, beta2, epsilon
            As in `fit`.
        time_step : int, optional
            Of Adam's bias correction, for all batches; by default the network counts its updates.

        Returns
        -------
        loss, accuracy : float
            Mean over the rows, each as the net was when it saw them; the loss includes the regularisation.

        Raises
        ------
        DivergenceError
            When the loss of a batch is not finite, or a parameter at the end. A batch whose cross-entropy is not finite
            changes nothing.
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
        _check_train_epoch(self)
        settings = training.Settings(
            batch_size=batch_size,
            learning_rate=learning_rate,
            regularization=regularization,
            optimizer=optimizer,
            beta1=beta1,
            beta2=beta2,
            epsilon=epsilon,
        )
        rows = real_matrix("X", X, self.input_size)
        if len(rows) == 0:
            raise ValueError("X must have at least one row to train on, got none")
        labels = class_labels("y", y, len(rows), self.output_size)
        checked = np.arange(len(rows)) if order is None else row_indices("order", order, len(rows))
        t = None if time_step is None else integer("time_step", time_step, 1, 2**53)
        return self._engine.exclusive.run(self._train_once, rows, labels, checked, settings, t)

    def _train_once(
        self, X: np.ndarray, y: np.ndarray, order: np.ndarray, settings: training.Settings, time_step: int | None
    ) -> tuple[float, float]:
        try:
            return self._run_epoch(X, y, order, settings, settings.rate, time_step, lambda n_batches: None)
        except DivergenceError as error:
            self._check_finite("X", X, order[: error.batch * settings.batch_size or None])
            raise
        finally:
            self._forget_batch()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network to a file under exactly this name: NumPy's `.npz`, or `.safetensors` where it ends so.

        The file holds parameters, the optimisers' moments and the step count, so that training can go on, the
        standardizer and the names of classes and features. It takes the place of an older one only when it is complete.

        Raises
        ------
        fastmlp.optional.MissingLibraryError
            Where a `.safetensors` file needs the extra `safetensors`.
        OSError
            If the file cannot be written.
        ValueError
            If there are more names than a file may have, 16 MiB.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from fastmlp import NeuralNetwork
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     NeuralNetwork(4, [10], 3).save(Path(folder, "net.npz"))
        ...     NeuralNetwork.load(Path(folder, "net.npz"))
        NeuralNetwork(4-10-3, float64, 83 parameters)
        """
        models.save(self._model(), path)

    def _model(self) -> models.Model:
        return models.Model(self._engine, self.class_names, self.feature_names)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a network that `save` wrote, see there, or a checkpoint of `fit`; nothing in the file is executed.

        Raises
        ------
        fastmlp.ModelFileError
            If the file is truncated, altered or no model at all.
        fastmlp.optional.MissingLibraryError
            Where a `.safetensors` file needs the extra `safetensors`.
        OSError
            If it cannot be read.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from fastmlp import ModelFileError, NeuralNetwork
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "net.npz")
        ...     _ = path.write_text("a letter")
        ...     try:
        ...         NeuralNetwork.load(path)
        ...     except ModelFileError as error:
        ...         print(str(error).rpartition("' ")[2])
        is not a whole fastmlp model file: File is not a zip file
        """
        network = cls.__new__(cls)
        engine, network._class_names, network._feature_names, state = models.load(path)
        network._adopt(engine)
        network.history = None if state is None else state.history
        return network

    def _run_epoch(
        self,
        X: np.ndarray,
        y: np.ndarray,
        order: np.ndarray,
        settings: training.Settings,
        rate: float,
        time_step: int | None,
        advance: Advance,
    ) -> tuple[float, float]:
        """`train_epoch` with arguments that have been checked, for `fastmlp.training.fit`."""
        _check_train_epoch(self)  # callbacks may have replaced something
        found = self._engine.train_epoch(
            X,
            y,
            order,
            batch_size=settings.batch_size,
            regularization=settings.regularization,
            optimizer=settings.optimizer,
            rates=(rate, settings.beta1, settings.beta2, settings.epsilon),
            time_step=time_step,
            advance=advance,
        )
        if found.diverged or not self._engine.is_finite():
            raise DivergenceError(found.n_batches if found.diverged else 0, rate)
        return found.loss / len(order), found.n_correct / len(order)


_STEPS = FORWARD | BACKWARD | dict.fromkeys(("forward", "backward", "update"), LOOP)
_EVALUATE = Originals(NeuralNetwork, ["evaluate"])
_check_train_epoch = refusal(NeuralNetwork, "train_epoch", _STEPS)
_check_fit = refusal(NeuralNetwork, "fit", _STEPS | {"train_epoch": "call it in a loop over epochs"})
