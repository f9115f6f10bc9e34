"""What the two estimators share: fit, partial_fit, the network behind them, and their fitted attributes."""

import contextlib
import copy
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, is_regressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from fastmlp.architecture import Architecture
from fastmlp.engine import Engine
from fastmlp.engine.batches import Examples
from fastmlp.estimators.attributes import FittedAttributes
from fastmlp.estimators.callbacks import CallbackSupportMixin, Tasks, with_callbacks
from fastmlp.estimators.calls import restored_on_error, warn
from fastmlp.estimators.convergence import Convergence
from fastmlp.estimators.data import (
    Order,
    as_floats,
    check_given_together,
    engine_rows,
    examples_of,
    fitted_standardizer,
    held_out,
    naming_values,
)
from fastmlp.estimators.engines import engine_of, new_engine
from fastmlp.estimators.exchange import ExchangeMixin
from fastmlp.estimators.objective import ReportedLoss
from fastmlp.estimators.parameters import (
    MAX_BATCH,
    SGD_SCHEDULES,
    architecture_of,
    check_parameters,
    rules_of,
    settings_of,
)
from fastmlp.estimators.targets import Labels, Numbers
from fastmlp.functions.optimizers import LBFGS
from fastmlp.generators import drawn_seed
from fastmlp.history import DivergenceError, History
from fastmlp.network import NeuralNetwork
from fastmlp.progress import Progress
from fastmlp.training import Training, checked_callbacks
from fastmlp.training_data import TrainingData


