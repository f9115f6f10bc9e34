"""How a table is understood, for people to read: what each column is and becomes, and what was recognised."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from fastmlp.remedies import counted
from fastmlp.tables.columns import REFUSED, Column
from fastmlp.tables.reading import Table
from fastmlp.terminal import aligned, printable

# Characters of a column's name and of its values.
WIDE = 40


def uses_of(
    columns: Iterable[Column],
    target: str | None = None,
    ignored: Collection[str] = (),
    left_out: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """What becomes of each column, as plain values of JSON.

    Parameters
    ----------
    columns : iterable of Column
    target : str, optional
    ignored : collection of str
        Columns that a user leaves out.
    left_out : mapping, optional
        Columns that a `Schema` has left out, and why.

    Returns
    -------
    list of dict
        Of each column its `name`, `kind`, `n_missing`, `n_different`, `examples` and `notation`; its `use`, "input",
        "target", "ignored", "left out" or "refused"; and `why` it is left out or refused, else None.

    Examples
    --------
    >>> import pandas
    >>> from fastmlp.tables import columns_of, uses_of
    >>> frame = pandas.DataFrame({"snow": [0, 1, 0], "rain": [0.5, 2.0, 3.5], "land": "AT"})
    >>> [(one["name"], one["use"], one["why"]) for one in uses_of(columns_of(frame), target="rain")]
    [('snow', 'input', None), ('rain', 'target', None), ('land', 'left out', "has only the value 'AT'")]
    """
    found, ignored = [], {ignored} if isinstance(ignored, str) else set(ignored)
    for column in columns:
        why = (left_out or {}).get(column.name, column.why)
        if column.name == target or column.name in ignored:
            use, why = "target" if column.name == target else "ignored", None
        elif why is None:
            use = "input"
        else:
            use = "refused" if column.kind in REFUSED else "left out"
        shown = {name: getattr(column, name) for name in ("name", "kind", "n_missing", "n_different", "examples")}
        found.append({**shown, "notation": str(column.notation), "use": use, "why": why})
    return found


def description_of(name: str, table: Table, column_uses: Iterable[Mapping[str, Any]]) -> list[str]:
    """The lines that say how a table is understood.

    Parameters
    ----------
    name : str
        What the table is called, such as "penguins.csv".
    table : Table
    column_uses : iterable of dict
        What `uses_of` gives for its columns.

    Returns
    -------
    list of str
        The numbers of rows and columns, the notes of the table, and a line for each column; characters that a terminal
        cannot show are escaped.

    Examples
    --------
    >>> import pandas
    >>> from fastmlp.tables import Table, columns_of, description_of, uses_of
    >>> frame = pandas.DataFrame({"rain": [0.5, 2.0, 3.5], "land": "AT"})
    >>> for line in description_of("weather", Table(frame), uses_of(columns_of(frame), target="rain")):
    ...     print(line.rstrip())
    weather: 3 rows, 2 columns
    <BLANKLINE>
    column  kind      missing  values
    rain    number          -  0.5, 2, 3.5  target
    land    constant        -  AT           left out: has only the value 'AT'
    <BLANKLINE>
    """
    cells = [("column", "kind", "missing", "values", "")]
    for one in column_uses:
        remark = "" if one["use"] == "input" else one["use"]
        if one["why"] is not None:
            remark += f": {one['why']}"
        elif one["notation"] and not remark:
            remark = f"with {one['notation']}"
        more = f", ... ({one['n_different']:,})" if one["n_different"] > len(one["examples"]) else ""
        n_missing = f"{one['n_missing']:,}" if one["n_missing"] else "-"
        cells.append((_cut(one["name"]), one["kind"], n_missing, _cut(", ".join(one["examples"])) + more, remark))
    shown = [list(map(printable, row)) for row in cells]
    n_rows, n_columns = table.frame.shape
    heading = f"{name}: {counted(n_rows, 'row')}, {counted(n_columns, 'column')}"
    return [*map(printable, [heading, *table.notes]), "", *aligned(shown, left=(0, 1, 3, 4)), ""]


def _cut(text: str) -> str:
    return text if len(text) <= WIDE else text[: WIDE - 3] + "..."
