"""SIGTERM as an exception like Ctrl-C, and a run that ends between two updates when either comes."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Terminated", "put_off_interruptions", "raise_on_sigterm"]


class Terminated(KeyboardInterrupt):
    """SIGTERM."""


@contextmanager
def raise_on_sigterm() -> Iterator[None]:
    """Let SIGTERM raise `Terminated` in the main thread, so that everything is given back on the way out."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated


@contextmanager
def put_off_interruptions(note: Callable[[KeyboardInterrupt], None]) -> Iterator[None]:
    """Hand the first SIGINT or SIGTERM to ``note`` in place of raising it; the second is raised as ever.

    Only what would raise is put off: other handlers, and all of them outside of the main thread, stay as they are.
    """
    raised: dict[int, type[KeyboardInterrupt]] = {}
    if threading.current_thread() is threading.main_thread():
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            raised[signal.SIGINT] = KeyboardInterrupt
        if signal.getsignal(signal.SIGTERM) is _terminate:
            raised[signal.SIGTERM] = Terminated
    noted = False

    def take(number: int, frame: FrameType | None) -> None:
        nonlocal noted
        if noted:
            raise raised[number]
        noted = True
        note(raised[number]())

    before = {number: signal.signal(number, take) for number in raised}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
