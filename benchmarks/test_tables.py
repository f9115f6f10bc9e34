"""People's tables are compared fairly with scikit-learn: python -m pytest benchmarks/test_tables.py"""

import importlib.metadata
import sys
import textwrap

import numpy as np
import pytest

from benchmarks import table_files, tables
from benchmarks.report import tables_table, tables_text
from benchmarks.table_files import FILES, TableFile

pandas = pytest.importorskip("pandas")

# in the place of `fastmlp`: it learns nothing, and predicts from the target itself, with one wrong row of four
COMMAND = textwrap.dedent(
    """
    import json, sys
    from pathlib import Path

    name, *given = sys.argv[1:]
    if name == "predict":
        assert given[2] == "--out"
        Path(given[3]).write_text((Path(given[0]).parent / "saved.csv").read_text())
        sys.exit()

    import numpy as np
    import pandas as pd

    options = dict(zip(given[:-1:2], given[1::2]))
    assert given[-1] == "--json" and set(options) <= {"--data", "--target", "--ignore", "--task", "--seed", "--out"}
    y = pd.read_csv(options["--data"])[options["--target"]]
    rows = np.random.default_rng(int(options["--seed"])).permutation(np.flatnonzero(y.notna()))
    train, val, test = np.split(rows, [len(rows) * 7 // 10, len(rows) * 8 // 10])
    is_classes = y.dtype == object or y.dtype == "str" or y.nunique() < 6
    constant = y.iloc[train].mode()[0] if is_classes else y.iloc[train].mean()
    predicted = y.copy()
    predicted.iloc[test[::4]] = constant
    predicted = predicted.fillna(constant)

    def score(y, predicted):
        return np.mean(y == predicted) if is_classes else 1 - np.mean((y - predicted) ** 2) / np.var(y)

    out = Path(options["--out"])
    out.mkdir()
    predicted.rename("prediction").to_csv(out / "saved.csv", index_label="id")
    record = {
        "task": "classification" if is_classes else "regression",
        "rows": {"train": train.tolist(), "val": val.tolist(), "test": test.tolist()},
        "test_score": score(y.iloc[test], predicted.iloc[test]),
        "constant_score": score(y.iloc[test], np.full(len(test), constant)),
    }
    print(json.dumps(record | CHANGES))
    """
)


def mixed(n: int) -> "pandas.DataFrame":
    """A number and a text with gaps, a name for each row, a class, and an amount that is missing in the last row."""
    random = np.random.default_rng(0)
    number, text = random.standard_normal(n), random.choice(["a", "b", None], n)
    frame = pandas.DataFrame({"name": [f"n{i}" for i in range(n)], "number": number, "text": text})
    frame["kind"] = np.where(number + (frame["text"] == "a") > 0.5, "high", "low")
    frame["amount"] = 100 + 10 * number + 5 * (frame["text"] == "a")
    frame.loc[::7, "number"] = np.nan
    frame.loc[n - 1, "amount"] = np.nan
    return frame


