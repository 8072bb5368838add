"""The phases of a fully connected layer as matrix products, and those of outputs that are values of maps."""

from dataclasses import replace

from deep3.hdl.contract.program import Format, Loss, Memory, Mode

from .convolution.constants import readout_table
from .layout import Layout
from .schedule import Product, View
from .steps import Readout, Step

__all__ = ["backward", "forward", "last_forward", "update"]


def forward(layout: Layout, number: int) -> Product:
    """What a step writes."""
    step = layout.steps[number]
    if isinstance(step.operation, Readout):
        return Product(
            Mode.FORWARD, step.layer, p=layout.batch, q=step.maps, k=step.maps,
            left=View.of(layout.reads(number)), right=_identity(layout, step), constant=True,
            out=View.of(layout.writes(number)),
        )  # fmt: skip
    samples, weights = layout.reads(number), layout.weights[step.matrix or 0]
    return Product(
        Mode.FORWARD, step.layer, p=layout.batch, q=weights.rows, k=weights.width + 1, biased="k",
        left=View.of(samples), right=View.of(weights), out=View.of(layout.writes(number)),
        function=step.function,
    )  # fmt: skip


def last_forward(layout: Layout, loss: Loss) -> Product:
    """Outputs of the last step, or what a loss makes of them."""
    product = forward(layout, len(layout.steps) - 1)
    format = Format.Q3_12 if layout.network.loss is Loss.MSE else Format.Q7_8
    if loss is Loss.NONE:
        return replace(product, format=format)
    errors = None if loss is Loss.ARGMAX else View.of(layout.errors[-1])
    return replace(product, format=format, loss=loss, out=None, errors=errors)


def backward(layout: Layout, number: int) -> Product:
    """Errors of what a step reads."""
    step, before = layout.steps[number], layout.steps[number - 1]
    if isinstance(step.operation, Readout):
        inputs, right = step.maps, _identity(layout, step)
    else:
        weights = layout.weights[step.matrix or 0]
        inputs, right = weights.width, View.of(weights).transposed
    return Product(
        Mode.BACKWARD, step.layer, p=layout.batch, q=inputs, k=step.maps,
        left=View.of(layout.errors_of(number)), right=right,
        constant=step.matrix is None, out=View.of(layout.errors_of(number - 1)), aux=View.of(layout.reads(number)),
        function=before.function, position_bits=before.position_bits,
    )  # fmt: skip


def update(layout: Layout, number: int) -> Product:
    """New weights of a step."""
    step = layout.steps[number]
    weights = layout.weights[step.matrix or 0]
    return Product(
        Mode.UPDATE, step.layer, p=weights.width + 1, q=weights.rows, k=layout.batch, biased="p",
        left=View.of(layout.reads(number)).transposed, right=View.of(layout.errors_of(number)).transposed,
        out=View.of(weights).transposed, aux=View.of(weights).transposed,
    )  # fmt: skip


def _identity(layout: Layout, step: Step) -> View:
    """Row i is the row before shifted by one: a matrix that lies in less than two of its rows."""
    return View(Memory.WEIGHT, layout.constants[readout_table(step)] + step.maps - 1, -1, 1, False)
