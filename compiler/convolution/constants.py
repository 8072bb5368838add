"""Constant words in W: what pooling multiplies by, to move or to average values channel by channel."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from deep3.compiler.network.layers import Dense, MaxPool, MeanPool
from deep3.compiler.steps import Readout, Step

from .windows import gradient_pairs, window_lengths

__all__ = ["IDENTITY", "Table", "gradient_table", "identity_words", "readout_table", "tables"]

_STEPS = 4096
"""1.0 in Q3.12."""


@dataclass(frozen=True)
class Table:
    """Identity matrices, each divided by a number.

    Each takes `identity_words`: the quotient with ``rows - 1`` zeros on either side. ``rows`` lanes from word
    ``rows - 1 - c`` on are its column c; the first word is 0.

    Attributes
    ----------
    divisors
        One for each matrix.
    width
        Of matrices of another size than the rows of the array.
    """

    divisors: tuple[int, ...]
    width: int | None = None

    def words(self, rows: int) -> NDArray[np.int16]:
        """Q3.12 words."""
        rows = self.width or rows
        words = np.zeros((len(self.divisors), identity_words(rows)), np.int16)
        words[:, rows - 1] = [round(_STEPS / divisor) for divisor in self.divisors]
        return words.reshape(-1)


IDENTITY = Table((1,))


def identity_words(rows: int) -> int:
    """Words of an identity matrix."""
    return 2 * rows - 1


def tables(steps: Sequence[Step], first: int) -> list[Table]:
    """What a network needs, each once; ``first`` is the number of the first step with weights."""
    found: list[Table] = []
    for number, step in enumerate(steps):
        if isinstance(step.operation, MaxPool):
            found.append(IDENTITY)
        if isinstance(step.operation, MeanPool):
            lengths = product(*(sorted(set(window_lengths(step, dimension))) for dimension in (0, 1)))
            found += [Table((down * across,)) for down, across in lengths]
        if isinstance(step.operation, Readout):
            found.append(readout_table(step))
        elif number > first and not isinstance(step.operation, Dense):
            for down, across in gradient_pairs(step):
                if isinstance(step.operation, MeanPool) or not (down.taps and across.taps):
                    found.append(gradient_table(down.label, across.label))
    return list(dict.fromkeys(found))


def placed(found: Sequence[Table], rows: int, base: int) -> dict[Table, int]:
    """Addresses of tables one behind the other from ``base`` on, for an array of ``rows``."""
    places: dict[Table, int] = {}
    for table in found:
        places[table] = base
        base += len(table.words(rows))
    return places


def readout_table(step: Step) -> Table:
    """An identity matrix as large as the outputs."""
    return Table((1,), step.maps)


def gradient_table(down: tuple[int, ...], across: tuple[int, ...]) -> Table:
    """One matrix for each of the windows that cover a pixel, from their lengths in either direction; a single one
    where all have the same divisor, or where there is no window."""
    divisors = tuple(a * b for a in down for b in across)
    return Table(divisors if len(set(divisors)) > 1 else divisors[:1]) if divisors else IDENTITY