@pytest.fixture
def _mixed(monkeypatch):
    """The files of the benchmark are two of a small table."""
    files = {
        "classes": TableFile("pandas", lambda: mixed(200), "kind", "classification", ("name", "amount"), index=True),
        "amounts": TableFile("pandas", lambda: mixed(200), "amount", "regression", ("name", "kind")),
    }
    monkeypatch.setattr(tables, "FILES", files)


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Install the stand-in, whose JSON has these changes."""

    def install(changes=None, source=COMMAND):
        script = tmp_path / "command.py"
        script.write_text(source.replace("CHANGES", repr(changes or {})))
        monkeypatch.setattr(tables, "COMMAND", (sys.executable, str(script)))

    return install


@pytest.mark.usefixtures("_mixed")
@pytest.mark.parametrize(("name", "score"), [("classes", "accuracy"), ("amounts", "R2")])
def test_a_table_is_trained_and_compared(name, score, command, tmp_path):
    command()
    found = tables.compared(name, 1, tmp_path)
    assert found["failed"] is None
    assert (found["rows"], found["columns"], found["score"]) == (200, 5 + (name == "classes"), score)
    assert [one["seed"] for one in found["seeds"]] == [0]
    assert found["constant"] < 0.8 < found["scikit-learn"] <= 1
    assert found["difference"] == pytest.approx(found["fastmlp"] - found["scikit-learn"])
    assert found["above_constant"]
    head, _, row = tables_table([found]).splitlines()
    assert head.count("|") == row.count("|")
    assert f"--data {name}.csv --target" in row


@pytest.mark.usefixtures("_mixed")
@pytest.mark.parametrize(
    ("changes", "message"),
    [({"test_score": 0.5}, "score 0.5, and predict gives"), ({"task": "regression"}, "taken for regression")],
)
def test_what_the_command_says_is_checked(changes, message, command, tmp_path):
    command(changes)
    found = tables.compared("classes", 1, tmp_path)
    assert message in found["failed"]
    assert "**failed**" in tables_table([found])


@pytest.fixture
def rows(monkeypatch):
    """Rows that the command is to say that it used; then, those on which scikit-learn's networks are trained."""
    rows = {"train": [*range(99, 0, -1)], "val": [*range(100, 120)], "test": [*range(120, 199)]}

    def of_fastmlp(file, path, out, seed):
        constant = tables.of_constant(
            file, tables.columns(file, path)[1], *map(np.array, (rows["train"], rows["test"]))
        )
        return {"rows": dict(rows), "test_score": 0.5, "constant_score": constant + rows.pop("mistake", 0)}

    def of_scikit_learn(file, X, y, train, test, seed):
        rows["of scikit-learn"] = train.tolist(), test.tolist()
        return dict.fromkeys(tables.networks(len(train)), 0.0)

    monkeypatch.setattr(tables, "of_fastmlp", of_fastmlp)
    monkeypatch.setattr(tables, "of_scikit_learn", of_scikit_learn)
    return rows


@pytest.mark.usefixtures("_mixed")
def test_both_libraries_have_the_same_rows(rows, tmp_path):
    rows["train"].append(0)
    assert tables.compared("amounts", 1, tmp_path)["failed"] is None
    assert rows["of scikit-learn"] == ([*range(120)], [*range(120, 199)])


@pytest.mark.usefixtures("_mixed")
@pytest.mark.parametrize("more", [[], [1], [0, 0]])
def test_all_rows_with_a_target_are_used_once(more, rows, tmp_path):
    rows["train"] += more
    assert "and 199 have a target" in tables.compared("amounts", 1, tmp_path)["failed"]


@pytest.mark.usefixtures("_mixed")
def test_the_constant_predictor_is_that_of_the_rows_that_train(rows, tmp_path):
    rows["train"].append(0)
    rows["mistake"] = 1e-6
    assert "constant predictor" in tables.compared("amounts", 1, tmp_path)["failed"]


@pytest.mark.usefixtures("_mixed")
def test_the_commands_errors_are_kept(command, tmp_path):
    command(source="import sys; sys.exit('Error: no such column')")
    assert tables.compared("classes", 1, tmp_path)["failed"] == "Error: no such column"


@pytest.mark.usefixtures("_mixed")
def test_the_yardstick_alone(tmp_path):
    found = tables.compared("classes", 1, tmp_path, with_fastmlp=False)
    assert found["scikit-learn"] > 0.8 > found["constant"]
    assert "| 0.8" in tables_table([found]) or "| 0.9" in tables_table([found]) or "| 1.0" in tables_table([found])


