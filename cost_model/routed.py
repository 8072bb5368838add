"""Which arrays were placed and routed on a board's part, and what that says of others.

An array that is smaller in both directions leaves the same tools more room and shorter ways, so it is taken to route
where a larger one did; so is an engine without convolution where one with it did, and never the other way. A shape says
nothing of the memories beside it, which the routed engines had of one size each.
"""

import enum
from dataclasses import dataclass

from .boards import BoardDescription, RoutedShape, board_names, load_board

__all__ = ["Evidence", "Ground", "advised", "evidence_of", "routed_shapes"]


class Evidence(enum.Enum):
    """What a shape of an array stands on."""

    ROUTED = "routed"
    SMALLER = "smaller than one that was routed"
    UNROUTED = "never routed"


@dataclass(frozen=True)
class Ground:
    """The evidence for a shape, and the nearest that was routed, where one was.

    Attributes
    ----------
    evidence, shape
        `Evidence`; None where nothing as large was routed.
    """

    evidence: Evidence
    shape: RoutedShape | None

    def __str__(self) -> str:
        """In words."""
        if self.shape is None:
            return "never routed: whether it fits and how fast it is stays open"
        mhz = f"{self.shape.sync_hz / 1e6:.1f} MHz"
        if self.evidence is Evidence.ROUTED:
            return f"{self.shape} was routed on this part at {mhz}, with the memories of its board"
        return f"smaller than {self.shape}, which was routed on this part at {mhz}: a smaller array is easier"


def routed_shapes(board: BoardDescription, convolution: bool = False) -> list[RoutedShape]:
    """Shapes routed, at the board's clock at least, on its part and speed grade: on this board and on all others; with
    ``convolution`` those that had it."""
    others = [load_board(name) for name in board_names()]
    alike = [other for other in others if (other.part, other.speed_grade) == (board.part, board.speed_grade)]
    found = {*board.routed, *(shape for other in alike for shape in other.routed)}
    fast = [shape for shape in found if shape.sync_hz >= board.clock.sync_hz and shape.convolution >= convolution]
    return sorted(fast, key=lambda shape: (shape.rows, shape.columns, shape.convolution, -shape.sync_hz))


def advised(shapes: list[RoutedShape], unrouted: bool) -> list[RoutedShape] | None:
    """Shapes that an array must be no larger than to be advised; None for any: where there are none, and where
    ``unrouted`` ones are asked for."""
    return None if unrouted or not shapes else shapes


def evidence_of(rows: int, columns: int, shapes: list[RoutedShape]) -> Ground:
    """What ``shapes`` say of an array, by the smallest of them that is no smaller."""
    for shape in shapes:
        if shape.rows == rows and shape.columns == columns:
            return Ground(Evidence.ROUTED, shape)
    larger = [shape for shape in shapes if shape.rows >= rows and shape.columns >= columns]
    if not larger:
        return Ground(Evidence.UNROUTED, None)
    return Ground(Evidence.SMALLER, min(larger, key=lambda shape: shape.rows * shape.columns))
