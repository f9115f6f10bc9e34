"""Names of columns, which are learnt from frames and compared, and names of classes."""

import pickle
import re

import numpy as np
import pytest
from frame_helpers import polars, pyarrow

from fastmlp import NeuralNetwork, Standardizer
from fastmlp.tuning import search

pytestmark = pytest.mark.application

pd = pytest.importorskip("pandas")

X = np.random.default_rng(0).normal(size=(6, 3))

FRAMES = {"pandas": pd.DataFrame, "Polars": polars, "pyarrow": pyarrow}
COLUMNS = {"a": [0.0, 1.0, 0.5], "b": [1.0, 0.0, 0.5], "c": [0.0, 0.5, 1.0]}
USES = {
    "forward": lambda net, rows: net.forward(rows),
    "predict": lambda net, rows: net.predict(rows),
    "predict_proba": lambda net, rows: net.predict_proba(rows),
    "predict_names": lambda net, rows: net.predict_names(rows),
    "evaluate": lambda net, rows: net.evaluate(rows, [0, 1, 2]),
    "score": lambda net, rows: net.score(rows, [0, 1, 2]),
    "train_epoch": lambda net, rows: net.train_epoch(rows, [0, 1, 2]),
    "fit": lambda net, rows: net.fit(rows, [0, 1, 2], epochs=1),
    "X_val": lambda net, rows: net.fit(COLUMNS_AS_ROWS, [0, 1, 2], epochs=1, X_val=rows, y_val=[0, 1, 2]),
}
COLUMNS_AS_ROWS = np.column_stack(list(COLUMNS.values()))


def trained(rows, **settings):
    net = NeuralNetwork(3, [4], 3, seed=0)
    net.class_names = ["x", "y", "z"]
    net.fit(rows, [0, 1, 2], epochs=1, seed=0, **settings)
    return net


@pytest.mark.parametrize("library", FRAMES)
def test_fit_learns_names(library, tmp_path):
    net = trained(FRAMES[library](COLUMNS), checkpoint=tmp_path / "net.npz")
    assert net.feature_names == ["a", "b", "c"]
    assert NeuralNetwork.load(tmp_path / "net.npz").feature_names == ["a", "b", "c"]
    np.testing.assert_array_equal(net.params["W1"], trained(COLUMNS_AS_ROWS).params["W1"])


def reordered(names):
    return {name: COLUMNS.get(name, [0.0, 0.0, 0.0]) for name in names}


@pytest.mark.parametrize("use", USES)
def test_each_use_refuses_other_columns(use):
    net = trained(pd.DataFrame(COLUMNS))
    before = net.params.copy()
    with pytest.raises(ValueError, match=r"net.feature_names in this order, .* with 'c' in place of 'b'"):
        USES[use](net, pd.DataFrame(reordered("acb")))
    for name, array in net.params.items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize("library", FRAMES)
@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("acb", "with 'c' in place of 'b': pass X{0}net.feature_names"),
        ("abcde", "with 'd', 'e': pass X{0}net.feature_names"),
        ("abd", "without 'c' and with 'd': add what is missing"),
        ("ab", "without 'c': add what is missing"),
    ],
)
def test_other_columns_are_refused(library, names, message):
    net = trained(FRAMES[library](COLUMNS))
    expected = message.format(".select(" if library == "pyarrow" else "[")
    with pytest.raises(ValueError, match=re.escape(f"got a frame {expected}")):
        net.predict(FRAMES[library](reordered(names)))


@pytest.mark.parametrize("labels", [["b", "a", 0], ["c", "b", "b"], [2, 1, 0], [("b", "x"), ("a", "x"), ("c", "x")]])
def test_labels_that_are_no_names_are_refused_where_there_are_names(labels):
    net, frame = trained(pd.DataFrame(COLUMNS)), pd.DataFrame(COLUMNS_AS_ROWS)
    net.predict(frame)  # numbered as an array's
    frame.columns = pd.Index(labels, tupleize_cols=False)
    with pytest.raises(ValueError, match="must have the columns"):
        net.predict(frame)


@pytest.mark.parametrize("use", USES)
def test_the_same_columns_and_arrays_are_taken(use):
    net = trained(pd.DataFrame(COLUMNS))
    USES[use](net, pd.DataFrame(COLUMNS))
    USES[use](net, COLUMNS_AS_ROWS)


