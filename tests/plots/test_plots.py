"""Figures of a training."""

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import batch
from plot_helpers import history, trial, trials

import fastmlp
from fastmlp import History, NeuralNetwork
from fastmlp.tuning import Search, Trial

matplotlib = pytest.importorskip("matplotlib")
figure_module = pytest.importorskip("matplotlib.figure")
plots = pytest.importorskip("fastmlp.plots")

pytestmark = pytest.mark.application

# Pictures that somebody has looked at; `python tests/test_plots.py` draws them anew.
PICTURES = Path(__file__).parent / "pictures"
# Root mean square over the pixels, of 255. Two lines whose colours change places, or a matrix on its side, come to 14.
TOLERANCE = 5


def lines(axes):
    return {line.get_label(): line.get_ydata() for line in axes.get_lines()}


@pytest.mark.parametrize("n_epochs", [1, 2, 40])
def test_three_labelled_panels(n_epochs):
    past = history(n_epochs)
    figure = plots.plot_history(past, title="Digits")
    assert isinstance(figure, figure_module.Figure)
    loss, accuracy, rate = figure.axes
    assert [axes.get_ylabel() for axes in figure.axes] == ["Loss", "Accuracy", "Learning rate"]
    assert rate.get_xlabel() == "Epoch"
    assert loss.get_title() == "Digits"
    np.testing.assert_array_equal(lines(loss)["train"], past.train_loss)
    np.testing.assert_array_equal(lines(loss)["validation"], past.val_loss)
    np.testing.assert_array_equal(lines(accuracy)["train"], past.train_accuracy)
    np.testing.assert_array_equal(lines(accuracy)["validation"], past.val_accuracy)
    np.testing.assert_array_equal(rate.get_lines()[0].get_ydata(), past.learning_rate)
    for axes in (loss, accuracy):
        assert [text.get_text() for text in axes.get_legend().get_texts()] == ["train", "validation"]
    for axes in figure.axes:
        low, high = axes.get_xlim()
        assert all(tick == round(tick) for tick in axes.get_xticks() if low <= tick <= high)  # whole epochs
        for line in axes.get_lines():
            assert list(line.get_xdata()) == list(range(1, n_epochs + 1))
            # a line through one point shows nothing
            assert (line.get_marker() not in ("None", None, "")) == (n_epochs == 1)


