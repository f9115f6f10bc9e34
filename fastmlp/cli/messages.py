"""Texts for the terminal: unprintable characters as escapes, and remedies that name options of the command."""

import ast
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# How errors of `fastmlp.tables` say what to do, such as ignore=['a', 'b'] or decimal=','.
ARGUMENT = re.compile(
    r"\b(decimal|delimiter|encoding|header|ignore|missing|task)="
    r"""(\[(?:[^\]'"]|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")*\]|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
)


def printable(text: str) -> str:
    """A text with escapes for unprintable characters, as in Python's `repr`."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def with_options(text: str) -> str:
    """A text in which remedies that are arguments of Python are options of the command."""
    return ARGUMENT.sub(_option, text)


@contextmanager
def in_words_of_the_command(path: Path) -> Iterator[None]:
    """Errors about a frame name its file, and remedies that are arguments of Python name options."""
    try:
        yield
    except ValueError as error:
        text = with_options(str(error)).removeprefix("frame ")
        if not text.startswith(str(path)):
            text = f"{path}{' ' if text.startswith('must ') else ': '}{text}"
        raise ValueError(text) from error


def _option(argument: re.Match[str]) -> str:
    try:
        value = ast.literal_eval(argument[2])
    except (SyntaxError, ValueError):  # a long text is cut
        return argument[0]
    values = [value] if isinstance(value, str) else value
    if argument[1] == "ignore" and not any("," in name for name in values):
        values = [",".join(values)]
    return " ".join(f"--{argument[1]} {shlex.quote(one)}" for one in values)
