"""The addresses of an instruction, worked out once: every walk of `hdl.contract.instruction` as index tensors.

A stream address is a sum of what the outer tile, the step of time, and the reduction tile with the lane contribute; the
same holds for the others. The sums are made outer tile by outer tile, and kept where they are not too many:
those of a whole convolution can be tens of millions.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.instruction import POSITION_BITS, Instruction, Mask, Ones
from deep3.hdl.contract.nest import Walk
from deep3.hdl.contract.program import Memory

from .walker import loop_digits, loop_offsets

__all__ = ["Group", "Operand", "Plan"]

_KEPT_WORDS = 1 << 22
"""Places of the stream of an instruction that are kept."""

_BLOCK_WORDS = 1 << 18
"""Words of the stream that are taken at once."""


@dataclass(frozen=True)
class Operand:
    """Flat addresses of one operand in batch buffer 0: ``outer[n] + vector``, both int64, modulo 2^address_bits.

    Attributes
    ----------
    vector : [...]
        Of an outer tile whose offset is 0.
    outer : [outer]
    lowest, highest
        Of all addresses that count.
    """

    memory: Memory
    vector: Tensor
    outer: Tensor
    buffered: bool
    lowest: int
    highest: int
    address_mask: int

    def places(self, outer: Tensor) -> Tensor:
        """Where words of outer tiles with these offsets lie behind ``lowest``, int64 [*outer.shape, *vector.shape];
        those that do not count may be anywhere."""
        addresses = (outer[..., None, None] + self.vector) & self.address_mask
        return (addresses - self.lowest).clamp_(0, self.highest - self.lowest)

    @cached_property
    def all_places(self) -> Tensor:
        """Of all outer tiles, int64 [outer, *vector.shape]."""
        return self.places(self.outer)


@dataclass(frozen=True)
class Group:
    """Outer tiles that load the same, one for each offset of the stream; or several, all in the same order.

    Attributes
    ----------
    offsets : int64 [offsets]
        Of what they stream.
    tiles : int64 [offsets, tiles]
    load : int32 [elements * tiles * tile_width]
        Places of what they load.
    """

    offsets: Tensor
    tiles: Tensor
    load: Tensor

    @cached_property
    def steps(self) -> tuple[int, int] | None:
        """From one offset, and from one tile, to the next; None where tiles are not in steps."""
        across, down = self.tiles.diff(dim=0), self.tiles.diff(dim=1)
        if (across != across[:1, :1]).any() or (down != down[:1, :1]).any():
            return None
        return int(across.sum() // max(1, across.numel())), int(down.sum() // max(1, down.numel()))

    def store(self, sums: Tensor, chosen: slice, found: Tensor) -> None:
        """Sums of the chosen offsets, [offsets * time, tiles * tile_width], to where their tiles are in ``sums``
        [outer, time, tile_width]."""
        tiles = self.tiles[chosen]
        _, time_count, width = sums.shape
        ordered = found.view(len(tiles), time_count, -1, width).transpose(1, 2)
        if self.steps is None:
            sums[tiles] = ordered.to(torch.int64)
            return
        tile_words = time_count * width
        strides = (self.steps[0] * tile_words, self.steps[1] * tile_words, width, 1)
        begin = sums.storage_offset() + int(tiles[0, 0]) * tile_words
        sums.as_strided(ordered.shape, strides, begin).copy_(ordered)


class Plan:
    """Addresses and shapes of one instruction; lanes that the array masks are left out.

    Parameters
    ----------
    instruction, config

    Attributes
    ----------
    enabled : bool [outer, tile_width]
        Output lanes that count.
    all_enabled
        All do.
    stream : Operand, vector [time, elements]
        Elements are the lanes of all reduction tiles that count.
    load : Operand, vector [tile_width, elements]
    out, aux : Operand or None, vector [results, tile_width]
        Results are the steps of time, or the windows of a maximum.
    loss_out : Operand, vector [time, tile_width]
    positions : int64 [outer, elements]
        With a mask: the positions that count.
    samples : int64 [lanes]
        With a loss: label addresses without the buffer's offset, of the lanes that count.
    """

    def __init__(self, instruction: Instruction, config: EngineConfig) -> None:
        self.instruction = instruction
        self.config = config
        columns = np.arange(instruction.tile_width)
        outer = np.arange(instruction.outer_count)
        self.enabled = torch.from_numpy(
            (outer[:, None] < instruction.outer_count - 1) | (columns < instruction.last_outer_width)
        )
        self.all_enabled = instruction.last_outer_width >= instruction.tile_width
        self._tile, self._row = self._elements()
        self.stream = self._operands(instruction.stream_memory, instruction.stream, "time")
        self.load = self._operands(instruction.load_memory, instruction.load, "column")
        self.out = self._results(instruction.output_memory, instruction.out)
        self.aux = self._results(instruction.aux_memory, instruction.aux)
        lanes = np.arange(instruction.outer_count * instruction.tile_width)
        self.samples = torch.from_numpy(instruction.label_base + lanes)[self.enabled.flatten()]

    @cached_property
    def loss_out(self) -> Operand:
        walk = self.instruction.loss_out
        return self._over_lanes(Memory.ERROR, walk, loop_offsets(self.instruction.loop("classes"), walk.inner))

    @cached_property
    def positions(self) -> Tensor:
        walk, instruction = self.instruction.positions, self.instruction
        tiles = loop_offsets(instruction.loop("reduction"), walk.reduction)[self._tile]
        outer = loop_offsets(instruction.loop("outer"), walk.outer)
        return torch.from_numpy((walk.base + outer[:, None] + tiles) & ((1 << POSITION_BITS) - 1))

    @cached_property
    def ones(self) -> Tensor | None:
        """bool [time, elements]: where the stream is forced to 1.0."""
        instruction = self.instruction
        if instruction.ones is Ones.NONE:
            return None
        forced = torch.zeros((instruction.time_count, len(self._tile)), dtype=torch.bool)
        if instruction.ones is Ones.LANE:
            forced[:, -1] = True
        else:
            forced[-1] = True
        return forced

    @cached_property
    def groups(self) -> list[Group]:
        """All outer tiles."""
        stream, load = self.stream.outer.numpy(), self.load.outer.numpy()
        masked = self.positions.numpy() if self.instruction.mask else np.zeros((len(stream), 0), np.int64)
        tiles: dict[bytes, list[int]] = {}
        for n in range(len(stream)):
            tiles.setdefault(stream[n].tobytes() + masked[n].tobytes(), []).append(n)
        alike: dict[bytes, list[list[int]]] = {}
        for members in tiles.values():
            key = load[members].tobytes() + masked[members[0]].tobytes()
            alike.setdefault(key, []).append(members)
        found = []
        for entry in alike.values():
            load_places = self._masked(self.load, self.load.outer[entry[0]], entry[0], Mask.LOAD).flatten(0, 1).T
            offsets = self.stream.outer[[members[0] for members in entry]]
            found.append(Group(offsets, torch.tensor(entry), load_places.to(torch.int32).flatten()))
        return found

    @cached_property
    def _kept(self) -> list[list[tuple[slice, Tensor]]]:
        """`blocks` of each group, where they are few enough."""
        words = sum(len(group.offsets) for group in self.groups) * self.stream.vector.numel()
        return [list(self._blocks(group)) for group in self.groups] if words <= _KEPT_WORDS else []

    def blocks(self, number: int) -> Iterator[tuple[slice, Tensor]]:
        """Offsets of a group, and the places of what they stream, int32 [offsets * time * elements]."""
        return iter(self._kept[number]) if self._kept else self._blocks(self.groups[number])

    def _blocks(self, group: Group) -> Iterator[tuple[slice, Tensor]]:
        at_once = max(1, _BLOCK_WORDS // self.stream.vector.numel())
        for first in range(0, len(group.offsets), at_once):
            chosen = slice(first, first + at_once)
            places = self._masked(self.stream, group.offsets[chosen], group.tiles[chosen, 0], Mask.STREAM)
            if self.ones is not None:
                places = places.masked_fill(self.ones, self.one_place)
            yield chosen, places.to(torch.int32).flatten()

    @property
    def one_place(self) -> int:
        """Of a 1.0, behind all words of the stream."""
        span = self.stream.highest - self.stream.lowest + 1
        return span << self.instruction.mask_bits if self.instruction.mask is Mask.STREAM else span

    def _masked(self, operand: Operand, outer: Tensor, tiles: Tensor | list[int], role: Mask) -> Tensor:
        """Places of an operand; where it is masked, all its words come once for each position."""
        places = operand.places(outer)
        if self.instruction.mask is not role:
            return places
        positions = self.positions[tiles] & ((1 << self.instruction.mask_bits) - 1)
        return places + positions[..., None, :] * (operand.highest - operand.lowest + 1)

    def _elements(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Reduction tile and row of every element that counts."""
        instruction, rows = self.instruction, self.config.rows
        count = instruction.reduction_count
        first_level = loop_digits((count + 1, instruction.reduction_periods))[0]
        ends = first_level[1:] == 0 if instruction.reduction_periods else np.zeros(count, bool)
        widths = np.where(ends, min(instruction.edge_width, rows), rows)
        widths[-1] = instruction.last_reduction_width
        tile = np.repeat(np.arange(count), widths)
        row = np.arange(len(tile)) - np.repeat(np.cumsum(widths) - widths, widths)
        return tile, row

    def _operands(self, memory: Memory, walk: Walk, inner: str) -> Operand:
        instruction = self.instruction
        tiles = loop_offsets(instruction.loop("reduction"), walk.reduction)[self._tile]
        lanes = self._row * (walk.lane_step * self.config.banks + 1)
        vector = loop_offsets(instruction.loop(inner), walk.inner)[:, None] + tiles + lanes
        if inner == "column":
            return self._operand(memory, walk, vector, self.enabled.numpy())
        if self.ones is not None:
            # What is not read may be anywhere: here, where something is that is read.
            read = ~self.ones.numpy()
            vector = np.where(read, vector, vector[read][0] if read.any() else 0)
        return self._operand(memory, walk, vector, np.ones((instruction.outer_count, len(vector)), bool))

    def _results(self, memory: Memory, walk: Walk) -> Operand | None:
        if memory is Memory.NONE:
            return None
        times = loop_offsets(self.instruction.loop("time"), walk.inner)
        return self._over_lanes(memory, walk, times[self.instruction.window - 1 :: self.instruction.window])

    def _over_lanes(self, memory: Memory, walk: Walk, times: NDArray[np.int64]) -> Operand:
        lanes = np.arange(self.instruction.tile_width) * (walk.lane_step * self.config.banks + 1)
        return self._operand(memory, walk, (times[:, None] + lanes).T, self.enabled.numpy(), transpose=True)

    def _operand(
        self, memory: Memory, walk: Walk, vector: NDArray[np.int64], counts: NDArray[np.bool_], transpose: bool = False
    ) -> Operand:
        """``counts`` [outer, first axis of vector]: what may not leave the memory."""
        outer = walk.base + loop_offsets(self.instruction.loop("outer"), walk.outer)
        lowest = int((outer[:, None] + vector.min(axis=1))[counts].min())
        highest = int((outer[:, None] + vector.max(axis=1))[counts].max())
        modulus = 1 << self.config.encoding.address_bits
        if lowest < 0 or highest >= modulus:
            # The adders of the walkers go round.
            tiles = zip(outer, counts, strict=True)
            highest = max(int((start + vector[which] & (modulus - 1)).max()) for start, which in tiles if which.any())
            lowest = 0
        found = torch.from_numpy(np.ascontiguousarray(vector.T if transpose else vector))
        return Operand(memory, found, torch.from_numpy(outer), walk.buffered, lowest, highest, modulus - 1)
