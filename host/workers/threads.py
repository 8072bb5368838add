"""How many threads a worker computes with, and that none of them spins."""

import os
import sys
from collections.abc import Mapping

__all__ = ["THREADING_MULTIPLY_ADDS", "usable_cores", "wait_without_spinning", "worker_threads"]

THREADING_MULTIPLY_ADDS = 1 << 28
"""Multiply-adds of a batch from which one worker takes more than one thread.

A step has about twenty parallel regions, and each wakes sleeping threads, which takes 10 to 100 us on a busy machine.
Measured on two shared cores, two threads against one: 0.7 times the speed at 0.5 million multiply-adds a batch, 0.8 at
26 million, as fast from 100 million on. At 268 million a step takes 10 ms or more, and the waking is a tenth of it.
"""

LIMITS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


def usable_cores(environment: Mapping[str, str] = os.environ) -> int:
    """Cores that this process may use: those of its affinity, no more than the environment allows.

    ``OMP_NUM_THREADS`` and ``MKL_NUM_THREADS`` are read as OpenMP does: of a list the first, and what is no number
    above 0 says nothing.
    """
    cores = len(os.sched_getaffinity(0))
    for name in LIMITS:
        first = environment.get(name, "").split(",")[0].strip()
        if first.isdecimal() and 0 < int(first) < cores:
            cores = int(first)
    return cores


def wait_without_spinning() -> None:
    """Let OpenMP threads sleep while they wait, unless the environment says otherwise.

    The OpenMP runtime reads this once, when PyTorch loads it: to be called before that.
    """
    if "torch" not in sys.modules:
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def worker_threads(multiply_adds: int, workers: int, environment: Mapping[str, str] = os.environ) -> int:
    """Threads of each of ``workers`` that compute at the same time, ``multiply_adds`` of each in a batch.

    One, unless a batch is large (`THREADING_MULTIPLY_ADDS`), threads that wait sleep, and there are cores to share.
    """
    sleeping = environment.get("OMP_WAIT_POLICY", "").lower() == "passive"
    if multiply_adds < THREADING_MULTIPLY_ADDS or not sleeping:
        return 1
    return max(1, usable_cores(environment) // workers)
