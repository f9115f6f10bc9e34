"""Lines for a terminal: unprintable characters as escapes, and columns that are aligned."""

from collections.abc import Container, Sequence


def printable(text: str) -> str:
    """A text with escapes for unprintable characters, as in Python's `repr`."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def aligned(rows: Sequence[Sequence[str]], left: Container[int]) -> list[str]:
    """A line for each row of cells; columns of these positions are flush left, the others, of numbers, right."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    formats = [f"{{:{'<' if i in left else '>'}{width}}}" for i, width in enumerate(widths)]
    return ["  ".join(formats).format(*row).rstrip() for row in rows]
