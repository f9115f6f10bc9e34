"""What several test files need."""

import numpy as np
import pytest

from fastmlp import threads

# Relative tolerance against the reference, after many steps.
RTOL = {"float64": 1e-11, "float32": 1e-4}

under_p2 = pytest.mark.skipif(threads.pattern != "openmp", reason="holds where OpenMP owns the threads (pattern P2)")


def batch(n_rows, n_in, n_classes, seed=0, dtype=np.float64):
    """Random rows and labels."""
    random = np.random.RandomState(seed)
    return random.randn(n_rows, n_in).astype(dtype), random.randint(n_classes, size=n_rows)


def assert_same(a, b):
    """Two mappings of arrays are the same, bit for bit."""
    assert list(a) == list(b)
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name, strict=True)


def assert_near(a, b, rtol):
    """max|a - b| <= rtol * max|b| for each array of two mappings."""
    assert list(a) == list(b)
    for name in a:
        assert np.abs(a[name] - b[name]).max(initial=0) <= rtol * np.abs(b[name]).max(initial=0), name


@pytest.fixture(autouse=True)
def _same_global_random_numbers():
    """Each test starts NumPy's global generator afresh, and leaves it as it was."""
    state = np.random.get_state()
    np.random.seed(0)
    yield
    np.random.set_state(state)
