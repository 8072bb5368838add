"""The base of every error that a user can cause or meet; the commands print its message as one line."""

__all__ = ["HostError"]


class HostError(Exception):
    """Something a user can put right; the message is one line that says what and how."""
