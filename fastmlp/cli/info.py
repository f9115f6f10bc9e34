"""`fastmlp info`."""

import json
from typing import Any

import click

from fastmlp.cli import options
from fastmlp.environment import environment, training_products
from fastmlp.terminal import aligned
from fastmlp.validation import MAX_BLAS_SIZE


def network_sizes(text: str) -> tuple[int, ...]:
    """The sizes of a network's input, hidden layers and output, separated by commas."""
    found = options.sizes(text)
    if len(found) < 2 or max(found) > MAX_BLAS_SIZE:
        raise click.BadParameter(f"{text!r} is not at least two sizes, of at most {MAX_BLAS_SIZE} each")
    return found


@click.command()
@click.option(
    "--sizes",
    type=network_sizes,
    metavar="SIZES",
    help="Sizes of a network's input, hidden layers and output, such as 3072,120,120,10; with --batch.",
)
@click.option("--batch", type=click.IntRange(1, MAX_BLAS_SIZE), help="Number of rows of one update; with --sizes.")
@options.json_option
def info(sizes: tuple[int, ...] | None, batch: int | None, as_json: bool) -> None:
    """Show version and build information: compiler, BLAS, threads.

    With --sizes and --batch, also show each matrix product of a training step of this network, and whether tiles, which
    are fastmlp's own kernels, or BLAS computes it.
    """
    if (sizes is None) != (batch is None):
        raise click.UsageError("--sizes and --batch must be given together")
    lines = environment()
    products = [] if sizes is None or batch is None else training_products(sizes, batch)
    if as_json:
        click.echo(json.dumps(lines | ({"training_products": products} if products else {})))
        return
    click.echo("\n".join(aligned([[name, str(value)] for name, value in lines.items()], left=range(2))))
    if products:
        click.echo("\n" + table(products))


def table(products: list[dict[str, Any]]) -> str:
    """A line for each product, under a heading."""
    cells = [("layer", "product", "rows x columns x terms", "computed by")] + [
        (str(p["layer"]), p["product"], f"{p['rows']} x {p['columns']} x {p['terms']}", p["computed_by"])
        for p in products
    ]
    return "\n".join(aligned(cells, left=range(4)))
