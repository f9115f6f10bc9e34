"""`NeuralNetwork`: the assignment's class, with fit, predict, evaluate, save and load."""

import copy
import functools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from fastmlp import training
from fastmlp.architecture import Architecture
from fastmlp.defaults import get_default_dtype
from fastmlp.engine import Engine
from fastmlp.engine.batches import Examples
from fastmlp.engine.parameters import Parameters, initialize
from fastmlp.exchange import graphs, state_dicts
from fastmlp.files import models
from fastmlp.files.checkpoints import Checkpoint
from fastmlp.frames import check_column_names, column_names
from fastmlp.functions import activations, losses
from fastmlp.functions.optimizers import checked_optimizer, of_batches
from fastmlp.generators import drawn_seed, random_state
from fastmlp.history import History
from fastmlp.interface.calls import public
from fastmlp.interface.overrides import BACKWARD, FORWARD, LOOP, OR_CALL, Originals, check_arrays, refusal
from fastmlp.preprocessing import Standardizer
from fastmlp.progress import Advance
from fastmlp.sample_weights import checked_weights, class_weights
from fastmlp.schedules import Schedule
from fastmlp.settings import Settings
from fastmlp.training import Callback
from fastmlp.validation import (
    boolean,
    float_dtype,
    integer,
    layer_sizes,
    names,
    number,
    row_indices,
    thread_count,
    time_step,
)


