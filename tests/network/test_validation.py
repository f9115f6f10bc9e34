"""Bad input is refused by name before anything changes; good but odd input gives the numbers of a plain array."""

import ctypes
from array import array

import numpy as np
import pytest
from choices import OPTIMIZERS, OPTIMIZERS_OF_FIT, quoted
from conftest import assert_same
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from refusals import X, Y, refuses

from fastmlp import NeuralNetwork
from fastmlp.validation import class_labels, float_dtype, number, real_matrix, real_targets, row_indices

NAN, INF = float("nan"), float("inf")


# ---- bad arrays

BAD_X = {
    "too many features": (np.ones((6, 5)), ValueError, r"X must have shape \(n_rows, 4\), got \(6, 5\)"),
    "too few features": (np.ones((6, 3)), ValueError, r"X must have shape \(n_rows, 4\), got \(6, 3\)"),
    "one row": (X[0], ValueError, r"X must have shape \(n_rows, 4\), got \(4,\).*reshape\(1, -1\)"),
    "three axes": (X[None], ValueError, r"X must have shape \(n_rows, 4\), got \(1, 6, 4\)"),
    "a number": (3.0, ValueError, r"X must have shape \(n_rows, 4\), got \(\)"),
    "complex": (X + 1j, TypeError, "X must be an array of real numbers, got dtype complex128"),
    "text": (X.astype(str), TypeError, "X must be an array of real numbers, got dtype <U32"),
    "dates": (X.astype("M8[s]"), TypeError, r"X must be an array of real numbers, got dtype datetime64\[s\]"),
    "None": (None, TypeError, "X must be an array of real numbers, got None"),
    "ragged": ([[1, 2, 3, 4], [1, 2]], (TypeError, ValueError), r"\bX\b.*"),
    "masked": (np.ma.masked_greater(X, X.min()), ValueError, "X must be an array of real numbers, got one with masked"),
}
BAD_Y = {
    "masked": (np.ma.masked_equal(Y, 1), ValueError, "y must be an array of integer labels, got one with masked"),
    "too short": (Y[:5], ValueError, r"y must have shape \(6,\), one label for each row, got \(5,\)"),
    "too long": (np.append(Y, 0), ValueError, r"y must have shape \(6,\).*, got \(7,\)"),
    "one-hot": (np.eye(3)[Y], ValueError, r"y must have shape \(6,\).*, got \(6, 3\)"),
    "one row": (Y[None], ValueError, r"y must have shape \(6,\).*, got \(1, 6\)"),
    "a number": (1, ValueError, r"y must have shape \(6,\).*, got \(\)"),
    "out of range": ([0, 1, 2, 3, 4, 0], ValueError, "y must hold integer labels from 0 to 2, got 3 at index 3"),
    "negative": ([0, 1, 2, 0, -1, -2], ValueError, "y must hold integer labels from 0 to 2, got -1 at index 4"),
    "fractional": ([0.0, 1.5, 0, 2.5, 1, 0], ValueError, "y must hold integer labels from 0 to 2, got 1.5 at index 1"),
    "NaN": ([0, 1, NAN, NAN, 1, 0], ValueError, "y must hold integer labels from 0 to 2, got nan at index 2"),
    "infinite": ([0, 1, 2, 0, 1, INF], ValueError, "y must hold integer labels from 0 to 2, got inf at index 5"),
    "negative infinite": ([-INF, 1, 2, 0, 1, 0], ValueError, "y must hold .* from 0 to 2, got -inf at index 0"),
    "huge float": ([0, 1e300, 2, 0, 1, 0], ValueError, r"y must hold .* from 0 to 2, got 1e\+300 at index 1"),
    "signalling NaN": (
        np.full(6, 0x7FF0000000000001, np.uint64).view(np.float64),
        ValueError,
        "y must hold integer labels from 0 to 2, got nan at index 0",
    ),
    "beyond float64": (np.full(6, np.finfo(np.longdouble).max), ValueError, r"y must hold .* got 1.*e\+\d+ at index 0"),
    "huge unsigned": (
        np.full(6, 2**64 - 1, np.uint64),
        ValueError,
        r"y must hold .* got 18446744073709551615 at index 0",
    ),
    "uint8 out of range": (np.array([0, 255, 0, 0, 0, 0], np.uint8), ValueError, "got 255 at index 1"),
    "column out of range": (np.array([[0], [1], [3]] * 2), ValueError, "y must hold .* got 3 at index 2"),
    "complex": (Y + 1j, TypeError, "y must be an array of integer labels, got dtype complex128"),
    "text": (Y.astype(str), TypeError, "y must be an array of integer labels, got dtype <U"),
    "None": (None, TypeError, "y must be an array of integer labels, got None"),
    "ragged": ([[0], [1, 2]], (TypeError, ValueError), r"\by\b.*"),
}


