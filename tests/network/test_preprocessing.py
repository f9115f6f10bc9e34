"""Standardizer: its statistics against exact arithmetic, and its refusals."""

import copy
import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fastmlp import NeuralNetwork, Standardizer


def exact(X, n_channels=None, pooled=False):
    """Mean and variance of each feature in fractions."""
    columns = [[Fraction(value.item()) for value in column] for column in X.T]
    n_channels = n_channels or len(columns)
    means = [sum(column) / len(column) for column in columns]
    if pooled:
        channels = [means[c::n_channels] for c in range(n_channels)]
        means = [sum(channels[j % n_channels]) / len(channels[0]) for j in range(len(columns))]
    spreads = [sum((x - mean) ** 2 for x in column) / len(column) for column, mean in zip(columns, means, strict=True)]
    variances = [sum(spreads[j % n_channels :: n_channels]) / (len(columns) // n_channels) for j in range(len(columns))]
    return means, variances


@pytest.mark.parametrize(("n_channels", "pooled"), [(None, False), (1, False), (3, False), (3, True), (6, True)])
@given(arrays(np.uint8, st.tuples(st.integers(1, 9), st.just(6))))
def test_statistics_of_small_integers_are_rounded_once(n_channels, pooled, X):
    standardizer = Standardizer(n_channels, "channel" if pooled else "feature").fit(X)
    means, variances = exact(X, n_channels, pooled)
    assert standardizer.mean_.tolist() == [float(mean) for mean in means]
    assert standardizer.scale_.tolist() == [float(np.sqrt(float(v))) if v else 1.0 for v in variances]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "float16"])
@pytest.mark.parametrize(("n_channels", "pooled"), [(None, False), (3, False), (3, True)])
def test_statistics_of_other_numbers_keep_their_digits(n_channels, pooled, dtype):
    """Seven hundred rows, so three blocks; a large mean beside a small spread, as in temperatures in kelvin."""
    X = (np.random.RandomState(0).randn(700, 6) * [1, 2, 3, 4, 5, 6] + 300).astype(dtype)
    standardizer = Standardizer(n_channels, "channel" if pooled else "feature").fit(X)
    means, variances = exact(X, n_channels, pooled)
    np.testing.assert_allclose(standardizer.mean_, [float(mean) for mean in means], rtol=1e-15)
    np.testing.assert_allclose(standardizer.scale_**2, [float(v) for v in variances], rtol=1e-13)


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
@pytest.mark.parametrize("n_columns", [1, 2, 3, 37, 3072])
def test_statistics_do_not_depend_on_how_rows_lie_in_memory(n_columns, dtype, tmp_path):
    X = (np.random.RandomState(0).randn(301, n_columns) * 30 + 100).clip(0, 255).astype(dtype)
    on_disk = np.memmap(tmp_path / "X", dtype, "w+", shape=X.T.shape)
    on_disk[...] = X.T
    layouts = {
        "columns together": np.asfortranarray(X),
        "backwards": X[::-1, ::-1].copy()[::-1, ::-1],
        "rows and columns left out": np.repeat(np.repeat(X, 2, axis=0), 2, axis=1)[::2, ::2],
        "on disk": on_disk.T,
    }
    for options in ((None, "feature"), (1, "feature"), (n_columns, "channel"), (1, "channel")):
        expected = Standardizer(*options).fit(X)
        for layout, same in layouts.items():
            found = Standardizer(*options).fit(same)
            assert found.mean_.tobytes() == expected.mean_.tobytes(), (layout, options)
            assert found.scale_.tobytes() == expected.scale_.tobytes(), (layout, options)


def test_the_mean_of_zeros_is_positive():
    """Of either sign; a minimum may have either, too."""
    X = np.where(np.arange(37 * 30) % 4 < 2, 0.0, -0.0).reshape(30, 37)
    for zeros in (X, np.asfortranarray(X), np.full((3, 2), -0.0)):
        assert not np.signbit(Standardizer().fit(zeros).mean_).any()


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "float64"])
@pytest.mark.parametrize("value", [0, 7, 0.1])
def test_a_constant_feature_has_scale_1(value, dtype):
    X = np.full((1000, 3), value, dtype)
    X[::2, 1] += 1
    standardizer = Standardizer().fit(X)
    np.testing.assert_allclose(standardizer.scale_, [1, 0.5, 1], rtol=1e-6)
    assert (standardizer.transform(X)[:, 0] == 0).all()


