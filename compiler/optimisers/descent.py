"""UPDATE with momentum, weight decay or both: what weights move by into scratch, from there to the weights, and with
momentum less of it to the state.

With v as it stands in the state, already multiplied by the momentum, or 0 without one: ``v' = v - rate * g``, rounded
stochastically, less ``rate * decay * w`` with weight decay, rounded again; ``w += v'``, exactly;
``v = momentum * v'``, rounded stochastically.
"""

from dataclasses import replace

from deep3.compiler.layout import Layout
from deep3.compiler.phase import Phase

from .optimiser import Momentum
from .passes import WHOLE, add, decay, parts, redirected, rows, segments

__all__ = ["update"]


def update(layout: Layout, number: int, phase: Phase) -> Phase:
    """The phase that updates weights by plain descent, with more; in parts of the rows that have room."""
    optimiser = layout.optimiser
    matrix, taken = layout.steps[number].matrix or 0, segments(layout, number)
    weights, scratch = layout.weights[matrix], layout.scratch(matrix)
    made = []
    for first, count, instructions in parts(phase.instructions, weights.rows, scratch.rows):
        w, new = rows(weights, first, count), rows(scratch, 0, count)
        v = rows(layout.state[matrix], first, count) if layout.state else None
        made += [redirected(each, layout, w, v, new) for each in instructions]
        made += decay(layout, taken, w, new)
        made += add(layout, taken, new, w, w, WHOLE)
        if isinstance(optimiser, Momentum) and v is not None:
            made += add(layout, taken, new, None, v, optimiser.mantissa)
    return replace(phase, instructions=tuple(made))