@pytest.mark.parametrize("method", ["forward", "predict", "predict_proba", "evaluate", "score", "fit"])
@pytest.mark.parametrize("bad", BAD_X)
def test_bad_rows(net, bad, method):
    rows, error, match = BAD_X[bad]
    args = (Y,) if method in ("evaluate", "score", "fit") else ()
    refuses(net, lambda net: getattr(net, method)(rows, *args), error, match)


@pytest.mark.parametrize("method", ["backward", "evaluate", "score", "fit"])
@pytest.mark.parametrize("bad", BAD_Y)
def test_bad_labels(net, bad, method):
    labels, error, match = BAD_Y[bad]
    args = () if method == "backward" else (X,)
    refuses(net, lambda net: getattr(net, method)(*args, labels), error, match)


# ---- bad settings

FIT = {"X": X, "y": Y}
BAD_SETTINGS = [
    ("fit", {"X": X[:0], "y": Y[:0]}, ValueError, "X must have at least one row.*, got"),
    ("fit", {**FIT, "X_val": X[:0], "y_val": []}, ValueError, "X_val must have at least one row, got"),
    ("fit", {**FIT, "y_val": Y}, ValueError, "X_val must be given together with y_val, got None"),
    ("fit", {**FIT, "X_val": X}, ValueError, "y_val must be given together with X_val, got None"),
    ("fit", {**FIT, "X_val": X[0], "y_val": Y}, ValueError, r"X_val must have shape \(n_rows, 4\), got \(4,\)"),
    ("fit", {**FIT, "X_val": X, "y_val": Y + 1}, ValueError, "y_val must hold .*, got 3 at index"),
    ("fit", {**FIT, "epochs": 0}, ValueError, "epochs must be a positive integer, got 0"),
    ("fit", {**FIT, "batch_size": 2.5}, ValueError, "batch_size must be a positive integer, got 2.5"),
    ("fit", {**FIT, "drop_last": True}, ValueError, "batch_size must be at most the 6 rows .*got 200"),
    ("fit", {**FIT, "learning_rate": INF}, ValueError, "learning_rate must be finite.*, got inf"),
    ("fit", {**FIT, "learning_rate": -0.1}, ValueError, "learning_rate must be .*at least 0, got -0.1"),
    ("fit", {**FIT, "drop_last": 1}, TypeError, "drop_last must be True or False, got 1"),
    ("fit", {**FIT, "learning_rate_decay": -0.5}, ValueError, "learning_rate_decay must be .*at least 0, got -0.5"),
    ("fit", {**FIT, "learning_rate_decay": NAN}, ValueError, "learning_rate_decay must be .*, got nan"),
    ("fit", {**FIT, "clip_norm": -1}, ValueError, "clip_norm must be finite, at least 0, got -1"),
    ("fit", {**FIT, "clip_norm": 0}, ValueError, "clip_norm must be above 0, or no parameter would change, got 0.0"),
    ("train_epoch", {**FIT, "clip_norm": "small"}, TypeError, "clip_norm must be a number, got 'small'"),
    ("fit", {**FIT, "regularization": -1}, ValueError, "regularization must be .*, got -1"),
    ("fit", {**FIT, "optimizer": "RMS"}, ValueError, f"optimizer must be .*{quoted(OPTIMIZERS_OF_FIT)}, got 'RMS'"),
    ("fit", {**FIT, "beta1": 1}, ValueError, "beta1 must be .*below 1, got 1"),
    ("fit", {**FIT, "beta2": -1}, ValueError, "beta2 must be .*at least 0.*, got -1"),
    ("fit", {**FIT, "beta2": 1}, ValueError, "beta2 must be .*below 1, got 1"),
    ("fit", {**FIT, "epsilon": NAN}, ValueError, "epsilon must be .*, got nan"),
    ("fit", {**FIT, "time_step": "batch"}, ValueError, "time_step must be .*'update', 'epoch', got 'batch'"),
    ("backward", {"y": Y, "reg": NAN}, ValueError, "reg must be finite, got nan"),
    ("backward", {"y": Y, "reg": "a lot"}, TypeError, "reg must be a number, got 'a lot'"),
    ("evaluate", {**FIT, "reg": None}, TypeError, "reg must be a number, got None"),
    ("update", {"opt": "adagrad"}, ValueError, f"opt must be one of {quoted(OPTIMIZERS)}, got 'adagrad'"),
    ("update", {"opt": None}, ValueError, "opt must be one of 'SGD', .*, got None"),
    ("update", {"opt": ["SGD"]}, (TypeError, ValueError), r"opt must be one of .*, got \['SGD'\]"),
    ("update", {"lr": NAN}, ValueError, "lr must be finite, got nan"),
    ("update", {"lr": -INF, "opt": "Adam"}, ValueError, "lr must be finite, got -inf"),
    ("update", {"lr": 10**400}, ValueError, "lr must be finite"),
    ("update", {"lr": "fast"}, TypeError, "lr must be a number, got 'fast'"),
    ("update", {"lr": np.ones(2)}, TypeError, "lr must be a number, got array"),
    ("update", {"b1": 1.0, "opt": "Adam"}, ValueError, "b1 must be .*at least 0 and below 1, got 1.0"),
    ("update", {"b1": -0.1, "opt": "Momentum"}, ValueError, "b1 must be .*at least 0 .*, got -0.1"),
    ("update", {"b2": NAN, "opt": "Adam"}, ValueError, "b2 must be .*below 1, got nan"),
    ("update", {"eps": -1e-8, "opt": "Adam"}, ValueError, "eps must be .*at least .*, got -1e-08"),
    ("update", {"eps": 0.0, "opt": "Adam"}, ValueError, "eps must be .*at least 1.17549e-38, got 0.0"),
    ("fit", {**FIT, "epsilon": 1e-50}, ValueError, "epsilon must be .*at least 1.17549e-38, got 1e-50"),
    ("update", {"t": 0, "opt": "Adam"}, ValueError, "t must be a positive integer, got 0"),
    ("update", {"t": 1.5, "opt": "Adam"}, ValueError, "t must be a positive integer, got 1.5"),
    ("update", {"epoch": -1}, ValueError, "epoch must be a positive integer, got -1"),
    ("update", {"t": 2**53 + 1, "opt": "Adam"}, ValueError, f"t must be at most {2**53}, got {2**53 + 1}"),
    ("update", {"lr": "0.1"}, TypeError, "lr must be a number, got '0.1'"),
    ("update", {"lr": np.complex64(1)}, TypeError, r"lr must be a number, got .*1\+0j"),
    ("fit", {**FIT, "seed": -1}, ValueError, "seed must be an integer of at least 0, got -1"),
    ("fit", {**FIT, "callbacks": [print, 3]}, TypeError, r"callbacks\[1\] must be callable, got 3"),
    ("fit", {**FIT, "progress": "yes"}, TypeError, "progress must be True or False, got 'yes'"),
    ("fit", {**FIT, "epochs": -(10**5000)}, ValueError, "epochs must be a positive integer, got .* too long to show"),
    ("fit", {**FIT, "seed": 10**5000}, ValueError, "seed must be at most 4294967295, got .* too long to show"),
    ("fit", {**FIT, "learning_rate": 10**5000}, ValueError, "learning_rate must be .* too long to show"),
    ("update", {"lr": np.array("0.1")}, TypeError, "lr must be a number, got array"),
    ("update", {"lr": bytearray(b"0.1")}, TypeError, "lr must be a number, got bytearray"),
    (
        "update",
        {"lr": np.void(b"12345678")},
        TypeError,
        "lr must be a number, got np.void|lr must be a number, got void",
    ),
    ("update", {"step": "1"}, ValueError, "step must be a positive integer, got '1'"),
]


