"""The base of every error that a user can cause or meet."""

__all__ = ["Deep3Error"]


class Deep3Error(Exception):
    """Something a user can put right; the message is one line that says what was wrong, the value, and what would work.

    The commands print it behind ``deep3:`` and end with status 1.
    """
