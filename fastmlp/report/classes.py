"""The section about the results of a classification: scores of each part and class, and what is confused."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastmlp.functions.class_scores import ClassScores, class_scores, confusion_matrix, mean_score, roc_auc
from fastmlp.functions.scores import accuracy
from fastmlp.network import NeuralNetwork
from fastmlp.report.markup import EN_DASH, Markup, counted, element, paragraph, score, share, short, table
from fastmlp.report.parts import Part, judged
from fastmlp.tables.task import Task

# Classes of a matrix; of more, the pairs that are confused most often are listed. Classes of the table of scores.
MAX_MATRIX, MAX_PAIRS, MAX_CLASSES = 15, 15, 30
# How much of the colour a cell gets at most, so that its number can be read.
STRONGEST = 0.72


def class_results(network: NeuralNetwork, task: Task, parts: Sequence[Part]) -> list[Markup]:
    """Accuracy of each part beside the constant predictor's, the confusion matrix, scores of each class."""
    train, part = parts[0], judged(parts)
    rows = [
        [
            one.name,
            f"{len(one.y):,}",
            score(accuracy(one.predictions, one.y)),
            score(task.constant_score(train.y, one.y)),
        ]
        for one in parts
    ]
    names = list(map(short, task.class_names))
    frequent = int(np.bincount(train.y).argmax())
    confusion = confusion_matrix(part.y, part.predictions, len(names))
    content = [
        paragraph(f"The constant predictor says {names[frequent]!r} of every row, the most frequent training class."),
        table("Accuracy of each part", ["Part", "Rows", "Accuracy", "Constant predictor"], rows),
        element("h3", f"What is confused, {part.name} rows"),
    ]
    content += _matrix(confusion, names) if len(names) <= MAX_MATRIX else _pairs(confusion, names)
    content.append(element("h3", f"Scores of each class, {part.name} rows"))
    content += _scores_table(network, part, confusion, names, frequent)
    return content


def _matrix(confusion: np.ndarray, names: Sequence[str]) -> list[Markup]:
    """The confusion matrix as a table whose cells are coloured by their share of the true class."""
    rows: list[list[Any]] = []
    for name, counts in zip(names, confusion, strict=True):
        shares = counts / max(counts.sum(), 1)
        cells = [_cell(n, part) for n, part in zip(counts.tolist(), shares.tolist(), strict=True)]
        rows.append([name, *cells, share(counts[len(rows)], counts.sum())])
    groups = [("Predicted class", len(names)), ("", 1)]
    made = table(
        "Confusion matrix: rows by true and predicted class", ["True class", *names, "Right"], rows, groups=groups
    )
    return [
        element("div", made, class_="matrix"),
        paragraph("The colour is the share of the true class.", class_="quiet"),
    ]


def _cell(n: int, part: float) -> Markup:
    return element("span", f"{n:,}", class_="cell" if n else "cell none", style=f"--strength: {STRONGEST * part:.3f}")


def _pairs(confusion: np.ndarray, names: Sequence[str]) -> list[Markup]:
    """The pairs of classes that are confused most often."""
    wrong = confusion - np.diag(np.diag(confusion))
    pairs = [divmod(int(i), len(names)) for i in np.argsort(-wrong, axis=None, kind="stable")[:MAX_PAIRS]]
    rows = [
        [names[i], names[j], f"{wrong[i, j]:,}", share(wrong[i, j], confusion[i].sum())]
        for i, j in pairs
        if wrong[i, j]
    ]
    lead = f"There are {len(names):,} classes; these pairs are confused most often."
    if not rows:
        return [paragraph(f"There are {len(names):,} classes, and nothing is confused.")]
    head = ["True class", "Predicted class", "Rows", "Share of the true class"]
    return [paragraph(lead), table("Classes that are confused most often", head, rows, texts=[1])]


def _scores_table(
    network: NeuralNetwork, part: Part, confusion: np.ndarray, names: Sequence[str], frequent: int
) -> list[Markup]:
    found, n_classes = class_scores(confusion), len(names)
    probabilities = network.predict_proba(part.X)
    if probabilities.shape[1] < n_classes:  # one output for two classes
        probabilities = np.column_stack([1 - probabilities, probabilities])
    areas = np.array([roc_auc(part.y == i, probabilities[:, i]) for i in range(n_classes)])
    shown = np.sort(np.argsort(-found.n_rows, kind="stable")[:MAX_CLASSES])
    rows = [
        [names[i], f"{found.n_rows[i]:,}", *map(score, (found.precision[i], found.recall[i], found.f1[i], areas[i]))]
        for i in shown.tolist()
    ]
    constant = class_scores(confusion_matrix(part.y, np.full(len(part.y), frequent), n_classes))
    area = score(float(np.nanmean(areas))) if np.isfinite(areas).any() else EN_DASH
    foot = [["Mean of the classes", f"{len(part.y):,}", *_means(found), area]]
    foot.append(["Constant predictor, mean", "", *_means(constant), "0.5000" if area != EN_DASH else EN_DASH])
    content = [
        table("Scores of each class", ["Class", "Rows", "Precision", "Recall", "F1", "ROC AUC"], rows, foot=foot)
    ]
    if n_classes > MAX_CLASSES:
        rest = counted(n_classes - MAX_CLASSES, "class with fewer rows", "classes with fewer rows")
        content.append(paragraph(f"{rest} not shown; the means are those of all classes.", class_="quiet"))
    content.append(
        paragraph(
            "Precision is the share of the rows predicted as a class that are of it, recall the share of its rows that "
            "are found, F1 their harmonic mean. ROC AUC is how often a row of the class has a higher probability of it "
            "than a row of another class.",
            class_="quiet",
        )
    )
    return content


def _means(found: ClassScores) -> list[str]:
    return [score(mean_score(one, found.n_rows)) for one in (found.precision, found.recall, found.f1)]
