"""`fastmlp describe`."""

from pathlib import Path

import click

from fastmlp.cli import options, tables
from fastmlp.cli.messages import printable
from fastmlp.remedies import listed
from fastmlp.tables import columns_of


@click.command()
@click.argument("data", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@options.target_option
@options.ignore_option
@options.reading_options
def describe(data: Path, target: str | None, ignore: tuple[str, ...], reading: tables.Reading) -> None:
    """Show how a table is understood: what each column is, and what was recognised in the file.

    Numbers, booleans and categories are learnt from; ids, constants, columns without values and texts that are too
    many for a category are left out. Dates and what is unclear are refused by `fastmlp train`, unless they are left
    out by --ignore.

    \b
    Examples:
      fastmlp describe train.csv
      fastmlp describe train.csv --target species --missing -99
    """
    table = reading.read(data)
    names = list(table.frame.columns)
    if target is not None and target not in names:
        raise click.UsageError(f"--target must be a column, one of {listed(names)}, got {target!r}")
    ignored = tables.ignored_columns(ignore, names)
    columns = columns_of(table.frame, reading.mark(table))
    for line in tables.described(data, table, columns, target, ignored):
        click.echo(printable(line))
