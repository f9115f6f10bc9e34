"""`report.html` of `fastmlp train`: the rows and the score of the training, and commands that run as they stand."""

import html
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from cli_helpers import found
from report_helpers import Page

from fastmlp.report.markup import score

pandas = pytest.importorskip("pandas")

pytestmark = pytest.mark.application


def write(path, mark="."):
    """A table with gaps in the target, between tabs."""
    random = np.random.RandomState(0)
    size = 1 + random.rand(200) * 8
    frame = pandas.DataFrame({"size": size, "kind": random.choice(["<old>", "new"], 200), "price": 2 * size + 1})
    frame["sold"] = np.where(size + random.randn(200) > 5, "yes", "no")
    frame.loc[[3, 50], ["price", "sold"]] = None
    frame.to_csv(path, sep="\t", index=False, decimal=mark, float_format="%.3f")  # 1,234 may be read either way


@pytest.mark.parametrize(
    ("target", "options", "name"),
    [
        ("sold", (), "accuracy"),
        ("price", (), "R2"),
        ("price", ("--loss", "absolute_error"), "R2"),  # the curves are of D2
    ],
)
def test_it_is_of_the_training(run, tmp_path, target, options, name):
    write(tmp_path / "a & b.tsv")
    other = {"sold": "price", "price": "sold"}[target]
    options = ("--data", "a & b.tsv", "--target", target, "--ignore", other, "--epochs", 30, *options)
    trained = found(run("train", *options, "--json", "--out", "my runs"))
    assert "my runs/report.html" in trained["files"]
    text = Path("my runs/report.html").read_text("utf-8")
    page = Page(text)
    assert page.headings[0] == ["h1", f"Prediction of {target} in a & b.tsv"]
    assert f"Test {name} {trained['test_score']:.4f} Constant predictor {score(trained['constant_score'])}" in page.text
    sizes = [len(trained["rows"][part]) for part in ("train", "val", "test")]
    assert [int(row[1]) for row in page.tables["Rows in each part"][1:]] == sizes
    labels = [attributes.get("aria-label") for _, attributes in page.elements]
    assert ("D2 by epoch" in labels) == ("absolute_error" in options)
    curve = "D2" if "absolute_error" in options else name
    assert re.search(f"Diagnosis (The network neither over- nor underfits: t|T)rain {curve} ", page.text)
    assert f" L2 {3 / sizes[0]:.3g} " in page.text
    for note in ("Fields are separated by tabs.", f"2 of 200 rows have no '{target}' and are left out."):
        assert note in page.text
    commands = [shlex.split(html.unescape(code)) for code in re.findall("<code>(.*?)</code>", text)]
    assert [words[:2] for words in commands] == [["fastmlp", "predict"], ["fastmlp", "evaluate"]]
    assert run(*commands[0][1:]).exit_code == 0
    assert len(Path("submission.csv").read_text().splitlines()) == 1 + 200
    assert found(run(*commands[1][1:], "--json"))[name] == trained["test_score"]


def test_it_judges_by_what_the_last_line_judges_by(run, tmp_path):
    write(tmp_path / "a.tsv")
    options = ("--data", "a.tsv", "--target", "sold", "--weights", "balanced", "--epochs", 5, "--out", "a")
    line = run("train", *options).stdout.splitlines()[-1]
    recall = re.search(r"mean recall of the classes (0\.\d{4}), constant predictor 0\.5000", line)[1]
    assert (
        f"Test mean recall {recall} Constant predictor 0.5000 " in Page(Path("a/report.html").read_text("utf-8")).text
    )


def test_the_options_of_reading_are_kept_with_the_network(run, tmp_path):
    write(tmp_path / "a.csv", ",")
    text = Path("a.csv").read_text().replace("nan", "").replace("<old>", "n.b.")
    Path("a.csv").write_text(text, "utf-16-le")
    reading = ("--delimiter", r"\t", "--decimal", ",", "--missing", "n.b.", "--missing", "a 'b'")
    reading += ("--encoding", "utf-16-le", "--header")
    assert run("train", "--data", "a.csv", "--target", "price", "--epochs", 1, "--out", "a", *reading).exit_code == 0
    page = Path("a/report.html").read_text("utf-8")
    assert ["size", "number"] in [row[:2] for row in Page(page).tables["How each column was understood"]]
    code = re.search("<code>(.*?)</code>", page)[1]
    words = shlex.split(html.unescape(code))
    assert words == ["fastmlp", "predict", "a/model.npz", "a.csv"]
    assert run(*words[1:]).exit_code == 0


def test_arrays_have_none(run, tmp_path):
    np.savez(tmp_path / "a.npz", X=np.random.RandomState(0).randn(60, 2), y=np.arange(60) % 2)
    trained = found(run("train", "--data", "a.npz", "--epochs", 1, "--json"))
    names = ["model.npz", "history.json", "history.png", "test.npz"]
    assert [Path(file).name for file in trained["files"]] == names
    assert {file.name for file in Path("runs/a-adam").iterdir()} == {*names, "checkpoint.npz"}
