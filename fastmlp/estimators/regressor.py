"""`MLPRegressor`."""

import dataclasses
from typing import Any, Self

import numpy as np
from scipy.sparse import issparse
from sklearn.base import RegressorMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import column_or_1d

from fastmlp.engine import Engine
from fastmlp.estimators.base import BaseMLP
from fastmlp.estimators.documentation import ATTRIBUTES, MORE, NETWORK, TRAINING
from fastmlp.estimators.engines import engine_of, engine_of_given
from fastmlp.estimators.parameters import has_partial_fit
from fastmlp.estimators.targets import LOSS_OF, Numbers
from fastmlp.functions.losses import LOSSES
from fastmlp.network import NeuralNetwork
from fastmlp.validation import boolean, number, one_of


class MLPRegressor(RegressorMixin, BaseMLP):
    __doc__ = f"""A multilayer perceptron that predicts numbers, with the interface of scikit-learn's `MLPRegressor`.

    Parameters
    ----------
    loss : {{"squared_error", "poisson", "absolute_error", "huber"}}, default="squared_error"
        Half the squared error; of counts, exp(output) - y * output; the absolute error; half the square up to `delta`,
        and straight beyond (Huber, 1964). Of several targets, their gradients are added up.
{NETWORK}
{TRAINING}
    delta : float, default=1.0
        Of "huber", in the units in which the network learns.
    standardize_targets : bool, default=False
        Learn mean and standard deviation of y in `fit`, and train on standardised targets; predictions are in the
        units of y. Not with "poisson".
{MORE}

    Attributes
    ----------
{ATTRIBUTES}

    Examples
    --------
    >>> from fastmlp import MLPRegressor
    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True)
    >>> regressor = MLPRegressor(standardize=True, standardize_targets=True, random_state=0, max_iter=100, tol=1e-3)
    >>> regressor.fit(X, y).score(X, y) > 0.5
    True
    >>> regressor.predict(X[:2]).shape
    (2,)
    """

    _encoding: Numbers
    loss: str
    delta: float
    standardize_targets: bool

    def __init__(
        self,
        loss: str = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: Any = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        delta: float = 1.0,
        standardize_targets: bool = False,
        dropout: Any = 0.0,
        weight_decay: float = 0.01,
        clip_norm: float | None = None,
        standardize: bool = False,
        n_threads: int | None = None,
        callbacks: Any = None,
    ):
        self._set_parameters(locals())

    @available_if(has_partial_fit)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one epoch on these rows, from where the last call, or `fit`, ended.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), optional
            How often each row counts.

        Returns
        -------
        self

        Raises
        ------
        TypeError, ValueError
            As `fit`.

        Examples
        --------
        >>> from fastmlp import MLPRegressor
        >>> from sklearn.datasets import load_diabetes
        >>> X, y = load_diabetes(return_X_y=True)
        >>> regressor = MLPRegressor(random_state=0)
        >>> for rows in (slice(200), slice(200, 400)):
        ...     regressor = regressor.partial_fit(X[rows], y[rows])
        >>> len(regressor.loss_curve_)
        2
        """
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X: Any) -> np.ndarray:
        """The predicted targets of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        TypeError, ValueError
            If X has another number of columns, other names of columns, or numbers that are not finite.

        Examples
        --------
        >>> from fastmlp import MLPRegressor
        >>> regressor = MLPRegressor(solver="lbfgs", random_state=0).fit([[0.0], [1.0], [2.0]], [10.0, 11.0, 12.0])
        >>> regressor.predict([[0.0], [2.0]]).round()
        array([10., 12.])
        """
        return self._computed(Engine.predict, X)

    @classmethod
    def from_network(cls, network: NeuralNetwork, **parameters: Any) -> Self:
        """A fitted estimator with a copy of a network that predicts numbers.

        A network with the loss "squared_error" becomes one with half of it, as scikit-learn's networks have.

        Parameters
        ----------
        network : NeuralNetwork
        **parameters
            Of the estimator, for trainings that go on; those that a network has are left out.

        Returns
        -------
        MLPRegressor

        Raises
        ------
        ValueError
            If the network is a classifier.

        Examples
        --------
        >>> from fastmlp import MLPRegressor, NeuralNetwork
        >>> from sklearn.datasets import load_diabetes
        >>> X, y = load_diabetes(return_X_y=True)
        >>> net = NeuralNetwork(10, [32], 1, loss="squared_error", seed=0)
        >>> history = net.fit(X, y, epochs=10, seed=0)
        >>> regressor = MLPRegressor.from_network(net)
        >>> bool((regressor.predict(X) == net.predict(X)).all())
        True
        """
        architecture = engine_of_given(network).architecture
        if architecture.loss_row.is_classifier:
            raise ValueError(f"network must predict numbers, got one with loss={network.loss!r}")
        estimator, engine = cls(), network._engine
        if network.loss == "squared_error":
            architecture = dataclasses.replace(architecture, loss=LOSS_OF["squared_error"])
            network = NeuralNetwork._of(
                engine_of(network, architecture), network.class_names, network.feature_names, network._schema
            )
        estimator._encoding = Numbers(network.loss, network.output_size)
        of_network: dict[str, Any] = {
            "loss": next(name for name, loss in LOSS_OF.items() if loss == network.loss),
            "standardize_targets": engine.target_units is not None,
        }
        if architecture.loss_row.option == "delta":
            of_network["delta"] = architecture.loss_option
        return estimator._with_network(network, parameters, **of_network)

    def _target_encoding(self, y: np.ndarray, classes: Any, *, is_new: bool, is_partial: bool) -> Numbers:
        loss = LOSS_OF[one_of("loss", self.loss, LOSS_OF, any_case=False)]
        number("delta", self.delta, *LOSSES["huber"].option_range, open_high=True)
        if boolean("standardize_targets", self.standardize_targets) and not LOSSES[loss].standardizes:
            raise ValueError(f"standardize_targets must be False with loss={self.loss!r}, got True")
        return Numbers(loss, y.reshape(len(y), -1).shape[1] if is_new else self._encoding.n_outputs)

    def _standardizes(self) -> dict[str, bool]:
        has_units = self.network_._engine.target_units is not None
        return {**super()._standardizes(), "standardize_targets": has_units}

    def _checked_targets(self, y: Any) -> np.ndarray:
        if issparse(y):
            raise TypeError("y must be dense in a regression, got a sparse matrix: pass y.toarray()")
        return column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _loss_options(self, loss: str) -> dict[str, float]:
        return {"delta": self.delta} if LOSSES[loss].option == "delta" else {}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
