"""One case of a target, and many: what must never happen is anything but an answer or a refusal, in time."""

import hashlib
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from .targets import TARGETS, Target

__all__ = ["FOUND", "Failure", "fuzz", "keep", "try_case"]

FOUND = Path(__file__).with_name("found")
LONGEST_CASE_S = 20.0
BATCH = 50


class Failure(AssertionError):
    """A case that a target did not survive."""


def try_case(target: Target, data: bytes) -> bool:
    """Whether the target took it; False when it refused.

    Raises
    ------
    Failure
        For anything else, a message of several lines and a reader that does not end included.
    """
    try:
        with _bounded(LONGEST_CASE_S):
            target.read(data)
    except target.refusals as refusal:
        if "\n" in str(refusal) or not str(refusal):
            raise Failure(f"{target.name}: the refusal is not one line: {str(refusal)!r}") from None
        return False
    except Exception as error:
        raise Failure(f"{target.name}: {type(error).__name__}: {error}") from error
    return True


def fuzz(seed: int, seconds: float, targets: tuple[Target, ...] = TARGETS) -> dict[str, int]:
    """Random cases of every target in turn, for a time; returns how many of each.

    Raises
    ------
    Failure
        As `try_case`; the case is kept.
    """
    rng = random.Random(seed)
    counts = dict.fromkeys((target.name for target in targets), 0)
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        for target in targets:
            for _ in range(BATCH):
                data = target.mutate(rng, target.seeds)
                try:
                    try_case(target, data)
                except Failure as failure:
                    raise Failure(f"{failure} (seed {seed}; kept as {keep(target, data)})") from failure
            counts[target.name] += BATCH
    return counts


def keep(target: Target, data: bytes) -> Path:
    """Make a case a test."""
    path = FOUND / f"{target.name}.{hashlib.sha256(data).hexdigest()[:12]}"
    path.write_bytes(data)
    return path


@contextmanager
def _bounded(seconds: float) -> Iterator[None]:
    def ring(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"did not end within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