def test_without_validation_data(tmp_path):
    X, y = batch(20, 4, 3)
    figure = plots.plot_history(NeuralNetwork(4, [5], 3).fit(X, y, epochs=3, seed=0))
    assert [list(lines(axes)) for axes in figure.axes[:2]] == [["train"], ["train"]]
    figure.savefig(tmp_path / "history.png")
    assert (tmp_path / "history.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    for axes in figure.axes[:2]:
        finite = [label for label, values in lines(axes).items() if np.isfinite(values).all()]
        assert finite == ["train"]


def test_works_without_a_display(tmp_path):
    code = """
import sys
from fastmlp.plots import plot_history
from fastmlp.training import Epoch, History
plot_history(History([Epoch(2.3, 0.1, 2.2, 0.2, 0.05, 1.0)])).savefig(sys.argv[1])
assert "matplotlib.pyplot" not in sys.modules
"""
    path = os.pathsep.join([str(Path(fastmlp.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    env = {
        name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND")
    }
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "history.png")],
        env={**env, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "history.png").stat().st_size > 1000


def test_a_comparison_has_a_line_a_history():
    histories = {"SGD": history(5), "Adam": history(8), "once": history(1), "without": history(3, validation=False)}
    figure = plots.plot_comparison(histories, title="Digits")
    assert [axes.get_ylabel() for axes in figure.axes] == ["Train accuracy", "Validation accuracy", "Train loss"]
    assert figure.axes[0].get_title() == "Digits"
    for axes, column in zip(figure.axes, ("train_accuracy", "val_accuracy", "train_loss"), strict=True):
        drawn = lines(axes)
        assert list(drawn) == [name for name in histories if column != "val_accuracy" or name != "without"]
        for name, values in drawn.items():
            np.testing.assert_array_equal(values, getattr(histories[name], column))
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == list(histories)
    with pytest.raises(ValueError, match="histories must have at least one history"):
        plots.plot_comparison({})


HISTORIES = "histories must be a mapping of names to History, such as {'Adam': net.history}, got "
TRIALS = "trials must be a sequence of fastmlp.tuning.Trial, such as the trials of a Search, got "


@pytest.mark.parametrize(
    ("function", "given", "message"),
    [
        ("plot_history", NeuralNetwork(4, [], 3), "history must be a History, such as net.history, got Neural"),
        ("plot_history", {"loss": [1.0]}, "history must be a History, such as net.history, got {'loss': [1.0]}"),
        ("plot_history", None, "history must be a History, such as net.history, got None"),
        ("plot_comparison", [history(1)], f"{HISTORIES}[History("),
        ("plot_comparison", {"Adam": None}, f"{HISTORIES}{{'Adam': None}}"),
        ("plot_learning_curves", Search(trials(), trials()[0], None, None), f"{TRIALS}Search("),
        ("plot_learning_curves", iter(trials()), f"{TRIALS}<list"),
        ("plot_grid", Search(trials(), trials()[0], None, None), f"{TRIALS}Search("),
        ("plot_grid", [history(1)], f"{TRIALS}[History("),
    ],
)
def test_what_cannot_be_drawn_is_named(function, given, message):
    with pytest.raises(TypeError, match=f"^{re.escape(message)}"):
        getattr(plots, function)(given)


def test_weights_are_shown_a_column_an_image():
    weights = np.random.RandomState(0).randn(12, 5)
    figure = plots.plot_weights(weights, (2, 6), title="First layer")
    sheet = figure.axes[0].images[0].get_array()
    assert sheet.shape == (8, 13, 3)  # three rows of two images of 2 x 6, with lines between
    assert figure.axes[0].get_title() == "First layer"
    for unit in range(5):
        row, column = 3 * (unit // 2), 7 * (unit % 2)
        image = weights[:, unit].reshape(2, 6)
        expected = (image - image.min()) / np.ptp(image)
        for channel in range(3):
            np.testing.assert_allclose(sheet[row : row + 2, column : column + 6, channel], expected, rtol=1e-12)
    assert (sheet[:, 6] == 1).all()
    assert (sheet[2] == 1).all()


def test_weights_of_colour_images_keep_their_colours():
    weights = np.zeros((4 * 4 * 3, 1))
    weights[0], weights[4] = 1.0, -1.0  # the first pixel's red, and the second one's green
    sheet = plots.plot_weights(weights, (4, 4, 3)).axes[0].images[0].get_array()
    assert sheet[0, 0].tolist() == [1, 0.5, 0.5]
    assert sheet[0, 1].tolist() == [0.5, 0, 0.5]
    assert plots.plot_weights(np.ones((4, 2)), (2, 2)).axes[0].images[0].get_array()[0, 0].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("weights", "shape", "message"),
    [
        (np.ones((5, 2)), (2, 2), r"weights must have shape \(4, n_units\) for images \(2, 2\), got \(5, 2\)"),
        (np.ones(4), (2, 2), "weights must have shape"),
        (np.ones((4, 0)), (2, 2), "weights must have shape"),
        (np.ones((4, 2)), (4,), r"image_shape must be \(height, width\) or"),
        (np.ones((4, 2)), (1, 2, 2), "image_shape must be"),
        (np.ones((4, 2)), (2, 0), r"image_shape\[1\] must be"),
        (np.full((4, 2), np.nan), (2, 2), "weights must be finite"),
    ],
)
def test_weights_that_are_no_images_are_refused(weights, shape, message):
    with pytest.raises(ValueError, match=message):
        plots.plot_weights(weights, shape)


def test_a_confusion_matrix_counts_each_pair():
    y_true, y_pred = np.array([0, 0, 0, 1, 2, 2]), np.array([0, 0, 2, 1, 1, 2])
    figure = plots.plot_confusion(y_true, y_pred, title="Digits")
    panel, scale = figure.axes
    assert [text.get_text() for text in panel.texts] == ["2", "0", "1", "0", "1", "0", "0", "1", "1"]
    assert [text.get_position() for text in panel.texts[:3]] == [(0, 0), (1, 0), (2, 0)]  # a row a true class
    np.testing.assert_allclose(panel.images[0].get_array(), [[2 / 3, 0, 1 / 3], [0, 1, 0], [0, 0.5, 0.5]])
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("Predicted class", "True class")
    assert scale.get_ylabel() == "Share of the true class"
    assert panel.get_title() == "Digits"
    assert [label.get_text() for label in panel.get_xticklabels()] == ["0", "1", "2"]


def test_class_names_may_be_more_than_the_classes_that_occur():
    panel = plots.plot_confusion([0, 0], [0, 1], class_names=["cat", "dog", "horse"]).axes[0]
    assert panel.images[0].get_array().tolist() == [[0.5, 0.5, 0], [0, 0, 0], [0, 0, 0]]
    for labels in (panel.get_xticklabels(), panel.get_yticklabels()):
        assert [label.get_text() for label in labels] == ["cat", "dog", "horse"]


def test_names_are_drawn_as_they_are(tmp_path):
    """What stands between two $ is a formula in a title alone, which the caller has written for matplotlib."""
    odd = [trial(optimizer=name, hidden_sizes=size) for name in ("$^$", "SGD") for size in ([2], [3])]
    for i, figure in enumerate(
        [
            plots.plot_confusion([0, 1], [0, 1], class_names=["$^$", "$_$"], title="$x^2$"),
            plots.plot_grid(odd, title="$x^2$"),
            plots.plot_learning_curves(odd, title="$x^2$"),
            plots.plot_comparison({"$^$": history(2)}, title="$x^2$"),
        ]
    ):
        figure.savefig(tmp_path / f"{i}.png")  # a formula of no sense would be an error
        assert figure.axes[0].title.get_parse_math()


@pytest.mark.parametrize(
    ("y_true", "y_pred", "names", "error", "message"),
    [
        ([0, 1], [0], None, ValueError, "y_pred must have one label for each of y_true, got 1 for 2 rows"),
        ([], [], None, ValueError, "y_true must be integer labels"),
        ([0, -1], [0, 1], None, ValueError, "y_true must be integer labels"),
        ([0, 1], [0.0, 1.0], None, ValueError, "y_pred must be integer labels from 0"),
        ([0, 1], ["a", "b"], None, TypeError, "y_pred must be an array of integer labels"),
        ([0, 2], [0, 1], ["a", "b"], ValueError, "class_names must have 3 names, got 2"),
    ],
)
def test_what_is_no_pair_of_labels_is_refused(y_true, y_pred, names, error, message):
    with pytest.raises(error, match=message):
        plots.plot_confusion(y_true, y_pred, class_names=names)


def test_predictions_are_points_and_residuals_are_what_they_are_beyond_the_truth(tmp_path):
    truth, predicted = np.array([1.0, 2.0, 4.0]), np.array([[1.5], [2.5], [3.75]])
    (panel,) = plots.plot_predictions(truth, predicted, title="Prices").axes
    np.testing.assert_array_equal(panel.collections[0].get_offsets(), np.column_stack([truth, predicted]))
    (line,) = panel.get_lines()
    assert (line.get_xy1(), line.get_slope()) == ((1, 1), 1)
    assert (panel.get_xlabel(), panel.get_ylabel(), panel.get_title()) == ("True", "Predicted", "Prices")
    (panel,) = plots.plot_residuals(truth, predicted, title="Prices").axes
    counts = {round(bar.get_x() + bar.get_width() / 2, 3): bar.get_height() for bar in panel.patches}
    assert {middle: n for middle, n in counts.items() if n} == {-0.203: 1, 0.453: 2}  # 8 bars from -0.25 to 0.5
    assert list(panel.get_lines()[0].get_xdata()) == [0, 0]
    assert all(tick == round(tick) for tick in panel.get_yticks())
    assert panel.get_title() == "Prices"


@pytest.mark.parametrize("function", [plots.plot_predictions, plots.plot_residuals])
def test_large_numbers_stand_apart(function):
    figure = function(np.linspace(20_000, 330_000, 50), np.linspace(0, 350_000, 50))
    figure.draw_without_rendering()
    places = [label.get_window_extent() for label in figure.axes[0].get_xticklabels()]
    digit = max(place.width for place in places) / 7
    assert all(right.x0 - left.x1 > digit for left, right in itertools.pairwise(places))


def test_of_many_points_a_file_of_vectors_has_one_picture(tmp_path):
    for n, is_picture in ((1000, False), (1001, True)):
        plots.plot_predictions(np.arange(n), np.arange(n)).savefig(tmp_path / "a.svg")
        assert ("<image" in (tmp_path / "a.svg").read_text()) == is_picture


@pytest.mark.parametrize("function", ["plot_predictions", "plot_residuals"])
@pytest.mark.parametrize(
    ("y_true", "y_pred", "message"),
    [
        ([], [], r"y_true must have shape \(n_rows,\), got \(0,\)"),
        (1, 1, r"y_true must have shape \(n_rows,\), got \(\)"),
        ([1, 2], [1], r"y_pred must have shape \(2,\) or \(2, 1\), .*, got \(1,\)"),
        ([1, 2], [1, np.nan], "y_pred must be finite .*, got nan in row 1"),
        ([[1, 2]], [1], "y_true must have shape"),
    ],
)
def test_what_are_no_pairs_of_numbers_is_refused(function, y_true, y_pred, message):
    with pytest.raises(ValueError, match=message):
        getattr(plots, function)(y_true, y_pred)


@pytest.mark.parametrize("off", [0, 1e20])
def test_residuals_that_do_not_differ(off, tmp_path):
    truth = np.array([1e20, 2e20])
    plots.plot_residuals(truth, truth + off).savefig(tmp_path / "a.png")


def test_a_grid_shows_the_best_of_each_pair():
    found = [trial(1, 0.8, learning_rate=0.2, batch_size=10), trial(1, 0.6, learning_rate=0.1, batch_size=10)]
    found += [
        trial(1, 0.4, learning_rate=0.1, batch_size=20, beta1=0.5),
        trial(2, 0.4, learning_rate=0.1, batch_size=20),
    ]
    panel, scale = plots.plot_grid(found, "learning_rate", "batch_size", title="Grid").axes
    np.testing.assert_allclose(panel.images[0].get_array(), [[0.3, 0.4], [0.3, np.nan]])
    assert [text.get_text() for text in panel.texts] == ["0.3000", "0.4000", "0.3000", "\N{EN DASH}"]
    assert [label.get_text() for label in panel.get_xticklabels()] == ["0.1", "0.2"]
    assert [label.get_text() for label in panel.get_yticklabels()] == ["10", "20"]
    assert (panel.get_xlabel(), panel.get_ylabel(), panel.get_title()) == ("learning_rate", "batch_size", "Grid")
    assert scale.get_ylabel() == "Validation accuracy"


def test_a_grid_chooses_the_longest_axes_itself():
    panel = plots.plot_grid(trials()).axes[0]
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("learning_rate", "hidden_sizes")
    panel = plots.plot_grid(trials(), y="learning_rate").axes[0]
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("hidden_sizes", "learning_rate")
    assert [label.get_text() for label in panel.get_xticklabels()] == ["120-120", "120"]


def test_a_grid_leaves_out_what_diverged():
    lost = Trial({"learning_rate": 9.0, "batch_size": 20}, 3, History([]))
    found = [trial(1, 0.8, learning_rate=0.2, batch_size=10), trial(1, 0.6, learning_rate=9.0, batch_size=10), lost]
    panel = plots.plot_grid(found, "learning_rate", "batch_size").axes[0]
    np.testing.assert_allclose(panel.images[0].get_array(), [[0.4, 0.3], [np.nan, np.nan]])


@pytest.mark.parametrize(("x", "y"), [("epochs", None), ("learning_rate", "learning_rate"), (None, "rate")])
def test_a_grid_needs_two_hyper_parameters_that_differ(x, y):
    message = r"x and y must be two of the hyper-parameters that differ, \['learning_rate', .*got "
    with pytest.raises(ValueError, match=message):
        plots.plot_grid(trials(), x, y)
    with pytest.raises(ValueError, match="that differ, "):
        plots.plot_grid(trials()[:1])


def test_learning_curves_name_the_best():
    figure = plots.plot_learning_curves(trials(), n_best=2, title="Curves")
    (panel,) = figure.axes
    names = [text.get_text() for text in panel.get_legend().get_texts()]
    assert names == [
        f"0.7500: learning_rate 0.05, hidden_sizes 120, regularization {strength}" for strength in ("0", "0.0001")
    ]
    assert len(panel.get_lines()) == 12
    assert sum(line.get_color() == "0.7" for line in panel.get_lines()) == 10
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("Epoch", "Validation accuracy")
    with pytest.raises(ValueError, match="trials must have at least one trial"):
        plots.plot_learning_curves([])


def test_learning_curves_tell_the_rounds_of_a_halving_apart():
    found = [Trial({"learning_rate": 0.1, "epochs": 4}, n, History(list(trial(4).history)[:n])) for n in (1, 2, 4)]
    found += [Trial({"learning_rate": 0.2, "epochs": 4}, 1, found[0].history)]
    (panel,) = plots.plot_learning_curves(found).axes
    assert [text.get_text() for text in panel.get_legend().get_texts()] == [
        "0.5625: learning_rate 0.1, 4 epochs",
        "0.4500: learning_rate 0.1, 2 epochs",
        "0.3000: learning_rate 0.1, 1 epoch",
        "0.3000: learning_rate 0.2, 1 epoch",
    ]
    assert len(panel.get_lines()) == 4


def test_trials_of_several_spaces_are_told_apart_by_what_all_name():
    found = [trial(3, 0.5, learning_rate=0.1, batch_size=20), trial(3, 0.6, learning_rate=0.2)]
    (panel,) = plots.plot_learning_curves(found).axes
    names = [text.get_text() for text in panel.get_legend().get_texts()]
    assert names == ["0.5250: learning_rate 0.2", "0.4375: learning_rate 0.1"]


def test_learning_curves_of_what_diverged_at_once():
    lost = Trial({"learning_rate": 9.0}, 3, History([]))
    (panel,) = plots.plot_learning_curves([trial(3, 0.5, learning_rate=0.1), lost]).axes
    assert len(panel.get_lines()) == 1


def drawn():
    """Each kind of figure, by name."""
    random = np.random.RandomState(0)
    y_true = np.repeat(np.arange(4), 25)
    y_pred = np.where(random.rand(100) < 0.7, y_true, random.randint(0, 4, 100))
    past = history(20)
    worse = History(
        epoch._replace(train_loss=1.3 * epoch.train_loss, val_score=0.8 * epoch.val_score) for epoch in past
    )
    return {
        "history": plots.plot_history(past, title="A history"),
        "comparison": plots.plot_comparison({"SGD": worse, "Adam": past}, title="A comparison"),
        "weights": plots.plot_weights(random.randn(48, 7), (4, 4, 3), title="Weights"),
        "confusion": plots.plot_confusion(
            y_true, y_pred, class_names=["cat", "dog", "horse", "truck"], title="Classes"
        ),
        "grid": plots.plot_grid(trials(), title="A grid"),
        "curves": plots.plot_learning_curves(trials(), title="Trials"),
        "predictions": plots.plot_predictions(y_true, y_true + 0.3 * random.randn(100), title="Predictions"),
        "residuals": plots.plot_residuals(y_true, y_true + 0.3 * random.randn(100), title="Residuals"),
    }


def write(folder):
    for name, figure in drawn().items():
        figure.savefig(folder / f"{name}.png", dpi=50)


@pytest.mark.parametrize(
    "name", ["history", "comparison", "weights", "confusion", "grid", "curves", "predictions", "residuals"]
)
def test_pictures_are_as_they_were_when_somebody_looked(name, tmp_path):
    compare = pytest.importorskip("matplotlib.testing.compare")
    image = pytest.importorskip("PIL.Image")
    version = matplotlib.__version__.rsplit(".", 1)[0]
    with image.open(PICTURES / f"{name}.png") as picture:
        if f"version{version}." not in picture.text["Software"]:
            pytest.skip(f"matplotlib {version} sets its texts elsewhere than {picture.text['Software']}")
    drawn()[name].savefig(tmp_path / f"{name}.png", dpi=50)
    # its own copy, since matplotlib puts the difference beside it
    (tmp_path / "expected.png").write_bytes((PICTURES / f"{name}.png").read_bytes())
    assert compare.compare_images(tmp_path / "expected.png", tmp_path / f"{name}.png", TOLERANCE) is None


if __name__ == "__main__":
    write(PICTURES)
