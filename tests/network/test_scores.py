"""Scores of classes and errors of numbers, beside scikit-learn's."""

import numpy as np
import pytest

from fastmlp.functions.class_scores import (
    class_scores,
    confusion_matrix,
    mean_recall,
    mean_score,
    roc_auc,
    roc_auc_of_classes,
)
from fastmlp.functions.scores import mean_absolute_error, root_mean_squared_error

pytestmark = pytest.mark.application

metrics = pytest.importorskip("sklearn.metrics")


@pytest.mark.parametrize("n_rows", [3, 30, 500])
def test_of_classes(n_rows):
    """Of few rows some classes are not there, or not predicted, or neither."""
    random, n_classes = np.random.RandomState(n_rows), 6
    y, predicted = random.randint(n_classes, size=n_rows), random.randint(1, n_classes, size=n_rows)
    confusion = confusion_matrix(y, predicted, n_classes)
    labels = np.arange(n_classes)
    np.testing.assert_array_equal(confusion, metrics.confusion_matrix(y, predicted, labels=labels))
    expected = metrics.precision_recall_fscore_support(y, predicted, labels=labels, zero_division=np.nan)
    found = class_scores(confusion)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-14)
    there = np.unique(y)
    theirs = metrics.recall_score(y, predicted, labels=there, average="macro", zero_division=0)
    assert mean_recall(predicted, y) == pytest.approx(theirs, rel=1e-14)
    for ours, score in ((found.precision, metrics.precision_score), (found.f1, metrics.f1_score)):
        theirs = score(y, predicted, labels=there, average="macro", zero_division=0)
        assert mean_score(ours, found.n_rows) == pytest.approx(theirs, rel=1e-14)


@pytest.mark.parametrize("n_different", [1, 4, 1000])
def test_the_area_under_the_roc_curve(n_different):
    random = np.random.RandomState(n_different)
    is_class = random.rand(200) > 0.7
    scores = random.randint(n_different, size=200) / n_different + 0.2 * is_class * (n_different > 1)
    assert roc_auc(is_class, scores) == pytest.approx(metrics.roc_auc_score(is_class, scores), rel=1e-14)
    assert np.isnan(roc_auc(np.ones(3, bool), scores[:3]))
    assert np.isnan(roc_auc(np.zeros(3, bool), scores[:3]))


def test_the_areas_of_all_classes():
    random = np.random.RandomState(0)
    probabilities, y = random.randint(1, 5, (40, 3)) / 4, random.randint(2, size=40)
    expected = [metrics.roc_auc_score(y == i, probabilities[:, i]) for i in range(2)]
    np.testing.assert_allclose(roc_auc_of_classes(probabilities, y), [*expected, np.nan], rtol=1e-14)
    of_two = roc_auc_of_classes(probabilities[:, :1], y)
    np.testing.assert_allclose(of_two, 2 * [metrics.roc_auc_score(y, probabilities[:, 0])], rtol=1e-14)


@pytest.mark.parametrize("shape", [(50,), (50, 3)])
@pytest.mark.parametrize("weighted", [False, True])
def test_errors_of_numbers(shape, weighted):
    random = np.random.RandomState(0)
    y, predicted, weights = random.randn(*shape), random.randn(*shape), random.rand(50) if weighted else None
    for ours, theirs in (
        (mean_absolute_error, metrics.mean_absolute_error),
        (root_mean_squared_error, metrics.root_mean_squared_error),
    ):
        expected = theirs(y, predicted, sample_weight=weights)
        assert ours(predicted, y, weights) == pytest.approx(expected, rel=1e-13)
