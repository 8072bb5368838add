"""Sizing from a Python program: `deep3.size`."""

from dataclasses import dataclass
from typing import Any

from deep3.compiler.network.network import Network
from deep3.cost_model.boards import load_board
from deep3.cost_model.design import Limits, Task
from deep3.cost_model.local_network import GlobalNetwork
from deep3.cost_model.sizing import size as size_designs
from deep3.hdl.contract.config import EngineConfig

from .sizing import board_report

__all__ = ["Sizing", "size"]


@dataclass(frozen=True)
class Sizing:
    """The best engine and local network for a board.

    Attributes
    ----------
    board
        Name of the board.
    engine
        The engine that `deep3.build` is given.
    local_sizes
        Layers of the local network, the first being the length of the embedding.
    ratio
        Share of the hidden neurons in it.
    batch, n_push, workers
        Samples of a batch, batches a push, boards.
    clock_hz
        Of the engine.
    batch_cycles
        Clock cycles of a training batch, exact.
    epoch_s, epoch_joules
        Time and energy of an epoch's work, all boards together; time modelled on the link, energy modelled.
    multipliers, block_rams
        Of the device, exact.
    luts, flip_flops
        Modelled.
    train_command
        The ``deep3 train`` command that uses it; None where there is none.
    report
        All of it, as ``deep3 size --json`` prints it.
    """

    board: str
    engine: EngineConfig
    local_sizes: tuple[int, ...]
    ratio: float
    batch: int
    n_push: int
    workers: int
    clock_hz: float
    batch_cycles: int
    epoch_s: float
    epoch_joules: float
    multipliers: int
    block_rams: int
    luts: int
    flip_flops: int
    train_command: str | None
    report: dict[str, Any]

    @property
    def local_network(self) -> Network:
        """The local network with hidden layers of tanh."""
        return Network.uniform(self.local_sizes)


def size(
    board: str,
    sizes: tuple[int, ...],
    *,
    samples: int = 10_000,
    batch: int = 32,
    objective: str = "runtime",
    workers: int | None = None,
    max_seconds: float | None = None,
    max_joules: float | None = None,
    max_block_rams: int | None = None,
    unrouted: bool = False,
) -> Sizing:
    """Choose local network and engine for a board, and predict what they need.

    Parameters
    ----------
    board
        A name of `deep3.boards`, or path of a folder with a ``board.toml``.
    sizes
        Layers of the global network: features, neurons of each hidden layer, classes.
    samples
        Training samples of an epoch.
    batch
        Samples of a batch.
    objective
        What is made small: "runtime" (of an epoch), "energy", their product "edp", or "memory".
    workers
        Boards that train together; None for one, or the fewest that keep ``max_seconds``.
    max_seconds, max_joules
        Limits of an epoch; None for none.
    max_block_rams
        Limit of the block RAM.
    unrouted
        Also arrays larger than those that were routed on the board's part.

    Raises
    ------
    SizingError, BoardDescriptionError
        For values out of range, an unknown board.
    NothingFits
        When no engine does what was asked: what is short, and the nearest that does.

    Examples
    --------
    >>> import deep3
    >>> sizing = deep3.size("ecpix5-85f", (617, 200, 26))
    >>> sizing.engine.rows, sizing.engine.columns, sizing.local_sizes[-1]
    (..., ..., 26)
    >>> sizing.block_rams <= 208 and sizing.epoch_s > 0
    True
    """
    sizes = tuple(sizes)
    task = Task(
        network=GlobalNetwork(sizes[0] if sizes else 0, sizes[1:-1], sizes[-1] if len(sizes) > 1 else 0),
        samples=samples,
        batch=batch,
        objective=objective,
        limits=Limits(max_seconds, max_joules, max_block_rams),
        workers=workers,
    )
    designs = size_designs(task, load_board(board), unrouted)
    best = designs[0]
    report = board_report(designs, None, unrouted)
    luts, flip_flops = best.logic
    return Sizing(
        board=best.board.key,
        engine=best.config,
        local_sizes=best.local.sizes,
        ratio=best.local.ratio,
        batch=batch,
        n_push=best.n_push,
        workers=best.workers,
        clock_hz=best.step.clock_hz,
        batch_cycles=best.step.cycles,
        epoch_s=best.epoch_seconds,
        epoch_joules=best.epoch_joules,
        multipliers=best.multipliers,
        block_rams=best.blocks,
        luts=luts,
        flip_flops=flip_flops,
        train_command=report["commands"]["train"],
        report=report,
    )
