"""The report as a whole."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import fastmlp
from fastmlp.data.data_set import DataSet
from fastmlp.files.access import replacing
from fastmlp.functions.scores import mean_absolute_error
from fastmlp.history import History
from fastmlp.network import NeuralNetwork
from fastmlp.plots import plot_history
from fastmlp.plots.panels import new_figure
from fastmlp.remedies import counted
from fastmlp.report.charts import bar, chart, scale
from fastmlp.report.columns import data_section
from fastmlp.report.importance import MIN_ROWS, Importance, permutation_importance, score_of
from fastmlp.report.markup import (
    Markup,
    element,
    html,
    items,
    joined,
    number,
    paragraph,
    score,
    share,
    short,
    table,
)
from fastmlp.report.results import Part, class_results, parts_of, regression_results
from fastmlp.report.style import STYLE
from fastmlp.report.verdict import verdict
from fastmlp.tables.schema import Schema

# Columns whose importance is shown, and how often each one is shuffled.
MAX_COLUMNS, REPEATS = 20, 5
# Inches of a chart; three of them are beside each other where there is room.
PANEL = (3.0, 2.6)
# Nothing is loaded from anywhere, and no script runs, whatever the texts of a table are.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def write_report(path: str | os.PathLike[str], network: NeuralNetwork, data: DataSet, **options: Any) -> None:
    """Write what `report_html` gives to a file, which is replaced as a whole.

    Parameters
    ----------
    path : str or path
        Such as "report.html"; its folder must exist.
    network, data, **options
        As in `report_html`.

    Raises
    ------
    TypeError, ValueError
        As in `report_html`.
    OSError
        If the file cannot be written.
    """
    page = report_html(network, data, **options)
    with replacing(path) as file:
        file.write(page.encode("utf-8", "replace"))  # a name may hold half a character of UTF-16


def report_html(
    network: NeuralNetwork,
    data: DataSet,
    *,
    history: History | None = None,
    title: str | None = None,
    settings: Mapping[str, Any] | None = None,
    commands: Mapping[str, str] | None = None,
    seed: int = 0,
    balanced: bool = False,
) -> str:
    """A training on a table as one page of HTML, which loads nothing else and has no script.

    It shows how each column was understood and what was left out, the network, the curves of its training and what they
    say, the scores of each part beside those of the constant predictor; and of the test rows the confusion matrix and
    the scores of each class, or predicted against true numbers, and the importance of the columns.

    Parameters
    ----------
    network : NeuralNetwork
        Trained on the data, such as one of `data.network`.
    data : fastmlp.data.DataSet
        Of a table.
    history : History, optional
        Of the training; by default `network.history`. Without one, such as of a network from a file, the page has no
        curves.
    title : str, optional
        The heading; by default it names the target.
    settings : mapping of str to value, optional
        Settings of the training to show, such as ``{"Optimizer": "Adam"}``.
    commands : mapping of str to str, optional
        Commands to go on with, by what they are for, such as ``{"Predict new rows": "fastmlp predict ..."}``.
    seed : int
        Of the importance of columns.
    balanced : bool
        Whether all classes count alike, as in a training with ``class_weight="balanced"``: then the network is judged
        by the mean of their recalls, and so is the importance of columns.

    Returns
    -------
    str

    Raises
    ------
    TypeError
        If network is no `NeuralNetwork`, data no `DataSet`, or balanced no bool.
    ValueError
        If the data are not those of a table, the network has another schema, or balanced is True in a regression.
    fastmlp.optional.MissingLibraryError
        Without the extra `cli`.

    Examples
    --------
    >>> import pandas
    >>> from fastmlp.report import report_html
    >>> from fastmlp.data import DataSet
    >>> frame = pandas.DataFrame({"size": [1, 2, 8, 9] * 5, "kind": ["bee", "bee", "cat", "cat"] * 5})
    >>> data = DataSet.of_table(frame, target="kind")
    >>> net = data.network([8], seed=0)
    >>> history = net.fit(data.arrays["X_train"], data.arrays["y_train"], epochs=10, seed=0)
    >>> page = report_html(net, data)
    >>> page[:15], "Confusion matrix" in page
    ('<!DOCTYPE html>', True)
    """
    if not isinstance(network, NeuralNetwork):
        raise TypeError(f"network must be a fastmlp.NeuralNetwork, got {type(network).__name__}")
    if not isinstance(data, DataSet):
        raise TypeError(f"data must be a fastmlp.data.DataSet, got {type(data).__name__}")
    schema, of_table, split = data.schema, data.table, data.split
    if schema is None or of_table is None or split is None:
        raise ValueError("data must be of a table, as DataSet.of_table makes them, got arrays")
    if network.schema != schema:
        raise ValueError("network must have the schema of the data, got another: give the data that it was trained on")
    score_name, _ = score_of(schema.task, balanced)
    parts = parts_of(network, data)
    part, history = parts[-1], network.history if history is None else history
    importance = permutation_importance(network, part.X, part.y, repeats=REPEATS, seed=seed, balanced=balanced)
    is_classification = schema.task.is_classification
    results = (
        class_results(network, schema.task, parts) if is_classification else regression_results(schema.task, parts)
    )
    sections = {
        "Data": data_section(data, schema, [*of_table.notes, *split.notes], parts),
        "Network": [Markup(network._repr_html_()), _facts(settings or {})],
        "Training": _training(history),
        "Results": results,
        "Importance of columns": _importance(importance, part, schema, score_name),
        "What to do next": [
            piece
            for what, command in (commands or {}).items()
            for piece in (paragraph(what), element("pre", element("code", command), tabindex="0"))
        ],
    }
    shown = {name: content for name, content in sections.items() if content}
    heading = title or f"Prediction of {schema.task.target}"
    header = element(
        "header",
        element("h1", heading),
        *_summary(schema, parts, balanced),
        *_diagnosis(verdict(data, history, part.predictions, balanced)),
        _contents(shown),
    )
    body = joined(
        element("section", element("h2", name), *content, id=_anchor(name)) for name, content in shown.items()
    )
    footer = element("footer", paragraph(f"Written by fastmlp {fastmlp.__version__}.", class_="quiet"))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{html(POLICY)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<link rel="icon" href="data:,">\n'
        f"<title>{html(heading)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"{header}\n{element('main', body)}\n{footer}\n</body>\n</html>\n"
    )


def _anchor(name: str) -> str:
    return name.lower().replace(" ", "-")


def _contents(sections: Mapping[str, Any]) -> Markup:
    return element(
        "nav", items(element("a", name, href=f"#{_anchor(name)}") for name in sections), aria_label="Contents"
    )


def _summary(schema: Schema, parts: Sequence[Part], balanced: bool) -> list[Markup]:
    """The result in a sentence and in tiles."""
    train, part, task = parts[0], parts[-1], schema.task
    said = task.constant_prediction(train.y)
    both = part.predictions, np.full(len(part.y), said)
    name, judged = score_of(task, balanced)
    value, constant = (judged(one, part.y) for one in both)
    rows = counted(len(part.y), f"{part.name} row")
    if task.is_classification:
        usual = repr(short(task.class_names[int(said)]))
        right, of_constant = (share(task.score(one, part.y), 1) for one in both)
        lead = f"Of {rows}, {right} are classified correctly. Always saying {usual} would be right in {of_constant}."
        if balanced:
            lead += (
                f" But each class counts alike: the mean recall of the classes is {score(value)}, and that of always "
                f"saying {usual} {score(constant)}."
            )
    else:
        usual = number(said)
        error, of_constant = (number(mean_absolute_error(numbers, part.y), 3) for numbers in both)
        lead = f"On {rows}, predictions are {error} off on average. Always saying {usual} would be {of_constant} off."
    if not value > constant:
        lead += " The network is no better than that."
    tiles = [
        _tile(
            f"{part.name.capitalize()} {name}",
            score(value),
            scale(value, constant, f"{name} {score(value)}, constant predictor {score(constant)}"),
            kind="tile score",
        ),
        _tile("Constant predictor", score(constant), f"says {usual}", kind="tile constant"),
        _tile("Rows", f"{sum(len(one.y) for one in parts):,}", f"{len(train.y):,} to train"),
        _tile("Columns", f"{len(schema.inputs):,}", f"{counted(len(schema.feature_names), 'input')}"),
    ]
    return [paragraph(lead, class_="lead"), element("dl", *tiles, class_="tiles")]


def _tile(name: str, value: str, note: Any, kind: str = "tile") -> Markup:
    value_ = element("div", value, class_="value")
    return element("div", element("dt", name), element("dd", value_, element("div", note, class_="note")), class_=kind)


def _diagnosis(sentences: Sequence[str]) -> list[Markup]:
    """What the training has come to."""
    return [element("h2", "Diagnosis"), *map(paragraph, sentences)] if sentences else []


def _training(history: History | None) -> list[Markup]:
    """The curves, and which epoch is kept."""
    if not history:
        return []
    panels = [new_figure(*PANEL).subplots() for _ in range(3)]
    plot_history(history, ax=panels)
    charts = []
    for panel in panels:
        panel.set_xlabel("Epoch")
        panel.locator_params(nbins=5)
        charts.append(chart(f"{panel.get_ylabel()} by epoch", panel.figure))
    kept = [paragraph(history.kept, class_="quiet")] if history.kept else []
    return [element("div", *charts, class_="charts"), *kept]


def _facts(settings: Mapping[str, Any]) -> Markup:
    pairs = [element("div", element("dt", name), element("dd", value)) for name, value in settings.items()]
    return element("dl", *pairs, class_="facts") if pairs else Markup()


def _importance(found: Sequence[Importance], part: Part, schema: Schema, name: str) -> list[Markup]:
    """A bar for each of the most important columns, by the score of this name."""
    shown = found[:MAX_COLUMNS]
    largest = max(max(one.mean + one.spread for one in shown), 1e-12)
    rows = [
        [
            short(one.name),
            bar(100 * one.mean / largest, 100 * one.spread / largest, f"{score(one.mean)} of {name} lost"),
            score(one.mean),
            score(one.spread),
        ]
        for one in shown
    ]
    n_rows = found[0].n_rows
    drawn = "" if n_rows == len(part.y) else f"{n_rows:,} of "
    content = [
        paragraph(
            f"How much {name} is lost where the values of a column are shuffled among {drawn}{len(part.y):,} "
            f"{part.name} rows: the mean of {REPEATS} times, and the standard deviation. Columns that say the same "
            "make each other look unimportant."
        ),
        table(
            "Importance of columns", ["Column", f"{name[0].upper()}{name[1:]} lost", "Mean", "Spread"], rows, texts=[1]
        ),
    ]
    if len(part.y) < MIN_ROWS:
        content.append(paragraph(f"With {counted(len(part.y), 'row')} these numbers are rough.", class_="quiet"))
    if len(schema.inputs) > len(shown):
        measured = "" if len(found) == len(schema.inputs) else f" the {len(found):,} with the largest weights, of"
        text = f"The {len(shown)} most important of{measured} {len(schema.inputs):,} columns are shown."
        content.append(paragraph(text, class_="quiet"))
    return content