@public
class NeuralNetwork:
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
        The name of each class, for `predict_names`, figures and files; saved with the network. `predict` gives the
        numbers of the classes all the same.
    feature_names : list of str or None
        The name of each column of X; `fit` learns them from a frame. Saved with the network.
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

    history: History | None = None
    _engine: Engine
    _class_names: list[str] | None = None
    _feature_names: list[str] | None = None

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
        self._class_names = self._feature_names = None

    def _adopt(self, engine: Engine) -> None:
        # calling the constructor again must not replace an engine that another thread uses
        held = self._engine if "_engine" in self.__dict__ else engine
        held.exclusive.run(setattr, self, "_engine", engine)

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
        _check_forward(self)
        if training is not False:  # checked only then, since a step of a tiny network takes microseconds
            training = boolean("training", training)
        if self._feature_names is not None:
            check_column_names("X", X, self._feature_names)
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
        _check_backward(self)
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
        _check_fit(self)
        evaluate = self._own_evaluation if any(_EVALUATE.replaced(self)) else None
        if X_val is not None and evaluate is None:
            _check_evaluate(self)  # now, and not after the first epoch
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
        feature_names = self._feature_names or column_names(X)
        check_column_names("X", X, feature_names)
        check_column_names("X_val", X_val, feature_names)
        checkpointer = None
        seconds, resume = number("checkpoint_seconds", checkpoint_seconds, 0), boolean("resume", resume)
        if checkpoint is not None:
            model = functools.partial(models.Model, engine, self._class_names, feature_names)
            checkpointer = Checkpoint(model, checkpoint, seconds, resume)
        elif resume:
            raise ValueError("checkpoint must be given with resume=True, got None")
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
            begin=lambda: setattr(self, "_feature_names", feature_names),
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
            As in `fit`.
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
        _check_train_epoch(self)
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
        check_column_names("X", X, self._feature_names)
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
        return engine.exclusive.run(training.train_once, engine, examples, checked, settings, t)

    def _own_evaluation(self, examples: Examples, regularization: float) -> tuple[float, float]:
        """By the `evaluate` that a user has put in the place of this class's."""
        if examples.weights is None:
            return self.evaluate(examples.X, examples.y, regularization)
        return self.evaluate(examples.X, examples.y, regularization, sample_weight=examples.weights)

    def _check_unchanged(self, engine: Engine) -> None:
        """Raise where a user's callback has made it impossible to go on."""
        _check_train_epoch(self)
        if self._engine is not engine:
            raise RuntimeError("this network has been constructed again while it was being trained")

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
        _check_predict_proba(self)
        if not self._engine.architecture.loss_row.is_classifier:
            raise TypeError(f"predict_proba needs a classifier, and this network has loss={self.loss!r}: use predict")
        check_column_names("X", X, self._feature_names)
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
        _check_predict(self)
        check_column_names("X", X, self._feature_names)
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
        return np.array(self._class_names)[self.predict(X).ravel()]

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
        _check_evaluate(self)
        architecture = self._engine.architecture
        check_column_names("X", X, self._feature_names)
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
        engine, class_names, feature_names, state = models.load(path)
        network = cls._of(engine, class_names, feature_names)
        network.history = None if state is None else state.history
        if state is not None and state.best is not None:
            engine.restore(state.best)
        return network

    def to_onnx(self, path: str | os.PathLike[str], *, input_dtype: npt.DTypeLike | None = None) -> None:
        """Write the network as an ONNX graph, for ONNX Runtime and other programs; `load` does not read it.

        The standardizer, the labels and the units of the targets are in the graph. Its input is `X` (n_rows,
        input_size). Its outputs are those of skl2onnx: of a classifier, `label` and `probabilities`; of a regression,
        `variable` (n_rows, output_size), in the units of y. They are what `predict` and `predict_proba` give, up to
        rounding. Labels are `class_names` where each row has one class and these are set, and else integers; with names,
        one output of yes or no becomes two probabilities. The names of classes and features are in the metadata, as
        JSON. Rows with NaN are not refused there: their results mean
        nothing. The opset is 13; ONNX Runtime 1.15 to 1.32 have been tried. It has a part of "gelu" for float32 only,
        so that such a network of float64 has the precision of float32.

        Parameters
        ----------
        path : path-like
            The file, under exactly this name. It takes the place of an older one only when it is complete.
        input_dtype : {"float64", "float32"} or numpy.dtype, optional
            Of `X`; by default the network's. "float64" keeps the digits of columns far from 0, such as seconds since
            1970, that the standardizer of a float32 network takes.

        Raises
        ------
        fastmlp.optional.MissingLibraryError
            Without the extra `onnx`.
        OSError
            If the file cannot be written.
        ValueError
            If the parameters do not fit into a file of ONNX, 2 GiB.
        TypeError
            If a subclass has replaced what the graph would compute.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from fastmlp import NeuralNetwork
        >>> net, X = NeuralNetwork(4, [10], 3, seed=0), np.eye(4)
        >>> net.class_names = ["cat", "dog", "fox"]
        >>> import onnxruntime
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     net.to_onnx(Path(folder, "net.onnx"))
        ...     session = onnxruntime.InferenceSession(Path(folder, "net.onnx"))
        >>> label, probabilities = session.run(None, {"X": X})
        >>> bool(np.allclose(probabilities, net.predict_proba(X)))
        True
        >>> [str(name) for name in label] == [net.class_names[i] for i in net.predict(X)]
        True
        """
        _check_to_onnx(self)
        has_names = self._class_names is not None and self._engine.architecture.has_one_class
        graphs.save(
            self._engine,
            path,
            classes=np.array(self._class_names, object) if has_names else None,
            class_names=self._class_names,
            feature_names=self._feature_names,
            input_dtype=None if input_dtype is None else float_dtype("input_dtype", input_dtype),
        )

    def to_state_dict(self, path: str | os.PathLike[str] | None = None) -> dict[str, np.ndarray]:
        """The weights and biases as PyTorch has them, for `load_state_dict`, and in a file where there is a path.

        The model to load them into is `torch.nn.Sequential(Linear, activation, Linear, ...)`, with a Dropout after each
        activation whose rate is above 0, or in the first place, for that of the inputs. Its last layer gives scores:
        softmax, the logistic function or, for "poisson", the exponential are left to PyTorch's loss. The standardizer
        and the units of the targets are computed into the first and the last layer, so that the model takes raw rows
        and predicts in the units of y.

        Parameters
        ----------
        path : path-like, optional
            A `.safetensors` file to write. It takes the place of an older one only when it is complete.

        Returns
        -------
        dict of str to ndarray
            `0.weight` (n_out, n_in), `0.bias` (n_out,), `2.weight`, ..., copies in the network's dtype.

        Warns
        -----
        UserWarning
            Where a float32 network standardises a column that is more than 1,000 standard deviations from 0.

        Raises
        ------
        fastmlp.optional.MissingLibraryError
            Where a file is to be written without the extra `safetensors`.
        OSError
            If it cannot be written.
        ValueError
            If the path does not end in `.safetensors`.

        Examples
        --------
        >>> from fastmlp import NeuralNetwork
        >>> {key: array.shape for key, array in NeuralNetwork(4, [10], 3).to_state_dict().items()}
        {'0.weight': (10, 4), '0.bias': (10,), '2.weight': (3, 10), '2.bias': (3,)}

        In PyTorch, with `model = Sequential(Linear(4, 10), ReLU(), Linear(10, 3))`:
        `model.load_state_dict({key: torch.from_numpy(array) for key, array in net.to_state_dict().items()})`.
        """
        arrays = state_dicts.state_dict_of(self._engine)
        if path is not None:
            state_dicts.write(arrays, path)
        return arrays

    @classmethod
    def from_state_dict(
        cls,
        state_dict: Mapping[str, Any] | str | os.PathLike[str],
        *,
        activation: str | Sequence[str] = "relu",
        loss: str = "cross_entropy",
        label_smoothing: float = 0.0,
        delta: float = 1.0,
        dropout: float | Sequence[float] = 0.0,
        dtype: npt.DTypeLike | None = None,
    ) -> Self:
        """A network with the weights and biases of a PyTorch model, a chain of Linear layers.

        A state dict does not say what is between the layers, nor which loss the model was trained with: say it here.
        The optimiser's state is not part of it.

        Parameters
        ----------
        state_dict : mapping or path-like
            `model.state_dict()`, whose values are tensors or arrays, or a `.safetensors` file. Each layer has a key
            that ends in `weight` (n_out, n_in), and may have one that ends in `bias` (n_out,); what is before, such as
            `net.0.` or `fc1.`, names the layer. Layers are in the order of the mapping; in a file, which sorts keys as
            texts, in that of the numbers in the keys.
        activation, loss, label_smoothing, delta, dropout
            As in `NeuralNetwork`; the last layer gives the sums before the output's activation, as it does for
            PyTorch's CrossEntropyLoss, BCEWithLogitsLoss and PoissonNLLLoss.
        dtype : {"float64", "float32"} or numpy.dtype, optional
            By default that of the tensors.

        Returns
        -------
        NeuralNetwork

        Raises
        ------
        TypeError, ValueError
            If it is no chain of Linear layers of float32 or float64; the key is named.
        fastmlp.optional.MissingLibraryError
            Where a file needs the extra `safetensors`.
        OSError
            If the file cannot be read.

        Examples
        --------
        >>> import numpy as np
        >>> from fastmlp import NeuralNetwork
        >>> state_dict = {"fc1.weight": np.eye(10, 4), "fc1.bias": np.zeros(10), "fc2.weight": np.eye(3, 10)}
        >>> net = NeuralNetwork.from_state_dict(state_dict, activation="tanh")
        >>> net
        NeuralNetwork(4-10-3, float64, 83 parameters)
        >>> net.predict(np.eye(4)[:3])
        array([0, 1, 2])
        """
        return cls._of(
            state_dicts.engine_of(
                state_dict,
                None if dtype is None else float_dtype("dtype", dtype),
                activation=activation,
                loss=loss,
                label_smoothing=label_smoothing,
                delta=delta,
                dropout=dropout,
            )
        )

    @classmethod
    def _of(cls, engine: Engine, class_names: list[str] | None = None, feature_names: list[str] | None = None) -> Self:
        """The network of an engine."""
        network = cls.__new__(cls)
        network._class_names, network._feature_names = class_names, feature_names
        network._adopt(engine)
        return network

    @property
    def input_size(self) -> int:
        """Number of features."""
        return self._engine.architecture.n_inputs

    @property
    def hidden_sizes(self) -> list[int]:
        """Size of each hidden layer."""
        return list(self._engine.architecture.sizes[1:-1])

    @property
    def output_size(self) -> int:
        """Number of classes, or of targets in a regression."""
        return self._engine.architecture.n_outputs

    @property
    def num_layers(self) -> int:
        """Number of affine layers."""
        return self._engine.architecture.n_layers

    @property
    def activation(self) -> str | tuple[str, ...]:
        """The activation of the hidden layers, or those of each where they differ."""
        return self._engine.architecture.activation

    @property
    def loss(self) -> str:
        """The loss that is minimised, without the regularisation."""
        return self._engine.architecture.loss

    @property
    def dropout(self) -> float | tuple[float, ...]:
        """The rate of dropout of all hidden layers; or of the inputs and of each, where it takes a list to say it."""
        return self._engine.architecture.dropout

    @property
    def dtype(self) -> np.dtype:
        """float32 or float64."""
        return self._engine.architecture.dtype

    @property
    def n_threads(self) -> int | None:
        """Threads to compute with; None for the default."""
        return self._engine.n_threads

    @n_threads.setter
    def n_threads(self, value: int | None) -> None:
        self._engine.n_threads = thread_count(value)

    @property
    def standardizer(self) -> Standardizer | None:
        """The standardizer that is applied to all rows of X; None for none."""
        return self._engine.standardizer

    @standardizer.setter
    def standardizer(self, value: Standardizer | None) -> None:
        self._engine.standardizer = value

    @property
    def class_names(self) -> list[str] | None:
        """The name of each class, a list of different texts that may be assigned; None where they have none.

        With one output of yes or no, there are two: that of 0 and that of 1. See `predict_names`.

        Examples
        --------
        >>> from fastmlp import NeuralNetwork
        >>> net = NeuralNetwork(4, [10], 2)
        >>> net.class_names = ["cat", "dog"]
        >>> net.predict_names([[1.0, 2.0, 3.0, 4.0]])[0] in net.class_names
        True
        """
        return copy.copy(self._class_names)  # a list that is changed has not been checked

    @class_names.setter
    def class_names(self, values: Iterable[str] | None) -> None:
        self._class_names = names("class_names", values, self._engine.architecture.n_classes, "class")

    @property
    def feature_names(self) -> list[str] | None:
        """The name of each column of X, a list of different texts that may be assigned; None where they have none.

        Frames must have these columns in this order; arrays, which have no names, are taken as they are.

        Examples
        --------
        >>> import pandas
        >>> from fastmlp import NeuralNetwork
        >>> frame = pandas.DataFrame({"width": [0.0, 1.0], "height": [1.0, 0.0]})
        >>> net = NeuralNetwork(2, [10], 2, seed=0)
        >>> history = net.fit(frame, [0, 1], epochs=5, seed=0)
        >>> net.feature_names
        ['width', 'height']
        >>> try:
        ...     net.predict(frame[["height", "width"]])
        ... except ValueError as error:
        ...     print(str(error)[:56])
        X must have the network's columns in their order, featur
        """
        return copy.copy(self._feature_names)

    @feature_names.setter
    def feature_names(self, values: Iterable[str] | None) -> None:
        self._feature_names = names("feature_names", values, self.input_size, "feature")

    @property
    def params(self) -> Parameters:
        """Live arrays; assigning a mapping copies all of it into place, and keeps moments and step count."""
        return self._engine.params

    @params.setter
    def params(self, values: Mapping[str, npt.ArrayLike]) -> None:
        self._engine.params.assign(values)

    @property
    def gradients(self) -> Mapping[str, np.ndarray]:
        """Live arrays of the last `backward`; empty before the first one and after `fit`."""
        return self._engine.gradients if self._engine.has_gradients else {}

    @property
    def outputs(self) -> dict[str, np.ndarray]:
        """Read-only arrays of the last `forward`: X, h1, ..., scores."""
        return self._engine.outputs()

    def snapshot(self) -> dict[str, Any]:
        """Copies of parameters, moments, number of updates, units of targets and the seed of dropout.

        Examples
        --------
        >>> import numpy as np
        >>> from fastmlp import NeuralNetwork
        >>> net = NeuralNetwork(3, [8], 3, seed=0)
        >>> before, score = net.snapshot(), net.score(np.eye(3), [0, 1, 2])
        >>> history = net.fit(np.eye(3), [0, 1, 2], epochs=50, learning_rate=0.5, seed=0)
        >>> net.restore(before)
        >>> net.score(np.eye(3), [0, 1, 2]) == score
        True
        """
        return self._engine.snapshot()

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Go back to a `snapshot` of this network, or of one with its sizes, loss and dtype, in place.

        Raises
        ------
        TypeError, ValueError
            If it is no such snapshot; nothing has changed then.
        RuntimeError
            If the network is at work in another thread.
        """
        self._engine.restore(snapshot)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        check_arrays(cls, NeuralNetwork)

    def __copy__(self) -> Self:
        network = type(self).__new__(type(self))
        network.__dict__.update(self.__dict__, _engine=copy.deepcopy(self._engine))
        return network

    def __repr__(self) -> str:
        sizes = "-".join(map(str, self._engine.architecture.sizes))
        return f"{type(self).__name__}({sizes}, {self.dtype}, {self._engine.layout.n_parameters:,} parameters)"

    def _repr_html_(self) -> str:
        """The picture of the layers, in a notebook."""
        from fastmlp.diagram import network_html  # used there alone

        engine = self._engine
        is_standardized, n_parameters = engine.standardizer is not None, engine.layout.n_parameters
        return network_html(type(self).__name__, engine.architecture, n_parameters, is_standardized, self._class_names)


_STEPS = FORWARD | BACKWARD | dict.fromkeys(("forward", "backward", "update"), LOOP)
_PROBABILITIES = dict.fromkeys((*FORWARD, "forward"), OR_CALL)
_CLASSES = _PROBABILITIES | {"predict_proba": OR_CALL}
_EVALUATE = Originals(NeuralNetwork, ["evaluate"])
_check_forward = refusal(NeuralNetwork, "forward", FORWARD)
_check_backward = refusal(NeuralNetwork, "backward", BACKWARD)
_check_train_epoch = refusal(NeuralNetwork, "train_epoch", _STEPS)
_check_fit = refusal(NeuralNetwork, "fit", _STEPS | {"train_epoch": "call it in a loop over epochs"})
_check_predict_proba = refusal(NeuralNetwork, "predict_proba", _PROBABILITIES)
_GRAPH = dict.fromkeys((*_CLASSES, "predict"), "an ONNX graph has fastmlp's own functions only")
_check_to_onnx = refusal(NeuralNetwork, "to_onnx", _GRAPH)
_check_predict = refusal(NeuralNetwork, "predict", _CLASSES)
_check_evaluate = refusal(NeuralNetwork, "evaluate", _CLASSES | dict.fromkeys(("predict", "cross_entropy"), OR_CALL))
