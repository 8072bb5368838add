"""Latencies of the whole engine in cycles: told once for gateware, golden model and cost model."""

from .columns import columns_cycles, sums_cycles
from .config import EngineConfig
from .store import STORE_READ_CYCLES

__all__ = ["SETUP_CYCLES", "aux_cycles", "drain_cycles", "flush_cycles"]

SETUP_CYCLES = 9
"""From accepting an instruction to its first load: walkers start, lane steps settle in the bank address units."""


def aux_cycles(config: EngineConfig) -> int:
    """Issue of a vector to the issue of its auxiliary read, both of which take `STORE_READ_CYCLES`."""
    return sums_cycles(config)


def drain_cycles(config: EngineConfig) -> int:
    """Issue of a vector of the last reduction tile to its results."""
    return STORE_READ_CYCLES + columns_cycles(config)


def flush_cycles(config: EngineConfig) -> int:
    """From the end of an instruction's last tile until the next may be accepted.

    The last result leaves ``drain_cycles`` after an issue that is one cycle behind the sequencer, and its saturations
    are counted two cycles later; its write meets the banks during the set-up of the next instruction, before the first
    read.
    """
    return drain_cycles(config) + 3
