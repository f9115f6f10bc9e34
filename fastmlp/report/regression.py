"""The section about the results of a regression: scores of each part, predicted against true numbers, residuals."""

from collections.abc import Sequence

import numpy as np

from fastmlp.functions.scores import mean_absolute_error, r2, root_mean_squared_error
from fastmlp.report.charts import MAX_POINTS, histogram, scatter
from fastmlp.report.markup import Markup, element, number, paragraph, score, short, table
from fastmlp.report.parts import Part, judged
from fastmlp.tables.task import Task

SCORES = {"R2": (r2, score), "RMSE": (root_mean_squared_error, number), "MAE": (mean_absolute_error, number)}


def regression_results(task: Task, parts: Sequence[Part]) -> list[Markup]:
    """R2, RMSE and MAE of each part beside the constant predictor's, and two charts."""
    mean, part, target = float(parts[0].y.mean()), judged(parts), short(task.target)
    rows = []
    for one in parts:
        row = [one.name, f"{len(one.y):,}"]
        for function, form in SCORES.values():
            row += [form(function(one.predictions, one.y)), form(function(np.full(len(one.y), mean), one.y))]
        rows.append(row)
    groups = [("", 1), *((name, 2) for name in SCORES)]
    head = ["Part", "Rows", *["Network", "Constant"] * len(SCORES)]
    residuals = part.predictions - part.y
    against = f"Predicted against true {target}, {part.name} rows"
    names = f"True {target}", f"Predicted {target}"
    charts = [
        scatter(against, *names, part.y, part.predictions),
        histogram(f"Residuals, {part.name} rows", "Predicted \N{MINUS SIGN} true", "Rows", residuals),
    ]
    text = "On the dashed lines predictions are exact."
    if len(part.y) > MAX_POINTS:
        text += f" {MAX_POINTS:,} of {len(part.y):,} rows are drawn as points, evenly along the true numbers."
    return [
        paragraph(f"The constant predictor says {number(mean)} of every row, the mean of the training rows."),
        table("Scores of each part", head, rows, groups=groups),
        paragraph(
            "R2 is the share of the variance that is explained: 1 is exact, 0 no better than the mean. RMSE and MAE "
            f"are the root of the mean squared and the mean absolute error, in units of {target}.",
            class_="quiet",
        ),
        element("h3", f"Predictions and residuals, {part.name} rows"),
        element("div", *charts, class_="charts"),
        paragraph(text, class_="quiet"),
    ]
