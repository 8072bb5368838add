"""One instruction on flat memories: gather, multiply, lanes, loss, scatter."""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.fixed_point import FRACTION_BITS
from deep3.hdl.contract.instruction import Instruction, Mask
from deep3.hdl.contract.program import Loss, Memory, Mode, ProgramError

from . import lanes, loss
from .chain import Chain
from .fixed import ACCUMULATOR_BITS, wrap
from .plan import Operand, Plan
from .pool import clear_positions, keep_positions, window_maxima
from .random_words import RandomWords

__all__ = ["Memories", "Outcome", "Rate", "execute"]

_ONE = torch.tensor([1 << FRACTION_BITS], dtype=torch.float64)
"""1.0 in Q3.12."""


_NEVER_WRAP = 1 << ACCUMULATOR_BITS - 1 - 30
"""A sum of fewer products of two 16-bit words fits the accumulators."""


_BLOCK_LANES = 1 << 15
"""Sums that go through the lanes at once: a processor's cache holds them."""


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
        positions = (found - clear).to(torch.int64)[None]
        table = torch.zeros((1 << mask_bits, len(found)), dtype=torch.float64)
        return table.scatter_(0, positions, clear.to(torch.float64)[None]).flatten()

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


def execute(chain: Chain, memories: Memories, buffer_offset: int, label_offset: int, rate: Rate) -> list[Outcome]:
    """Run instructions, as a rule one.

    All operands are read before a result is written: a program must not read, in the same instruction, a word
    that it writes there, except by the aux walk at the place of the out walk.

    Raises
    ------
    ProgramError
        When an enabled lane leaves its memory.
    """
    instruction, out = chain.first.instruction, chain.first.out
    values, clipped = _post(chain, memories, _products(chain, memories, buffer_offset), buffer_offset, rate)
    errors, correct = None, 0
    if instruction.loss is not Loss.NONE:
        outputs = values.view(-1, instruction.time_count, instruction.tile_width)
        errors, correct = _loss(chain.first, memories, outputs, label_offset)
    if errors is not None:
        walk, enabled = chain.first.loss_out, chain.first.enabled[:, None, :].expand_as(errors)
        memories.located(walk, buffer_offset)[walk.all_places[enabled]] = errors[enabled].to(torch.int16)
    elif out is not None:
        chosen, places = chain.results
        stored = values if chosen is None else values.index_select(0, chosen)
        memories.located(out, buffer_offset).index_copy_(0, places, stored.to(torch.int16))
    return [Outcome(saturations, correct) for saturations in _saturations(chain, clipped)]


def _products(chain: Chain, memories: Memories, buffer_offset: int) -> Tensor:
    """Sums, int64, of each plan [outer, time, tile_width]; float64 is exact, for a reduction of 2^16 tiles of 16
    products of 30 bits stays below 2^53."""
    mask, mask_bits = chain.first.instruction.mask, chain.first.instruction.mask_bits
    loaded = memories.words(chain.first.load, buffer_offset, mask_bits if mask is Mask.LOAD else 0)
    streamed = memories.words(chain.first.stream, buffer_offset, mask_bits if mask is Mask.STREAM else 0)
    streamed = torch.cat([streamed, _ONE])
    sums = torch.empty(sum(chain.lanes), dtype=torch.int64)
    for plan, part in zip(chain.plans, torch.split(sums, chain.lanes), strict=True):
        instruction = plan.instruction
        elements = plan.stream.vector.shape[1]
        tiles = part.view(instruction.outer_count, instruction.time_count, instruction.tile_width)
        for number, group in enumerate(plan.groups):
            columns = loaded.index_select(0, group.load).view(elements, -1).numpy()
            for chosen, places in plan.blocks(number):
                vectors = streamed.index_select(0, places).view(-1, elements).numpy()
                # NumPy's BLAS is the faster one with few columns.
                group.store(tiles, chosen, torch.from_numpy(vectors @ columns))
        if elements >= _NEVER_WRAP:
            part.copy_(wrap(part, ACCUMULATOR_BITS))
    return sums


def _post(chain: Chain, memories: Memories, sums: Tensor, buffer_offset: int, rate: Rate) -> tuple[Tensor, Tensor]:
    """Values [results of all lanes], and which sums were clipped [lanes]."""
    plan, instruction = chain.first, chain.first.instruction
    positions = torch.zeros((), dtype=torch.int64)

    def aux() -> Tensor:
        nonlocal positions
        if plan.aux is None:
            mode = instruction.mode.name
            raise ProgramError(f"aux_memory of {mode} must be ACTIVATION, WEIGHT or ERROR, not NONE")
        if instruction.aux_memory in (instruction.stream_memory, instruction.load_memory):
            name = instruction.aux_memory.name
            raise ProgramError(f"aux_memory must be another than stream and load read, not {name}")
        positions = memories.located(plan.aux, buffer_offset).index_select(0, chain.aux_places).to(torch.int64)
        return clear_positions(positions, instruction.position_bits)

    def random() -> Tensor:
        vectors = memories.random.take(instruction.outer_count * instruction.time_count)
        return vectors[:, : instruction.tile_width].flatten()

    own = rate.of(instruction)
    setting = lanes.Setting(
        instruction.mode, instruction.format, instruction.function, own.mantissa, own.shift,
        instruction.dropout_threshold, instruction.position_bits,
    )  # fmt: skip
    if instruction.mode not in plan.config.modes:
        raise ProgramError(f"mode must not be {instruction.mode.name} on an engine without Adagrad")
    if instruction.dropout_threshold and not plan.config.dropout:
        threshold = instruction.dropout_threshold
        raise ProgramError(f"dropout_threshold must be 0 on an engine without dropout, not {threshold}")
    post = partial(lanes.post, setting, aux=aux, random=random, entries=plan.config.activation_entries)
    if instruction.mode is not Mode.FORWARD:
        values, clipped = post(sums)
        return keep_positions(values, positions, instruction.position_bits), clipped
    sums = sums.view(instruction.outer_count, instruction.time_count, instruction.tile_width)
    at_once = max(1, _BLOCK_LANES // sums[0].numel())
    posted = [post(part) for part in torch.split(sums, at_once)]
    window, bits = instruction.window, instruction.position_bits
    values = torch.cat([window_maxima(part, window, bits) for part, _ in posted])
    dropped = lanes.dropped(setting, random)
    if dropped is not None:
        values = values.masked_fill(dropped.view(sums.shape)[:, window - 1 :: window], 0)
    return values.flatten(), torch.cat([part for _, part in posted]).flatten()


def _saturations(chain: Chain, clipped: Tensor) -> list[int]:
    """Of each plan, the sums that count and were clipped."""
    if not clipped.any():
        return [0] * len(chain.plans)
    counted = clipped if chain.enabled is None else clipped & chain.enabled
    return [int(torch.count_nonzero(part)) for part in torch.split(counted, chain.lanes)]


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
