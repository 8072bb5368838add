"""Which windows cover which positions of a map, along one dimension.

Position i lies at place k in window o where ``i = o * stride - padding + k``. Its *taps* are the windows that cover it,
from the last to the first: k rises by the stride as o falls by one. Positions alike in their taps form runs, which one
instruction walks: so a gradient is gathered from exactly the windows that there are.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product

from deep3.compiler.network.layers import Dense, MeanPool
from deep3.compiler.steps import Readout, Step

__all__ = ["Run", "gradient_pairs", "runs", "window_lengths"]


@dataclass(frozen=True)
class Run:
    """Evenly spaced positions whose taps differ by their windows only; perhaps several such sequences, the *sides*.

    Attributes
    ----------
    first, count, step
        Positions.
    taps
        Of each position; 0 where no window covers it.
    place, window
        Of the first tap of the first position.
    label
        What `runs` was given for the windows of the taps.
    sides
        Sequences.
    side_first, side_place, side_window
        What ``first``, ``place`` and ``window`` grow by from one side to the next.
    """

    first: int
    count: int
    step: int
    taps: int = 0
    place: int = 0
    window: int = 0
    label: tuple[int, ...] = ()
    sides: int = 1
    side_first: int = 0
    side_place: int = 0
    side_window: int = 0

    @property
    def pixel_taps(self) -> int:
        """Taps of all positions."""
        return self.sides * self.count * self.taps


def _gradient_runs(step: Step, dimension: int) -> list[Run]:
    """Runs of the maps that a step reads, down (0) or across (1), over the windows whose errors there are.

    Labels are the lengths of the windows of a mean.
    """
    operation = step.operation
    assert not isinstance(operation, Dense | Readout)
    pool = step.pool.kernel[dimension] if step.pool else 1
    lengths = window_lengths(step, dimension) if isinstance(operation, MeanPool) else []
    return runs(
        step.before[1 + dimension], operation.kernel[dimension], operation.stride[dimension],
        operation.padding[dimension], step.behind[1 + dimension] * pool, pool,
        lambda window: lengths[window] if lengths else 0,
    )  # fmt: skip


def gradient_pairs(step: Step) -> list[tuple[Run, Run]]:
    """Every run down with every run across."""
    return list(product(_gradient_runs(step, 0), _gradient_runs(step, 1)))


def window_lengths(step: Step, dimension: int) -> list[int]:
    """What the mean of each window is divided by, in one dimension: its length without what lies beyond the padding."""
    operation = step.operation
    assert not isinstance(operation, Dense | Readout)
    kernel, stride, padding = (pair[dimension] for pair in (operation.kernel, operation.stride, operation.padding))
    begins = [window * stride - padding for window in range(step.behind[1 + dimension])]
    return [min(begin + kernel, step.before[1 + dimension] + padding) - begin for begin in begins]


def runs(
    size: int,
    kernel: int,
    stride: int,
    padding: int,
    windows: int,
    pool: int = 1,
    label: Callable[[int], int] = lambda window: 0,
) -> list[Run]:
    """All positions 0 .. size - 1, each in one run.

    Parameters
    ----------
    windows
        How many there are.
    pool
        Windows come in groups of so many, 1 or 2; where in its group the first of several taps lies is the same in all
        of a run.
    label
        Of a window; positions with the same labels go together.
    """
    classes: dict[tuple[int, int, int, tuple[int, ...]], list[int]] = {}
    for position in range(size):
        places = [
            place
            for place in range(kernel)
            if (position + padding - place) % stride == 0 and 0 <= (position + padding - place) // stride < windows
        ]
        covering = [(position + padding - place) // stride for place in places]
        group = covering[0] % pool if len(places) > 1 else 0
        key = (places[0] if places else 0, len(places), group, tuple(label(window) for window in covering))
        classes.setdefault(key, []).append(position)
    found: list[Run] = []
    for (place, taps, _, labels), positions in classes.items():
        # The windows of one tap may alternate in their groups: they are walked one by one.
        step = stride * pool if taps else 0
        for first, count, distance in _sequences(positions, step):
            window = (first + padding - place) // stride
            found.append(Run(first, count, distance, taps, place, window if taps else 0, labels))
    return _sides(found, pool)


def _sequences(positions: list[int], step: int) -> list[tuple[int, int, int]]:
    """Rising positions cut into (first, count, step): of a given step, or of any where that is 0."""
    found: list[tuple[int, int, int]] = []
    rest = positions
    while rest:
        distance = step or (rest[1] - rest[0] if len(rest) > 1 else 1)
        chosen = [rest[0]]
        for position in rest[1:]:
            if position == chosen[-1] + distance:
                chosen.append(position)
        found.append((chosen[0], len(chosen), distance))
        rest = [position for position in rest if position not in chosen]
    return found


def _sides(found: list[Run], pool: int) -> list[Run]:
    """Runs that differ by equal amounts, as left and right borders do, as one."""
    alike: dict[tuple[object, ...], list[Run]] = {}
    for run in sorted(found, key=lambda run: run.first):
        group = run.window % pool if run.taps > 1 else 0
        alike.setdefault((run.count, run.step, run.taps, run.label, group), []).append(run)
    merged: list[Run] = []
    for members in alike.values():
        while members:
            first, *others = members
            moves = [(r.first - first.first, r.place - first.place, r.window - first.window) for r in others]
            sides = 1
            while sides <= len(moves) and moves[sides - 1] == tuple(sides * move for move in moves[0]):
                sides += 1
            if sides > 1:
                move = moves[0]
                first = replace(first, sides=sides, side_first=move[0], side_place=move[1], side_window=move[2])
            merged.append(first)
            members = members[sides:]
    return merged
