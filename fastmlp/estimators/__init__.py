"""Estimators with the interface of scikit-learn's, `MLPClassifier` and `MLPRegressor` (extra `sklearn`)."""

from fastmlp.optional import require

require("sklearn", "sklearn", "fastmlp.estimators", at_least="1.6")

from fastmlp.estimators.classifier import MLPClassifier  # noqa: E402
from fastmlp.estimators.regressor import MLPRegressor  # noqa: E402

__all__ = ["MLPClassifier", "MLPRegressor"]