@pytest.mark.parametrize("dtype", ["uint8", "float64"])
def test_a_constant_channel_has_scale_1(dtype):
    X = np.full((10, 3000), 0.1 if dtype == "float64" else 7, dtype)
    standardizer = Standardizer(3, "channel").fit(X)
    assert (standardizer.scale_ == 1).all()
    assert (standardizer.mean_ == X[0, 0]).all()


FLOATS = ["float16", "float32", "float64", "longdouble", ">f2", ">f4", ">f8"]


def two_sums(dtype, n_rows=1000):
    """0.3, and 0.1 + 0.2 in this type, in turns."""
    a, b, c = np.array([0.1, 0.2, 0.3], dtype)
    column = np.where(np.arange(n_rows) % 2, a + b, c).astype(dtype)
    return column + np.spacing(column) * (np.arange(n_rows) % 3 == 0)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("n_channels", "center"), [(None, "feature"), (3, "feature"), (3, "channel")])
def test_what_changes_by_rounding_alone_is_constant(n_channels, center, dtype):
    X = np.outer(two_sums(dtype), np.ones(6, dtype)).astype(dtype)
    assert len(np.unique(X)) > 1
    assert (Standardizer(n_channels, center).fit(X).scale_ == 1).all()
    X[:, 1] = np.arange(len(X)) % 7  # one real feature makes its channel real
    real = np.arange(6) == 1 if n_channels is None else np.arange(6) % 3 == 1
    assert ((Standardizer(n_channels, center).fit(X).scale_ != 1) == real).all()


@pytest.mark.parametrize("dtype", FLOATS)
def test_real_columns_are_not_taken_for_constant(dtype):
    columns = [2000 + np.arange(1000) % 11, 200 + (np.arange(1000) == 3), 0.2 + 0.002 * (np.arange(1000) == 3)]
    X = np.array(columns, dtype).T
    scale = Standardizer().fit(X).scale_
    np.testing.assert_allclose(scale, X.astype(np.float64).std(axis=0), rtol=1e-9)
    assert (scale != 1).all()


@pytest.mark.parametrize("dtype", ["float64", "int64"])
def test_constant_is_what_scikit_learn_takes_for_it(dtype):
    scaler = pytest.importorskip("sklearn.preprocessing").StandardScaler()
    random, n_constant = np.random.RandomState(0), 0
    for n_rows in (1, 2, 3, 10, 1000):
        for mean in (0, 1e-9, 0.3, -7, 1e5, 1e12, 1e17):
            noise = random.randn(n_rows, 20) * 10.0 ** np.arange(-19, 1)
            X = np.hstack([mean + max(abs(mean), 1e-6) * noise, mean + noise]).astype(dtype)
            expected = scaler.fit(X).scale_ != 1
            assert ((Standardizer().fit(X).scale_ != 1) == expected).all(), (n_rows, mean)
            n_constant += np.count_nonzero(~expected & (X.min(axis=0) < X.max(axis=0)))
    assert n_constant > 10


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("stored", ["uint8", "float32", "float64"])
def test_transform_is_right_to_a_few_ulp(stored, dtype):
    X = np.random.RandomState(0).randint(0, 256, (300, 24)).astype(stored)
    standardizer = Standardizer().fit(X)
    exactly = (X.astype(np.longdouble) - standardizer.mean_) / standardizer.scale_
    found = standardizer.transform(X, dtype)
    assert found.dtype == dtype
    assert (np.abs(found - exactly) <= 4 * np.spacing(np.abs(exactly).astype(dtype))).all()


