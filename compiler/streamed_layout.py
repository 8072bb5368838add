"""Where a network lies whose weights come over the link, piece by piece (`compiler.streaming`)."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from .convolution.constants import Table, placed, tables
from .layout import Layout, check_room
from .network.subsample import of_size
from .steps import Step, steps
from .tensors import Matrix, Words

__all__ = ["HALVES", "PieceLayout", "StreamedLayout"]

HALVES = 2
"""Of W, and of the program memory: one is written while the engine works with the other."""


@dataclass(frozen=True)
class StreamedLayout(Layout):
    """A `Layout` for forward programs alone: W holds constants, then two halves for weights.

    Errors, labels and what an optimiser keeps have no place.

    Raises
    ------
    ValueError, DoesNotFit
        As `Layout`; where not even one row of a matrix fits a half.
    """

    def _check_places(self) -> None:
        config = self.config
        widest = max(matrix.pitch for matrix in self.weights)
        words = self.inputs.base + self.inputs.words
        for what, needed, available, name in (
            ("weights", self.halves_base + HALVES * widest, config.weight_words, "weight_bank_words"),
            ("activations", words, config.activation_words, "activation_bank_words"),
        ):
            check_room(what, needed, available, f"words ({name} x banks)")

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """See `Layout.steps`; nothing is dropped."""
        return steps(self.network, forward_only=True)

    @cached_property
    def constants(self) -> dict[Table, int]:
        """See `Layout.constants`; those of forward programs, from address 0 on."""
        return placed(tables(self.steps, len(self.steps)), self.config.rows, 0)

    @cached_property
    def halves_base(self) -> int:
        """Address of the first half of W, behind the constants."""
        return sum(len(table.words(self.config.rows)) for table in self.constants)

    @property
    def half_words(self) -> int:
        """Words of a half."""
        return (self.config.weight_words - self.halves_base) // HALVES

    def constant_words(self) -> Words:
        """Image of W from address 0 up to the halves."""
        return np.concatenate([np.zeros(0, np.int16), *(table.words(self.config.rows) for table in self.constants)])


@dataclass(frozen=True, kw_only=True)
class PieceLayout(Layout):
    """A layout as the programs of one piece see it: a step has some of its neurons or maps only.

    Parameters
    ----------
    whole
        Where everything lies.
    number, first_row, rows
        The step, and which rows of its matrix.
    base
        Address of these rows in W.
    """

    whole: StreamedLayout
    number: int
    first_row: int
    rows: int
    base: int

    def _check_places(self) -> None:
        """The whole was checked."""

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """As of the whole, but for the one."""
        found = list(self.whole.steps)
        step = found[self.number]
        behind = (self.rows, *step.behind[1:])
        found[self.number] = replace(step, operation=of_size(step.operation, self.rows), behind=behind)
        return tuple(found)

    @cached_property
    def weights(self) -> tuple[Matrix, ...]:
        """As of the whole, but for the one."""
        found = list(self.whole.weights)
        index = self.steps[self.number].matrix or 0
        found[index] = replace(found[index], base=self.base, rows=self.rows)
        return tuple(found)

    @cached_property
    def constants(self) -> dict[Table, int]:
        """As of the whole."""
        return self.whole.constants

    @cached_property
    def rows_together(self) -> int:
        """As of the whole."""
        return self.whole.rows_together

    def reads(self, step: int) -> Matrix:
        """As of the whole."""
        return self.whole.reads(step)

    def writes(self, step: int) -> Matrix:
        """As of the whole; of the one step what its rows give."""
        tensor = self.whole.writes(step)
        return replace(tensor, base=tensor.base + self.first_row) if step == self.number else tensor