@pytest.mark.parametrize(("method", "arguments", "error", "match"), BAD_SETTINGS)
def test_bad_settings(net, method, arguments, error, match):
    refuses(net, lambda net: getattr(net, method)(**arguments), error, match)


@pytest.mark.parametrize("dtype", [None, "int8"])
def test_a_dtype_must_be_named(dtype):
    with pytest.raises(ValueError, match=f"dtype must be float32 or float64, got {dtype!r}"):
        float_dtype("dtype", dtype)


def test_negative_zero_is_zero():
    assert str(number("rate", -0.0, 0)) == "0.0"


# ---- good but odd arrays

ROWS = np.random.RandomState(7).randint(-8, 9, size=(23, 4)) / 16
CLASSES = np.random.RandomState(8).randint(3, size=23)


def unaligned(array):
    return np.frombuffer(b"\0" + array.tobytes(), array.dtype, offset=1).reshape(array.shape)


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def padded(array):
    return np.repeat(array, 2, axis=0)[::2]


def negative(array):
    return np.ascontiguousarray(array[::-1])[::-1]


def memmap(array, folder):
    np.save(folder / "rows.npy", array)
    return np.load(folder / "rows.npy", mmap_mode="r")


LAYOUTS = {
    "C": np.copy,
    "Fortran": np.asfortranarray,
    "columns strided": lambda array: np.repeat(array, 3, axis=1)[:, ::3],
    "rows strided": padded,
    "negative strides": lambda array: np.ascontiguousarray(array[::-1, ::-1])[::-1, ::-1],
    "part of wider rows": lambda array: np.hstack([array, array])[:, :4],
    "unaligned": unaligned,
    "read-only": read_only,
    "big-endian": lambda array: array.astype(array.dtype.newbyteorder(">")),
}
ODD_ROWS = {
    **{f"{dtype} {name}": (lambda make=make, dtype=dtype: make(ROWS.astype(dtype)))
       for dtype in ("float64", "float32") for name, make in LAYOUTS.items()},
    "float16": lambda: ROWS.astype(np.float16),
    "longdouble": lambda: ROWS.astype(np.longdouble),
    "integers": lambda: (ROWS * 16).astype(int),
    "int8": lambda: (ROWS * 16).astype(np.int8),
    "uint8": lambda: np.abs(ROWS * 16).astype(np.uint8),
    "uint64 strided": lambda: padded(np.abs(ROWS * 16).astype(np.uint64)),
    "bool": lambda: ROWS > 0,
    "lists": lambda: ROWS.tolist(),
    "list of arrays": lambda: list(ROWS),
    "tuples": lambda: tuple(map(tuple, ROWS.tolist())),
    "nothing masked": lambda: np.ma.masked_invalid(ROWS),
}  # fmt: skip


