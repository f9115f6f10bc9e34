"""Arrays of more elements and bytes than 32 bits can count, in files that hold only the few rows that are read."""

import errno
import os
import tracemalloc

import numpy as np
import pytest
from conftest import assert_same, trained_state

from fastmlp import NeuralNetwork, Standardizer
from fastmlp.architecture import Architecture
from fastmlp.engine.parameters import Layout

SHAPE = (700_000, 3100)
# some at both ends, and around the one with element 2**31
ROWS = np.array([0, 692_735, 692_736, 692_737, 699_998, 699_999])
LABELS = np.array([1, 2, 0, 2, 1, 0])


@pytest.fixture
def sparse(tmp_path):
    """A function that makes a memory map with holes between those rows, and gives it and the rows."""
    path = tmp_path / "rows.bin"

    def make(dtype):
        rows = np.random.RandomState(0).randint(0, 256, (len(ROWS), SHAPE[1])).astype(dtype)
        try:
            X = np.memmap(path, dtype, "w+", shape=SHAPE)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EFBIG):
                raise
            pytest.skip(f"the file system cannot hold so large a file: {error}")
        if os.stat(path).st_blocks * 512 > 1 << 20:
            pytest.skip("the file system fills holes")
        X[ROWS] = rows
        assert X.size > 2**31
        return X, rows

    return make


@pytest.mark.parametrize("standardized", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("stored", [np.uint8, np.float32, np.float64, np.int16])
def test_rows_beyond_2_to_the_31_elements(sparse, stored, dtype, standardized):
    """They train a network, and are predicted and judged, as in a small array of their own."""
    X, rows = sparse(stored)
    labels = np.zeros(len(X), np.uint8)
    labels[ROWS] = LABELS
    standardizer = Standardizer().fit(rows) if standardized else None
    large, small = (NeuralNetwork(3100, [8], 3, dtype=dtype, seed=0, standardizer=standardizer) for _ in range(2))
    order = np.array([5, 0, 3, 1, 4, 2, 5])
    options = {"batch_size": 2, "learning_rate": 1e-6, "optimizer": "Adam"}
    found = large.train_epoch(X, labels, ROWS[order], **options)
    assert found == small.train_epoch(rows, LABELS, order, **options)
    # the ends in either order, with a stride of the whole file between them, and neighbours
    steps = len(X) - 1
    for view, there in ((X[::steps], [0, 5]), (X[::-steps], [5, 0]), (X[692_735:692_738], [1, 2, 3])):
        large.fit(view, LABELS[there], seed=0, **options)
        small.fit(rows[there], LABELS[there], seed=0, **options)
        np.testing.assert_array_equal(large.forward(view), small.forward(rows[there]))
        np.testing.assert_array_equal(large.predict_proba(view), small.predict_proba(rows[there]))
        np.testing.assert_array_equal(large.predict(view), small.predict(rows[there]))
        assert large.evaluate(view, LABELS[there]) == small.evaluate(rows[there], LABELS[there])
    assert_same(trained_state(large), trained_state(small))


@pytest.mark.parametrize("stored", [np.uint8, np.float32, np.float64])
def test_columns_that_lie_2_to_the_31_bytes_apart(sparse, stored):
    X, rows = sparse(stored)
    columns = X.T[:, :: len(X) - 1]
    assert columns.strides[1] > 2**31
    net = NeuralNetwork(2, [5], 3, seed=0)
    np.testing.assert_array_equal(net.predict_proba(columns), net.predict_proba(rows[[0, -1]].T.copy()))


TOO_MANY = np.broadcast_to(np.uint8(1), (2**31, 1))
CALLS = {
    "forward": lambda net, X: net.forward(X),
    "predict": lambda net, X: net.predict(X),
    "predict_proba": lambda net, X: net.predict_proba(X),
    "evaluate": lambda net, X: net.evaluate(X, X[:, 0]),
    "train_epoch": lambda net, X: net.train_epoch(X, X[:, 0]),
    "order": lambda net, X: net.train_epoch([[1]], [1], X[:, 0]),
    "fit": lambda net, X: net.fit(X, X[:, 0]),
    "fit's validation": lambda net, X: net.fit([[1]], [1], X_val=X, y_val=X[:, 0]),
    "transform": lambda net, X: net.standardizer.transform(X),
}


@pytest.mark.parametrize("call", CALLS)
def test_more_rows_than_blas_can_count_are_refused_before_anything_is_allocated(call):
    net = NeuralNetwork(1, [2], 2, standardizer=Standardizer().fit([[0], [1]]))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"^(X|X_val|order) must have at most 2147483647 rows, got 2147483648$"):
            CALLS[call](net, TOO_MANY)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("sizes", "name"),
    [((2**31, [], 1), "input_size"), ((1, [3, 2**31], 1), r"hidden_sizes\[1\]"), ((1, [], 2**31), "output_size")],
)
def test_layers_larger_than_blas_can_count_are_refused(sizes, name):
    with pytest.raises(ValueError, match=f"^{name} must be at most 2147483647, got 2147483648$"):
        NeuralNetwork(*sizes)


def test_places_of_parameters_beyond_2_to_the_31():
    """Nothing is allocated: the layout only says where things would lie."""
    layout = Layout(Architecture.of((65_536, 65_536, 3), np.dtype(np.float32)))
    assert layout.offsets == {"W1": 0, "b1": 2**32, "W2": 2**32 + 2**16, "b2": 2**32 + 2**16 + 3 * 2**16}
    assert layout.n_parameters == 2**32 + 2**16 + 3 * 2**16 + 3
