"""The beginning of a run: everything checked, data prepared, workers opened, each with its share of the work."""

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deep3.hdl.contract.config import EngineConfig
from deep3.host.data import Dataset, load
from deep3.host.global_network.global_network import GlobalNetwork
from deep3.host.projection.projection import Projection
from deep3.host.workers.assignment import Assignment, Worker, equal_assignments
from deep3.host.workers.open import WorkerSpec, check_rates, engine_of, open_workers, parse_workers

from .checkpoint import Checkpoint, CheckpointError
from .coordinator import Schedule
from .import_model import check_classes, import_for
from .prepare import Prepared, prepare
from .settings import LOSSES, TrainSettings

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Run", "begin", "make_schedule", "open_run_workers"]

MOST_VALIDATIONS, FEWEST_VALIDATIONS = 60, 10
"""Of a run, about."""
VALIDATION_SHARE = 0.05
"""Of the multiply-adds of training that go to validation, where that leaves it the fewest."""


@dataclass(frozen=True)
class Run:
    """What stays the same from the beginning of a run to its end, however often it is interrupted.

    Attributes
    ----------
    settings
        What to do; of a run that begins with a checkpoint with the layers of its network.
    dataset, prepared
        The data, and what workers and coordinator see of them.
    specs
        The workers.
    network
        The global network; changed by the run.
    engine
        Of the workers that are engines.
    model
        The network of a model of the user's own before any training; None where there is no such model.
    """

    settings: TrainSettings
    dataset: Dataset
    prepared: Prepared
    specs: list[WorkerSpec]
    network: GlobalNetwork
    engine: EngineConfig
    model: GlobalNetwork | None = None

    @property
    def samples(self) -> float:
        """That all workers together train on, repeats counted."""
        return self.settings.epochs * len(self.prepared.training.labels)

    def checkpoint(self, network: GlobalNetwork, iteration: int) -> Checkpoint:
        """A network of the run with all that prediction needs."""
        dataset = self.dataset
        return Checkpoint(network, self.prepared.projection, dataset.class_names, dataset.origin, iteration)


def begin(
    settings: TrainSettings,
    dataset: Dataset | None = None,
    projection: Projection | None = None,
    model: "nn.Module | GlobalNetwork | None" = None,
) -> Run:
    """Check everything that can be checked before a worker is opened, and prepare the data.

    Parameters
    ----------
    settings
        What to do.
    dataset
        The data, where they are not to be loaded by the name in the settings.
    projection
        Where it is not to be fitted.
    model
        The model, where it is not to be loaded by the name in the settings; or the network that it became.

    Raises
    ------
    Deep3Error, OSError
        For anything that the user must put right.
    """
    specs = parse_workers(list(settings.workers))
    given = None if settings.config is None else EngineConfig.load(settings.config)
    dataset = dataset or load(settings.data, labels=settings.labels)
    network = model if isinstance(model, GlobalNetwork) else None
    if settings.start is not None:
        start = Checkpoint.load(Path(settings.start))
        _check_start(settings.start, start, dataset)
        network, projection = start.network, start.projection
        settings = settings.like(network.topology, network.ratio)
    elif network is None and settings.model is not None:
        imported = import_for(
            dataset,
            settings.model if model is None or isinstance(model, GlobalNetwork) else model,
            settings.input_shape,
            LOSSES[settings.loss],
            settings.seed,
        )
        check_classes(settings.model, imported.network.classes, dataset.name, dataset.classes)
        network = GlobalNetwork.of_model(imported.network, settings.ratio, imported.weights)
    first = network.copy() if network and settings.model is not None else None
    check_rates(specs, settings.rates, settings.batch, settings.update_rule)
    channels = network.topology.channels if first and network else 0
    prepared = prepare(dataset, settings, projection, channels)
    if network is None:
        topology = settings.topology(prepared.projection.outputs, dataset.classes)
        network = GlobalNetwork.initialise(topology, settings.ratio, settings.seed)
    engine = engine_of(specs, given, network.local_topology(), settings.batch, settings.update_rule)
    return Run(settings, dataset, prepared, specs, network, engine, first)


def _check_start(path: str, start: Checkpoint, dataset: Dataset) -> None:
    features = len(start.projection.mean)
    if features != dataset.features:
        raise CheckpointError(f"{path}: its network takes {features} features, {dataset.name} has {dataset.features}")
    if start.class_names != dataset.class_names:
        classes = ", ".join(start.class_names[:8]) + (", ..." if len(start.class_names) > 8 else "")
        raise CheckpointError(f"{path}: its network tells other classes apart than {dataset.name} has: {classes}")


def open_run_workers(run: Run, stack: ExitStack, take_over: bool) -> list[Worker]:
    """The workers of a run, each with its share of the work; ``stack`` closes them.

    Raises
    ------
    BackendError, LinkError
        When one cannot start, or the network does not fit it.
    """
    settings, local = run.settings, run.network.local_topology()
    backends = open_workers(
        run.specs, local, run.engine, settings.batch, stack, take_over, settings.update_rule
    )
    n_push = settings.pushed_batches(run.samples, len(backends))
    shares = equal_assignments(
        run.network.topology, settings.ratio, len(run.prepared.training.labels), settings.batch, n_push, len(backends)
    )
    return [
        Worker(spec.name, backend, share) for spec, backend, share in zip(run.specs, backends, shares, strict=True)
    ]


def make_schedule(
    settings: TrainSettings, samples: float, assignments: Sequence[Assignment], validation_samples: int
) -> Schedule:
    """The schedule of a run over so many samples."""
    push = sum(share.batch * share.n_push for share in assignments) / len(assignments)
    batches = max(1, round(samples / settings.batch))
    iterations = math.ceil(batches * settings.batch / push)
    return Schedule(
        samples=samples,
        iterations=iterations,
        rate=settings.first_rate,
        error_threshold=settings.error_threshold,
        evaluate_every=max(1, iterations // _validations(samples, assignments, validation_samples)),
        deterministic=settings.deterministic,
        shape=settings.schedule,
        scheme=settings.scheme,
        outer_momentum=settings.outer_momentum,
    )


def _validations(samples: float, assignments: Sequence[Assignment], validation_samples: int) -> int:
    """How many a run has."""
    trained = samples * sum(share.local_network.training_multiply_adds for share in assignments) / len(assignments)
    one = validation_samples * assignments[0].network.multiply_adds
    return round(min(MOST_VALIDATIONS, max(FEWEST_VALIDATIONS, VALIDATION_SHARE * trained / one)))
