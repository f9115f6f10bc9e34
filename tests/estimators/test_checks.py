"""scikit-learn's checks of estimators."""

import pytest
from sklearn.utils.estimator_checks import check_sample_weight_equivalence_on_dense_data, parametrize_with_checks

from fastmlp import MLPClassifier, MLPRegressor

pytestmark = [
    pytest.mark.application,
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

checks = parametrize_with_checks([MLPClassifier(max_iter=100), MLPRegressor(max_iter=100)])
# a list, since pytest 9 warns of the generator of scikit-learn 1.6
NAMES, CHECKS = checks.args


@pytest.mark.parametrize(NAMES, [*CHECKS], **checks.kwargs)
def test_estimators_pass_the_checks_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    "estimator",
    [
        MLPClassifier(max_iter=100, solver="lbfgs"),
        MLPRegressor(max_iter=100, solver="sgd", tol=1e-2, random_state=42),
    ],
    ids=repr,
)
def test_weights_count_as_repeated_rows(estimator):
    """As far as scikit-learn checks it of its own networks, with these parameters."""
    check_sample_weight_equivalence_on_dense_data(type(estimator).__name__, estimator)
