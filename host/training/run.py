"""A training run from data set to run folder: the joint run over all workers, and its float32 reference."""

import math
import platform
import sys
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy
import torch

from deep3.hdl.contract.config import EngineConfig
from deep3.host.data import Dataset, load
from deep3.host.global_network.global_network import GlobalNetwork
from deep3.host.projection.dictionary import Projection
from deep3.host.records.events import EVENTS_FILE, forget_after
from deep3.host.records.history import History, read_histories
from deep3.host.records.recorder import Recorder
from deep3.host.records.run_folder import CHECKPOINTS, STATES, RunDescription, new_run_folder
from deep3.host.reports.run_plot import plot_run
from deep3.host.reports.run_report import run_report
from deep3.host.workers.assignment import Worker, equal_assignments
from deep3.host.workers.open import WorkerSpec, check_rate, engine_of, open_workers, parse_workers
from deep3.host.workers.pytorch import PytorchBackend, use_threads
from deep3.host.workers.threads import worker_threads
from deep3.version import VERSION

from .checkpoint import Checkpoint
from .coordinator import Coordinator, CoordinatorError, Diverged, Schedule
from .prepare import Prepared, prepare
from .settings import SettingsError, TrainSettings
from .state import RunState

__all__ = ["resume", "train"]

EVALUATIONS = 60
"""Validations of a run, about."""

ENGINE_FILE = "engine.toml"


@dataclass(frozen=True)
class _Run:
    """What stays the same from the beginning of a run to its end, however often it is interrupted."""

    settings: TrainSettings
    dataset: Dataset
    prepared: Prepared
    specs: list[WorkerSpec]
    network: GlobalNetwork
    engine: EngineConfig


def train(settings: TrainSettings, dataset: Dataset | None = None) -> dict[str, object]:
    """Run, and return the report that ``deep3 train --json`` prints. Progress goes to stderr.

    The report's accuracies are those of the network with the best validation, on the test samples.

    Parameters
    ----------
    settings
        What to do.
    dataset
        The data, where they are not to be loaded by the name in the settings.

    Raises
    ------
    Deep3Error, OSError
        For anything that the user must put right. The run folder keeps the best network up to then, and the plot.
    """
    run = _begin(settings, dataset)
    with ExitStack() as stack:
        workers = _open(run, stack, settings.take_over)
        folder = new_run_folder(Path(settings.runs), run.dataset.name)
        _describe(run).save(folder)
        (folder / ENGINE_FILE).write_text(run.engine.to_toml(), encoding="utf-8")
        return _execute(run, workers, folder, stack)


def resume(folder: Path, take_over: bool = False) -> dict[str, object]:
    """Go on with an interrupted run from where it stood; see `train`. With ``deterministic`` to the same bits.

    Raises
    ------
    SettingsError
        When there is nothing left to do, or the data are others than at the beginning.
    RecordError, StateError
        When the folder is none of a run, or damaged.
    """
    description = RunDescription.load(folder)
    settings = TrainSettings.from_dict(description.settings)
    last = read_histories(folder).get("reference" if settings.reference else "joint")
    if last is not None and last.finished:
        raise SettingsError(f"{folder}: the run has ended and nothing is left to do; --from goes on with its network")
    best = folder / CHECKPOINTS["joint"]
    projection = Checkpoint.load(best).projection if best.exists() else None
    run = _begin(replace(settings, start=None, config=str(folder / ENGINE_FILE)), None, projection)
    if run.prepared.digest != description.data_digest:
        raise SettingsError(f"{folder}: {settings.data} is not what the run began with; start a new run")
    with ExitStack() as stack:
        return _execute(run, _open(run, stack, take_over), folder, stack)


def _begin(settings: TrainSettings, dataset: Dataset | None, projection: Projection | None = None) -> _Run:
    """Check everything that can be checked before a worker is opened."""
    specs = parse_workers(list(settings.workers))
    given = None if settings.config is None else EngineConfig.load(settings.config)
    dataset = dataset or load(settings.data)
    start = None
    if settings.start is not None:
        start = Checkpoint.load(Path(settings.start))
        _check_start(settings.start, start, dataset)
        settings = settings.like(start.network.topology, start.network.ratio)
        projection = start.projection
    check_rate(specs, settings.rate, settings.ratio, settings.batch)
    prepared = prepare(dataset, settings, projection)
    topology = settings.topology(prepared.projection.outputs, dataset.classes)
    network = start.network if start else GlobalNetwork.initialise(topology, settings.ratio, settings.seed)
    engine = engine_of(specs, given, network.local_topology(), settings.batch)
    return _Run(settings, dataset, prepared, specs, network, engine)