def test_two_halves_make_a_whole():
    """The second part of the mean is what float32 cuts off; without it these numbers would be a third away."""
    X = np.float32(1 << 23) + np.arange(4, dtype=np.float32)[:, None]
    standardizer = Standardizer().fit(X)
    np.testing.assert_allclose(
        standardizer.transform(X, "float32") * standardizer.scale_, [[-1.5], [-0.5], [0.5], [1.5]]
    )


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (np.ones(3), ValueError, r"X must have shape \(n_rows, n_features\) and at least one row, got \(3,\)"),
        (np.ones((0, 3)), ValueError, r"at least one row, got \(0, 3\)"),
        ([["a"]], TypeError, "X must be an array of real numbers"),
        ([[0.0, 1.0], [0.0, np.nan]], ValueError, "X must be finite, got .* in column 1"),
        ([[0.0, np.inf], [0.0, np.inf]], ValueError, "X must be finite, got .* in column 1"),
        ([[0.0, -1e200], [0.0, 1e200]], ValueError, "X must be finite, got .* in column 1"),
    ],
)
def test_bad_rows_are_refused(X, error, message):
    standardizer = Standardizer().fit([[1.0, 2.0]])
    with pytest.raises(error, match=message):
        standardizer.fit(X)
    assert standardizer.mean_.tolist() == [1, 2]


def test_the_column_that_is_not_finite_is_named_among_channels():
    X = np.ones((4, 6))
    X[1, 4] = np.nan
    for center in ("feature", "channel"):
        with pytest.raises(ValueError, match="in column 4"):
            Standardizer(3, center).fit(X)


def test_statistics_beyond_a_networks_type_are_refused():
    standardizer = Standardizer().fit([[0.0, 1.0], [1.0, 1e-40]])
    standardizer.scale_[1] = 1e-40
    with pytest.raises(ValueError, match=r"within float32, got mean 0\.5 and scale 1e-40 for feature 1"):
        NeuralNetwork(2, [], 3, dtype="float32", standardizer=standardizer)
    NeuralNetwork(2, [], 3, standardizer=standardizer)


def test_a_standardizer_that_is_fitted_again_leaves_the_network_alone(tmp_path):
    X = np.random.RandomState(0).randint(0, 256, (30, 6)).astype(np.uint8)
    standardizer = Standardizer().fit(X)
    net = NeuralNetwork(6, [5], 3, standardizer=standardizer)
    expected = net.predict_proba(X)
    for other in (X[:3], np.ones((2, 2))):
        standardizer.fit(other)
        net.standardizer.fit(other)  # a copy
        net.save(tmp_path / "net.npz")
        for same in (net, copy.deepcopy(net), NeuralNetwork.load(tmp_path / "net.npz")):
            np.testing.assert_array_equal(same.predict_proba(X), expected)


def test_bad_options_are_refused():
    with pytest.raises(ValueError, match="n_channels must be a positive integer, got 0"):
        Standardizer(0)
    with pytest.raises(ValueError, match="center must be one of 'feature', 'channel', got 'row'"):
        Standardizer(3, "row")
    with pytest.raises(ValueError, match="center='channel' needs n_channels"):
        Standardizer(center="channel")
    with pytest.raises(ValueError, match="a multiple of n_channels = 3 columns, got 4"):
        Standardizer(3).fit(np.ones((2, 4)))
    with pytest.raises(ValueError, match="must be fitted first"):
        Standardizer().transform([[1]])
    with pytest.raises(ValueError, match=r"X must have shape \(n_rows, 2\)"):
        Standardizer().fit([[1, 2]]).transform([[1]])
    with pytest.raises(ValueError, match="dtype must be float32 or float64"):
        Standardizer().fit([[1, 2]]).transform([[1, 2]], "uint8")
    with pytest.raises(ValueError, match=r"got \(2,\) and \(1,\)"):
        Standardizer.of_statistics([1, 2], [1])
    with pytest.raises(ValueError, match="above 0"):
        Standardizer.of_statistics([1, 2], [1, 0])


