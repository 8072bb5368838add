"""Training without a run folder: arrays in, the network with the best validation out."""

import warnings
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deep3.host.data import Dataset
from deep3.host.global_network.global_network import Evaluation, GlobalNetwork
from deep3.host.records.events import Event, WorkerLost
from deep3.host.records.history import History

from .begin import Run, begin, make_schedule, open_run_workers
from .checkpoint import Checkpoint
from .coordinator import Coordinator
from .settings import TrainSettings
from .state import RunState

if TYPE_CHECKING:
    from torch import nn

__all__ = ["InMemory", "train_in_memory"]


@dataclass(frozen=True)
class InMemory:
    """What a training run in memory leaves.

    Attributes
    ----------
    checkpoint
        The network with the best validation.
    validation_accuracy
        Its share, 0 to 1, of the validation samples.
    updates
        Of the whole run.
    clipped
        Validation and test values that left Q3.12 and were saturated.
    tested
        That network on the test samples; None where there are none.
    lost
        By the name of a worker that was lost, why.
    """

    checkpoint: Checkpoint
    validation_accuracy: float
    updates: int
    clipped: int
    tested: Evaluation | None
    lost: dict[str, str]


def train_in_memory(
    dataset: Dataset, settings: TrainSettings, module: "nn.Module | GlobalNetwork | None" = None
) -> InMemory:
    """Train on the training samples of a data set; the test samples, of which there may be none, see the best network.

    ``module`` is the model where it is not to be loaded by the name in the settings, or the network that it became.

    A worker that is lost is warned of (RuntimeWarning); the others go on. ``settings.data``, ``labels``, ``reference``
    and ``runs`` have no effect.

    Raises
    ------
    Deep3Error, OSError
        For anything that the user must put right.
    """
    run = begin(settings, dataset, model=module)
    best = _Best(run)
    data = run.prepared.training
    with ExitStack() as stack:
        workers = open_run_workers(run, stack, settings.take_over)
        assignments = [worker.assignment for worker in workers]
        state = RunState.begin(run.network, assignments, settings.seed, settings.update_rule)
        schedule = make_schedule(run.settings, run.samples, assignments, len(data.validation_labels))
        Coordinator(state, data, workers, schedule, best).run()
    history = best.history
    assert best.checkpoint is not None
    assert history.best is not None  # Every run begins with an evaluation.
    lost = {name: part.lost for name, part in history.contributions.items() if part.lost is not None}
    tested = data.test(best.checkpoint.network)
    return InMemory(
        best.checkpoint, history.best.validation_accuracy, history.iteration, run.prepared.clipped, tested, lost
    )


class _Best:
    """Keeps the best network of a run (see `host.training.coordinator.Observer`)."""

    def __init__(self, run: Run) -> None:
        self.history = History()
        self.checkpoint: Checkpoint | None = None
        self._run = run

    def __call__(self, event: Event) -> None:
        best = self.history.best
        self.history.add(event)
        if self.history.best is not best:
            self.checkpoint = self._run.checkpoint(self._run.network.copy(), event.iteration)
        if isinstance(event, WorkerLost):
            warnings.warn(f"worker {event.worker} is lost: {event.error}", RuntimeWarning, stacklevel=2)
