"""Closed form of the cycles of programs: no instruction stalls, so nothing has to be simulated."""

from collections.abc import Sequence

from hdl.config import EngineConfig
from hdl.program import Instruction, Loss

__all__ = ["fetch_cycles", "fetch_wait_cycles", "instruction_cycles", "loss_wait_cycles", "run_cycles"]


def setup_cycles() -> int:
    """From accepting an instruction to its first load."""
    return 9


def flush_cycles(config: EngineConfig) -> int:
    """From the end of an instruction's last tile until the next may be set up."""
    return config.rows + config.columns + 16


def fetch_cycles() -> int:
    """Cycles from accepting an instruction until the next one has been fetched."""
    return 34


def block_cycles(classes: int, columns: int) -> int:
    """Cycles of the loss unit for a block of one sample a column."""
    return 2 * classes + columns + 24


def loss_wait_cycles(instruction: Instruction, config: EngineConfig) -> int:
    """Cycles between the end of the flush of an instruction and the end of its loss."""
    if instruction.loss is Loss.NONE:
        return 0
    return max(0, block_cycles(instruction.time_count, config.columns) - instruction.tile_cycles)


def instruction_cycles(instruction: Instruction, config: EngineConfig) -> int:
    """Cycles of one instruction, as its cycle counter shows them."""
    body = instruction.tile_width + instruction.issue_cycles
    return setup_cycles() + body + flush_cycles(config) + loss_wait_cycles(instruction, config)


def fetch_wait_cycles(instruction: Instruction, config: EngineConfig) -> int:
    """Cycles the successor of ``instruction`` waits because it is not fetched yet."""
    return max(0, fetch_cycles() + 1 - instruction_cycles(instruction, config))


def run_cycles(program: Sequence[Instruction], config: EngineConfig, batches: int) -> int:
    """Cycles of a resident run, as the counter CYCLES shows them: nothing waits for the host."""
    batch = sum(instruction_cycles(i, config) + fetch_wait_cycles(i, config) for i in program)
    # Nothing is waited for behind the last instruction; one cycle more to see that all batches are done.
    last = fetch_wait_cycles(program[-1], config) if batches else 0
    return fetch_cycles() + batches * batch - last + 1
