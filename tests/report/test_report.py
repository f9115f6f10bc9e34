"""Reports: what they say, by taking the page apart, against scikit-learn; texts of users; pictures in a browser."""

import copy
import shutil
import subprocess
from collections import Counter
from itertools import pairwise

import numpy as np
import pandas
import pytest
from report_helpers import Page, fitted, numbers, penguins, trained

from fastmlp import NeuralNetwork
from fastmlp.data import DataSet
from fastmlp.data.named import digits
from fastmlp.report import permutation_importance, report_html, results, verdict, write_report
from fastmlp.report.markup import EN_DASH, MINUS, score
from fastmlp.tables import Table

pytestmark = pytest.mark.application

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")


@pytest.fixture(scope="module")
def classes():
    pytest.importorskip("palmerpenguins")
    frame = penguins()
    net, data = trained(frame, "species", ignore=["comment"], notes=("Fields are separated by commas.",))
    more = {
        "settings": {"Optimizer": "Adam"},
        "commands": {"Predict": "fastmlp predict model.npz new.csv"},
    }
    return net, data, Page(report_html(net, data, **more))


@pytest.fixture(scope="module")
def regression():
    net, data = trained(numbers(), "price", epochs=100)
    return net, data, Page(report_html(net, data))


def rows_of(data, part):
    """X and y of a part."""
    return data.arrays[f"X_{part}"], data.arrays[f"y_{part}"]


def test_columns_and_parts(classes):
    net, data, page = classes
    frame, split = data.table.frame, data.split
    rows = {row[0]: row[1:] for row in page.tables["How each column was understood"][1:]}
    assert rows["species target"][:3] == ["classes", "1 (0.3 %)", EN_DASH]
    assert rows["species target"][3] == "Adelie 151, Gentoo 124, Chinstrap 68"
    assert rows["island"] == ["category", EN_DASH, "3", "Biscoe 168, Dream 124, Torgersen 52"]
    assert rows["bill_length_mm"] == ["number", "2 (0.6 %)", "2", "32.1 to 59.6, median 44.45"]
    assert rows["study"][:3] == ["constant left out: has only the value 'palmer'", EN_DASH, EN_DASH]
    assert rows["comment"][0] == "text ignored"
    assert set(rows) - {"species target"} == set(frame.columns) - {"species"}
    assert "'species' is predicted from 7 of the other 9 columns, which are 15 inputs" in page.text
    parts = page.tables["Rows in each part"]
    assert [row[:2] for row in parts[1:]] == [
        ["training", str(len(split.train))],
        ["validation", str(len(split.validation))],
        ["test", str(len(split.test))],
    ]
    counts = Counter(frame["species"].iloc[split.test])
    assert parts[3][3:] == [str(counts[name]) for name in net.class_names]
    assert "1 row of the table in no part" in page.text
    assert "1 of 344 rows has no 'species' and is left out." in page.text


def test_sections(classes):
    net, data, page = classes
    assert [text for tag, text in page.headings if tag != "h3"] == [
        "Prediction of species", "Diagnosis", "Data", "Network", "Training", "Results", "Importance of columns",
        "What to do next",
    ]  # fmt: skip
    labels = [attributes.get("aria-label", "") for _, attributes in page.elements]
    assert {"Loss by epoch", "Accuracy by epoch", "Learning rate by epoch"} <= set(labels)
    assert any(label.startswith("NeuralNetwork: 15, standardized inputs; 16, relu") for label in labels)
    for text in ("Fields are separated by commas.", "Optimizer Adam", "fastmlp predict model.npz new.csv"):
        assert text in page.text
    found = verdict(data, net.history, net.predict(data.arrays["X_test"]), balanced=False)
    assert found
    assert all(sentence in page.text for sentence in found)


def test_results_of_classes(classes):
    metrics = pytest.importorskip("sklearn.metrics")
    net, data, page = classes
    X, y = rows_of(data, "test")
    _, y_train = rows_of(data, "train")
    predicted = net.predict(X)
    by_part = {row[0]: row[2:] for row in page.tables["Accuracy of each part"]}
    assert by_part["test"] == [score(net.score(X, y)), score(net.schema.task.constant_score(y_train, y))]
    assert by_part["training"][0] == score(net.score(*rows_of(data, "train")))
    matrix = page.tables["Confusion matrix: rows by true and predicted class"][2:]
    np.testing.assert_array_equal([row[1:-1] for row in matrix], metrics.confusion_matrix(y, predicted).astype(str))
    scores = page.tables["Scores of each class"][1:]
    expected = np.array(metrics.precision_recall_fscore_support(y, predicted)[:3])
    one_against_others = [metrics.roc_auc_score(y == i, p) for i, p in enumerate(net.predict_proba(X).T)]
    for i, row in enumerate(scores[:3]):
        assert row == [
            net.class_names[i],
            str((y == i).sum()),
            *map(score, expected[:, i]),
            score(one_against_others[i]),
        ]
    assert scores[3][2:] == [*map(score, expected.mean(axis=1)), score(np.mean(one_against_others))]
    most = np.bincount(y_train).argmax()
    constant = metrics.precision_recall_fscore_support(y, np.full(len(y), most), average="macro", zero_division=0)[:3]
    assert scores[4][2:] == [*map(score, constant), "0.5000"]


