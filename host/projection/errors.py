"""What a projection refuses."""

from deep3.errors import Deep3Error

__all__ = ["ALL_EQUAL", "ProjectionError", "ProjectionTypeError"]

ALL_EQUAL = "training samples must differ from each other, but are all equal"


class ProjectionError(Deep3Error, ValueError):
    """Data or parameters that cannot be projected."""


class ProjectionTypeError(Deep3Error, TypeError):
    """Samples of another kind than arrays of numbers, a sparse matrix for one."""
