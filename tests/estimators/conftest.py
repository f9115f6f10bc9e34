"""Tests of the estimators need the extra `sklearn`."""

import importlib.util

import pytest

if importlib.util.find_spec("sklearn") is None:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture
def global_random_seed():
    """The seed of scikit-learn's own tests."""
    return 42