def test_results_of_a_regression(regression):
    metrics = pytest.importorskip("sklearn.metrics")
    net, data, page = regression
    X, y = rows_of(data, "test")
    predicted, constant = net.predict(X).ravel(), np.full(len(y), rows_of(data, "train")[1].mean())
    row = page.tables["Scores of each part"][-1]
    assert row[:2] == ["test", str(len(y))]
    functions = (metrics.r2_score, metrics.mean_absolute_error, metrics.root_mean_squared_error)
    expected = [function(y, found) for function in functions for found in (predicted, constant)]
    np.testing.assert_allclose([float(text.replace(MINUS, "-")) for text in row[2:]], expected, rtol=1e-3, atol=5e-5)
    labels = [attributes["aria-label"] for _, attributes in page.elements if attributes.get("class") == "chart"]
    assert labels[-2:] == ["Predicted against true numbers, test rows", "Residuals, test rows"]


@pytest.mark.parametrize("name", ["plot_predictions", "plot_residuals"])
def test_the_charts_are_of_the_judged_rows(regression, monkeypatch, name):
    net, data, _ = regression
    plot, drawn = getattr(results, name), []

    def noted(*both, ax):
        drawn.append(both)
        return plot(*both, ax=ax)

    monkeypatch.setattr(results, name, noted)
    report_html(net, data)
    X, y = rows_of(data, "test")
    ((truth, predicted),) = drawn
    np.testing.assert_array_equal(truth, y)
    np.testing.assert_array_equal(predicted, net.predict(X).ravel())


@pytest.mark.parametrize("lost", [np.nan, 1e200])
def test_a_network_whose_training_failed(regression, lost):
    net, data, _ = regression
    failed = copy.deepcopy(net)
    failed.params["W2"][:] = lost
    page = Page(report_html(failed, data))
    assert "Not all predictions are numbers that can be drawn." in page.text
    assert "The network is no better than that." in page.text


def test_importance(classes):
    net, data, page = classes
    found = permutation_importance(net, *rows_of(data, "test"), repeats=5, seed=0)
    expected = [[one.name, "", score(one.mean), score(one.spread)] for one in found]
    assert page.tables["Importance of columns"][1:] == expected


def test_a_network_with_one_output_for_two_classes():
    metrics = pytest.importorskip("sklearn.metrics")
    frame = pandas.DataFrame({"a": np.random.RandomState(0).randn(80)})
    frame["yes"] = (frame["a"] + np.random.RandomState(1).randn(80) > -0.5).astype(int)
    _, data = trained(frame, "yes", epochs=1)
    net = NeuralNetwork(1, [16], 1, loss="binary_cross_entropy", standardizer=data.standardizer, seed=0)
    data.name_in(net)
    fitted(net, data, epochs=5)
    X, y = rows_of(data, "test")
    area = score(metrics.roc_auc_score(y, net.predict_proba(X).ravel()))
    tables = Page(report_html(net, data)).tables
    assert [row[-1] for row in tables["Scores of each class"][1:3]] == [area, area]
    n = frame["yes"].sum()
    target = ["yes target", "classes", EN_DASH, EN_DASH, f"1 {n}, 0 {80 - n}"]
    assert tables["How each column was understood"][1] == target


NASTY = ["<script>alert(1)</script>", "\"a' &amp; </td></table>", '"--></style><img src=x onerror=alert(1)>']


@pytest.mark.parametrize("of_classes", [True, False])
def test_texts_of_users_are_escaped(of_classes):
    def page_of(first, second, third):
        rng = np.random.RandomState(0)
        frame = pandas.DataFrame({first: rng.randn(60), second: ["x", third] * 30, "z": [third] * 60})
        targets = rng.randn(60)
        frame["t" + third] = np.where(targets > 0, first, second) if of_classes else targets
        net, data = trained(frame, "t" + third, epochs=6, notes=(third,))
        texts = {"title": first, "settings": {first: second}, "commands": {second: third}}
        return Page(report_html(net, data, **texts))

    nasty, harmless = page_of(*NASTY), page_of("zzz", "abc", "def")
    assert Counter(tag for tag, _ in nasty.elements) == Counter(tag for tag, _ in harmless.elements)
    assert not any(name.startswith("on") for _, attributes in nasty.elements for name in attributes)
    rows = [row[0] for row in nasty.tables["How each column was understood"]]
    assert rows[2:4] == NASTY[:2]
    assert all(nasty.text.count(text) >= 2 for text in NASTY)


