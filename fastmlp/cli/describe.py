"""`fastmlp describe`."""

import json
from pathlib import Path
from typing import Any

import click

from fastmlp.cli import options, sources
from fastmlp.cli.messages import in_words_of_the_command
from fastmlp.tables import Task, columns_of, description_of, uses_of
from fastmlp.terminal import printable


@click.command()
@click.argument("data", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@options.target_option
@options.ignore_option
@options.task_option
@options.reading_options
@options.json_option
def describe(
    data: Path, target: str | None, ignore: tuple[str, ...], task: str | None, reading: dict[str, Any], as_json: bool
) -> None:
    """Show how a table is understood: what each column is, and what was recognised in the file.

    Numbers, booleans and categories are learnt from; ids, constants, columns without values and texts that are too
    many for a category are left out. Dates and what is unclear are refused by `fastmlp train`, unless they are left
    out by --ignore.

    With --target, what is learnt of it is shown too, classes or numbers; a column that cannot be a target is an error.

    \b
    Examples:
      fastmlp describe train.csv
      fastmlp describe train.csv --target species --missing -99
    """
    table = sources.read(data, reading)
    names, decimal = list(table.frame.columns), table.decimal
    if target is not None:
        sources.check_column("target", target, names)
    with in_words_of_the_command(data):
        used = uses_of(columns_of(table.frame, decimal), target, sources.columns_in(ignore, names))
        if not as_json:
            click.echo("\n".join(description_of(data.name, table, used)))
        learnt = None if target is None else Task.fit(table.frame, target, task, decimal)
        if as_json:
            record = {"n_rows": len(table.frame), "notes": table.notes, "columns": used}
            learns = None if learnt is None else {**learnt.to_dict(), "notation": str(learnt.notation or "")}
            click.echo(json.dumps({**record, "task": learns}))
        elif learnt is not None:
            click.echo(printable(learnt.in_words))
