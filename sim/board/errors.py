"""What can go wrong before a virtual board runs."""

from deep3.errors import Deep3Error

__all__ = ["BoardBuildError", "HarnessError"]


class BoardBuildError(Deep3Error, RuntimeError):
    """The virtual board could not be built; the message names the step and its first error."""


class HarnessError(Deep3Error, RuntimeError):
    """The compiled board could not be loaded or started."""
