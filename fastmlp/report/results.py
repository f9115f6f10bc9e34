"""The section about the results: the scores of each part, and of the judged one what is confused, or how far off."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fastmlp.data.data_set import DataSet
from fastmlp.functions.class_scores import (
    class_scores,
    confusion_matrix,
    mean_score,
    most_confused,
    roc_auc_of_classes,
)
from fastmlp.functions.scores import SCORES_OF_NUMBERS
from fastmlp.network import NeuralNetwork
from fastmlp.plots import plot_predictions, plot_residuals
from fastmlp.plots.panels import new_figure
from fastmlp.remedies import counted
from fastmlp.report.charts import chart
from fastmlp.report.markup import EN_DASH, Markup, element, number, paragraph, score, share, short, table
from fastmlp.tables.parts import PARTS
from fastmlp.tables.task import Task
from fastmlp.validation import MAX_TARGET

# Classes of a matrix; of more, the pairs that are confused most often are listed. Classes of the table of scores.
MAX_MATRIX, MAX_PAIRS, MAX_CLASSES = 15, 15, 30
# How much of the colour a cell gets at most, so that its number can be read.
STRONGEST = 0.72
# Inches of a chart; two of them are beside each other where there is room.
CHART = (4.4, 3.7)


class Part(NamedTuple):
    """Some rows of a table, their targets, and what a network predicts.

    Attributes
    ----------
    name : {"training", "validation", "test"}
    X : ndarray (n_rows, n_features), float64
    y, predictions : ndarray (n_rows,)
        Numbers of classes, or numbers.
    """

    name: str
    X: np.ndarray
    y: np.ndarray
    predictions: np.ndarray


def parts_of(network: NeuralNetwork, data: DataSet) -> list[Part]:
    """The parts of the data. The last one, of the test, is judged."""
    found = []
    for part, name in PARTS.items():
        X, y = data.arrays[f"X_{part}"], data.arrays[f"y_{part}"]
        found.append(Part(name, X, y, np.ravel(network.predict(X))))
    return found


def class_results(network: NeuralNetwork, task: Task, parts: Sequence[Part]) -> list[Markup]:
    """Accuracy of each part beside the constant predictor's, what is confused, and scores of each class."""
    train, part, names = parts[0], parts[-1], list(map(short, task.class_names))
    frequent = int(task.constant_prediction(train.y))
    rows = [
        [
            one.name,
            f"{len(one.y):,}",
            score(task.score(one.predictions, one.y)),
            score(task.constant_score(train.y, one.y)),
        ]
        for one in parts
    ]
    confusion = confusion_matrix(part.y, part.predictions, len(names))
    return [
        paragraph(f"The constant predictor says {names[frequent]!r} of every row, the most frequent training class."),
        table("Accuracy of each part", ["Part", "Rows", "Accuracy", "Constant predictor"], rows),
        element("h3", f"What is confused, {part.name} rows"),
        *(_matrix if len(names) <= MAX_MATRIX else _pairs)(confusion, names),
        element("h3", f"Scores of each class, {part.name} rows"),
        *_scores_table(network, part, confusion, names, frequent),
    ]


def _matrix(confusion: np.ndarray, names: Sequence[str]) -> list[Markup]:
    """The confusion matrix as a table whose cells are coloured by their share of the true class."""
    rows = []
    for i, (name, counts) in enumerate(zip(names, confusion.tolist(), strict=True)):
        n_rows = sum(counts)
        cells = [
            element(
                "span",
                f"{n:,}",
                class_="cell" if n else "cell none",
                style=f"--strength: {STRONGEST * n / max(n_rows, 1):.3f}",
            )
            for n in counts
        ]
        rows.append([name, *cells, share(counts[i], n_rows)])
    head, groups = ["True class", *names, "Right"], [("Predicted class", len(names)), ("", 1)]
    made = table("Confusion matrix: rows by true and predicted class", head, rows, groups=groups)
    return [
        element("div", made, class_="matrix"),
        paragraph("The colour is the share of the true class.", class_="quiet"),
    ]