def results(rows, labels, dtype):
    """What training and prediction give, for comparison with `==`."""
    net = NeuralNetwork(4, [5], 3, seed=0, dtype=dtype)
    found = {"proba": net.predict_proba(rows), "evaluate": np.array(net.evaluate(rows, labels, 0.1))}
    found["forward"] = net.forward(rows)
    found["loss"] = np.array(net.backward(labels, 0.1))
    found |= {f"gradient {name}": array.copy() for name, array in net.gradients.items()}
    history = net.fit(rows, labels, epochs=2, batch_size=7, seed=1, optimizer="Adam", X_val=rows, y_val=labels)
    found |= {"train loss": history.train_loss, "val loss": history.val_loss, **net.params}
    return found


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("odd", [*ODD_ROWS, "memory map"])
def test_odd_rows_give_the_numbers_of_a_plain_array(odd, dtype, tmp_path):
    rows = memmap(ROWS, tmp_path) if odd == "memory map" else ODD_ROWS[odd]()
    plain = np.array(rows, np.float64, order="C")
    assert_same(results(rows, CLASSES, dtype), results(plain, CLASSES, dtype))
    np.testing.assert_array_equal(np.asarray(rows), plain)  # and are left as they were


@pytest.mark.parametrize("layout", LAYOUTS)
def test_kernels_see_aligned_rows_one_after_the_other(layout):
    net = NeuralNetwork(4, [5], 3)
    net.forward(LAYOUTS[layout](ROWS))
    flags, dtype = net.outputs["X"].flags, net.outputs["X"].dtype
    assert (flags.aligned, flags.c_contiguous, dtype.isnative) == (True, True, True)


