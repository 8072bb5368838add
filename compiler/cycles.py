"""Closed form of the cycles of programs: no instruction stalls, so nothing has to be simulated.

The next instruction is fetched while one runs. Without convolution that takes less than the shortest one; with it,
instructions are longer, and short ones wait for the next.
"""

from collections.abc import Sequence

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.instruction import Instruction
from deep3.hdl.contract.program import Loss
from deep3.hdl.contract.timing import SETUP_CYCLES, fetch_cycles, flush_cycles, loss_tail_cycles, results_cycles

__all__ = ["instruction_cycles", "issue_to_issue_cycles", "loss_wait_cycles", "run_cycles"]


def loss_wait_cycles(instruction: Instruction, config: EngineConfig) -> int:
    """Cycles between the end of the flush of an instruction and the end of its loss."""
    if instruction.loss is Loss.NONE:
        return 0
    tail = loss_tail_cycles(
        instruction.loss, instruction.time_count, config.columns, instruction.last_outer_width
    )
    # The last class leaves the lanes one cycle behind its issue in the sequencer, and the drain.
    since_last_class = instruction.tile_cycles - instruction.time_count + flush_cycles(config)
    return max(0, 1 + results_cycles(config) + tail - since_last_class)


def instruction_cycles(instruction: Instruction, config: EngineConfig) -> int:
    """Cycles of one instruction, as its cycle counter shows them."""
    body = instruction.tile_width + instruction.issue_cycles
    return SETUP_CYCLES + body + flush_cycles(config) + loss_wait_cycles(instruction, config)


def issue_to_issue_cycles(instruction: Instruction, config: EngineConfig) -> int:
    """Cycles from the beginning of one instruction to that of the next, which is fetched meanwhile."""
    return max(instruction_cycles(instruction, config), fetch_cycles(config) + 2)


def run_cycles(program: Sequence[Instruction], config: EngineConfig, batches: int) -> int:
    """Cycles of a resident run, as the counter CYCLES shows them: nothing waits for the host."""
    if not batches:
        # To take the parameters, and to see that nothing is to be done.
        return 2
    # Behind the last instruction none is waited for; one cycle more to see that all batches are done.
    last_wait_cycles = issue_to_issue_cycles(program[-1], config) - instruction_cycles(program[-1], config)
    batch_cycles = sum(issue_to_issue_cycles(instruction, config) for instruction in program)
    return fetch_cycles(config) + batches * batch_cycles - last_wait_cycles + 1
