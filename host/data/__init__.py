"""Data sets: `load` by name or from an ``.npz`` file."""

from .dataset import DataError, Dataset
from .sources import NAMES, load

__all__ = ["NAMES", "DataError", "Dataset", "load"]
