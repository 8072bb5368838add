"""Pools as layers."""

from deep3.compiler.network.layers import MaxPool, MeanPool, Pair, Shape

from .chain import Chain
from .graph import Operator, refuse
from .weighted import symmetric_padding

__all__ = ["lower_adaptive_pool", "lower_max_pool", "lower_mean_pool"]


def lower_max_pool(chain: Chain, operator: Operator) -> None:
    """A `MaxPool`."""
    if operator.attributes["dilation"] != (1, 1):
        raise refuse(operator.place, f"it has a dilation of {operator.attributes['dilation']!r}", "use dilation=1")
    kernel, stride, padding, ceil = _window(chain, operator)
    chain.append(operator, MaxPool(kernel, stride, padding, ceil))


def lower_mean_pool(chain: Chain, operator: Operator) -> None:
    """A `MeanPool`."""
    kernel, stride, padding, ceil = _window(chain, operator)
    if padding != (0, 0) and not operator.attributes["count_padding"]:
        raise refuse(operator.place, "it does not count its padding", "use count_include_pad=True, or no padding")
    if operator.attributes.get("divisor") is not None:
        raise refuse(operator.place, f"it divides by {operator.attributes['divisor']}", "use no divisor_override")
    chain.append(operator, MeanPool(kernel, stride, padding, ceil))


def lower_adaptive_pool(chain: Chain, operator: Operator) -> None:
    """A pool whose windows divide the maps; global pools among them."""
    size = operator.attributes["size"]
    assert isinstance(size, tuple)
    if len(chain.shape) != 3:
        reason = f"it takes maps, not samples of the shape {chain.shape!r}"
        raise refuse(operator.place, reason, "put it before Flatten")
    _, height, width = chain.shape
    down, across = (there if wanted is None else wanted for there, wanted in zip((height, width), size, strict=True))
    if height % down or width % across:
        raise refuse(
            operator.place,
            f"an adaptive pool to {(down, across)!r} has windows of several sizes on maps of {(height, width)!r}",
            "use sizes that divide the maps, or a pool with a kernel",
        )
    kernel = height // down, width // across
    chain.append(operator, (MaxPool if operator.kind == "adaptive_max_pool" else MeanPool)(kernel, kernel))


def _window(chain: Chain, operator: Operator) -> tuple[Pair, Pair, Pair, bool]:
    """Kernel, stride, padding, ceil."""
    kernel, stride, sides, ceil = (operator.attributes[name] for name in ("kernel", "stride", "padding", "ceil"))
    assert isinstance(kernel, tuple)
    assert isinstance(stride, tuple)
    assert isinstance(sides, tuple)
    top, left, *ends = sides
    if _is_ceil(chain.shape, MaxPool(kernel, stride, (top, left), ceil=True), tuple(ends)):
        return kernel, stride, (top, left), True
    return kernel, stride, symmetric_padding(operator), bool(ceil)


def _is_ceil(shape: Shape, pool: MaxPool, ends: tuple[int, ...]) -> bool:
    """Whether there is more padding at the ends, just as far as one more window reaches: ceil mode in other words."""
    if len(shape) != 3 or pool.padding == ends:
        return False
    reached = (
        max(padding, (windows - 1) * stride + kernel - padding - there)
        for there, windows, kernel, stride, padding in zip(
            shape[1:], pool.output_shape(shape)[1:], pool.kernel, pool.stride, pool.padding, strict=True
        )
    )
    return tuple(reached) == ends
