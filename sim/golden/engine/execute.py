"""One instruction on flat memories: gather, multiply, lanes, loss, scatter."""

from dataclasses import dataclass

import torch
from torch import Tensor

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Instruction, Loss, Memory, ProgramError

from . import lanes, loss
from .fixed import ACCUMULATOR_BITS, wrap
from .plan import Operand, Plan
from .random_words import RandomWords

__all__ = ["Memories", "Outcome", "Rate", "execute"]


@dataclass(frozen=True)
class Rate:
    """Learning rate as in `hdl.contract.program.StartParameters`."""

    mantissa: int
    shift: int


@dataclass(frozen=True)
class Outcome:
    """What an instruction adds to the counters: clipped lanes, and samples that were right."""

    saturations: int
    correct: int


class Memories:
    """Operand memories (int16), label memory (0..65535) and random words of one engine; zero at power-up.

    Attributes
    ----------
    operands : dict of `Memory` to int16 tensor [words]
    labels : int64 tensor [label_words]
    random : RandomWords
    """

    def __init__(self, config: EngineConfig) -> None:
        sizes = {
            Memory.ACTIVATION: config.activation_words,
            Memory.WEIGHT: config.weight_words,
            Memory.ERROR: config.error_words,
        }
        self.operands = {memory: torch.zeros(size, dtype=torch.int16) for memory, size in sizes.items()}
        self.labels = torch.zeros(config.label_words, dtype=torch.int64)
        self.random = RandomWords(config.columns)

    def gather(self, operand: Operand, buffer_offset: int) -> Tensor:
        """The words at the operand's addresses, int16."""
        memory, addresses = self._located(operand, buffer_offset)
        return memory[addresses]

    def scatter(self, operand: Operand, buffer_offset: int, values: Tensor) -> None:
        """Store 16-bit values at the operand's addresses."""
        memory, addresses = self._located(operand, buffer_offset)
        memory[addresses] = values.to(torch.int16)

    def _located(self, operand: Operand, buffer_offset: int) -> tuple[Tensor, Tensor]:
        memory = self.operands.get(operand.memory)
        if memory is None:
            raise ProgramError("stream_memory and load_memory must be ACTIVATION, WEIGHT or ERROR, not NONE")
        offset = buffer_offset if operand.buffered else 0
        if operand.highest + offset >= len(memory):
            raise ProgramError(
                f"addresses of {operand.memory.name} must be below {len(memory)},"
                f" not {operand.highest + offset}"
            )
        return memory[offset:], operand.addresses

    def located_labels(self, samples: Tensor, label_offset: int) -> Tensor:
        """Addresses in the label memory."""
        return (samples + label_offset) & (len(self.labels) - 1)


def execute(plan: Plan, memories: Memories, buffer_offset: int, label_offset: int, rate: Rate) -> Outcome:
    """Run one instruction.

    All operands are read before a result is written: a program must not read, in the same instruction, a word
    that it writes there, except by the aux walk at the place of the out walk.

    Raises
    ------
    ProgramError
        When an enabled lane leaves its memory.
    """
    instruction, config = plan.instruction, plan.config
    sums = wrap(_products(plan, memories, buffer_offset), ACCUMULATOR_BITS)
    values, clipped = _post(plan, memories, sums, buffer_offset, rate)
    errors, correct = None, 0
    if instruction.loss is not Loss.NONE:
        errors, correct = _loss(instruction, config, memories, values, plan.samples, label_offset)
    if errors is not None and plan.loss_out is not None:
        memories.scatter(plan.loss_out, buffer_offset, errors)
    elif plan.out is not None:
        memories.scatter(plan.out, buffer_offset, values)
    return Outcome(int(clipped.sum()), correct)


def _products(plan: Plan, memories: Memories, buffer_offset: int) -> Tensor:
    """[time, lanes]; float64 is exact, for 2047 * 16 products of 30 bits stay below 2^53."""
    stream = memories.gather(plan.stream, buffer_offset).to(torch.float64)
    load = memories.gather(plan.load, buffer_offset).to(torch.float64)
    if len(stream) == 1:
        return (stream[0] @ load.T).to(torch.int64)
    tiles = [vectors @ load[lanes_].T for vectors, lanes_ in zip(stream, plan.outer_slices(), strict=True)]
    return torch.cat(tiles, dim=1).to(torch.int64)


def _post(
    plan: Plan, memories: Memories, sums: Tensor, buffer_offset: int, rate: Rate
) -> tuple[Tensor, Tensor]:
    instruction = plan.instruction

    def aux() -> Tensor:
        if plan.aux is None:
            mode = instruction.mode.name
            raise ProgramError(f"aux_memory of {mode} must be ACTIVATION, WEIGHT or ERROR, not NONE")
        return memories.gather(plan.aux, buffer_offset).to(torch.int64)

    def random() -> Tensor:
        return plan.lanes_of(memories.random.take(instruction.outer_count * instruction.time_count))

    setting = lanes.Setting(
        instruction.mode, instruction.format, instruction.function, rate.mantissa, rate.shift
    )
    return lanes.post(setting, sums, aux, random, plan.config.activation_entries)


def _loss(
    instruction: Instruction,
    config: EngineConfig,
    memories: Memories,
    values: Tensor,
    samples: Tensor,
    label_offset: int,
) -> tuple[Tensor | None, int]:
    """Errors [classes, samples] and the number of samples that were right."""
    if not config.loss_unit:
        raise ProgramError("loss must be NONE on an engine without a loss unit, not " + instruction.loss.name)
    if len(values) > config.max_classes:
        limit = config.max_classes
        raise ProgramError(f"time_count with a loss must be between 1 and {limit}, not {len(values)}")
    where = memories.located_labels(samples, label_offset)
    outputs, winners = values.T, loss.argmax(values.T)
    if instruction.loss is Loss.ARGMAX:
        memories.labels[where] = winners
        return None, 0
    labels = memories.labels[where]
    correct = int((winners == labels).sum())
    if instruction.loss is Loss.SOFTMAX:
        return loss.softmax(outputs, labels, config.exponential_entries).T, correct
    return loss.mse(outputs, labels).T, correct
