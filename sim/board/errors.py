"""What can go wrong before a virtual board runs."""

__all__ = ["BoardBuildError", "HarnessError"]


class BoardBuildError(RuntimeError):
    """The virtual board could not be built; the message names the step and its first error."""


class HarnessError(RuntimeError):
    """The compiled board could not be loaded or started."""
