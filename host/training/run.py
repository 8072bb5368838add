"""A training run from data set to run folder: the joint run over all workers, and its float32 reference."""

import platform
import sys
from contextlib import ExitStack
from dataclasses import replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from deep3.host.data import Dataset
from deep3.host.global_network.global_network import GlobalNetwork
from deep3.host.projection.scaling import is_plain
from deep3.host.records.events import EVENTS_FILE, RecordError, forget_after
from deep3.host.records.history import History, read_histories
from deep3.host.records.progress import MakeProgress, ProgressBar
from deep3.host.records.recorder import Recorder
from deep3.host.records.run_folder import (
    CHECKPOINTS,
    ENGINE_FILE,
    FIRST_FILE,
    STATES,
    RunDescription,
    new_run_folder,
)
from deep3.host.reports.run_plot import plot_run
from deep3.host.reports.run_report import run_report
from deep3.host.workers.assignment import Worker, equal_assignments
from deep3.host.workers.threads import worker_threads
from deep3.version import VERSION

from .begin import Run, begin, make_schedule, open_run_workers
from .checkpoint import Checkpoint
from .confusion import keep_confusion
from .coordinator import Coordinator, CoordinatorError, Diverged
from .energies import projection_energies
from .keeper import Keeper
from .settings import SettingsError, TrainSettings
from .state import RunState, StateError

if TYPE_CHECKING:
    from torch import nn

__all__ = ["resume", "train"]


def train(
    settings: TrainSettings,
    dataset: Dataset | None = None,
    module: "nn.Module | None" = None,
    make_progress: MakeProgress = ProgressBar,
) -> dict[str, object]:
    """Run, and return the report that ``deep3 train --json`` prints. Progress goes to stderr.

    The report's accuracies are those of the network with the best validation, on the test samples.

    Parameters
    ----------
    settings
        What to do.
    dataset
        The data, where they are not to be loaded by the name in the settings.
    module
        The model, where it is not to be loaded by the name in the settings.
    make_progress
        Shows the runs.

    Raises
    ------
    Deep3Error, OSError
        For anything that the user must put right. The run folder keeps the best network up to then, and the plot.
    """
    run = begin(settings, dataset, model=module)
    if run.model is not None and not is_plain(run.prepared.projection):
        print("deep3: samples leave [-8, 8): they are centred and scaled channel by channel", file=sys.stderr)
    with ExitStack() as stack:
        workers = open_run_workers(run, stack, settings.take_over)
        folder = new_run_folder(Path(settings.runs), run.dataset.name)
        _describe(run).save(folder)
        (folder / ENGINE_FILE).write_text(run.engine.to_toml(), encoding="utf-8")
        if settings.model is not None or settings.start is not None:
            run.checkpoint(run.network, 0).save(folder / FIRST_FILE)
        return _execute(run, workers, folder, stack, make_progress)


def resume(
    folder: Path, take_over: bool = False, make_progress: MakeProgress = ProgressBar
) -> dict[str, object]:
    """Go on with an interrupted run from where it stood; see `train`. With ``deterministic`` to the same bits.

    Raises
    ------
    StateError
        When there is nothing left to do, or the data are others than at the beginning.
    RecordError
        When the folder is none of a run, or damaged.
    """
    description = RunDescription.load(folder)
    try:
        settings = TrainSettings.from_dict(description.settings)
    except SettingsError as error:
        raise RecordError(f"{folder}: {error}") from None
    last = read_histories(folder).get("reference" if settings.reference else "joint")
    if last is not None and last.finished:
        raise StateError(f"{folder}: the run has ended and nothing is left to do; --from goes on with its network")
    best = folder / CHECKPOINTS["joint"]
    first = Checkpoint.load(folder / FIRST_FILE) if (folder / FIRST_FILE).exists() else None
    known = Checkpoint.load(best) if best.exists() else first
    run = begin(
        replace(settings, start=None, config=str(folder / ENGINE_FILE)),
        projection=None if known is None else known.projection,
        model=None if first is None else first.network,
    )
    if run.prepared.digest != description.data_digest:
        raise StateError(f"{folder}: {settings.data} is not what the run began with; start a new run")
    with ExitStack() as stack:
        return _execute(run, open_run_workers(run, stack, take_over), folder, stack, make_progress)


