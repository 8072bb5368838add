"""Sizing of engines that compute networks forward only, their weights on the link."""

from dataclasses import dataclass, replace

from deep3.compiler.streamed_layout import HALVES, StreamedLayout
from deep3.compiler.streaming import stream
from deep3.compiler.tensors import DoesNotFit
from deep3.hdl.contract.config import BANK_GRANULARITY_WORDS, LIMITS, EngineConfig

from .boards import BoardDescription
from .choice import NothingFits
from .design import MOST_LAYERS, ModelTask, link_kind
from .devices import Device, load_device
from .engine_choice import bank_words, geometries, shortages
from .link_time import link_of
from .local_network import last
from .resources import block_rams, blocks_taken
from .routed import Ground, advised, evidence_of, routed_shapes
from .streamed_time import StreamedTime

__all__ = ["ForwardDesign", "size_forward"]


@dataclass(frozen=True)
class ForwardDesign:
    """An engine for a network's forward program in pieces.

    Attributes
    ----------
    task, board, device
        What was asked.
    time
        Its program and timing.
    ground
        What speaks for the shape of its array.
    """

    task: ModelTask
    board: BoardDescription
    device: Device
    time: StreamedTime
    ground: Ground

    @property
    def config(self) -> EngineConfig:
        """The engine."""
        return self.time.streamed.layout.config

    @property
    def batch(self) -> int:
        """Samples at a time."""
        return self.time.streamed.layout.batch

    @property
    def blocks(self) -> int:
        """Block RAMs of the device."""
        return blocks_taken(block_rams(self.config, self.device.family, link_kind(self.board)))


def size_forward(
    task: ModelTask, board: BoardDescription, unrouted: bool = False, largest: bool = False
) -> list[ForwardDesign]:
    """Every design weighed, the one with the least time a sample first.

    For each geometry as of `cost_model.sizing.size` just the activations that a batch needs, and the largest memory of
    weights beside them.

    Parameters
    ----------
    largest
        All powers of two up to the batch of the task are weighed, in place of that.

    Raises
    ------
    NothingFits
        When there is none.
    """
    device = load_device(board.device)
    routed = routed_shapes(board, convolution=not task.network.is_dense)
    batches = task.batches(largest)
    found: list[ForwardDesign] = []
    reason = "its device has no array"
    for rows, columns in geometries(device, advised(routed, unrouted)):
        for batch in batches:
            try:
                config = _engine(replace(task, batch=batch), board, device, rows, columns)
                streamed = stream(task.network, config, batch)
            except DoesNotFit as error:
                reason = str(error)
                break
            time = StreamedTime(streamed, board.clock.sync_hz, link_of(board))
            found.append(ForwardDesign(task, board, device, time, evidence_of(rows, columns, routed)))
    if not found:
        raise NothingFits(f"no engine on {board.key} computes {task.name} in batches of {batches[0]}: {reason}")
    return sorted(found, key=lambda design: (design.time.sample_seconds, design.blocks))


def _engine(task: ModelTask, board: BoardDescription, device: Device, rows: int, columns: int) -> EngineConfig:
    """The engine of one geometry that a board holds.

    Raises
    ------
    DoesNotFit
        When there is none.
    """
    like = EngineConfig(
        rows=rows, columns=columns, loss_unit=False, convolution=not task.network.is_dense, max_layers=MOST_LAYERS,
        error_bank_words=LIMITS["error_bank_words"].low,
    )  # fmt: skip
    most = like.limit("weight_bank_words").high
    layout = StreamedLayout(
        task.network, replace(like, activation_bank_words=most, weight_bank_words=most), task.batch, 1
    )
    widest = max(matrix.words for matrix in layout.weights)
    least = max(matrix.pitch for matrix in layout.weights)
    activations = bank_words(like, layout.inputs.base + layout.inputs.words)
    words = [bank_words(like, layout.halves_base + HALVES * words) for words in (least, widest)]

    def engine(steps: int) -> EngineConfig:
        return replace(
            like, activation_bank_words=activations, weight_bank_words=min(steps * BANK_GRANULARITY_WORDS, most)
        )

    def fits(steps: int) -> bool:
        return not shortages(engine(steps), device, link_kind(board), task.limits.block_rams)

    fewest, enough = (count // BANK_GRANULARITY_WORDS for count in words)
    short = shortages(engine(fewest), device, link_kind(board), task.limits.block_rams)
    if short:
        raise DoesNotFit(f"{short[0]}, of memories of {activations} and {words[0]} words a bank")
    return engine(last(fewest, min(enough, most // BANK_GRANULARITY_WORDS), fits))
