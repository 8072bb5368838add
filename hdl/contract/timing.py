"""Latencies of the engine's units in cycles: told once for gateware, golden model, compiler and cost model.

A unit places its registers by the constants of its section; its bench holds it to them.
"""

from .config import EngineConfig
from .geometry import group_widths
from .program import Loss

__all__ = [
    "ACCUMULATE_CYCLES", "ADDRESS_CYCLES", "BANK_CYCLES", "COUNTER_READ_CYCLES", "LANE_CYCLES", "LANE_PRODUCT_CYCLES",
    "LOSS_DIFFERENCE_CYCLES", "LOSS_EXPONENTIAL_CYCLES", "LOSS_EXPONENT_CYCLES", "LOSS_LABEL_CYCLES",
    "LOSS_LEAVE_CYCLES", "LOSS_LOGARITHM_CYCLES", "LOSS_PASS_GAP_CYCLES", "LOSS_READ_CYCLES", "LOSS_SCALED_CYCLES",
    "LOSS_SUM_CYCLES", "MASK_CYCLES", "MEMORY_READ_CYCLES", "MEMORY_WRITE_CYCLES", "MSE_CYCLES", "POOL_CYCLES",
    "PROGRAM_READ_CYCLES", "READ_AHEAD_CYCLES", "REVISIT_CYCLES", "ROLE_CYCLES", "ROTATE_CYCLES", "SELECT_CYCLES",
    "SETUP_CYCLES", "SOFTMAX_CYCLES", "STORE_READ_CYCLES", "SUM_CYCLES", "WALK_CYCLES", "aux_cycles", "block_cycles",
    "columns_cycles", "drain_cycles", "fetch_cycles", "flush_cycles", "loss_tail_cycles", "mask_cycles",
    "operand_cycles", "pool_cycles", "results_cycles", "sums_cycles", "walk_cycles",
]  # fmt: skip

# The systolic array and its accumulators.

SUM_CYCLES = 3
"""Cycles from the operands of the last row to the column sum: two in the multiplier, one in the adder."""

READ_AHEAD_CYCLES = 2
"""An accumulator's address comes this many cycles before its sum: block RAM with a registered output."""

ACCUMULATE_CYCLES = READ_AHEAD_CYCLES + 1
"""Address to accumulated sum."""

REVISIT_CYCLES = ACCUMULATE_CYCLES + 1
"""The same address may come again after this many cycles."""

# A post lane: from the sum of a column.

LANE_PRODUCT_CYCLES = 10
"""Sum to product: when an UPDATE needs its random word."""

LANE_CYCLES = LANE_PRODUCT_CYCLES + 4
"""Sum to result: product shifted, rounded, combined with the base, saturated."""

# The loss unit: from the read address of an output until a value stands in its register.

LOSS_READ_CYCLES = 2
LOSS_DIFFERENCE_CYCLES = LOSS_READ_CYCLES + 1
LOSS_SCALED_CYCLES = LOSS_DIFFERENCE_CYCLES + 3
LOSS_EXPONENT_CYCLES = LOSS_SCALED_CYCLES + 1
LOSS_EXPONENTIAL_CYCLES = LOSS_EXPONENT_CYCLES + 2
LOSS_SUM_CYCLES = LOSS_EXPONENTIAL_CYCLES + 1
LOSS_LOGARITHM_CYCLES = LOSS_SUM_CYCLES + 3
"""Of the last class of the first pass, until the logarithm of the sum."""

SOFTMAX_CYCLES = LOSS_EXPONENTIAL_CYCLES + 1
MSE_CYCLES = LOSS_DIFFERENCE_CYCLES + 2

LOSS_PASS_GAP_CYCLES = LOSS_LOGARITHM_CYCLES - LOSS_EXPONENT_CYCLES
"""Cycles without a read between the passes of SOFTMAX: the logarithm of the sum meets the first exponent."""

LOSS_LEAVE_CYCLES = 3
"""The unit stays busy while its last errors are on their way to the banks: what guides them must not change."""

LOSS_LABEL_CYCLES = 3
"""From a label's address until it stands in a lane."""

# The operand memories and their roles.

ADDRESS_CYCLES = 4
"""Flat address to bank addresses."""

BANK_CYCLES = 2
"""Bank address to registered block RAM output."""

ROTATE_CYCLES = 2
"""Banks to lanes."""

MEMORY_READ_CYCLES = ADDRESS_CYCLES + BANK_CYCLES + ROTATE_CYCLES
"""Flat address to lanes."""

