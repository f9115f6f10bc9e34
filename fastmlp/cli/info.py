"""`fastmlp info`."""

import json

import click

from fastmlp.cli.options import json_option
from fastmlp.environment import environment


@click.command()
@json_option
def info(as_json: bool) -> None:
    """Show version and build information: compiler, BLAS, threads."""
    lines = environment()
    if as_json:
        click.echo(json.dumps(lines))
        return
    width = max(map(len, lines))
    for name, value in lines.items():
        click.echo(f"{name:{width}}  {value}")