def _check_start(path: str, start: Checkpoint, dataset: Dataset) -> None:
    features, classes = len(start.projection.mean), start.network.topology.classes
    if (features, classes) != (dataset.features, dataset.classes):
        raise SettingsError(
            f"{path}: its network takes {features} features and tells {classes} classes apart, "
            f"{dataset.name} has {dataset.features} and {dataset.classes}"
        )


def _open(run: _Run, stack: ExitStack, take_over: bool) -> list[Worker]:
    """The workers of the joint run, each with its share of the work; ``stack`` closes them."""
    settings, samples = run.settings, len(run.prepared.training.labels)
    backends = open_workers(run.specs, run.network.local_topology(), run.engine, settings.batch, stack, take_over)
    workers = len(backends)
    n_push = settings.pushed_batches(settings.epochs * samples, workers)
    assignments = equal_assignments(
        run.network.topology, settings.ratio, samples, settings.batch, n_push, workers
    )
    return [
        Worker(spec.name, backend, assignment)
        for spec, backend, assignment in zip(run.specs, backends, assignments, strict=True)
    ]


def _describe(run: _Run) -> RunDescription:
    return RunDescription(
        settings=run.settings.to_dict(),
        data=run.dataset.name,
        data_digest=run.prepared.digest,
        sizes=run.network.topology.sizes,
        local_sizes=run.network.local_topology().sizes,
        workers=tuple(spec.name for spec in run.specs),
        clipped_inputs=run.prepared.clipped,
        versions={
            "deep3": VERSION,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": numpy.__version__,
        },
        command=tuple(sys.argv),
    )


def _execute(run: _Run, workers: list[Worker], folder: Path, stack: ExitStack) -> dict[str, object]:
    """Joint run and reference as far as they have not ended, plot, report; ``stack`` has the workers."""
    samples = run.settings.epochs * len(run.prepared.training.labels)
    try:
        _train(run, "joint", run.network, workers, samples, folder)
        stack.close()
        if run.settings.reference:
            _reference(run, samples, folder)
    except KeyboardInterrupt as interruption:
        raise type(interruption)(f"{_left_behind(folder)}; deep3 train --resume {folder} goes on") from None
    except Diverged as error:
        raise Diverged(f"{error}; {_left_behind(folder)}") from None
    except CoordinatorError as error:
        raise CoordinatorError(f"{error}; {_left_behind(folder)}; deep3 train --resume {folder} goes on") from None
    plot_run(folder)
    return run_report(folder)


def _left_behind(folder: Path) -> str:
    """What there is of a run that did not come to its end; its plot is drawn."""
    plot_run(folder)
    return f"run folder: {folder} (plot.png, checkpoint.npz)"


def _reference(run: _Run, samples: float, folder: Path) -> None:
    """The whole network in float32 PyTorch on one worker, for the multiply-adds that the joint run has."""
    settings, topology = run.settings, run.network.topology
    local, whole = run.network.local_topology().training_multiply_adds, topology.training_multiply_adds
    use_threads(worker_threads(settings.batch * whole, 1))
    samples *= local / whole
    n_push = settings.pushed_batches(samples, 1)
    (assignment,) = equal_assignments(
        topology, 1.0, len(run.prepared.training.labels), settings.batch, n_push, 1
    )
    worker = Worker("float32", PytorchBackend(topology), assignment)
    network = GlobalNetwork.initialise(topology, 1.0, settings.seed)
    _train(run, "reference", network, [worker], samples, folder)


def _train(
    run: _Run, label: str, network: GlobalNetwork, workers: list[Worker], samples: float, folder: Path
) -> None:
    """Train from the beginning, or from the state that lies in the folder, until ``samples`` are used up."""
    settings, path = run.settings, folder / STATES[label]
    assignments = [worker.assignment for worker in workers]
    state = RunState.begin(network, assignments, settings.seed)
    if path.exists():
        state = RunState.load(path, network, assignments)
    if state.finished:
        return
    history = History()
    if (folder / EVENTS_FILE).exists():
        # Of a run that was killed, what happened after its state was kept happens again.
        forget_after(folder, label, state.iteration or -1)
        history = read_histories(folder).get(label, history)
    batches = max(1, round(samples / settings.batch))
    iterations = math.ceil(batches / assignments[0].n_push)
    schedule = Schedule(
        samples=samples,
        iterations=iterations,
        rate=settings.rate,
        error_threshold=settings.error_threshold,
        evaluate_every=max(1, iterations // EVALUATIONS),
        deterministic=settings.deterministic,
    )

    def save(iteration: int) -> None:
        best = Checkpoint(network, run.prepared.projection, settings.data, iteration)
        best.save(folder / CHECKPOINTS[label])

    def keep(state: RunState) -> None:
        state.save(path)

    with Recorder(folder, label, history, save) as recorder:
        keep(state)
        try:
            Coordinator(state, run.prepared.training, workers, schedule, recorder, keep).run()
        finally:
            keep(state)
