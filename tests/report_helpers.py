"""A trained network with a report, and a report's page taken apart."""

from html.parser import HTMLParser

import pandas

from fastmlp.data import DataSet
from fastmlp.tables import Table

VOID = {"meta", "link", "br"}


def trained(frame, target, *, notes=(), epochs=20, class_weight=None, **options):
    """A network, and the data that it was trained on."""
    data = DataSet.of_table(Table(frame, notes), target=target, shares=(0.2, 0.2), **options)
    return fitted(data.network([16], seed=0, dtype="float64"), data, epochs, class_weight), data


def fitted(net, data, epochs, class_weight=None):
    """A network of the data, trained."""
    X, y, X_val, y_val = (data.arrays[name] for name in ("X_train", "y_train", "X_val", "y_val"))
    net.fit(X, y, class_weight=class_weight, X_val=X_val, y_val=y_val, epochs=epochs, learning_rate=0.01, seed=0)
    return net


def penguins():
    from palmerpenguins import load_penguins

    frame = load_penguins()
    frame["study"] = "palmer"
    frame["comment"] = [f"seen on a day number {i}" for i in range(len(frame))]
    frame.loc[3, "species"] = None
    return frame


def numbers(n=120):
    """A table for a regression."""
    size = [(7 * i) % 31 / 3 for i in range(n)]
    kind = ["ab"[i % 2] for i in range(n)]
    price = [3 * s + (k == "a") * 5 + (i % 7) / 7 for i, (s, k) in enumerate(zip(size, kind, strict=True))]
    return pandas.DataFrame({"size": size, "kind": kind, "price": price})


class Page(HTMLParser):
    """The elements of a page, checked to be closed in order.

    Attributes
    ----------
    text : str
        All of it, with one blank between pieces; that of the style is left out.
    elements : list of (tag, attributes)
    tables : dict of caption to rows, lists of the texts of their cells
    """

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.tables, self.headings, pieces = [], [], {}, [], []
        self._pieces, self._rows = pieces, None
        self.feed(page)
        self.close()
        assert self.open == []
        self.text = " ".join(" ".join(pieces).split())

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self._rows, self._caption = [], ""
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._rows[-1].append("")
        elif tag in ("h1", "h2", "h3"):
            self.headings.append([tag, ""])

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag == "table":
            self.tables[self._caption] = [[" ".join(cell.split()) for cell in row] for row in self._rows]

    def handle_data(self, data):
        if "style" in self.open:
            return
        self._pieces.append(data)
        if "caption" in self.open:
            self._caption += data
        elif {"td", "th"} & set(self.open):
            self._rows[-1][-1] += f" {data}"
        elif self.open and self.open[-1] in ("h1", "h2", "h3"):
            self.headings[-1][1] += data
