"""The addresses of an instruction, worked out once: every walk of `hdl.contract.program` as an index tensor."""

from dataclasses import dataclass

import torch
from torch import Tensor

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import ADDRESS_BITS, Instruction, Memory, Walk

__all__ = ["Operand", "Plan"]

_ADDRESS_MASK = (1 << ADDRESS_BITS) - 1


@dataclass(frozen=True)
class Operand:
    """Flat addresses of one operand in batch buffer 0, an int64 tensor."""

    memory: Memory
    addresses: Tensor
    highest: int
    buffered: bool

    @classmethod
    def of(cls, memory: Memory, walk: Walk, addresses: Tensor) -> "Operand":
        """Wraps the addresses as the adders of the walkers do."""
        wrapped = addresses & _ADDRESS_MASK
        return cls(memory, wrapped, int(wrapped.max()), walk.buffered)


class Plan:
    """Addresses and shapes of one instruction; lanes that the array masks are left out.

    Parameters
    ----------
    instruction, config

    Attributes
    ----------
    lanes : int
        Enabled output lanes of all outer tiles together.
    stream : Operand [outer or 1, time, reduction]
        One entry for all outer tiles where they stream the same vectors.
    load : Operand [lanes, reduction]
    out, aux, loss_out : Operand [time, lanes] or None
    samples : int64 [lanes]
        With a loss: label addresses without the buffer's offset.
    """

    def __init__(self, instruction: Instruction, config: EngineConfig) -> None:
        self.instruction = instruction
        self.config = config
        step = config.banks
        lane = torch.arange(instruction.outer_count * instruction.tile_width)
        outer, column = lane // instruction.tile_width, lane % instruction.tile_width
        enabled = (outer < instruction.outer_count - 1) | (column < instruction.last_outer_width)
        outer, column = outer[enabled], column[enabled]
        element = torch.arange(
            (instruction.reduction_count - 1) * config.rows + instruction.last_reduction_width
        )
        tile, row = element // config.rows, element % config.rows
        time = torch.arange(instruction.time_count)
        self.lanes = len(outer)
        self._outer, self._column, self._time = outer, column, time

        walk = instruction.stream
        starts = torch.arange(instruction.outer_count if walk.outer else 1) * walk.outer
        self.stream = Operand.of(
            instruction.stream_memory,
            walk,
            walk.base
            + starts[:, None, None]
            + (time * walk.inner)[:, None]
            + tile * walk.reduction
            + row * (walk.lane_step * step + 1),
        )
        walk = instruction.load
        self.load = Operand.of(
            instruction.load_memory,
            walk,
            walk.base
            + (outer * walk.outer + column * walk.inner)[:, None]
            + tile * walk.reduction
            + row * (walk.lane_step * step + 1),
        )
        self.out = self._results(instruction.output_memory, instruction.out)
        self.aux = self._results(instruction.aux_memory, instruction.aux)
        self.loss_out = self._results(Memory.ERROR, instruction.loss_out)
        self.samples = instruction.label_base + outer * instruction.tile_width + column

    def _results(self, memory: Memory, walk: Walk) -> Operand | None:
        if memory is Memory.NONE:
            return None
        lanes = self._outer * walk.outer + self._column * (walk.lane_step * self.config.banks + 1)
        return Operand.of(memory, walk, walk.base + (self._time * walk.inner)[:, None] + lanes)

    def lanes_of(self, vectors: Tensor) -> Tensor:
        """[time, lanes] from what belongs to each drained vector: [outer * time, columns]."""
        shaped = vectors.view(self.instruction.outer_count, self.instruction.time_count, -1)
        return shaped[self._outer, :, self._column].T

    def outer_slices(self) -> list[slice]:
        """The lanes of each outer tile."""
        width = self.instruction.tile_width
        return [slice(start, min(start + width, self.lanes)) for start in range(0, self.lanes, width)]
