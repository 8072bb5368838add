"""One instruction on flat memories: gather, multiply, lanes, loss, scatter."""

from dataclasses import dataclass

import torch
from torch import Tensor

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.fixed_point import FRACTION_BITS
from deep3.hdl.contract.instruction import Instruction, Mask
from deep3.hdl.contract.program import Loss, Memory, Mode, ProgramError

from . import lanes, loss
from .fixed import ACCUMULATOR_BITS, wrap
from .plan import Operand, Plan
from .pool import clear_positions, keep_positions, window_maxima
from .random_words import RandomWords

__all__ = ["Memories", "Outcome", "Rate", "execute"]

_ONE = torch.tensor([1 << FRACTION_BITS], dtype=torch.float64)
"""1.0 in Q3.12."""


_NEVER_WRAP = 1 << ACCUMULATOR_BITS - 1 - 30
"""A sum of fewer products of two 16-bit words fits the accumulators."""


@dataclass(frozen=True)
class Rate:
    """Learning rate as in `hdl.contract.program.StartParameters`."""

    mantissa: int
    shift: int

    def of(self, instruction: Instruction) -> "Rate":
        """The instruction's own, where it has one."""
        return Rate(instruction.rate_mantissa, instruction.rate_shift) if instruction.rate_mantissa else self


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

    def words(self, operand: Operand, buffer_offset: int, mask_bits: int = 0) -> Tensor:
        """All words from ``operand.lowest`` on that it may reach, float64; of masked ones those at position 0, then
        those at position 1 and so on."""
        found = self.located(operand, buffer_offset)
        if not mask_bits:
            return found.to(torch.float64)
        clear = clear_positions(found, mask_bits)
        positions = torch.arange(1 << mask_bits, dtype=torch.int16)[:, None]
        return (clear.to(torch.float64) * (found - clear == positions)).flatten()

    def gather(self, operand: Operand, buffer_offset: int) -> Tensor:
        """int64 [outer, *operand.vector.shape]; lanes that do not count yield any word."""
        places = operand.all_places
        found = self.located(operand, buffer_offset).index_select(0, places.flatten())
        return found.view(places.shape).to(torch.int64)

    def scatter(self, operand: Operand, enabled: Tensor | None, buffer_offset: int, values: Tensor) -> None:
        """Store 16-bit values [outer, *operand.vector.shape], if not all those ``enabled`` [outer, lanes]."""
        words, places = values.to(torch.int16), operand.all_places
        if enabled is not None:
            where = enabled[:, None, :].expand_as(values)
            words, places = words[where], places[where]
        self.located(operand, buffer_offset).index_copy_(0, places.flatten(), words.flatten())

    def located(self, operand: Operand, buffer_offset: int) -> Tensor:
        """The memory from the lowest to the highest word of an operand, in its batch buffer.

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
        return memory[operand.lowest + offset : operand.highest + offset + 1]

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
    sums = _products(plan, memories, buffer_offset)
    if plan.stream.vector.shape[1] >= _NEVER_WRAP:
        sums = wrap(sums, ACCUMULATOR_BITS)
    values, clipped = _post(plan, memories, sums, buffer_offset, rate)
    enabled = None if plan.all_enabled else plan.enabled
    errors, correct = None, 0
    if instruction.loss is not Loss.NONE:
        errors, correct = _loss(plan, memories, values, label_offset)
    if errors is not None:
        memories.scatter(plan.loss_out, enabled, buffer_offset, errors)
    elif plan.out is not None:
        memories.scatter(plan.out, enabled, buffer_offset, values)
    counted = clipped if enabled is None else clipped & enabled[:, None, :]
    return Outcome(int(torch.count_nonzero(counted)), correct)


def _products(plan: Plan, memories: Memories, buffer_offset: int) -> Tensor:
    """Sums, int64 [outer, time, tile_width]; float64 is exact, for a reduction of 2^16 tiles of 16 products of 30 bits
    stays below 2^53."""
    instruction = plan.instruction
    width, elements = instruction.tile_width, plan.stream.vector.shape[1]
    mask_bits = {instruction.mask: instruction.mask_bits}
    loaded = memories.words(plan.load, buffer_offset, mask_bits.get(Mask.LOAD, 0))
    streamed = memories.words(plan.stream, buffer_offset, mask_bits.get(Mask.STREAM, 0))
    streamed = torch.cat([streamed, _ONE])
    sums = torch.empty((instruction.outer_count, instruction.time_count, width), dtype=torch.int64)
    for number, group in enumerate(plan.groups):
        columns = loaded.index_select(0, group.load).view(-1, elements).T
        for chosen, places in plan.blocks(number):
            found = (streamed.index_select(0, places).view(-1, elements) @ columns).to(torch.int64)
            tiles = group.tiles[chosen]
            sums[tiles] = found.view(len(tiles), instruction.time_count, -1, width).transpose(1, 2)
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
        words = memories.gather(plan.aux, buffer_offset)
        positions = words
        return clear_positions(words, instruction.position_bits)

    def random() -> Tensor:
        vectors = memories.random.take(instruction.outer_count * instruction.time_count)
        return vectors[:, : instruction.tile_width].view(sums.shape)

    own = rate.of(instruction)
    setting = lanes.Setting(
        instruction.mode, instruction.format, instruction.function, own.mantissa, own.shift,
        instruction.dropout_threshold,
    )  # fmt: skip
    if instruction.mode not in plan.config.modes:
        raise ProgramError(f"mode must not be {instruction.mode.name} on an engine without Adagrad")
    if instruction.dropout_threshold and not plan.config.dropout:
        threshold = instruction.dropout_threshold
        raise ProgramError(f"dropout_threshold must be 0 on an engine without dropout, not {threshold}")
    values, clipped = lanes.post(setting, sums, aux, random, plan.config.activation_entries)
    if instruction.mode is Mode.FORWARD:
        window = instruction.window
        values = window_maxima(values, window, instruction.position_bits)
        dropped = lanes.dropped(setting, random)
        return values if dropped is None else values.masked_fill(dropped[:, window - 1 :: window], 0), clipped
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