ODD_LABELS = {
    "float64": lambda y: y.astype(float),
    "float16": lambda y: y.astype(np.float16),
    "big-endian": lambda y: y.astype(">i4"),
    **{f"integers of type {code}": (lambda y, code=code: y.astype(code)) for code in np.typecodes["AllInteger"]},
    **{f"array of type {code}": (lambda y, code=code: array(code, y.tolist())) for code in "bBhHiIlLqQfd"},
    "ctypes": lambda y: (ctypes.c_longlong * len(y))(*y.tolist()),
    "memoryview": lambda y: memoryview(array("q", y.tolist())),
    "subclass": lambda y: y.astype(np.longlong).view(np.recarray),
    "column": lambda y: y[:, None],
    "float column": lambda y: y.astype(float)[:, None],
    "strided": padded,
    "negative stride": negative,
    "unaligned": unaligned,
    "read-only": read_only,
    "list": np.ndarray.tolist,
    "tuple": tuple,
    "negative zero": lambda y: np.where(y == 0, -0.0, y),
}


@pytest.mark.parametrize("odd", ODD_LABELS)
def test_odd_labels_give_the_numbers_of_plain_ones(odd):
    assert_same(results(ROWS, ODD_LABELS[odd](CLASSES), "float64"), results(ROWS, CLASSES, "float64"))


@pytest.mark.parametrize("code", np.typecodes["AllInteger"] + np.typecodes["Float"])
def test_kernels_get_exactly_their_types(code):
    """Two names of a type compare equal, and are not the same to a kernel."""
    values = np.arange(3).astype(code)
    checked = [class_labels("y", values, 3, 3)]
    if values.dtype.kind in "iu":
        checked.append(row_indices("order", values, 3))
    assert {array.dtype.char for array in checked} == {np.dtype(np.intp).char}
    for dtype in map(np.dtype, ("float32", "float64")):
        assert real_targets("y", values, 3, 1, dtype).dtype.char == "d"


def test_rows_beyond_all_types_are_infinite(net):
    X = np.full((2, 4), np.finfo(np.longdouble).max)
    assert np.isnan(net.forward(X)).all()


def test_bool_labels():
    assert_same(results(ROWS, CLASSES == 1, "float64"), results(ROWS, (CLASSES == 1).astype(int), "float64"))


# ---- any array at all

FUZZ = settings(max_examples=100, deadline=None, derandomize=True, database=None)
DTYPES = st.one_of(
    hnp.boolean_dtypes(), hnp.integer_dtypes(), hnp.unsigned_integer_dtypes(), hnp.floating_dtypes(),
    hnp.complex_number_dtypes(), hnp.datetime64_dtypes(), hnp.unicode_string_dtypes(max_len=3),
)  # fmt: skip


@FUZZ
@given(
    array=hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)),
    n_columns=st.integers(1, 4),
)
def test_fuzzed_rows(array, n_columns):
    if array.dtype.kind not in "biuf":
        with pytest.raises(TypeError, match=r"rows must be .*real numbers, got dtype"):
            real_matrix("rows", array, n_columns)
    elif array.ndim != 2 or array.shape[1] != n_columns:
        with pytest.raises(ValueError, match=rf"rows must have shape \(n_rows, {n_columns}\), got \("):
            real_matrix("rows", array, n_columns)
    else:
        np.testing.assert_array_equal(real_matrix("rows", array, n_columns), array, strict=True)


LABELS = st.one_of(st.integers(-2, 5), st.sampled_from([0.5, NAN, INF, -INF, 1e300, -0.0, 2.0]))


@FUZZ
@given(
    values=st.lists(LABELS, max_size=6),
    dtype=st.sampled_from(["f2", "f4", "f8", ">f8", "i1", "i8", "u1", "u8", "?"]),
    column=st.booleans(),
    n_classes=st.integers(1, 5),
)
def test_fuzzed_labels(values, dtype, column, n_classes):
    with np.errstate(all="ignore"):
        array = np.array(values, float).astype(dtype)
    seen = array.tolist()
    wrong = [i for i, value in enumerate(seen) if value not in range(n_classes)]
    given_array = array[:, None] if column else array
    if wrong:
        with pytest.raises(
            ValueError, match=rf"labels must hold .* from 0 to {n_classes - 1}, got .* at index {wrong[0]}$"
        ):
            class_labels("labels", given_array, len(seen), n_classes)
    else:
        labels = class_labels("labels", given_array, len(seen), n_classes)
        np.testing.assert_array_equal(labels, np.array(seen, np.intp), strict=True)
        assert labels.flags.c_contiguous
    with pytest.raises(ValueError, match=r"labels must have shape \(7,\)"):
        class_labels("labels", given_array, 7, n_classes)
