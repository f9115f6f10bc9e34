import numpy as np
import pytest

from fastmlp.courses.gradient_check import eval_numerical_gradient, rel_error


@pytest.mark.parametrize("shape", [(), (5,), (3, 4), (2, 3, 2), (0, 3)])
def test_gradient_of_a_smooth_function(shape):
    x = np.random.default_rng(0).standard_normal(shape)
    gradient = eval_numerical_gradient(lambda x: np.sum(np.sin(x)), x)
    assert gradient.shape == shape
    assert gradient.dtype == np.float64
    np.testing.assert_allclose(gradient, np.cos(x), rtol=1e-6, atol=1e-9)


def test_changes_the_array_itself_and_restores_it_exactly():
    x = np.array([0.1, -0.0, 1e30, 1e-300])
    before = x.tobytes()
    seen = []
    # Reads x from outside: the array that is passed must be the same one.
    gradient = eval_numerical_gradient(lambda _: seen.append(x[0]) or x[0] * 3, x[:2])
    assert set(seen) == {0.1 + 1e-5, 0.1 - 1e-5, 0.1}
    np.testing.assert_allclose(gradient, [3, 0], rtol=1e-9)
    assert x.tobytes() == before


@pytest.mark.parametrize("fatal_call", [1, 2])
def test_restores_the_array_when_f_raises(fatal_call):
    x = np.array([0.1, 0.2])
    calls = []

    def f(x):
        calls.append(x.copy())
        if len(calls) == fatal_call:
            raise RuntimeError("f failed")
        return 0.0

    with pytest.raises(RuntimeError, match=r"f failed"):
        eval_numerical_gradient(f, x)
    assert calls[-1][0] != 0.1
    assert x.tolist() == [0.1, 0.2]


def test_works_on_a_strided_view():
    base = np.arange(12.0).reshape(3, 4)
    gradient = eval_numerical_gradient(lambda _: np.sum(base**2), base.T[::2])
    np.testing.assert_allclose(gradient, 2 * base.T[::2], rtol=1e-6, atol=1e-9)
    assert np.array_equal(base, np.arange(12.0).reshape(3, 4))


def test_divides_by_the_distance_that_float32_went():
    x = np.array([3.3], np.float32)
    # 2 h is off by several per cent here, because x + h and x - h are rounded.
    gradient = eval_numerical_gradient(lambda x: 7.0 * float(x[0]), x, h=1e-6)
    np.testing.assert_allclose(gradient, [7.0], rtol=1e-9)


def test_h_scales_the_step():
    # The error of centred differences for x**3 is h**2.
    gradient = eval_numerical_gradient(lambda x: float(x[0]) ** 3, np.array([1.0]), h=0.5)
    np.testing.assert_allclose(gradient, [3.25], rtol=1e-12)


def test_verbose_prints_each_partial_derivative(capsys):
    eval_numerical_gradient(lambda x: 0.0, np.zeros((1, 2)), verbose=True)
    assert capsys.readouterr().out.splitlines() == ["(0, 0) 0.0", "(0, 1) 0.0"]


@pytest.mark.parametrize("h", [0, -1e-5, np.nan, np.inf])
def test_refuses_h_that_is_no_step(h):
    with pytest.raises(ValueError, match=r"^h must be positive and finite, got"):
        eval_numerical_gradient(np.sum, np.ones(2), h=h)


def test_refuses_h_that_is_lost_in_rounding():
    x = np.array([1000.5], np.float32)
    with pytest.raises(ValueError, match=r"^h must be large enough to change x, got 1e-05 where an element is 1000\.5"):
        eval_numerical_gradient(np.sum, x)


@pytest.mark.parametrize(
    ("x", "got"), [([1.0], "list"), (np.arange(3), "dtype int64"), (np.ones(2, complex), "complex")]
)
def test_refuses_x_that_is_no_array_of_floats(x, got):
    with pytest.raises(TypeError, match=f"^x must be a NumPy array of floats.*got .*{got}"):
        eval_numerical_gradient(np.sum, x)


def test_refuses_x_that_is_read_only():
    x = np.ones(2)
    x.flags.writeable = False
    with pytest.raises(ValueError, match=r"^x must be writable"):
        eval_numerical_gradient(np.sum, x)


def test_refuses_f_that_is_not_callable():
    with pytest.raises(TypeError, match=r"^f must be callable, got 3"):
        eval_numerical_gradient(3, np.ones(2))


def test_refuses_f_that_returns_an_array():
    x = np.ones(2)
    with pytest.raises(ValueError, match=r"^f must return one number, got an array \(2,\)"):
        eval_numerical_gradient(lambda x: x, x)
    assert x.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("x", "y", "error"),
    [
        ([1.0, 3.0], [1.0, 1.0], 0.5),
        ([[2.0]], [[-2.0]], 1.0),
        ([0.0], [1e-9], 0.1),  # the floor of 1e-8
        (np.array([3], np.uint8), np.array([5], np.uint8), 0.25),
        ([], [], 0.0),
        (1.5, 1.5, 0.0),
    ],
)
def test_rel_error(x, y, error):
    result = rel_error(x, y)
    assert type(result) is float
    assert result == pytest.approx(error, rel=1e-12, abs=0)


def test_rel_error_does_not_hide_nan():
    assert np.isnan(rel_error([1.0, np.nan, 2.0], [1.0, 1.0, 2.0]))


def test_rel_error_refuses_to_broadcast():
    with pytest.raises(ValueError, match=r"^x and y must have the same shape, got \(3,\) and \(1, 3\)"):
        rel_error(np.ones(3), np.ones((1, 3)))
