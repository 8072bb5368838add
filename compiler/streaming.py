"""Forward programs of networks whose weights do not fit on chip: piece by piece, in two halves of W by turns.

A piece is rows of one matrix of weights, neurons or maps, and the instructions that compute what they give. While the
engine works on one piece, the host writes weights and instructions of the next into the other half of W and of the
program memory; activations stay in A. No walk but the load of a FORWARD reads W, and a run reads no slots but its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.instruction import Instruction
from deep3.hdl.contract.program import StartParameters

from .cycles import run_cycles
from .lowering import check_tiles, forward_phase
from .network.network import Network
from .phase import Phase, tiles
from .streamed_layout import HALVES, PieceLayout, StreamedLayout
from .tensors import DoesNotFit, Words
from .weight_order import weight_image

__all__ = ["Piece", "Streamed", "stream"]

@dataclass(frozen=True)
class Piece:
    """What one run computes.

    Attributes
    ----------
    matrix, first_row, rows
        Which weights it needs.
    address, words
        Where they lie in W.
    slot, phases
        Its instructions, and where they lie in the program memory.
    reads_inputs
        Whether it reads the samples; they may be overwritten behind the last that does.
    """

    matrix: int
    first_row: int
    rows: int
    address: int
    words: int
    slot: int
    phases: tuple[Phase, ...]
    reads_inputs: bool

    @property
    def instructions(self) -> tuple[Instruction, ...]:
        """In order."""
        return tuple(instruction for phase in self.phases for instruction in phase.instructions)


@dataclass(frozen=True)
class Streamed:
    """The forward program of a network in pieces; neighbours lie in different halves, so do the last and the first
    where their number is even."""

    layout: StreamedLayout
    pieces: tuple[Piece, ...]

    def images(self, weights: Sequence[Words]) -> list[Words]:
        """Words of each matrix as its pieces take them, from Q3.12 [outputs, inputs + 1], biases in the last column.

        Raises
        ------
        ValueError
            When one is missing, or has another shape or type.
        """
        if len(weights) != len(self.layout.weights):
            raise ValueError(f"weights must be of {len(self.layout.weights)} layers, not {len(weights)}")
        placed = zip(self.layout.weights, self.layout.places, weights, strict=True)
        return [
            weight_image(index, matrix, places, values[:, :-1], values[:, -1])
            for index, (matrix, places, values) in enumerate(placed)
        ]

    def words_of(self, piece: Piece, images: Sequence[Words]) -> Words:
        """What W must hold from the piece's address on."""
        first = piece.first_row * self.layout.weights[piece.matrix].pitch
        return images[piece.matrix][first : first + piece.words]

    def program_of(self, piece: Piece) -> NDArray[np.uint16]:
        """What the program memory must hold from the piece's slot on."""
        encoding = self.layout.config.encoding
        return np.array([word for each in piece.instructions for word in each.encode(encoding)], np.uint16)

    def start_of(self, piece: Piece) -> StartParameters:
        """Run it."""
        return StartParameters(
            first_instruction=piece.slot, instruction_count=len(piece.instructions), batches=1, buffers=1,
            buffer_words=0, label_words=0, resident=True, rate_mantissa=0, rate_shift=0, seed=0,
        )  # fmt: skip

    def cycles_of(self, piece: Piece) -> int:
        """Of its run."""
        return run_cycles(piece.instructions, self.layout.config, 1)


def stream(network: Network, config: EngineConfig, batch: int) -> Streamed:
    """Forward programs for ``batch`` samples at a time.

    Raises
    ------
    ValueError
        For a batch out of range.
    DoesNotFit
        When activations, one row of a matrix of weights, or the instructions of a piece do not fit the engine.
    """
    layout = StreamedLayout(network, config, batch, 1)
    cuts = _cuts(layout)
    pieces: list[Piece] = []
    waiting: list[Phase] = []
    for number, step in enumerate(layout.steps):
        if step.matrix is None:
            # Pools belong to the piece before them, and to the first where none is before them.
            phase = forward_phase(layout, number)
            if pieces:
                pieces[-1] = replace(pieces[-1], phases=(*pieces[-1].phases, phase))
            else:
                waiting.append(phase)
            continue
        for first_row, rows in cuts[step.matrix]:
            piece = _piece(layout, number, first_row, rows, len(pieces) % HALVES)
            pieces.append(replace(piece, phases=(*waiting, *piece.phases), reads_inputs=bool(waiting or not number)))
            waiting = []
    most = config.max_instructions // HALVES
    for piece in pieces:
        check_tiles(piece.phases, config)
        if len(piece.instructions) > most:
            raise DoesNotFit(
                f"programs do not fit: {len(piece.instructions)} needed for rows of layer {piece.phases[0].layer}, half"
                f" the engine's program memory has {most} instructions (max_layers)"
            )
    return Streamed(layout, tuple(pieces))


def _cuts(layout: StreamedLayout) -> list[list[tuple[int, int]]]:
    """For each matrix (first row, rows) of its pieces, as few as fit a half, of about equal size; one more where their
    number would be odd."""
    columns = layout.config.columns
    found = [_cut(matrix.rows, layout.half_words // matrix.pitch, columns) for matrix in layout.weights]
    sizes = [(rows * matrix.pitch, index) for index, matrix in enumerate(layout.weights) for _, rows in found[index]]
    if len(sizes) % HALVES:
        for _, index in sorted(sizes, reverse=True):
            rows = layout.weights[index].rows
            count = len(found[index]) + 1
            if count <= rows:
                found[index] = _split(rows, count)
                break
    return found


def _cut(rows: int, most: int, columns: int) -> list[tuple[int, int]]:
    """Pieces of whole tiles of columns, where a half has room for one."""
    if columns < most < rows:
        most -= most % columns
    each = tiles(rows, tiles(rows, most))
    if columns < each < rows:
        each += -each % columns
    return [(first, min(each, rows - first)) for first in range(0, rows, each)]


def _split(rows: int, count: int) -> list[tuple[int, int]]:
    edges = [rows * index // count for index in range(count + 1)]
    return [(first, end - first) for first, end in pairwise(edges)]


def _piece(layout: StreamedLayout, number: int, first_row: int, rows: int, half: int) -> Piece:
    matrix = layout.steps[number].matrix or 0
    base = layout.halves_base + half * layout.half_words
    view = PieceLayout(
        layout.network, layout.config, layout.batch, 1,
        whole=layout, number=number, first_row=first_row, rows=rows, base=base,
    )  # fmt: skip
    return Piece(
        matrix, first_row, rows, base, rows * layout.weights[matrix].pitch,
        half * (layout.config.max_instructions // HALVES), (forward_phase(view, number),), False,
    )  # fmt: skip
