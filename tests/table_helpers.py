"""A table with classes, and a CSV file of it."""

import csv

import numpy as np

COLUMNS = ["length", "width, mm", "height"]
CLASSES = ["blue, dark", "green", "red"]


def blobs(n=200):
    """Rows far from the origin, and their classes."""
    random = np.random.RandomState(0)
    labels = random.randint(3, size=n)
    return random.randn(3, 3)[labels] * 50 + random.randn(n, 3) + 1e6, labels


def write_csv(path, X, labels, columns=COLUMNS, label="colour", delimiter=",", encoding="utf-8"):
    with open(path, "w", newline="", encoding=encoding) as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow([*columns, label])
        writer.writerows([*map(repr, row), CLASSES[k]] for row, k in zip(X.tolist(), labels, strict=True))
