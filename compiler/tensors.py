"""Tensors as they lie in an operand memory: matrices, and maps with borders around them (docs/engine.md, Tensors)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deep3.errors import Deep3Error
from deep3.hdl.contract.program import Memory

__all__ = ["NO_BORDER", "ONE", "Border", "DoesNotFit", "Maps", "Matrix", "Words", "pitch_words"]

Words = NDArray[np.int16]

ONE = 4096
"""1.0 in Q3.12: the constant input of every bias of a dense layer."""


class DoesNotFit(Deep3Error, ValueError):
    """A network that an engine cannot hold; the message names the memory, the words needed and those
    there."""


@dataclass(frozen=True)
class Matrix:
    """``rows`` rows of ``width`` elements in ``memory``, row r at ``base + r * pitch``; with ``buffered``
    there is one in every input buffer."""

    memory: Memory
    base: int
    rows: int
    width: int
    pitch: int
    buffered: bool = False

    @property
    def words(self) -> int:
        """Words from the first row to the end of the last, padding included."""
        return self.rows * self.pitch

    @property
    def end(self) -> int:
        """First address behind the matrix."""
        return self.base + self.words

    def take(self, words: Words) -> Words:
        """[rows, width] from the matrix's ``words`` as read from the engine."""
        return words.reshape(self.rows, self.pitch)[:, : self.width]

    def image(self, values: Words, one: bool) -> Words:
        """The inverse of `take`, ``words`` words; with ``one`` a constant `ONE` follows each row."""
        padded = np.zeros((self.rows, self.pitch), np.int16)
        padded[:, : self.width] = values
        if one:
            padded[:, self.width] = ONE
        return padded.reshape(-1)


@dataclass(frozen=True)
class Border:
    """Rows and columns of constant words around each map."""

    top: int = 0
    left: int = 0
    bottom: int = 0
    right: int = 0
    value: int = 0


NO_BORDER = Border()


@dataclass(frozen=True)
class Maps(Matrix):
    """Maps of samples, one row a sample: [sample][y][x][channel], pixels and rows of pixels one behind the other.

    The columns left of a row of pixels close the row before, the rows above a sample close the sample before. Rows of
    the matrix have the values of a sample in the order (channel, y, x).

    Attributes
    ----------
    shape
        (channels, height, width) of a sample.
    border
        Around its maps.
    """

    shape: tuple[int, int, int] = (1, 1, 1)
    border: Border = NO_BORDER

    @property
    def channels(self) -> int:
        """Words of a pixel."""
        return self.shape[0]

    @property
    def row_pitch(self) -> int:
        """Words from one row of pixels to the next."""
        return self.channels * (self.shape[2] + max(self.border.left, self.border.right))

    @property
    def origin(self) -> int:
        """Address of the first pixel."""
        return self.base + self.border.top * self.row_pitch + self.border.left * self.channels

    @property
    def words(self) -> int:
        """Words of all samples and what lies around them."""
        _, height, width = self.shape
        below = self.origin - self.base + (height - 1 + self.border.bottom) * self.row_pitch
        last = below + (width + self.border.right) * self.channels
        return max(self.rows * self.pitch, (self.rows - 1) * self.pitch + last)

    def at(self, y: int, x: int) -> int:
        """Address of the first channel of a pixel of the first sample; it may lie in the border."""
        return self.origin + y * self.row_pitch + x * self.channels

    def take(self, words: Words) -> Words:
        """[rows, width] from the maps' ``words`` as read from the engine."""
        return self._pixels(words).transpose(0, 3, 1, 2).reshape(self.rows, self.width)

    def image(self, values: Words, one: bool) -> Words:
        """The inverse of `take`, ``words`` words with borders; with ``one`` a constant `ONE` follows each sample."""
        image = np.full(self.words, self.border.value, np.int16)
        self._pixels(image)[:] = values.reshape(self.rows, *self.shape).transpose(0, 2, 3, 1)
        if one:
            image[: self.rows * self.pitch].reshape(self.rows, self.pitch)[:, self.width] = ONE
        return image

    def _pixels(self, words: Words) -> Words:
        """View [sample, y, x, channel]."""
        channels, height, width = self.shape
        size = words.itemsize
        return np.lib.stride_tricks.as_strided(
            words[self.origin - self.base :],
            (self.rows, height, width, channels),
            (self.pitch * size, self.row_pitch * size, channels * size, size),
        )


def pitch_words(needed: int, banks: int) -> int:
    """The smallest pitch of at least ``needed`` words that is 1 modulo ``banks``: then neither rows nor
    columns of a matrix have bank conflicts."""
    return needed + (1 - needed) % banks
