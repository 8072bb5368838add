"""Array, accumulators and post lanes: operand vectors in, finished results of all columns side by side out."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from deep3.hdl.contract.config import EngineConfig

from .accumulator import Accumulator
from .array import SystolicArray
from .lanes import Setting, post
from .lanes import dropped as drops
from .random_words import RandomWords

__all__ = ["Columns", "Constants", "Result", "Step"]


@dataclass(frozen=True)
class Constants:
    """What stands at the columns while an instruction runs; the widths are those of `hdl.engine.columns.Columns`."""

    setting: Setting
    tile_width: int
    last_outer_width: int


@dataclass(frozen=True)
class Step:
    """A time step of a tile, with the fields of `hdl.engine.columns.step_layout`."""

    tile_start: bool
    first: bool
    last: bool
    last_outer: bool


@dataclass(frozen=True)
class Result:
    """What leaves the lanes for a time step: int64 [columns] of 16 bits, how many of those that count were clipped, and
    which are to be dropped, bool [columns]."""

    values: NDArray[np.int64]
    saturations: int
    dropped: NDArray[np.bool_]


class Columns:
    """Twin of `hdl.engine.columns.Columns`, without its latency.

    Vector by vector, as the gateware does it; `sim.golden.engine.execute`, which has a whole instruction before it,
    multiplies all tiles at once.

    Parameters
    ----------
    config : EngineConfig

    Attributes
    ----------
    random : RandomWords
        Of the lanes of all groups.
    """

    def __init__(self, config: EngineConfig) -> None:
        self.random = RandomWords(config.columns)
        self._array = SystolicArray(config.rows, config.columns)
        self._accumulator = Accumulator(config.columns, config.accumulator_words)
        self._entries = config.activation_entries
        self._time = 0

    def load(self, column: int, words: ArrayLike) -> None:
        """int16 [rows] of a column of the next tile; columns that there are not are ignored."""
        self._array.load(column, words)

    def step(self, step: Step, stream: ArrayLike, aux: ArrayLike, constants: Constants) -> Result | None:
        """Stream a vector.

        Parameters
        ----------
        stream
            int16 [rows].
        aux
            int16 [columns], used in the last reduction tile of BACKWARD and UPDATE.

        Returns
        -------
        Result or None
            None before the last reduction tile.
        """
        if step.tile_start:
            self._array.swap()
            self._time = 0
        totals = self._accumulator.add(self._time, self._array.sums(stream), step.first)
        self._time += 1
        if not step.last:
            return None
        values, clipped = post(
            constants.setting,
            torch.from_numpy(totals),
            lambda: torch.tensor(aux, dtype=torch.int64),
            lambda: self.random.take(1)[0],
            self._entries,
        )
        width = constants.last_outer_width if step.last_outer else constants.tile_width
        dropped = drops(constants.setting, lambda: self.random.take(1)[0])
        none = np.zeros(len(values), np.bool_)
        return Result(values.numpy(), int(clipped[:width].sum()), none if dropped is None else dropped.numpy())