class BaseMLP(FittedAttributes, ExchangeMixin, CallbackSupportMixin, BaseEstimator, ABC):
    """A scikit-learn estimator that holds a network; the parameters are those of the subclasses."""

    hidden_layer_sizes: Any
    activation: Any
    solver: str
    alpha: float
    batch_size: Any
    learning_rate: Any
    max_iter: int
    shuffle: bool
    random_state: Any
    tol: float
    warm_start: bool
    early_stopping: bool
    validation_fraction: float
    max_fun: int
    dropout: Any
    standardize: bool
    n_threads: int | None
    callbacks: Any

    network_: NeuralNetwork
    loss_: float
    _convergence: Convergence
    _encoding: Labels | Numbers

    @with_callbacks
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Train on rows X and their targets y; with `warm_start`, from where the last call ended.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows; of a sparse matrix, only those of a batch become dense at a time.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels or targets.
        sample_weight : array-like of shape (n_samples,), optional
            How often each row counts.
        X_val, y_val : array-like, optional
            Rows to validate with after each epoch; `early_stopping` takes them in place of a part of X.
        sample_weight_val : array-like, optional
            Their weights.

        Returns
        -------
        self

        Warns
        -----
        sklearn.exceptions.ConvergenceWarning
            If the last of `max_iter` epochs was still better, or with early stopping an epoch has diverged.

        Raises
        ------
        TypeError, ValueError
            If a parameter or an argument makes no sense. If the loss or a parameter of the network is no longer finite;
            its parameters are then those of the last finite epoch.

        Examples
        --------
        >>> from fastmlp import MLPClassifier, load_digits
        >>> X, y = load_digits()
        >>> classifier = MLPClassifier(standardize=True, early_stopping=True, random_state=0)
        >>> classifier = classifier.fit(X[300:], y[300:], X_val=X[:300], y_val=y[:300])
        >>> classifier.best_validation_score_ > 0.9
        True
        """
        return self._fit(X, y, sample_weight, X_val, y_val, sample_weight_val)

    @with_callbacks
    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, classes: Any = None) -> Self:
        if self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        if self.learning_rate not in SGD_SCHEDULES:
            raise ValueError(
                f"partial_fit does not support learning_rate={self.learning_rate!r}, a schedule of all epochs of fit: "
                f"it needs one of {', '.join(map(repr, SGD_SCHEDULES))}"
            )
        return self._fit(X, y, sample_weight, is_partial=True, classes=classes)

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
        *,
        is_partial: bool = False,
        classes: Any = None,
    ) -> Self:
        is_new = not (self.__sklearn_is_fitted__() and (self.warm_start or is_partial))
        callbacks = checked_callbacks(() if self.callbacks is None else self.callbacks)
        check_parameters(self)
        check_given_together(X_val, y_val, sample_weight_val)
        with restored_on_error(self):
            X, y = self._validated(X, y, reset=is_new)
            encoding = self._target_encoding(y, classes, is_new=is_new, is_partial=is_partial)
            architecture = self._architecture(X, encoding, is_new=is_new)
            targets = encoding.encoded(y, "y", X.dtype)
            class_weights = self._class_weights(targets, encoding, architecture, is_partial=is_partial)
            examples, validation = examples_of(X, targets, sample_weight, class_weights), None
            if X_val is not None:
                X_val, y_val = self._validated(X_val, y_val, reset=False, part="_val")
                targets = encoding.encoded(y_val, "y_val", X.dtype)
                validation = examples_of(X_val, targets, sample_weight_val, class_weights, "sample_weight_val")
            generator = check_random_state(self.random_state)
            engine = new_engine(architecture, generator, self.activation) if is_new else self._as_now(architecture)
            data = self._training_data(examples, validation, encoding, generator, flat=y.ndim == 1)
            if is_new and self.standardize:
                engine.standardizer = fitted_standardizer(data)
            batch_size = self._batch_rows(data.n_train)
        # nothing is refused from here on
        if is_new:
            engine.begin_fit(*data.targets, flat=data.flat, standardize=getattr(self, "standardize_targets", False))
            self._convergence = Convergence()
        elif not is_partial:  # a new optimiser
            engine.restore(engine.snapshot() | {"moments": {}, "n_updates": 0})
        if architecture.drops and not is_partial:
            engine.dropout_seed = drawn_seed(generator)
        engine.n_threads = self.n_threads
        self._encoding = encoding
        if isinstance(encoding, Labels):
            self.classes_ = encoding.classes
        if is_new or engine is not self.network_._engine:
            self.network_ = NeuralNetwork._of(engine, *self._names())
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        tasks = Tasks(self, 1 if is_partial else self.max_iter, X=X, y=y, metadata=metadata)
        self._train(engine, data, batch_size, generator, (*callbacks, tasks.end_epoch), is_partial=is_partial)
        tasks.end()
        return self

    @abstractmethod
    def _target_encoding(self, y: np.ndarray, classes: Any, *, is_new: bool, is_partial: bool) -> Labels | Numbers:
        """What the targets are; where a training goes on, they must be as before."""

    @abstractmethod
    def _checked_targets(self, y: Any) -> np.ndarray:
        """Validated targets as an array (n_rows,) or (n_rows, n_outputs)."""

    def _class_weights(
        self, targets: np.ndarray, encoding: Any, architecture: Architecture, *, is_partial: bool
    ) -> np.ndarray | None:
        """The weight (n_classes,) of each class; None for 1."""
        return None

    @abstractmethod
    def _loss_options(self, loss: str) -> dict[str, float]:
        """The options of a network's loss, by name."""

    def _validated(self, X: Any, y: Any, *, reset: bool, part: str = "") -> tuple[Any, np.ndarray]:
        """X as a dense or a sparse array, of float32 or float64, and y; both finite.

        Errors call them by these names with the part's at the end.
        """
        numbers = {f"X{part}": X, **({f"y{part}": y} if is_regressor(self) else {})}
        try:
            with naming_values(**numbers):
                X, y = validate_data(
                    self,
                    X,
                    y,
                    accept_sparse="csr",
                    multi_output=True,
                    y_numeric=is_regressor(self),
                    dtype=(np.float64, np.float32),
                    reset=reset,
                )
            return as_floats(X), self._checked_targets(y)
        except (TypeError, ValueError) as error:
            if not part or str(error).startswith((f"X{part} must", f"y{part} must")):
                raise
            raise type(error)(f"X{part} and y{part}: {error}") from error

    def _architecture(self, X: Any, encoding: Labels | Numbers, *, is_new: bool) -> Architecture:
        """The description of the network to train; where one goes on, it must have the same sizes."""
        dtype = X.dtype if is_new else self.network_.dtype
        architecture = architecture_of(self, X.shape[1], encoding.n_outputs, encoding.loss, dtype)
        if not is_new and architecture.sizes != self.network_._engine.architecture.sizes:
            raise ValueError(
                f"hidden_layer_sizes must be as before where a training goes on, "
                f"{tuple(self.network_.hidden_sizes)}, got {self.hidden_layer_sizes!r}"
            )
        for name, before in () if is_new else self._standardizes().items():
            if getattr(self, name) != before:
                now = getattr(self, name)
                raise ValueError(f"{name} must be as before where a training goes on, {before}, got {now}")
        return architecture

    def _standardizes(self) -> dict[str, bool]:
        """What the network standardises, by the names of parameters."""
        return {"standardize": self.network_._engine.standardizer is not None}

    def _as_now(self, architecture: Architecture) -> Engine:
        """The engine of the network, or one with its parameters where the architecture has other activations, say."""
        if architecture == self.network_._engine.architecture:
            return self.network_._engine
        return engine_of(self.network_, architecture)

    def _training_data(
        self,
        examples: Examples,
        validation: Examples | None,
        encoding: Labels | Numbers,
        generator: np.random.RandomState,
        *,
        flat: bool,
    ) -> TrainingData:
        """The rows to train on, and those to validate with, which are held out where early stopping has none."""
        rows = None
        if validation is None and self._stops_by_score:
            rows, validation = held_out(examples, encoding, self.validation_fraction, generator)
        return TrainingData(examples, flat, labels=None, fraction=None, validation=validation, rows=rows)

    def _names(self) -> tuple[list[str] | None, list[str] | None]:
        """Names of classes and columns for the network, where they are different texts and it can have them."""
        classes = getattr(self, "classes_", np.empty(0))
        columns = getattr(self, "feature_names_in_", np.empty(0))
        has_names = len(classes) > 1 and all(isinstance(name, str) for name in classes)
        return (
            [*map(str, classes)] if has_names else None,
            [*map(str, columns)] if 0 < len(columns) == len(set(columns)) else None,
        )

    def _train(
        self,
        engine: Engine,
        data: TrainingData,
        batch_size: int,
        generator: np.random.RandomState,
        callbacks: tuple[Callable[..., Any], ...],
        *,
        is_partial: bool,
    ) -> None:
        """Train, to the end or until Ctrl-C, and set the fitted attributes."""
        n_rows, convergence = data.n_train, self._convergence
        settings = settings_of(self, batch_size, 1 if is_partial else self.max_iter, convergence)
        training = Training(
            trained=engine,
            network=self.network_,
            settings=settings,
            data=data,
            n_batches=settings.n_batches(n_rows),
            generator=Order(generator, shuffles=self.shuffle),
            callbacks=callbacks,
            evaluate=lambda examples, regularization: convergence.evaluate(engine, examples),
            check=lambda: None,
            checkpointer=None,
            history=History(score_name=engine.architecture.loss_row.score_name),
            over=False,
            stopping=convergence,
            lbfgs_options={"gtol": self.tol, "maxfun": self.max_fun},
        )
        loss = ReportedLoss.of(engine.architecture, data)
        rules = rules_of(self, validates=data.validation is not None)
        try:
            convergence.begin(rules, loss, 0 if self.solver == LBFGS else n_rows, keeps_rate=is_partial)
            engine.back_up()
            engine.exclusive.run(training.run, Progress())
        except DivergenceError as error:
            self._record_divergence(error)
        except KeyboardInterrupt:
            warn("Training interrupted by user.")
        finally:
            convergence.forget()
            self._publish(training)
        self._warn_of_no_convergence(training, is_partial=is_partial)

    def _batch_rows(self, n_rows: int) -> int:
        if self.batch_size == "auto":
            return min(MAX_BATCH, n_rows)
        if self.batch_size > n_rows and self.solver != LBFGS:
            warn("Got `batch_size` less than 1 or larger than sample size. It is going to be clipped")
        return min(self.batch_size, n_rows)

    def _record_divergence(self, error: DivergenceError) -> None:
        """Note an epoch that has diverged; an error where there is no earlier one to go back to."""
        if self._convergence.best_of(self._convergence.n_iter) is None:
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
                f"preprocessed. ({error})"
            ) from error
        self._convergence.record_divergence()
        warn(str(error), ConvergenceWarning)

    def _warn_of_no_convergence(self, training: Training, *, is_partial: bool) -> None:
        ended = training.ended
        if ended is not None and not ended.success:
            warn(
                f"lbfgs failed to converge after {self.n_iter_} iteration(s) (status={ended.status}):\n"
                f"{ended.message}\n\n"
                f"Increase the number of iterations to improve the convergence (max_iter={self.max_iter}).\n"
                "You might also want to scale the data, by standardize=True.",
                ConvergenceWarning,
            )
        elif ended is None and not (is_partial or training.over) and len(training.history) == self.max_iter:
            warn(
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the optimization hasn't "
                "converged yet.",
                ConvergenceWarning,
            )

    def _with_network(self, network: NeuralNetwork, parameters: dict[str, Any], **of_network: Any) -> Self:
        """This estimator, fitted, with a copy of the network; it has these parameters, and those of the network."""
        of_network |= {
            "hidden_layer_sizes": tuple(network.hidden_sizes),
            "activation": network.activation,
            "dropout": network.dropout,
            "n_threads": network.n_threads,
            "standardize": network.standardizer is not None,
        }
        for name in parameters.keys() & of_network.keys():
            raise ValueError(f"{name} must be left out, since the network has its own, {of_network[name]!r}")
        self.set_params(**parameters, **of_network)
        self.network_ = copy.copy(network)
        if type(network) is not NeuralNetwork:
            self.network_ = NeuralNetwork._of(
                self.network_._engine, network.class_names, network.feature_names, network._schema
            )
        self.n_features_in_ = network.input_size
        if network.feature_names is not None:
            self.feature_names_in_ = np.array(network.feature_names, object)
        self._convergence = Convergence()
        self._publish(None)
        return self

    def _set_parameters(self, values: dict[str, Any]) -> None:
        """Assign the arguments of a constructor."""
        for name, value in values.items():
            if name != "self":
                setattr(self, name, value)

    def _computed(self, compute: Callable[[Engine, Any], np.ndarray], X: Any) -> np.ndarray:
        """What the engine computes of X, a method of it; X is validated by scikit-learn, unless it is valid already.

        A plain array of floats, of the right size and without names to compare, is; the engine finds numbers that are
        not finite itself, and scikit-learn says it then.
        """
        attributes = vars(self)
        if (
            type(X) is np.ndarray
            and X.ndim == 2
            and X.dtype.char in "fd"
            and len(X) > 0
            and X.shape[1] == attributes.get("n_features_in_")
            and "network_" in attributes
            and "feature_names_in_" not in attributes
        ):
            with contextlib.suppress(ValueError):
                return compute(self.network_._engine, X)
        check_is_fitted(self)
        with naming_values(X=X):
            X = validate_data(self, X, accept_sparse="csr", dtype=(np.float64, np.float32), reset=False)
        return compute(self.network_._engine, engine_rows(as_floats(X)))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
