"""The section about the data: how each column was understood, and which rows are in which part."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fastmlp.data.data_set import DataSet
from fastmlp.remedies import counted
from fastmlp.report.charts import MAX_BARS, distribution, spark
from fastmlp.report.markup import (
    EN_DASH,
    Markup,
    element,
    html,
    items,
    joined,
    number,
    paragraph,
    share,
    short,
    table,
)
from fastmlp.report.results import Part
from fastmlp.tables.columns import Column
from fastmlp.tables.schema import Schema

# Columns of the table that are shown, values of a column, and classes beside the parts.
MAX_COLUMNS, MAX_VALUES, MAX_CLASSES = 40, 4, 8
ENCODING = (
    "A gap of numbers gets the median of the training rows, and a second input says where. A category has an input for "
    "each of its frequent values, for gaps and for others, where the training rows have such."
)


def data_section(data: DataSet, schema: Schema, notes: Sequence[str], parts: Sequence[Part]) -> list[Markup]:
    """Notes, columns and parts."""
    n_rows, n_others = len(data.columns[0].values), len(data.columns) - 1
    used = {one.name: len(one.names()) for one in schema.inputs}
    kept = f"the other {counted(n_others, 'column')}"
    if n_others > len(used):
        kept = f"{len(used):,} of {kept}"
    lead = (
        f"The table has {counted(n_rows, 'row')}. {short(schema.task.target)!r} is predicted from {kept}, which "
        f"{'is' if len(used) == 1 else 'are'} {counted(sum(used.values()), 'input')} of the network."
    )
    content = [paragraph(lead)]
    if notes:
        content.append(items(notes))
    # the target first, then what is used, as people look for these
    rank = {"target": 0, "input": 1}
    ordered = sorted(zip(data.columns, data.uses, strict=True), key=lambda both: rank.get(both[1]["use"], 2))
    rows = [_row(column, one, schema, used, n_rows) for column, one in ordered[:MAX_COLUMNS]]
    if schema.task.is_classification:  # whose numbers are names
        counts = np.bincount(np.concatenate([part.y for part in parts]), minlength=len(schema.task.class_names))
        order = np.argsort(-counts, kind="stable").tolist()
        rows[0][-1] = _frequent([(schema.task.class_names[i], int(counts[i])) for i in order])
    content.append(
        table("How each column was understood", ["Column", "Kind", "Missing", "Inputs", "Values"], rows, texts=[1, 4])
    )
    if n_more := len(ordered) - len(rows):
        content.append(paragraph(f"{counted(n_more, 'more column')} not shown.", class_="quiet"))
    content.append(paragraph(ENCODING, class_="quiet"))
    content.append(element("h3", "Rows in each part"))
    content.append(_parts_table(schema, parts, n_rows))
    n_without = n_rows - sum(len(part.y) for part in parts)
    if n_without:
        content.append(paragraph(f"{counted(n_without, 'row')} of the table in no part.", class_="quiet"))
    return content


def _row(column: Column, use: Mapping[str, Any], schema: Schema, used: dict[str, int], n_rows: int) -> list[Any]:
    name: Any = short(column.name)
    kind: Any = column.kind
    if use["use"] == "target":
        task = "classes" if schema.task.is_classification else "number"
        name, kind = joined([name, element("span", "target", class_="chip")], " "), task
    elif use["use"] != "input":
        reason = use["use"] if use["why"] is None else f"{use['use']}: {use['why']}"
        kind = joined([kind, element("span", reason, class_="quiet block")], " ")
    missing = f"{column.n_missing:,} ({share(column.n_missing, n_rows)})" if column.n_missing else EN_DASH
    return [name, kind, missing, f"{used[column.name]:,}" if column.name in used else EN_DASH, _values(column)]


def _values(column: Column) -> Markup:
    """What a column holds: a range of numbers, or frequent values, with a picture of how often they are."""
    if column.values.dtype == np.float64:
        known = column.values[~np.isnan(column.values)]
        if not len(known):
            return html(EN_DASH)
        if column.kind == "boolean":
            counts = np.array([np.count_nonzero(known == 0), np.count_nonzero(known)])
            return _pictured(counts, f"true in {share(counts[1], len(known))}")
        low, high, median = (number(one, 6) for one in (known.min(), known.max(), float(np.median(known))))
        text = f"{low} to {high}, median {median}"
        return _pictured(distribution(known), text)
    counted_values = Counter(value for value in column.values.tolist() if value is not None).most_common()
    if not counted_values:
        return html(EN_DASH)
    if counted_values[0][1] == 1:
        examples = ", ".join(short(value) for value, _ in counted_values[:2])
        return html(f"{len(counted_values):,} different: {examples}, \N{HORIZONTAL ELLIPSIS}")
    return _frequent(counted_values)


def _frequent(values: Sequence[tuple[str, int]]) -> Markup:
    """Values and how often they are, the most frequent first."""
    text = ", ".join(f"{short(value)} {n:,}" for value, n in values[:MAX_VALUES])
    if (more := len(values) - MAX_VALUES) > 0:
        text += f", {more:,} more"
    return _pictured(np.array([n for _, n in values[:MAX_BARS]]), text)


def _pictured(counts: np.ndarray, text: str) -> Markup:
    return element("div", spark(counts), element("span", text), class_="values")


def _parts_table(schema: Schema, parts: Sequence[Part], n_rows: int) -> Markup:
    """Rows of each part, and classes or numbers in them."""
    names = schema.task.class_names
    head = ["Part", "Rows", "Share"]
    if not schema.task.is_classification:
        head += ["Mean", "Deviation", "Least", "Largest"]
    elif len(names) <= MAX_CLASSES:
        head += map(short, names)
    rows = []
    for part in parts:
        row = [part.name, f"{len(part.y):,}", share(len(part.y), n_rows)]
        if not schema.task.is_classification:
            row += map(number, (part.y.mean(), part.y.std(), part.y.min(), part.y.max()))
        elif len(names) <= MAX_CLASSES:
            row += [f"{n:,}" for n in np.bincount(part.y, minlength=len(names))]
        rows.append(row)
    return table("Rows in each part", head, rows)
