"""Errors and remedies of the library in words of the command: its options, and the file at hand."""

import ast
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

# How the library says what to do, such as ignore=['a', 'b'] or decimal=','; and how its errors about these begin.
_NAMES = "(decimal|delimiter|encoding|header|ignore|missing|task)"
ARGUMENT = re.compile(
    rf"\b{_NAMES}="
    r"""(\[(?:[^\]'"]|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")*\]|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|True|False)"""
)
ABOUT_ARGUMENT = re.compile(rf"({_NAMES}|loss|target) must ")


@contextmanager
def in_words_of_the_command(path: Path) -> Iterator[None]:
    """Errors about a frame name its file, those about arguments are about options, and remedies name options."""
    try:
        yield
    except ValueError as error:
        text = in_options(str(error)).removeprefix("frame ")
        if ABOUT_ARGUMENT.match(text):
            raise click.UsageError(f"--{text}") from error
        if not text.startswith(str(path)):
            text = f"{path}{' ' if text.startswith('must ') else ': '}{text}"
        raise ValueError(text) from error


def in_options(text: str) -> str:
    """A text in which arguments are options, --decimal , in place of decimal=','."""
    return ARGUMENT.sub(_option, text)


def _option(argument: re.Match[str]) -> str:
    try:
        value = ast.literal_eval(argument[2])
    except (SyntaxError, ValueError):  # a long text is cut
        return argument[0]
    if isinstance(value, bool):
        return f"--{argument[1]}" if value else f"--no-{argument[1]}"
    values = [value] if isinstance(value, str) else value
    if argument[1] == "ignore" and not any("," in name for name in values):
        values = [",".join(values)]
    return " ".join(f"--{argument[1]} {shlex.quote(one)}" for one in values)
