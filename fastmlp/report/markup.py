"""HTML from texts of any kind: what is not marked as HTML is escaped."""

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

EN_DASH, MINUS, ELLIPSIS = "\N{EN DASH}", "\N{MINUS SIGN}", "\N{HORIZONTAL ELLIPSIS}"
# Characters of a name or a value that are shown.
MAX_CHARACTERS = 60


class Markup(str):
    """A text that is HTML already."""

    __slots__ = ()


def html(value: Any) -> Markup:
    """A value as HTML: markup as it is, everything else escaped."""
    return value if isinstance(value, Markup) else Markup(escape(str(value)))


def joined(parts: Iterable[Any], between: str = "") -> Markup:
    """Values as HTML, one after the other."""
    return Markup(between.join(map(html, parts)))


def element(tag: str, *content: Any, **attributes: Any) -> Markup:
    """An element; attributes that are None are left out, and `class_` is class."""
    given = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{tag}{given}>{joined(content)}</{tag}>")


def table(
    caption: str,
    head: Sequence[Any],
    rows: Iterable[Sequence[Any]],
    *,
    foot: Iterable[Sequence[Any]] = (),
    groups: Iterable[tuple[str, int]] = (),
    texts: Sequence[int] = (),
) -> Markup:
    """A table whose rows begin with their name, in a box that scrolls where it is too wide.

    Parameters
    ----------
    caption : str
        What it has; for screen readers.
    foot : iterable of sequence
        More rows, below a line.
    groups : iterable of (str, int)
        Headings of several columns, above the head from its second column on, and how many.
    texts : sequence of int
        Columns that are no numbers, besides the first.
    """

    def style(column: int) -> str | None:
        return None if column == 0 or column in texts else "number"

    def body(tag: str, rows: Iterable[Sequence[Any]]) -> Markup:
        lines = [
            element(
                "tr",
                element("th", element("div", first), scope="row"),
                *(element("td", cell, class_=style(i)) for i, cell in enumerate(rest, 1)),
            )
            for first, *rest in rows
        ]
        return element(tag, *lines) if lines else Markup()

    above = [element("th" if name else "td", name, scope="colgroup" if name else None, colspan=n) for name, n in groups]
    heads = [element("tr", element("td"), *above)] if above else []
    heads.append(
        element(
            "tr", *(element("th", element("div", cell), scope="col", class_=style(i)) for i, cell in enumerate(head))
        )
    )
    inner = element(
        "table", element("caption", caption), element("thead", *heads), body("tbody", rows), body("tfoot", foot)
    )
    # by the keyboard, too
    return element("div", inner, class_="wide", role="region", tabindex="0", aria_label=caption)


def items(texts: Iterable[Any]) -> Markup:
    """A list."""
    return element("ul", *(element("li", text) for text in texts))


def paragraph(*content: Any, class_: str | None = None) -> Markup:
    return element("p", *content, class_=class_)


def number(value: float, digits: int = 4) -> str:
    """A number of any size with so many significant digits."""
    if math.isnan(value):
        return EN_DASH
    size = abs(value)
    if 10.0 ** min(digits, 4) - 0.5 <= size < 1e9:  # no exponent, which these digits would get
        plain = f"{value:{',' if size >= 1e4 - 0.5 else ''}.0f}"
    else:
        plain = f"{value:.{digits}g}"
    return plain.replace("-", MINUS)


def score(value: float) -> str:
    """A score with four decimals; R2 has no lower limit, and a very low one has four digits."""
    if math.isnan(value):
        return EN_DASH
    if abs(value) < 0.00005:
        value = 0.0  # and not -0.0000
    return (f"{value:.4f}" if abs(value) < 100 else f"{value:.4g}").replace("-", MINUS)


def share(part: float, whole: float) -> str:
    """A part of a whole in percent."""
    return f"{part / whole:.1%}".replace("%", "\N{NO-BREAK SPACE}%") if whole else EN_DASH


def short(text: Any) -> str:
    """A text without the rest of a long one."""
    whole = str(text)
    return whole if len(whole) <= MAX_CHARACTERS else whole[: MAX_CHARACTERS - 1] + ELLIPSIS
