"""`fastmlp data`."""

import sys
from pathlib import Path

import click

from fastmlp.datasets import download_CIFAR10
from fastmlp.datasets.download import ARCHIVES


@click.group()
def data() -> None:
    """Download data sets."""


@data.command()
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to download to.  [default: ~/.cache/fastmlp, where the other commands find it]",
)
@click.option(
    "--layout",
    type=click.Choice(list(ARCHIVES)),
    default="binary",
    help="Official version to download: plain bytes, or Python's pickles.",
)
def cifar10(folder: Path | None, layout: str) -> None:
    """Download CIFAR-10 (170 MB), verify and unpack it.

    An interrupted download is continued. The folder is printed at the end.
    """
    click.echo(download_CIFAR10(folder, layout=layout, progress=sys.stderr.isatty()))