MEMORY_WRITE_CYCLES = ADDRESS_CYCLES
"""Flat address and lanes to bank addresses, words and enables."""

ROLE_CYCLES = 1
"""Register behind the choice of who reads a memory."""

SELECT_CYCLES = 1
"""Register behind the choice of the memory that feeds a role."""

STORE_READ_CYCLES = ROLE_CYCLES + MEMORY_READ_CYCLES + SELECT_CYCLES
"""Address of a role to its lanes."""

# Control.

PROGRAM_READ_CYCLES = 2
"""Program memory: block RAM with a registered output."""

COUNTER_READ_CYCLES = 4
"""Address of a counter to its word."""

SETUP_CYCLES = 9
"""From accepting an instruction to its first load: walkers start, lane steps settle in the bank address units."""


WALK_CYCLES = 1
"""Walkers of several levels: register behind the choice of the jump."""

MASK_CYCLES = 1
"""Register behind the mask of an operand and its forced ones."""

POOL_CYCLES = 1
"""Register that keeps the maximum of a window."""


def walk_cycles(config: EngineConfig) -> int:
    """Issue of a vector to its flat address."""
    return WALK_CYCLES if config.convolution else 0


def mask_cycles(config: EngineConfig) -> int:
    """Operands out of the memories to operands at the array."""
    return MASK_CYCLES if config.convolution else 0


def pool_cycles(config: EngineConfig) -> int:
    """Results of the lanes to what is stored of them."""
    return POOL_CYCLES if config.convolution else 0


def fetch_cycles(config: EngineConfig) -> int:
    """Cycles between ``begin`` and ``ready`` of the instruction prefetch."""
    return config.encoding.words + PROGRAM_READ_CYCLES


def sums_cycles(config: EngineConfig) -> int:
    """Operands to accumulated sums of the first column group, where ``aux`` is taken."""
    return config.rows - 1 + SUM_CYCLES + ACCUMULATE_CYCLES - READ_AHEAD_CYCLES


def columns_cycles(config: EngineConfig) -> int:
    """Operands to results of all columns."""
    return sums_cycles(config) + LANE_CYCLES + len(group_widths(config.columns)) - 1


def operand_cycles(config: EngineConfig) -> int:
    """Issue of a vector to its operands at the array."""
    return walk_cycles(config) + STORE_READ_CYCLES + mask_cycles(config)


def aux_cycles(config: EngineConfig) -> int:
    """Issue of a vector to the issue of its auxiliary read, which is not masked."""
    return sums_cycles(config) + mask_cycles(config)


def results_cycles(config: EngineConfig) -> int:
    """Issue of a vector of the last reduction tile to its results."""
    return operand_cycles(config) + columns_cycles(config)


def drain_cycles(config: EngineConfig) -> int:
    """Issue of a vector of the last reduction tile until what becomes of it goes to the operand memories."""
    return results_cycles(config) + pool_cycles(config)


def flush_cycles(config: EngineConfig) -> int:
    """From the end of an instruction's last tile until the next may be accepted.

    The last result leaves ``drain_cycles`` after an issue that is one cycle behind the sequencer, and its saturations
    are counted two cycles later; its write meets the banks during the set-up of the next instruction, before the first
    read.
    """
    return drain_cycles(config) + 3


def block_cycles(classes: int, columns: int) -> int:
    """Least distance in cycles between the last classes of consecutive blocks of the loss unit.

    The longest of: both passes of SOFTMAX with the gap between them; until the last error of a block with few classes
    has left; one label for each column, for the next block.
    """
    return max(2 * classes + LOSS_PASS_GAP_CYCLES, classes + SOFTMAX_CYCLES - 1, columns + LOSS_LABEL_CYCLES)


def loss_tail_cycles(kind: Loss, classes: int, columns: int, count: int) -> int:
    """Cycles from the one in which the last class of the last block is presented to the first in which ``busy`` is low.

    Parameters
    ----------
    kind
        Loss of the instruction; with NONE there is nothing to wait for.
    classes
        Classes of a block.
    columns
        Of the array.
    count
        Samples of the last block.
    """
    if kind is Loss.SOFTMAX:
        return 2 * classes + LOSS_PASS_GAP_CYCLES + SOFTMAX_CYCLES + LOSS_LEAVE_CYCLES + 1
    if kind is Loss.MSE:
        return classes + MSE_CYCLES + LOSS_LEAVE_CYCLES + 1
    return count + 3 if kind is Loss.ARGMAX else 0