def _pairs(confusion: np.ndarray, names: Sequence[str]) -> list[Markup]:
    """The pairs of classes that are confused most often."""
    pairs = most_confused(confusion, MAX_PAIRS)
    if not pairs:
        return [paragraph(f"There are {len(names):,} classes, and nothing is confused.")]
    rows = [[names[i], names[j], f"{n:,}", share(n, confusion[i].sum())] for i, j, n in pairs]
    head = ["True class", "Predicted class", "Rows", "Share of the true class"]
    lead = f"There are {len(names):,} classes; these pairs are confused most often."
    return [paragraph(lead), table("Classes that are confused most often", head, rows, texts=[1])]


def _scores_table(
    network: NeuralNetwork, part: Part, confusion: np.ndarray, names: Sequence[str], frequent: int
) -> list[Markup]:
    constant = confusion_matrix(part.y, np.full(len(part.y), frequent), len(names))
    *columns, n_rows = class_scores(confusion)
    areas = roc_auc_of_classes(network.predict_proba(part.X), part.y)
    shown = np.sort(np.argsort(-n_rows, kind="stable")[:MAX_CLASSES])
    rows = [[names[i], f"{n_rows[i]:,}", *(score(column[i]) for column in (*columns, areas))] for i in shown.tolist()]
    means, of_constant = (
        [score(mean_score(column, n_rows)) for column in class_scores(found)[:-1]] for found in (confusion, constant)
    )
    is_known = np.isfinite(areas).any()
    foot = [
        ["Mean of the classes", f"{len(part.y):,}", *means, score(np.nanmean(areas)) if is_known else EN_DASH],
        ["Constant predictor, mean", "", *of_constant, "0.5000" if is_known else EN_DASH],
    ]
    head = ["Class", "Rows", "Precision", "Recall", "F1", "ROC AUC"]
    content = [table("Scores of each class", head, rows, foot=foot)]
    if len(names) > MAX_CLASSES:
        rest = counted(len(names) - MAX_CLASSES, "class with fewer rows", "classes with fewer rows")
        content.append(paragraph(f"{rest} not shown; the means are those of all classes.", class_="quiet"))
    text = (
        "Precision is the share of the rows predicted as a class that are of it, recall the share of its rows that are "
        "found, F1 their harmonic mean. ROC AUC is how often a row of the class has a higher probability of it than a "
        "row of another class."
    )
    return [*content, paragraph(text, class_="quiet")]


def regression_results(task: Task, parts: Sequence[Part]) -> list[Markup]:
    """R2, MAE and RMSE of each part beside the constant predictor's, and two charts."""
    mean, part, target = task.constant_prediction(parts[0].y), parts[-1], short(task.target)
    rows = []
    for one in parts:
        both = one.predictions, np.full(len(one.y), mean)
        scores = [[function(numbers, one.y) for numbers in both] for function in SCORES_OF_NUMBERS.values()]
        r2, *errors = scores
        rows.append([one.name, f"{len(one.y):,}", *map(score, r2), *map(number, np.ravel(errors).tolist())])
    groups = [("", 1), *((name, 2) for name in SCORES_OF_NUMBERS)]
    head = ["Part", "Rows", *["Network", "Constant"] * len(SCORES_OF_NUMBERS)]
    content = [
        paragraph(f"The constant predictor says {number(mean)} of every row, the mean of the training rows."),
        table("Scores of each part", head, rows, groups=groups),
        paragraph(
            "R2 is the share of the variance that is explained: 1 is exact, 0 no better than the mean. MAE and RMSE "
            f"are the mean absolute error and the root of the mean squared error, in units of {target}.",
            class_="quiet",
        ),
    ]
    if not (np.abs(part.predictions.astype(np.float64)) <= MAX_TARGET).all():
        return [*content, paragraph("Not all predictions are numbers that can be drawn.")]
    charts = []
    for label, draw in (("Predicted against true numbers", plot_predictions), ("Residuals", plot_residuals)):
        panel = new_figure(*CHART).subplots()
        charts.append(chart(f"{label}, {part.name} rows", draw(part.y, part.predictions, ax=panel)))
    return [
        *content,
        element("h3", f"Predictions and residuals, {part.name} rows"),
        element("div", *charts, class_="charts"),
        paragraph("On the dashed lines predictions are exact.", class_="quiet"),
    ]