def _describe(run: Run) -> RunDescription:
    coefficient_energies, sample_energy = projection_energies(run)
    return RunDescription(
        settings=run.settings.to_dict(),
        data=run.dataset.name,
        data_digest=run.prepared.digest,
        sizes=run.network.topology.widths,
        local_sizes=run.network.local_topology().widths,
        workers=tuple(spec.name for spec in run.specs),
        clipped_inputs=run.prepared.clipped,
        versions={
            "deep3": VERSION,
            "python": platform.python_version(),
            **{name: version(name) for name in ("torch", "numpy") if find_spec(name)},
        },
        command=tuple(sys.argv),
        coefficient_energies=coefficient_energies,
        sample_energy=sample_energy,
    )


def _execute(
    run: Run, workers: list[Worker], folder: Path, stack: ExitStack, make_progress: MakeProgress
) -> dict[str, object]:
    """Joint run and reference as far as they have not ended, plot, report; ``stack`` has the workers."""
    try:
        _train(run, "joint", run.network, workers, run.samples, folder, make_progress)
        stack.close()
        if run.settings.reference:
            _reference(run, folder, make_progress)
    except KeyboardInterrupt as interruption:
        raise type(interruption)(f"{_left_behind(run, folder)}; deep3 train --resume {folder} goes on") from None
    except Diverged as error:
        raise Diverged(f"{error}; {_left_behind(run, folder)}") from None
    except CoordinatorError as error:
        raise CoordinatorError(f"{error}; {_left_behind(run, folder)}; deep3 train --resume {folder} goes on") from None
    _look(run, folder)
    return run_report(folder)


def _look(run: Run, folder: Path) -> None:
    plot_run(folder)
    keep_confusion(run, folder)


def _left_behind(run: Run, folder: Path) -> str:
    """What there is of a run that did not come to its end; its plot is drawn."""
    _look(run, folder)
    return f"run folder: {folder} (plot.png, checkpoint.npz)"


def _reference(run: Run, folder: Path, make_progress: MakeProgress) -> None:
    """The whole network in float32 PyTorch on one worker, for the multiply-adds that the joint run has."""
    # PyTorch takes a second to import; workers that need none do without it.
    from deep3.host.workers.pytorch import PytorchBackend, use_threads

    settings, topology = run.settings, run.network.topology
    local, whole = run.network.local_topology().training_multiply_adds, topology.training_multiply_adds
    use_threads(worker_threads(settings.batch * whole, 1))
    samples = run.samples * local / whole
    n_push = settings.pushed_batches(samples, 1)
    (assignment,) = equal_assignments(
        topology, 1.0, len(run.prepared.training.labels), settings.batch, n_push, 1
    )
    worker = Worker("float32", PytorchBackend(topology, optimiser=settings.update_rule), assignment)
    if run.model is not None:
        network = GlobalNetwork(topology, 1.0, run.model.evaluated_weights())
    else:
        network = GlobalNetwork.initialise(topology, 1.0, settings.seed)
    _train(run, "reference", network, [worker], samples, folder, make_progress)


def _train(
    run: Run,
    label: str,
    network: GlobalNetwork,
    workers: list[Worker],
    samples: float,
    folder: Path,
    make_progress: MakeProgress,
) -> None:
    """Train from the beginning, or from the state that lies in the folder, until ``samples`` are used up."""
    settings, path = run.settings, folder / STATES[label]
    assignments = [worker.assignment for worker in workers]
    state = RunState.begin(network, assignments, settings.seed, settings.update_rule)
    if path.exists():
        state = RunState.load(path, network, assignments, settings.update_rule)
    if state.finished:
        return
    history = History()
    if (folder / EVENTS_FILE).exists():
        # Of a run that was killed, what happened after its state was kept happens again.
        forget_after(folder, label, state.iteration or -1)
        history = read_histories(folder).get(label, history)
    data = run.prepared.training
    schedule = make_schedule(settings, samples, assignments, len(data.validation_labels))
    keeper = Keeper(run, state, label, folder)
    with Recorder(folder, label, history, keeper.improved, keeper.test, make_progress) as recorder:
        try:
            Coordinator(state, data, workers, schedule, recorder, keeper.keep).run()
        finally:
            keeper.write()
