"""Data to train on, and rows to predict: of tables, of files of arrays, or with a name."""

from fastmlp.data.data_set import DataSet
from fastmlp.data.rows import Rows

__all__ = ["DataSet", "Rows"]
