"""The base of every error that a user can cause or meet."""

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Deep3Error", "UsageError", "as_one_line"]


class Deep3Error(Exception):
    """Something a user can put right; the message is one line that says what was wrong, the value, and what would work.

    The commands print it behind ``deep3:`` and end with status 1.
    """


class UsageError(Deep3Error):
    """A value that was asked for and cannot be, whatever files, boards and tools there are: the commands end with 2."""


@contextmanager
def as_one_line(value_error: type[Exception], type_error: type[Exception]) -> Iterator[None]:
    """Errors of scikit-learn's, of many lines, and ours become one line, of the kinds that scikit-learn wants."""
    try:
        yield
    except Deep3Error as error:
        raise value_error(str(error)) from None
    except ValueError as error:
        raise value_error(" ".join(str(error).split())) from None
    except TypeError as error:
        raise type_error(" ".join(str(error).split())) from None
