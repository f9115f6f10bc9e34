"""`MLPClassifier`."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import unique_labels

from fastmlp.architecture import Architecture
from fastmlp.engine import Engine
from fastmlp.estimators.base import BaseMLP
from fastmlp.estimators.documentation import ATTRIBUTES, MORE, NETWORK, TRAINING
from fastmlp.estimators.engines import engine_of_given
from fastmlp.estimators.parameters import has_partial_fit
from fastmlp.estimators.targets import Labels, checked_labels
from fastmlp.functions.losses import LOSSES
from fastmlp.network import NeuralNetwork
from fastmlp.sample_weights import class_weights
from fastmlp.validation import number


class MLPClassifier(ClassifierMixin, BaseMLP):
    __doc__ = f"""A multilayer perceptron that classifies, with the interface of scikit-learn's `MLPClassifier`.

    The loss is the cross-entropy of the classes; of two classes, and of several labels a row, that of one output each.

    Parameters
    ----------
{NETWORK}
{TRAINING}
    label_smoothing : float, default=0.0
        In [0, 1): this share of each label is spread over all classes (Szegedy et al., 2016, section 7).
    class_weight : dict, "balanced" or None, default=None
        Weights of classes, by label, which multiply those of the rows; "balanced" gives each class the same sum.
{MORE}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted; of several labels a row, the numbers of their columns.
{ATTRIBUTES}

    Examples
    --------
    >>> from fastmlp import MLPClassifier
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = MLPClassifier(standardize=True, random_state=0, max_iter=500).fit(X, y)
    >>> classifier.predict(X[:3])
    array([0, 0, 0])
    >>> classifier.score(X, y) > 0.95
    True
    """

    _encoding: Labels
    classes_: np.ndarray
    label_smoothing: float
    class_weight: Any

    def __init__(
        self,
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
        label_smoothing: float = 0.0,
        class_weight: Any = None,
        dropout: Any = 0.0,
        weight_decay: float = 0.01,
        clip_norm: float | None = None,
        standardize: bool = False,
        n_threads: int | None = None,
        callbacks: Any = None,
    ):
        self._set_parameters(locals())

    @available_if(has_partial_fit)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """Train for one epoch on these rows, from where the last call, or `fit`, ended.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Labels.
        sample_weight : array-like of shape (n_samples,), optional
            How often each row counts.
        classes : array-like of shape (n_classes,), optional
            All classes of all calls; the first call needs it, unless each row has several labels.

        Returns
        -------
        self

        Raises
        ------
        TypeError, ValueError
            As `fit`; or if classes are missing, or others than before.

        Examples
        --------
        >>> from fastmlp import MLPClassifier, load_digits
        >>> X, y = load_digits()
        >>> classifier = MLPClassifier(random_state=0)
        >>> for start in range(0, 1600, 200):
        ...     rows = slice(start, start + 200)
        ...     classifier = classifier.partial_fit(X[rows], y[rows], classes=range(10))
        >>> classifier.n_iter_, classifier.t_
        (1, 1600)
        """
        return self._partial_fit(X, y, sample_weight, classes)

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each row, or, of several labels a row, 1 where one is more probable than not.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_labels)

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        TypeError, ValueError
            If X has another number of columns, other names of columns, or numbers that are not finite.

        Examples
        --------
        >>> from fastmlp import MLPClassifier
        >>> classifier = MLPClassifier(solver="lbfgs", random_state=0).fit([[0.0], [1.0]], ["no", "yes"])
        >>> classifier.predict([[0.1], [0.9]])
        array(['no', 'yes'], dtype='<U3')
        """
        codes = self._computed(Engine.predict, X)
        return self._encoding.decoded(codes)

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class, or of each label to be 1.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.

        Raises
        ------
        sklearn.exceptions.NotFittedError, TypeError, ValueError
            As `predict`.

        Examples
        --------
        >>> from fastmlp import MLPClassifier
        >>> classifier = MLPClassifier(solver="lbfgs", random_state=0).fit([[0.0], [1.0]], ["no", "yes"])
        >>> classifier.predict_proba([[0.1], [0.9]]).round()
        array([[1., 0.],
               [0., 1.]])
        """
        outputs = self._computed(Engine.predict_outputs, X)
        if outputs.shape[1] > 1 or self._encoding.is_multilabel:
            return outputs
        if len(self.classes_) == 1:
            return np.ones_like(outputs)
        return np.hstack([1 - outputs, outputs])

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """The logarithms of `predict_proba`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of `classes_`; of a probability of 0, -inf.

        Raises
        ------
        sklearn.exceptions.NotFittedError, TypeError, ValueError
            As `predict`.

        Examples
        --------
        >>> from fastmlp import MLPClassifier
        >>> classifier = MLPClassifier(solver="lbfgs", random_state=0).fit([[0.0], [1.0]], ["no", "yes"])
        >>> classifier.predict_log_proba([[0.1], [0.9]]).argmax(axis=1)
        array([0, 1])
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    @classmethod
    def from_network(cls, network: NeuralNetwork, classes: Any = None, **parameters: Any) -> Self:
        """A fitted estimator with a copy of a network with the loss "cross_entropy" or "binary_cross_entropy".

        Parameters
        ----------
        network : NeuralNetwork
        classes : array-like of shape (n_classes,), optional
            The label of each class; by default `network.class_names`, or else numbers from 0.
        **parameters
            Of the estimator, for trainings that go on; those that a network has are left out.

        Returns
        -------
        MLPClassifier

        Raises
        ------
        TypeError, ValueError
            If the network is no classifier, or there are not as many classes as it has.

        Examples
        --------
        >>> from fastmlp import MLPClassifier, NeuralNetwork, load_digits
        >>> X, y = load_digits()
        >>> net = NeuralNetwork(64, [32], 10, seed=0)
        >>> history = net.fit(X / 16, y, epochs=10, seed=0)
        >>> classifier = MLPClassifier.from_network(net)
        >>> classifier.score(X / 16, y) == net.score(X / 16, y)
        True
        """
        architecture = engine_of_given(network).architecture
        loss, n_classes = architecture.loss, architecture.n_classes
        if not architecture.loss_row.is_classifier:
            raise ValueError(f"network must be a classifier, got one with loss={loss!r}: see MLPRegressor.from_network")
        is_multilabel = not architecture.has_one_class
        if classes is None:
            classes = network.class_names if network.class_names and not is_multilabel else np.arange(n_classes)
        classes = np.asarray(classes)
        if classes.ndim != 1 or len(np.unique(classes)) < len(classes):
            raise ValueError(f"classes must be different labels, in the order of the outputs, got {classes}")
        if len(classes) != n_classes:
            raise ValueError(f"classes must be {n_classes}, as the network has, got {len(classes)}: {classes}")
        estimator = cls()
        estimator._encoding, estimator.classes_ = Labels(classes, loss, is_multilabel, 0.0), classes
        return estimator._with_network(network, parameters, label_smoothing=architecture.loss_option)

    def _target_encoding(self, y: np.ndarray, classes: Any, *, is_new: bool, is_partial: bool) -> Labels:
        smoothing = number(
            "label_smoothing", self.label_smoothing, *LOSSES["cross_entropy"].option_range, open_high=True
        )
        if is_new:
            if not is_partial or y.ndim == 2:
                return Labels.of(y, smoothing)
            if classes is None or len(classes) == 0:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            return Labels.of_classes(unique_labels(classes), smoothing)
        encoding = self._encoding._replace(smoothing=smoothing)
        if classes is not None and not np.array_equal(unique_labels(classes), np.sort(encoding.classes)):
            raise ValueError(
                f"`classes={classes!r}` is not the same as on last call to partial_fit, was: {encoding.classes!r}"
            )
        if not is_partial:
            encoding.check_same(y)
        return encoding

    def _checked_targets(self, y: Any) -> np.ndarray:
        return checked_labels(y)

    def _class_weights(
        self, targets: np.ndarray, encoding: Labels, architecture: Architecture, *, is_partial: bool
    ) -> np.ndarray | None:
        class_weight = self.class_weight
        if isinstance(class_weight, str) and is_partial:
            raise ValueError(
                "class_weight must be a mapping from labels to weights in partial_fit, which has a part of the rows, "
                f"got {class_weight!r}"
            )
        if isinstance(class_weight, Mapping) and not encoding.is_multilabel:
            class_weight = encoding.by_code(class_weight)
        return class_weights(architecture, targets, class_weight)

    def _loss_options(self, loss: str) -> dict[str, float]:
        return {"label_smoothing": self.label_smoothing} if loss == "cross_entropy" else {}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