@pytest.mark.parametrize(
    ("rows", "settings", "message"),
    [
        (pd.DataFrame(COLUMNS), {"epochs": 0}, "epochs"),
        (pd.DataFrame(COLUMNS), {"y": [0, 1, 5]}, "y must"),
        (pd.DataFrame(COLUMNS | {"a": [0.0, np.inf, 1.0]}), {}, "column 'a' has infinite values, as in row 1"),
        (pd.DataFrame(COLUMNS).assign(a=pd.Series([0, 10**400, 1], dtype=object)), {}, "'a' has infinite values"),
        (
            pd.DataFrame(COLUMNS),
            {"X_val": pd.DataFrame(COLUMNS)[["b", "a", "c"]]},
            r"X.columns .*: pass X_val\[X.col",
        ),
    ],
)
def test_a_refused_fit_learns_no_names(rows, settings, message):
    net = NeuralNetwork(3, [4], 3, seed=0)
    with pytest.raises(ValueError, match=message):
        net.fit(**{"X": rows, "y": [0, 1, 2], "y_val": [0, 1, 2] if "X_val" in settings else None, **settings})
    assert net.feature_names is None
    assert net.history is None


def test_train_epoch_learns_names():
    net = NeuralNetwork(3, [4], 3, seed=0)
    net.train_epoch(pd.DataFrame(COLUMNS), [0, 1, 2])
    assert net.feature_names == ["a", "b", "c"]


def test_a_standardizer_has_names():
    standardizer = Standardizer().fit(pd.DataFrame(COLUMNS))
    with pytest.raises(ValueError, match=r"pass X\[standardizer.feature_names\]"):
        standardizer.transform(pd.DataFrame(reordered("bac")))
    net = NeuralNetwork(3, [4], 3, standardizer=standardizer)
    later = NeuralNetwork(3, [4], 3)
    later.standardizer = pickle.loads(pickle.dumps(standardizer))
    assert net.feature_names == later.feature_names == net.standardizer.feature_names == ["a", "b", "c"]
    assert Standardizer().fit(COLUMNS_AS_ROWS).feature_names is None


def test_a_checkpoint_has_the_names_of_then(tmp_path):
    def rename(net, history):
        net.class_names, net.feature_names = ["k", "l", "m"], ["u", "v", "w"]

    trained(pd.DataFrame(COLUMNS), checkpoint=tmp_path / "net.npz", callbacks=[rename])
    net = NeuralNetwork.load(tmp_path / "net.npz")
    assert (net.class_names, net.feature_names) == (["k", "l", "m"], ["u", "v", "w"])


def test_a_training_that_is_resumed_keeps_its_names(tmp_path):
    settings = {"checkpoint": tmp_path / "net.npz", "resume": True}
    trained(pd.DataFrame(COLUMNS), **settings)
    assert trained(COLUMNS_AS_ROWS, **settings).feature_names == ["a", "b", "c"]
    with pytest.raises(ValueError, match=r"X must have the columns of .*, 'a', 'b', 'c', got 'a', 'b', 'd'"):
        trained(pd.DataFrame(COLUMNS).rename(columns={"c": "d"}), **settings)


def test_a_search_learns_names():
    data = {"X": pd.DataFrame(COLUMNS), "y": [0, 1, 2], "X_val": pd.DataFrame(COLUMNS), "y_val": [0, 1, 2]}
    found = search({"learning_rate": [0.1], "epochs": [1]}, **data)
    assert found.network.feature_names == ["a", "b", "c"]
    for name in ("X_val", "X_test"):
        others = {name: pd.DataFrame(reordered("cba")), "y_test": [0, 1, 2] if name == "X_test" else None}
        with pytest.raises(ValueError, match=f"{name} must have the columns X.columns"):
            search({"learning_rate": [0.1]}, **data | others)


# ---- names of classes


def test_names_of_predictions():
    net = trained(COLUMNS_AS_ROWS)
    np.testing.assert_array_equal(net.predict_names(X), np.array(["x", "y", "z"])[net.predict(X)])
    answers = NeuralNetwork(3, [4], 1, loss="binary_cross_entropy", seed=0)
    answers.class_names = ["no", "yes"]
    np.testing.assert_array_equal(answers.predict_names(X), np.where(answers.predict(X) == 1, "yes", "no"))


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (NeuralNetwork(3, [4], 3), "predict_names needs class_names, got None"),
        (NeuralNetwork(3, [4], 2, loss="binary_cross_entropy"), "needs one class a row, .* 2 outputs: use predict"),
        (NeuralNetwork(3, [4], 1, loss="huber"), "needs one class a row, .* loss='huber'"),
    ],
)
def test_predictions_without_names(net, message):
    with pytest.raises((TypeError, ValueError), match=message):
        net.predict_names(X)
