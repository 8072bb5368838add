"""One instruction on flat memories: gather, multiply, lanes, loss, scatter."""

from dataclasses import dataclass

import torch
from torch import Tensor

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.instruction import Mask
from deep3.hdl.contract.program import Loss, Memory, Mode, ProgramError

from . import lanes, loss
from .fixed import ACCUMULATOR_BITS, wrap
from .operand import force_ones, mask_positions
from .plan import Operand, Plan
from .pool import clear_positions, keep_positions, window_maxima
from .random_words import RandomWords

__all__ = ["Memories", "Outcome", "Rate", "execute"]

_ELEMENTS = 1 << 22
"""Words of the stream that are gathered at once."""


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

    def gather(self, operand: Operand, outer: Tensor, buffer_offset: int) -> Tensor:
        """The words of outer tiles with these offsets, int16 [*outer.shape, *operand.vector.shape]; lanes that do not
        count may be anywhere, and yield any word."""
        memory = self.located(operand, buffer_offset)
        return memory[operand.addresses(outer).clamp_(max=len(memory) - 1)]

    def scatter(self, operand: Operand, enabled: Tensor, buffer_offset: int, values: Tensor) -> None:
        """Store 16-bit values [outer, *operand.vector.shape] of the ``enabled`` [outer, lanes]."""
        where = enabled[:, None, :].expand_as(values)
        addresses = operand.addresses(operand.outer)[where]
        self.located(operand, buffer_offset)[addresses] = values[where].to(torch.int16)

    def located(self, operand: Operand, buffer_offset: int) -> Tensor:
        """The memory of an operand from its batch buffer on.

        Raises
        ------
        ProgramError
            When the instruction names none, or an address that counts lies beyond it.
        """
        memory = self.operands.get(operand.memory)
        if memory is None:
            raise ProgramError("stream_memory and load_memory must be ACTIVATION, WEIGHT or ERROR, not NONE")
        offset = buffer_offset if operand.buffered else 0
        if operand.highest + offset >= len(memory):
            raise ProgramError(
                f"addresses of {operand.memory.name} must be below {len(memory)},"
                f" not {operand.highest + offset}"
            )
        return memory[offset:]

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
    instruction = plan.instruction
    sums = wrap(_products(plan, memories, buffer_offset), ACCUMULATOR_BITS)
    values, clipped = _post(plan, memories, sums, buffer_offset, rate)
    errors, correct = None, 0
    if instruction.loss is not Loss.NONE:
        errors, correct = _loss(plan, memories, values, label_offset)
    if errors is not None:
        memories.scatter(plan.loss_out, plan.enabled, buffer_offset, errors)
    elif plan.out is not None:
        memories.scatter(plan.out, plan.enabled, buffer_offset, values)
    return Outcome(int((clipped & plan.enabled[:, None, :]).sum()), correct)


def _products(plan: Plan, memories: Memories, buffer_offset: int) -> Tensor:
    """Sums, int64 [outer, time, tile_width]; float64 is exact, for a reduction of 2^16 tiles of 16 products of 30 bits
    stays below 2^53."""
    instruction = plan.instruction
    width = instruction.tile_width
    sums = torch.empty((instruction.outer_count, instruction.time_count, width), dtype=torch.int64)
    for offsets, tiles in plan.groups:
        # All entries of a group load alike.
        load = memories.gather(plan.load, plan.load.outer[tiles[0]], buffer_offset)
        if instruction.mask is Mask.LOAD:
            load = mask_positions(load, plan.positions[tiles[0], None, :], instruction.mask_bits)
        columns = load.flatten(0, 1).to(torch.float64).T
        at_once = max(1, _ELEMENTS // plan.stream.vector.numel())
        for first in range(0, len(offsets), at_once):
            chosen = slice(first, first + at_once)
            stream = memories.gather(plan.stream, offsets[chosen], buffer_offset)
            if instruction.mask is Mask.STREAM:
                stream = mask_positions(stream, plan.positions[tiles[chosen, 0], None, :], instruction.mask_bits)
            if plan.ones is not None:
                stream = force_ones(stream, plan.ones)
            found = (stream.to(torch.float64) @ columns).to(torch.int64)
            sums[tiles[chosen]] = found.reshape(*found.shape[:2], -1, width).transpose(1, 2)
    return sums


def _post(
    plan: Plan, memories: Memories, sums: Tensor, buffer_offset: int, rate: Rate
) -> tuple[Tensor, Tensor]:
    """Values [outer, results, tile_width], and the lanes that were clipped [outer, time, tile_width]."""
    instruction = plan.instruction
    positions = torch.zeros((), dtype=torch.int64)

    def aux() -> Tensor:
        nonlocal positions
        if plan.aux is None:
            mode = instruction.mode.name
            raise ProgramError(f"aux_memory of {mode} must be ACTIVATION, WEIGHT or ERROR, not NONE")
        words = memories.gather(plan.aux, plan.aux.outer, buffer_offset).to(torch.int64)
        positions = words
        return clear_positions(words, instruction.position_bits)

    def random() -> Tensor:
        vectors = memories.random.take(instruction.outer_count * instruction.time_count)
        return vectors[:, : instruction.tile_width].view(sums.shape)

    setting = lanes.Setting(
        instruction.mode, instruction.format, instruction.function, rate.mantissa, rate.shift
    )
    values, clipped = lanes.post(setting, sums, aux, random, plan.config.activation_entries)
    if instruction.mode is Mode.FORWARD:
        return window_maxima(values, instruction.window, instruction.position_bits), clipped
    return keep_positions(values, positions, instruction.position_bits), clipped


def _loss(plan: Plan, memories: Memories, values: Tensor, label_offset: int) -> tuple[Tensor | None, int]:
    """Errors [outer, classes, tile_width] and the number of samples that were right."""
    instruction, config = plan.instruction, plan.config
    if not config.loss_unit:
        raise ProgramError("loss must be NONE on an engine without a loss unit, not " + instruction.loss.name)
    if instruction.time_count > config.max_classes:
        limit = config.max_classes
        raise ProgramError(f"time_count with a loss must be between 1 and {limit}, not {instruction.time_count}")
    where = memories.located_labels(plan.samples, label_offset)
    outputs = values.transpose(1, 2)[plan.enabled]
    winners = loss.argmax(outputs)
    if instruction.loss is Loss.ARGMAX:
        memories.labels[where] = winners
        return None, 0
    labels = memories.labels[where]
    correct = int((winners == labels).sum())
    found = loss.mse(outputs, labels)
    if instruction.loss is Loss.SOFTMAX:
        found = loss.softmax(outputs, labels, config.exponential_entries)
    errors = torch.zeros((*plan.enabled.shape, instruction.time_count), dtype=torch.int64)
    errors[plan.enabled] = found
    return errors.transpose(1, 2), correct
