"""People's tables as they are: how files are read, what their columns mean, and how these become a network's rows."""

from fastmlp.tables.columns import Column, columns_of
from fastmlp.tables.description import description_of, uses_of
from fastmlp.tables.layout import Expected
from fastmlp.tables.parts import Split, Targets
from fastmlp.tables.reading import Table, read_table
from fastmlp.tables.schema import Schema
from fastmlp.tables.task import Task

__all__ = [
    "Column",
    "Expected",
    "Schema",
    "Split",
    "Table",
    "Targets",
    "Task",
    "columns_of",
    "description_of",
    "read_table",
    "uses_of",
]