def test_a_text_that_is_no_unicode_can_be_written(tmp_path):
    """As the name of a file may be."""
    net, data = trained(numbers(), "price", epochs=2)
    write_report(tmp_path / "report.html", net, data, title="prices\udcff.csv")
    assert "<h1>prices?.csv</h1>" in (tmp_path / "report.html").read_text("utf-8")


def test_of_many_columns_and_classes_some_are_shown():
    rng, n_classes = np.random.RandomState(0), 40
    labels = np.repeat(np.arange(n_classes), 12)
    frame = pandas.DataFrame(rng.randn(len(labels), 50).round(3)).add_prefix("column ")
    frame.insert(0, "land", "AT")
    frame["label"] = [f"class {i}" for i in labels]
    net, data = trained(frame, "label", epochs=5, task="classification")
    page = Page(report_html(net, data))
    shown = [row[0] for row in page.tables["How each column was understood"][1:]]
    assert shown == ["label target", *(f"column {i}" for i in range(39))]
    assert "12 more columns not shown." in page.text
    assert len(page.tables["Importance of columns"]) == 1 + 20
    assert "The 20 most important of 50 columns are shown." in page.text
    assert len(page.tables["Scores of each class"]) == 1 + 30 + 2
    assert "10 classes with fewer rows not shown" in page.text
    X, y = rows_of(data, "test")
    wrong = Counter((t, p) for t, p in zip(y.tolist(), net.predict(X).tolist(), strict=True) if t != p)
    pairs = page.tables["Classes that are confused most often"][1:]
    names = net.class_names
    assert [row[2] for row in pairs] == [str(n) for _, n in wrong.most_common(15)]
    assert all(wrong[names.index(true), names.index(predicted)] == int(n) for true, predicted, n, _ in pairs)


def test_where_nothing_is_confused():
    frame = pandas.DataFrame({"code": [f"c{i % 16}" for i in range(320)]})
    frame["label"] = frame["code"].str.upper()
    net, data = trained(frame, "label", epochs=100)
    page = Page(report_html(net, data))
    assert "There are 16 classes, and nothing is confused." in page.text
    assert "Classes that are confused most often" not in page.tables


def test_a_network_without_a_history_has_no_curves(regression, tmp_path):
    net, data, page = regression
    net.save(tmp_path / "net.npz")
    loaded = NeuralNetwork.load(tmp_path / "net.npz")
    without = Page(report_html(loaded, data))
    assert ["h2", "Training"] in page.headings
    assert not {"Training", "Diagnosis"} & {text for _, text in without.headings}
    assert without.tables == page.tables
    assert Page(report_html(loaded, data, history=net.history)).text == page.text


def test_a_network_that_is_no_better_than_a_constant():
    frame = pandas.DataFrame({"a": np.random.RandomState(0).randn(60), "y": np.random.RandomState(1).randn(60)})
    net, data = trained(frame, "y", epochs=200)
    assert "The network is no better than that." in Page(report_html(net, data)).text


def test_where_classes_count_alike():
    """A network that is no better than a constant by accuracy may be better by the recalls."""
    metrics = pytest.importorskip("sklearn.metrics")
    size = [i % 10 for i in range(300)]
    frame = pandas.DataFrame({"size": size, "rare": ["yes" if i % 60 in (8, 9) else "no" for i in range(300)]})
    net, data = trained(frame, "rare", epochs=20, class_weight="balanced")
    X, y = rows_of(data, "test")
    recall = score(metrics.balanced_accuracy_score(y, net.predict(X)))
    without, page = (Page(report_html(net, data, balanced=balanced)) for balanced in (False, True))
    assert "The network is no better than that." in without.text
    assert "The network is no better than that." not in page.text
    assert f"mean recall of the classes is {recall}, and that of always saying 'no' 0.5000." in page.text
    assert f"Test mean recall {recall} Constant predictor 0.5000" in page.text
    (expected,) = permutation_importance(net, X, y, balanced=True)
    head, row = page.tables["Importance of columns"]
    assert (head[1], row[2]) == ("Mean recall lost", score(expected.mean))


