"""Odd files as a user meets them: what `describe` says they are, what is refused, and that all others train."""

import csv
import random
import re

import pytest
from cli_helpers import found
from table_zoo import READ, REFUSED

from fastmlp.remedies import counted

pytestmark = pytest.mark.application


@pytest.mark.parametrize(("text", "rows", "note"), READ.values(), ids=READ)
def test_what_is_read_is_said(run, tmp_path, text, rows, note):
    (tmp_path / "a.csv").write_bytes(text.encode() if isinstance(text, str) else text)
    result = run("describe", "a.csv")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith(f"a.csv: {counted(len(rows) - 1, 'row')}, ")
    assert note in result.stdout


@pytest.mark.parametrize(("name", "text", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_is_an_error_of_the_file(run, tmp_path, name, text, message):
    if name.endswith(("parquet", "arrow")):
        pytest.importorskip("pyarrow", exc_type=ImportError)
    (tmp_path / name).write_bytes(text.encode() if isinstance(text, str) else text)
    result = run("train", "--data", name, "--target", "a")
    assert result.exit_code == 1
    with pytest.raises(ValueError, match=f"^Error: {name}{message}"):
        raise ValueError(result.stderr.splitlines()[-1])


DRAWN = random.Random(0)
N = 60


def lines(header, of_row):
    return "\n".join([*header, *(of_row(i) for i in range(N)), ""])


def any_of(*values):
    return DRAWN.choice(values)


# name: a file as people have it, options, and of some columns the kind, and what is said
PEOPLE = {
    "codes": (
        lines(
            ["status purpose age class"], lambda i: f"A{any_of(11, 12, 13)} A4{any_of(0, 3)} {i % 50 + 19} {i % 2 + 1}"
        ),
        ("--target", "class"),
        {"status": ("category", ""), "age": ("number", ""), "class": ("number", "target")},
    ),
    "census": (
        lines([], lambda i: f"{i % 40 + 20}, {any_of('Sales', '?')}, {i * 997}, {any_of('<=50K.', '>50K.')}"),
        ("--target", "column 4"),
        {"column 2": ("category", ""), "column 4": ("category", "target")},
    ),
    "none as NA": (
        lines(
            ["Id,Pool,Street,Price"], lambda i: f"{i + 1},{any_of('NA', 'Ex', 'Gd')},Pave,{any_of(1, 2) * 1000 + i}.5"
        ),
        ("--target", "Price"),
        {"Id": ("id", "left out: numbers the rows"), "Pool": ("category", ""), "Street": ("constant", "left out: ")},
    ),
    "names and tickets": (
        lines(
            ["Name,Ticket,Fare,Survived"],
            lambda i: f'"Mr. {i}, Al",{any_of("", "PC ", "C.A. ")}{i * 371},{i % 9}.{i % 4},{i % 2}',
        ),
        ("--target", "Survived"),
        {"Name": ("text", "left out: has another value"), "Ticket": ("text", "left out: "), "Fare": ("number", "")},
    ),
    "zip codes and telephones": (
        lines(["zip,phone,x,y"], lambda i: f"{any_of('01067', '80331')},+43 660 {i:07},{i % 7},{any_of('a', 'b')}"),
        ("--target", "y"),
        {"zip": ("category", ""), "phone": ("text", "left out: "), "x": ("number", "")},
    ),
    "units": (
        lines(
            ["price,share,loss,power,y"],
            lambda i: f"USD {i % 40},{i % 31}.5%,{any_of('({})', '{}').format(i % 20 + 1)},{i % 30} kW,{i % 3 / 2 + i}",
        ),
        ("--target", "y", "--task", "regression"),
        {
            "price": ("number", "with the unit USD"),
            "share": ("number", "the unit %"),
            "loss": ("number", ""),
            "power": ("number", "the unit kW"),
        },
    ),
    "Excel in Europe": (
        lines(
            ["sep=;", "Größe;Preis;Klasse"], lambda i: f"{i % 9},5;1.{i % 30 + 100},50 €;{any_of('süß', 'sauer')} "
        ).encode("cp1252"),
        ("--target", "Klasse"),
        {"Größe": ("number", "a decimal comma"), "Preis": ("number", "thousands separated by '.' and the unit €")},
    ),
    "an index, gaps, a target that lacks some": (
        lines(
            ["\ta\tb\ty"],
            lambda i: f"{i}\t{any_of('1.5', 'NaN', '2')}\t{any_of('yes', 'no', '')}\t{any_of('u', 'v', '')}",
        ),
        ("--target", "y"),
        {"a": ("number", ""), "b": ("boolean", ""), "y": ("category", "target")},
    ),
    "the target twice": (
        lines(["y,x,y"], lambda i: f"{i % 3},{i % 7},{i % 3}"),
        ("--target", "y"),
        {"y": ("number", "target"), "x": ("number", "")},
    ),
    "names twice, in quotes, as names of inputs": (
        lines(['a,a,"b ""c""",d,"d=u"'], lambda i: f"{i % 7},{i % 5},{i % 4},{any_of('u', 'v')},{any_of(0, 1)}"),
        ("--target", "a"),
        {"a": ("number", "target"), "a.1": ("number", ""), 'b "c"': ("number", ""), "d=u": ("number", "")},
    ),
}


@pytest.mark.parametrize(("text", "options", "columns"), PEOPLE.values(), ids=PEOPLE)
def test_tables_as_people_have_them(run, tmp_path, text, options, columns):
    """They are understood, trained on, and predicted; the score of the test rows is found again."""
    (tmp_path / "a.csv").write_bytes(text.encode() if isinstance(text, str) else text)
    shown = run("describe", "a.csv", *options[:2]).stdout.splitlines()
    for name, (kind, remark) in columns.items():
        (line,) = [line for line in shown if line.startswith(f"{name} ")]
        assert line.removeprefix(name).split()[0] == kind
        assert remark in line
        assert remark or not re.search("  (with|target|ignored|left out|refused)", line)
    result = run("train", "--data", "a.csv", *options, "--epochs", "2", "--json", "--out", "a")
    assert result.exit_code == 0, result.stderr
    trained = found(result)
    assert run("predict", "a/model.npz", "a.csv", "--out", "b.csv").exit_code == 0
    with (tmp_path / "b.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header[-1] == options[1]
    assert len(rows) == N
    again = found(run("evaluate", "a/model.npz", trained["files"][-1], "--json"))
    assert trained["test_score"] == again[{"classification": "accuracy"}.get(trained["task"], "R2")]


X = [f"{i},{i % 7 / 4}" for i in range(N)]
# name: a file, options, and the error, after which nothing is written
NOT_TRAINED = {
    "a date": (
        ["day,y", *(f"2024-01-{i % 28 + 1:02},{i % 2}" for i in range(N))],
        "a.csv: column 'day' has dates|--ignore day",
    ),
    "a stray text": (
        ["x,y", *X, "Total,1"],
        "column 'x' has numbers, but 'Total' in line 62|--missing Total|--ignore x",
    ),
    "either mark": (
        ["x,y", *(f'"{i},125",{i % 2}' for i in range(1, N))],
        "a.csv: column 'x' has numbers such as '1,125', which may be 1125 or 1.125|--decimal . or --decimal ,",
    ),
    "two units": (
        ["x,y", *(f"{i} {('kg', 'g')[i % 2]},{i % 2}" for i in range(N))],
        "column 'x'|in one unit|--ignore x",
    ),
    "ids as target": (["x,y", *(f"{i % 3},{i}" for i in range(N))], "target 'y' numbers the rows|another column"),
    "one class": (["x,y", *(f"{i},a" for i in range(N))], "target 'y' has only the value 'a'|another column"),
    "one column": (["y", *("ab"[i % 2] for i in range(N))], "a.csv must have a column to learn from besides 'y'"),
    "a title": (
        ["Sales, all", "x,z,y", *(f"{line},1" for line in X)],
        "a.csv, line 1: must have 3 fields as most lines",
    ),
    "no target": (["x,z", *X], "--target must name the column to be predicted, one of 'x', 'z', got 'y'"),
}


@pytest.mark.parametrize(("rows", "parts"), NOT_TRAINED.values(), ids=NOT_TRAINED)
def test_what_cannot_be_learnt_is_refused_with_options(run, tmp_path, rows, parts):
    (tmp_path / "a.csv").write_text("\n".join(rows))
    result = run("train", "--data", "a.csv", "--target", "y")
    assert result.exit_code in (1, 2)
    for part in parts.split("|"):
        assert part in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]