def test_a_network_takes_only_a_standardizer_that_fits():
    net = NeuralNetwork(2, [], 3)
    for value, error, message in (
        (np.ones(2), TypeError, "standardizer must be a fitted fastmlp.Standardizer or None"),
        (Standardizer(), ValueError, "must be fitted first"),
        (Standardizer().fit([[1]]), ValueError, "fitted to rows of 2 features, got one for 1"),
        (Standardizer().fit([[1, 2, 3]]), ValueError, "fitted to rows of 2 features, got one for 3"),
    ):
        with pytest.raises(error, match=message):
            net.standardizer = value
        with pytest.raises(error, match=message):
            NeuralNetwork(2, [], 3, standardizer=value)
    assert net.standardizer is None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_networks_standardizer_is_copied_and_saved_with_it(tmp_path, dtype):
    X = np.random.RandomState(0).randint(0, 256, (30, 6)).astype(np.uint8)
    net = NeuralNetwork(6, [5], 3, dtype=dtype, standardizer=Standardizer(3).fit(X))
    bare = NeuralNetwork(6, [5], 3, dtype=dtype)
    bare.params = net.params
    expected = net.predict_proba(X)
    np.testing.assert_array_equal(bare.predict_proba(net.standardizer.transform(X, dtype)), expected)
    assert not np.array_equal(bare.predict_proba(X), expected)
    net.save(tmp_path / "net.npz")
    others = (
        NeuralNetwork.load(tmp_path / "net.npz"),
        copy.deepcopy(net),
        copy.copy(net),
        pickle.loads(pickle.dumps(net)),
    )
    for other in others:
        np.testing.assert_array_equal(other.predict_proba(X), expected)
        assert repr(other.standardizer) == "Standardizer(n_channels=3)"
    net.standardizer = None
    np.testing.assert_array_equal(net.predict_proba(X), bare.predict_proba(X))
    np.testing.assert_array_equal(net.forward(X), bare.forward(X))


def test_its_text_names_what_was_asked_for():
    assert repr(Standardizer()) == "Standardizer()"
    assert repr(Standardizer.notebook()) == "Standardizer(n_channels=3)"
    assert repr(Standardizer(3, "channel")) == "Standardizer(n_channels=3, center='channel')"


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("scale_", np.array([2.0]), ValueError),
        ("scale_", np.ones((1, 3)), ValueError),
        ("scale_", np.zeros(3), ValueError),
        ("mean_", np.ones(2), ValueError),
        ("mean_", [1.0, np.nan, 1.0], ValueError),
        ("mean_", "text", TypeError),
        ("mean_", None, TypeError),
    ],
)
def test_statistics_that_somebody_has_spoiled_are_refused(name, value, error):
    """The kernels read as many as there are features."""
    standardizer = Standardizer().fit(np.arange(12.0).reshape(4, 3))
    setattr(standardizer, name, value)
    with pytest.raises(error, match=name):
        standardizer.transform(np.ones((2, 3)))
    with pytest.raises(error, match=name):
        NeuralNetwork(3, [2], 2, standardizer=standardizer)


def test_statistics_may_be_assigned():
    standardizer = Standardizer().fit(np.arange(12.0).reshape(4, 3))
    standardizer.mean_, standardizer.scale_ = [1, 2, 3], np.full(3, 2, np.float32)
    assert standardizer.transform([[3, 2, 1]]).tolist() == [[1, 0, -1]]
    net = NeuralNetwork(3, [2], 2, standardizer=standardizer)
    copied = copy.copy(net).standardizer
    assert (copied.mean_.tolist(), copied.scale_.tolist()) == ([1, 2, 3], [2, 2, 2])


def test_a_network_keeps_the_statistics_that_were_checked():
    """Whatever becomes of the standardizer that it was given, and whatever that one says of itself."""

    class Odd:
        def __init__(self):
            self.n_asked = 0

        def __array__(self, dtype=None, copy=None):
            self.n_asked += 1
            return np.ones(3) if self.n_asked == 1 else np.ones(1)

    standardizer = Standardizer().fit(np.arange(12.0).reshape(4, 3))
    standardizer.mean_, standardizer.scale_ = Odd(), Odd()
    standardizer.statistics = lambda dtype: (np.ones(3, dtype), np.ones(1, dtype), np.ones(1, dtype))
    net = NeuralNetwork(3, [2], 2, seed=0, standardizer=standardizer)
    expected = net.predict_proba(np.ones((2, 3)))
    np.testing.assert_array_equal(copy.copy(net).predict_proba(np.ones((2, 3))), expected)
    assert net.standardizer.mean_.tolist() == [1, 1, 1]
