"""Data sets: `load` by name or from a file of the user's."""

from .arrays import read_memory
from .dataset import DataError, Dataset, Origin
from .sources import NAMES, load, load_table
from .table import Table

__all__ = ["NAMES", "DataError", "Dataset", "Origin", "Table", "load", "load_table", "read_memory"]
