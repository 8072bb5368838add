"""How the kernels of a convolution lie in W, and their windows in the maps that are read.

A kernel is rows of words that lie one behind the other in W, a window as many rows in the maps. Where the host writes
the maps, several rows of an image may lie side by side in each pixel: a row of the kernel then is several rows of the
network's, and fills more lanes of the array.
"""

from typing import NamedTuple

from deep3.compiler.layout import Layout
from deep3.compiler.network.layers import Convolution
from deep3.compiler.tensors import Maps

__all__ = ["Kernel", "kernel_of"]


class Kernel(NamedTuple):
    """In words.

    Attributes
    ----------
    origin
        Address of the first window.
    rows
        Of the kernel.
    run
        Words of a row.
    row_pitch
        From a row of a window to the next, in the maps.
    pixel
        Words of a pixel.
    last_pixel
        Those of them that count in the last row of the kernel.
    down, across
        From a window to those below it and beside it.
    """

    origin: int
    rows: int
    run: int
    row_pitch: int
    pixel: int
    last_pixel: int
    down: int
    across: int


def kernel_of(layout: Layout, number: int) -> Kernel:
    """Of a step, a convolution."""
    operation, x = layout.steps[number].operation, layout.reads(number)
    assert isinstance(operation, Convolution)
    assert isinstance(x, Maps)
    together = layout.rows_together if number == 0 else 1
    rows = -(-operation.kernel[0] // together)
    last = operation.kernel[0] - (rows - 1) * together
    # Rows that lie together have their padding among them.
    top = operation.padding[0] if together == 1 else 0
    return Kernel(
        origin=x.at(-top, -operation.padding[1]), rows=rows, run=operation.kernel[1] * x.channels,
        row_pitch=together * x.row_pitch, pixel=x.channels, last_pixel=x.channels // together * last,
        down=operation.stride[0] * x.row_pitch, across=operation.stride[1] * x.channels,
    )  # fmt: skip
