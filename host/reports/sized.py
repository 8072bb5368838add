"""Sizing from a Python program: `deep3.size`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deep3.compiler.network.network import Network
from deep3.compiler.optimisers.optimiser import OPTIMISERS
from deep3.cost_model.boards import load_board
from deep3.cost_model.design import Limits, LocalDesign, ModelDesign, ModelTask, SizingError, Task, Work
from deep3.cost_model.local_network import GlobalNetwork
from deep3.cost_model.model_sizing import size_model
from deep3.cost_model.sizing import size as size_designs
from deep3.hdl.contract.config import EngineConfig

from .sizing import board_report, model_report

if TYPE_CHECKING:
    from torch import nn

__all__ = ["DEFAULT_BATCH", "Sizing", "size"]

DEFAULT_BATCH = 32


@dataclass(frozen=True)
class Sizing:
    """The best engine and local network for a board.

    Attributes
    ----------
    board
        Name of the board.
    engine
        The engine that `deep3.build` is given.
    local_network
        What a worker trains: of ``sizes`` fully connected layers, the hidden ones of tanh, on an embedding; of a model
        the model or a part.
    ratio
        Share of the hidden neurons and maps in it.
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
    local_network: Network
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
    def local_sizes(self) -> tuple[int, ...]:
        """Values of a sample in the local network: its inputs, and behind each layer that has weights."""
        return self.local_network.widths


def size(
    board: str,
    sizes: tuple[int, ...] | None = None,
    *,
    model: "nn.Module | str | Path | None" = None,
    input_shape: tuple[int, ...] | None = None,
    samples: int = 10_000,
    batch: int | None = None,
    objective: str = "runtime",
    workers: int | None = None,
    max_seconds: float | None = None,
    max_joules: float | None = None,
    max_block_rams: int | None = None,
    unrouted: bool = False,
    optimiser: str = "sgd",
) -> Sizing:
    """Choose local network and engine for a board, and predict what they need.

    Parameters
    ----------
    board
        A name of `deep3.boards`, or path of a folder with a ``board.toml``.
    sizes
        Layers of the global network: features, neurons of each hidden layer, classes.
    model, input_shape
        In their place a network of your own as of `deep3.load_model`, and the shape of its samples.
    samples
        Training samples of an epoch.
    batch
        Samples of a batch; None for 32, with a model for the largest power of two up to it that fits.
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
    optimiser
        "sgd", "momentum" or "adagrad": what the engine must be able to, and have room for.

    Raises
    ------
    SizingError, BoardDescriptionError
        For values out of range, an unknown board.
    SettingsError, ModelFileError, ModelError
        For a model that is none, or holds what no layer computes.
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
    if optimiser not in OPTIMISERS:
        raise SizingError(f"optimiser must be one of {', '.join(OPTIMISERS)}, not {optimiser!r}")
    work: dict[str, Any] = {
        "samples": samples,
        "batch": DEFAULT_BATCH if batch is None else batch,
        "objective": objective,
        "limits": Limits(max_seconds, max_joules, max_block_rams),
        "workers": workers,
        "optimiser": OPTIMISERS[optimiser](),
    }
    if (sizes is None) == (model is None):
        raise SizingError("give sizes of fully connected layers or a model, one of the two")
    if model is not None:
        models = size_model(
            _model_task(model, input_shape, work), load_board(board), unrouted, largest=batch is None
        )
        best = models[0]
        return _sizing(best, best.local, best.ratio, model_report(models, None))
    if input_shape is not None:
        raise SizingError("input_shape is that of a model; there is none")
    assert sizes is not None
    sizes = tuple(sizes)
    network = GlobalNetwork(sizes[0] if sizes else 0, sizes[1:-1], sizes[-1] if len(sizes) > 1 else 0)
    designs = size_designs(Task(network=network, **work), load_board(board), unrouted)
    local = designs[0].local
    return _sizing(designs[0], Network.uniform(local.sizes), local.ratio, board_report(designs, None, unrouted))


def _model_task(
    model: "nn.Module | str | Path", input_shape: tuple[int, ...] | None, work: dict[str, Any]
) -> ModelTask:
    if input_shape is None:
        raise SizingError("a model needs input_shape, the shape of a sample: (channels, height, width) or (features,)")
    # PyTorch takes seconds to import, and what can be refused before is.
    Work(**work)
    from deep3.host.training.import_model import load_model

    in_memory = not isinstance(model, str | Path)
    name = type(model).__name__ if in_memory else str(model)
    return ModelTask(load_model(model, input_shape).network, name, in_memory, **work)


def _sizing(best: LocalDesign | ModelDesign, local: Network, ratio: float, report: dict[str, Any]) -> Sizing:
    luts, flip_flops = best.logic
    return Sizing(
        board=best.board.key,
        engine=best.config,
        local_network=local,
        ratio=ratio,
        batch=best.task.batch,
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
