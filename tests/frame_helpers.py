"""Frames of libraries that may not be there."""

import pytest


def polars(columns, **options):
    return pytest.importorskip("polars", exc_type=ImportError).DataFrame(columns, **options)


def pyarrow(columns):
    return pytest.importorskip("pyarrow", exc_type=ImportError).table(columns)
