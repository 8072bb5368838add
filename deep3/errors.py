"""The base of every error that a user can cause or meet."""

__all__ = ["Deep3Error", "UsageError"]


class Deep3Error(Exception):
    """Something a user can put right; the message is one line that says what was wrong, the value, and what would work.

    The commands print it behind ``deep3:`` and end with status 1.
    """


class UsageError(Deep3Error):
    """A value that was asked for and cannot be, whatever files, boards and tools there are: the commands end with 2."""
