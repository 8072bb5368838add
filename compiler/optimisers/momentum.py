"""UPDATE with momentum: new velocities into scratch, from there to the weights, and less of them back to the state.

With v as it stands in the state, already multiplied by the momentum: ``v' = v - rate * g``, rounded stochastically;
``w += v'``, exactly; ``v = momentum * v'``, rounded stochastically. Weight decay makes v' less before that.
"""

from dataclasses import replace

from deep3.compiler.layout import Layout
from deep3.compiler.phase import Phase

from .optimiser import Momentum
from .passes import WHOLE, add, decay, parts, redirected, rows, segments

__all__ = ["update"]


def update(layout: Layout, number: int, phase: Phase) -> Phase:
    """The phase that updates weights without a state, with momentum; in parts of the rows that have room."""
    optimiser = layout.optimiser
    assert isinstance(optimiser, Momentum)
    matrix, taken = layout.steps[number].matrix or 0, segments(layout, number)
    weights, state, scratch = layout.weights[matrix], layout.state[matrix], layout.scratch(matrix)
    made = []
    for first, count, instructions in parts(phase.instructions, weights.rows, scratch.rows):
        w, v, new = rows(weights, first, count), rows(state, first, count), rows(scratch, 0, count)
        made += [redirected(each, layout, w, v, new) for each in instructions]
        made += decay(layout, taken, w, new)
        made += add(layout, taken, new, w, w, WHOLE)
        made += add(layout, taken, new, None, v, optimiser.mantissa)
    return replace(phase, instructions=tuple(made))
