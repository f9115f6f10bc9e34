"""Errors and remedies of the library in words of the command: its options, and the file at hand."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from fastmlp import remedies

# The options that are called otherwise than their arguments.
NAMES = {"class_weight": "weights"}


@contextmanager
def in_words_of_the_command(path: Path) -> Iterator[None]:
    """Errors about a frame name its file, those about arguments are about options, and remedies name options."""
    spelling = remedies.spelling.set(_option)
    try:
        yield
    except ValueError as error:
        text = str(error).removeprefix("frame ")
        name, _, _ = text.partition(" must ")
        if any(option.name == name for option in click.get_current_context().command.params):
            raise click.UsageError(f"--{text}") from error
        if not text.startswith(str(path)):
            text = f"{path}{' ' if text.startswith('must ') else ': '}{text}"
        raise ValueError(text) from error
    finally:
        remedies.spelling.reset(spelling)


def _option(name: str, value: Any) -> str:
    """The option of an argument, --decimal , in place of decimal=','."""
    if isinstance(value, bool):
        return f"--{name}" if value else f"--no-{name}"
    values = [value] if isinstance(value, str) else value
    name = NAMES.get(name, name)
    if name == "ignore" and not any("," in one for one in values):
        values = [",".join(values)]
    return " ".join(f"--{name} {shlex.quote(one)}" for one in values)
