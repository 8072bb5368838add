"""The phases of a fully connected layer as matrix products."""

from dataclasses import replace

from deep3.hdl.contract.program import Format, Loss, Mode

from .layout import Layout
from .schedule import Product, View

__all__ = ["backward", "forward", "last_forward", "update"]


def forward(layout: Layout, number: int) -> Product:
    """What a step writes."""
    step = layout.steps[number]
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
    weights = layout.weights[step.matrix or 0]
    return Product(
        Mode.BACKWARD, step.layer, p=layout.batch, q=weights.width, k=weights.rows,
        left=View.of(layout.errors_of(number)), right=View.of(weights).transposed,
        out=View.of(layout.errors_of(number - 1)), aux=View.of(layout.reads(number)),
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
