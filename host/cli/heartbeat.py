"""A sign of life from work that says nothing for minutes."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["heartbeat"]

QUIET_S = 30.0


@contextmanager
def heartbeat(say: Callable[[str], None], quiet_s: float = QUIET_S) -> Iterator[Callable[[str], None]]:
    """Say what is announced, and say it again whenever nothing was for ``quiet_s`` seconds, until the context ends.

    Yields
    ------
    callable
        Takes what begins or ends, in a line.
    """
    news = threading.Condition()
    last = ""
    ended = False

    def announce(text: str) -> None:
        nonlocal last
        with news:
            last = text
            say(text)
            news.notify()

    def beat() -> None:
        began_s = time.monotonic()
        heard = last
        with news:
            while not ended:
                if not news.wait(quiet_s) and last:
                    say(f"still at it, {time.monotonic() - began_s:.0f} s: {last}")
                if last != heard:
                    heard, began_s = last, time.monotonic()

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield announce
    finally:
        with news:
            ended = True
            news.notify()
        thread.join()
