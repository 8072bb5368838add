"""UPDATE with Adagrad: gradients into scratch, their squares to the state, what they become under its roots back to
scratch, from there to the weights.

A gradient is a sum over the batch with 12 fraction bits, or 16 / batch of it where that is less: the mean with 16. Its
scale matters no further, since it is divided by the root of sums of its own squares.
"""

from dataclasses import replace

from deep3.compiler.layout import Layout
from deep3.compiler.phase import Phase
from deep3.hdl.contract.program import Format, Mode

from .optimiser import Adagrad
from .passes import decay, elementwise, parts, redirected, rows, segments

__all__ = ["update"]


def update(layout: Layout, number: int, phase: Phase) -> Phase:
    """The phase that updates weights without a state, with Adagrad; in parts of the rows that have room."""
    matrix, taken = layout.steps[number].matrix or 0, segments(layout, number)
    weights, state, scratch = layout.weights[matrix], layout.state[matrix], layout.scratch(matrix)
    assert isinstance(layout.optimiser, Adagrad)
    mantissa = layout.optimiser.gradient_mantissa(layout.batch)
    made = []
    for first, count, instructions in parts(phase.instructions, weights.rows, scratch.rows):
        w, s, new = rows(weights, first, count), rows(state, first, count), rows(scratch, 0, count)
        made += [replace(redirected(each, layout, w, None, new), rate_mantissa=mantissa) for each in instructions]
        made += decay(layout, taken, w, new, mantissa)
        made += elementwise(layout, taken, new, s, s, mode=Mode.ADAGRAD, format=Format.Q3_12)
        # In place: each word is read once, before it is written.
        made += elementwise(layout, taken, new, s, new, mode=Mode.ADAGRAD, format=Format.Q7_8)
        made += elementwise(layout, taken, new, w, w, mode=Mode.UPDATE)
    return replace(phase, instructions=tuple(made))