def test_data_that_the_network_was_not_trained_on_are_refused(regression):
    net, data, _ = regression
    with pytest.raises(TypeError, match=r"network must be a fastmlp\.NeuralNetwork, got NoneType"):
        report_html(None, data)
    with pytest.raises(TypeError, match=r"data must be a fastmlp\.data\.DataSet, got Table"):
        report_html(net, data.table)
    with pytest.raises(ValueError, match=r"data must be of a table, as DataSet\.of_table makes them, got arrays"):
        report_html(net, digits())
    frame = data.table.frame
    others = [DataSet.of_table(Table(frame), target="price", seed=1), DataSet.of_table(Table(frame), target="kind")]
    for other in others:  # other rows are those of the test, or another column is learnt
        with pytest.raises(ValueError, match="network must have the schema of the data, got another"):
            report_html(net, other)
    with pytest.raises(ValueError, match="network must have the schema of the data"):
        report_html(NeuralNetwork(3, [], 1, loss="squared_error"), data)
    with pytest.raises(ValueError, match="balanced must be False in a regression, got True"):
        report_html(net, data, balanced=True)


def test_the_page_is_accessible_and_loads_nothing(classes, regression):
    for *_, page in (classes, regression):
        ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
        assert len(ids) == len(set(ids))
        for tag, attributes in page.elements:
            assert tag != "script"
            assert "src" not in attributes
            for name in {"href", "xlink:href"} & set(attributes):
                address = attributes[name]
                assert address.startswith("data:") or address.removeprefix("#") in ids
            if "clip-path" in attributes:
                assert attributes["clip-path"].removeprefix("url(#").removesuffix(")") in ids
            if attributes.get("role") == "img":
                assert attributes["aria-label"]
            if tag == "svg":
                assert attributes.get("role") == "img" or attributes.get("aria-hidden") or "style" in attributes
            if tag == "th":
                assert attributes["scope"] in ("row", "col", "colgroup")
        levels = [int(tag[1]) for tag, _ in page.headings]
        assert levels[0] == 1
        assert all(b - a <= 1 for a, b in pairwise(levels))
        policy = next(a["content"] for tag, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
        assert "default-src 'none'" in policy


def test_it_is_written_as_it_is(regression, tmp_path):
    net, data, _ = regression
    path = tmp_path / "report.html"
    write_report(path, net, data, title="Prices")
    assert path.read_text("utf-8") == report_html(net, data, title="Prices")


@pytest.fixture(scope="module", params=["classes", "regression"])
def written(request, tmp_path_factory):
    """A file of the page, for a browser."""
    net, data, _ = request.getfixturevalue(request.param)
    folder = tmp_path_factory.mktemp("pages")
    write_report(folder / "report.html", net, data)
    return folder / "report.html"


def browsed(path, *options):
    """What Chromium, without a window, prints of a page, in whose console nothing may be."""
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr",
        f"--user-data-dir={path.parent / 'profile'}", "--allow-file-access-from-files", *options, path.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0
    assert "CONSOLE" not in done.stderr
    return done.stdout


@needs_chromium
@pytest.mark.parametrize(("scheme", "paper"), [("light", (255, 255, 255)), ("dark", (18, 22, 28))])
def test_it_is_drawn_in_light_and_dark(written, tmp_path, scheme, paper):
    imread = pytest.importorskip("matplotlib.image").imread
    picture = tmp_path / "page.png"
    colours = f"--blink-settings=preferredColorScheme={int(scheme == 'light')}"
    browsed(written, colours, "--window-size=800,600", f"--screenshot={picture}")
    pixels = (imread(picture)[..., :3] * 255).round().astype(int)
    assert tuple(pixels[0, 0]) == paper
    strong = {"light": (29, 98, 171), "dark": (125, 182, 240)}[scheme]
    assert (pixels == strong).all(axis=2).sum() > 100  # the score


@needs_chromium
@pytest.mark.parametrize("width", [320, 1200])
def test_it_fits_into_a_window(written, width):
    """Only what is in boxes of its own scrolls from left to right; what the browser understood is what was meant."""
    said = "document.title = this.contentDocument.documentElement.scrollWidth"
    frame = f'<iframe src="report.html" style="width: {width}px; height: 900px; border: 0" onload="{said}"></iframe>'
    window = written.with_name(f"{width}.html")
    window.write_text(f"<!DOCTYPE html>{frame}")
    assert f"<title>{width}</title>" in browsed(window, "--dump-dom")


@needs_chromium
def test_a_browser_understands_it(written):
    assert Page(browsed(written, "--dump-dom")).tables == Page(written.read_text("utf-8")).tables
