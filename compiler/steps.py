"""The layers of a network as the steps that an engine takes: each reads one tensor and writes one."""

from dataclasses import dataclass, replace

from deep3.compiler.network.layers import Convolution, Dense, Dropout, Flatten, Layer, MaxPool, MeanPool, Shape
from deep3.compiler.network.network import Network
from deep3.hdl.contract.instruction import DROPOUT_BITS, POSITION_BITS
from deep3.hdl.contract.program import Function

from .tensors import NO_BORDER, Border, DoesNotFit

__all__ = ["Operation", "Readout", "Step", "steps"]

@dataclass(frozen=True)
class Readout:
    """The values of maps of one pixel, as they are: the outputs of a network that does not end with a dense layer."""


Operation = Dense | Convolution | MaxPool | MeanPool | Readout

MAX_POSITIONS = 1 << POSITION_BITS


@dataclass(frozen=True)
class Step:
    """A layer, perhaps with the pooling of its results.

    Attributes
    ----------
    layer
        Its number in the network.
    operation
        The layer.
    pool
        Behind a convolution: of its results only the maxima of these windows are stored.
    before, behind
        Shapes of a sample, as it is read and written; (channels, height, width) for a vector that maps were
        flattened to.
    matrix
        Number of its weights among those of the network, or None.
    dropout_threshold
        Of 256 values that are written, those that training drops.
    """

    layer: int
    operation: Operation
    pool: MaxPool | None
    before: Shape
    behind: Shape
    matrix: int | None
    dropout_threshold: int = 0

    @property
    def maps(self) -> int:
        """Maps, or neurons, that are computed."""
        return self.behind[0]

    @property
    def function(self) -> Function:
        """Of the values that are written."""
        return Function.IDENTITY if isinstance(self.operation, MaxPool | Readout) else self.operation.function

    @property
    def positions(self) -> int:
        """Of a maximum in its window; 1 where there is none."""
        pool = self.operation if isinstance(self.operation, MaxPool) else self.pool
        return pool.kernel[0] * pool.kernel[1] if pool else 1

    @property
    def position_bits(self) -> int:
        """Low bits of the values written that hold which of the window they were: 0, 2 or 4."""
        return 2 * -(-(self.positions - 1).bit_length() // 2)

    @property
    def border(self) -> Border:
        """What must lie around the maps that are read."""
        if isinstance(self.operation, Dense | Readout):
            return NO_BORDER
        layer, (_, *sizes) = self.operation, self.before
        counts = layer.output_shape(self.before)[1:]
        windows = zip(counts, layer.stride, layer.kernel, layer.padding, sizes, strict=True)
        bottom, right = (
            max(0, (count - 1) * stride + kernel - padding - size) for count, stride, kernel, padding, size in windows
        )
        top, left = layer.padding
        if isinstance(layer, MeanPool):
            # Means leave out what lies beyond the padding.
            bottom, right = min(bottom, top), min(right, left)
        return Border(top, left, bottom, right, -32768 if isinstance(layer, MaxPool) else 0)


def steps(network: Network, forward_only: bool = False) -> tuple[Step, ...]:
    """The steps of a network, in order.

    Raises
    ------
    DoesNotFit
        For a layer that no engine computes.
    """
    found: list[Step] = []
    shape = network.input_shape
    for number, layer in enumerate(network.layers):
        if isinstance(layer, Flatten) or (isinstance(layer, Dropout) and (forward_only or not layer.probability)):
            continue
        if isinstance(layer, Dropout):
            if not found:
                raise DoesNotFit(f"layer {number} does not fit: dropout of inputs; the engine drops results of layers")
            found[-1] = replace(found[-1], dropout_threshold=_threshold(number, layer, found[-1]))
            continue
        first = number == network.trained[0] + 1
        if found and found[-1].layer == number - 1 and _fuses(found[-1], layer, first):
            assert isinstance(layer, MaxPool)
            step = found.pop()
            shape = layer.output_shape(step.behind)
            found.append(Step(step.layer, step.operation, layer, step.before, shape, step.matrix))
            continue
        matrix = network.trained.index(number) if number in network.trained else None
        behind = layer.output_shape(network.shapes[number])
        found.append(Step(number, layer, None, shape, behind, matrix))
        shape = behind
    if not isinstance(found[-1].operation, Dense):
        _, height, width = found[-1].behind
        if (height, width) != (1, 1):
            raise DoesNotFit(
                f"outputs do not fit: maps of 1 x 1 needed behind the last layer, not {height} x {width}; add Dense"
            )
        found.append(Step(found[-1].layer, Readout(), None, found[-1].behind, (found[-1].maps,), None))
    for step in found:
        if step.positions > MAX_POSITIONS:
            raise DoesNotFit(
                f"layer {step.layer} does not fit: {step.positions} positions of a window needed, the engine has"
                f" {MAX_POSITIONS}"
            )
    return tuple(found)


def _threshold(number: int, layer: Dropout, before: Step) -> int:
    """Of values some of which are dropped already, perhaps."""
    dropped = 1 << DROPOUT_BITS
    kept = (1 - before.dropout_threshold / dropped) * (1 - layer.probability)
    threshold = round((1 - kept) * dropped)
    if not 1 <= threshold < dropped:
        raise DoesNotFit(
            f"layer {number} does not fit: probability must be between 0.002 and 0.998, not {1 - kept:.4g}"
        )
    return threshold


def _fuses(step: Step, layer: Layer, first: bool) -> bool:
    """Whether the maxima can be taken while the results of a convolution leave the array.

    Errors then come pooled. The weight gradient takes windows of any size; the gradient of what was read takes pairs
    only, which the ``first`` layer with weights does not need.
    """
    if not isinstance(step.operation, Convolution) or step.pool or not isinstance(layer, MaxPool):
        return False
    tiles = layer.kernel == layer.stride and layer.padding == (0, 0)
    whole = all(
        count * size <= there
        for count, size, there in zip(layer.output_shape(step.behind)[1:], layer.kernel, step.behind[1:], strict=True)
    )
    few = layer.kernel[0] * layer.kernel[1] <= MAX_POSITIONS and (first or max(layer.kernel) <= 2)
    return tiles and whole and few