@pytest.mark.parametrize(
    ("fastmlp", "verdict"),
    [
        ([0.8, 0.8], "yes"),
        ([0.79, 0.78], "yes"),
        ([1.0, 0.6], "yes"),
        ([0.78, 0.77], "**no**"),
        ([0.95, 0.59], "**below the constant**"),
    ],
)
@pytest.mark.parametrize("stopped", [0.5, 0.83])
def test_what_keeps_up(stopped, fastmlp, verdict, monkeypatch, tmp_path):
    monkeypatch.setattr(tables, "FILES", {"mixed": TableFile("pandas", lambda: mixed(20), "kind", "classification")})

    def trained(name, path, out, seed):
        return {
            "seed": seed,
            "constant": 0.6,
            **dict(zip(tables.networks(20), (0.8, stopped), strict=True)),
            "fastmlp": fastmlp[seed],
        }

    monkeypatch.setattr(tables, "trained", trained)
    found = tables.compared("mixed", 2, tmp_path)
    assert f"| {verdict} |" in tables_table([found])
    is_both = verdict == "yes" and stopped < 0.8
    assert found["keeps_up_with_both"] == is_both
    assert f"{found['difference']:+.4f} ± {abs(fastmlp[0] - fastmlp[1]) / 2:.4f} |" in tables_table([found])
    failed = {**found, "failed": "no such column"}
    del failed["difference"]
    text = " ".join(tables_text([found, failed]).split())
    assert f"Of 2 tables, 1 failed. On {int(found['keeps_up'])}, fastmlp is" in text
    assert f"on {int(is_both)}, behind neither" in text
    assert f"Below the constant predictor: {int(min(fastmlp) < 0.6)} of 2 trainings, and 0 of" in text


def test_scikit_learn_is_given_gaps_rare_and_new_texts():
    frame = pandas.DataFrame({"number": [1.0, np.nan] * 5, "text": ["a"] * 5 + [None] * 4 + ["b"]})
    steps = tables.prepared().fit(frame)
    # the number, where it is missing, a, and what is rare: gaps, b, and texts that are new
    assert steps.transform(frame)[0].tolist() == pytest.approx([0, -1, 1, 0])
    new = steps.transform(frame.iloc[[5, 9]].assign(text=["b", "c"]))
    np.testing.assert_allclose(new, [[0, 1, 0, 1], [0, 1, 0, 1]])


def test_names_of_classes_are_the_same_however_they_are_written():
    assert tables.canonical("1") == tables.canonical("1.0") == tables.canonical("+1e0") != tables.canonical("10")
    assert tables.canonical(" Chinstrap") == tables.canonical("Chinstrap") != tables.canonical("chinstrap")


def test_there_are_enough_files_of_each_kind():
    assert len(FILES) >= 20
    assert sum(file.task == "regression" for file in FILES.values()) >= 6
    assert {file.task for file in FILES.values()} == set(tables.SCORES)


@pytest.mark.filterwarnings("ignore::pandas.errors.PandasFutureWarning", "ignore:.*read_json is deprecated")
@pytest.mark.parametrize("name", FILES)
def test_files_have_the_columns_that_are_named(name, tmp_path):
    file, path = FILES[name], tmp_path / f"{name}.csv"
    try:
        file.write(path)
    except ModuleNotFoundError as missing:
        pytest.skip(f"{missing.name} is not installed")
    X, y = tables.columns(file, path)
    assert not {"Unnamed: 0", *file.ignore, file.target} & set(X)
    # of fewer rows, the score of the test rows says nothing
    assert len(X) == len(y) >= 150
    assert y.dtype.kind in "if" or file.task == "classification"
    assert pandas.read_csv(path, nrows=0).columns[0].startswith("Unnamed") == file.index
    assert importlib.metadata.version(file.package)


def test_commands_are_printed(monkeypatch, tmp_path, capsys):
    file = TableFile(
        "pandas", lambda: mixed(3), "kind", "classification", ("name", "a b"), options=("--task", "classification")
    )
    monkeypatch.setattr(table_files, "FILES", {"one": file})
    monkeypatch.setattr(sys, "argv", ["table_files", str(tmp_path)])
    table_files.main()
    command = f"fastmlp train --data {tmp_path / 'one.csv'} --target kind --ignore 'name,a b' --task classification\n"
    assert capsys.readouterr().out == command
    assert (tmp_path / "one.csv").read_text().startswith("name,number,text,kind,amount\nn0,")
