"""A training run from data set to run folder: the joint run over all workers, and its float32 reference."""

from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.fixed_point import from_q3_12, saturate_q3_12
from deep3.host.data import Dataset, Origin, load
from deep3.host.global_network.global_network import GlobalNetwork, local_sizes, multiply_adds
from deep3.host.projection.dictionary import Projection, fit_projection
from deep3.host.records.recorder import Recorder, new_run_folder
from deep3.host.reports.run_plot import plot_run
from deep3.host.workers.base import Backend
from deep3.host.workers.open import engine_of, open_workers, parse_workers
from deep3.host.workers.pytorch import PytorchBackend

from .checkpoint import Checkpoint
from .coordinator import Coordinator, Schedule, TrainingSet
from .settings import SettingsError, TrainSettings

__all__ = ["Prepared", "prepare", "train"]

EVALUATIONS = 60
"""Validations of a run, about."""


@dataclass(frozen=True)
class Prepared:
    """A data set after split, projection and quantisation.

    Attributes
    ----------
    training
        What workers and coordinator see.
    test_inputs, test_labels
        For the report alone.
    clipped
        Validation and test values that left Q3.12 and were saturated; training values that do are refused.
    class_names, origin
        Of the data set.
    """

    training: TrainingSet
    test_inputs: NDArray[np.float32]
    test_labels: NDArray[np.int64]
    projection: Projection
    clipped: int
    class_names: tuple[str, ...]
    origin: Origin


def prepare(dataset: Dataset, settings: TrainSettings) -> Prepared:
    """Split off the validation samples, fit the projection to the rest, quantise everything to Q3.12.

    Raises
    ------
    SettingsError, ProjectionError, RangeError
        For data that cannot be trained on this way.
    """
    samples = len(dataset.x_train)
    validation_samples = round(settings.validation_share * samples)
    if not 0 < validation_samples < samples:
        raise SettingsError(
            f"validation-share must leave samples on both sides, not {settings.validation_share!r} of {samples}"
        )
    order = np.random.default_rng([settings.seed, 1]).permutation(samples)
    validation, training = order[:validation_samples], order[validation_samples:]
    projection = fit_projection(dataset.x_train[training], settings.projection)
    inputs = projection.quantise(dataset.x_train[training], f"{dataset.name}: training inputs")
    validation_inputs, clipped_validation = _unseen(projection, dataset.x_train[validation])
    test_inputs, clipped_test = _unseen(projection, dataset.x_test)
    training_set = TrainingSet(inputs, dataset.y_train[training], validation_inputs, dataset.y_train[validation])
    clipped = clipped_validation + clipped_test
    return Prepared(
        training_set, test_inputs, dataset.y_test, projection, clipped, dataset.class_names, dataset.origin
    )


def train(settings: TrainSettings) -> dict[str, object]:
    """Run, and return the report that ``deep3 train --json`` prints. Progress goes to stderr.

    The report's accuracies are those of the network with the best validation, on the test samples.

    Raises
    ------
    Deep3Error, ConfigError, LinkError, OSError
        For anything that the user must put right. The run folder keeps the best network up to then.
    """
    specs = parse_workers(list(settings.workers))
    given = None if settings.config is None else EngineConfig.load(settings.config)
    dataset = load(settings.data, labels=settings.labels)
    prepared = prepare(dataset, settings)
    topology = settings.topology(prepared.projection.outputs, dataset.classes)
    network = GlobalNetwork.initialise(topology, settings.ratio, settings.seed)
    iterations = settings.iterations(len(prepared.training.labels))
    local = network.local_topology()
    config = engine_of(specs, given, local, settings.batch)
    with ExitStack() as stack:
        backends = open_workers(specs, local, config, settings.batch, stack, settings.take_over)
        folder = new_run_folder(Path(settings.runs), dataset.name)
        settings.save(folder / "settings.json")
        (folder / "engine.toml").write_text(config.to_toml(), encoding="utf-8")
        names = [spec.name for spec in specs]
        joint = _run(settings, prepared, network, backends, names, iterations, folder, "joint", "checkpoint.npz")
    reference = _reference(settings, prepared, network, iterations, folder) if settings.reference else None
    plot = plot_run(folder / "plot.png", dataset.name, joint, reference, names)
    return {
        "run": str(folder),
        "data": dataset.name,
        "sizes": list(topology.sizes),
        "local_sizes": list(local_sizes(topology.sizes, settings.ratio)),
        "clipped_inputs": prepared.clipped,
        "joint": _summary(joint),
        "reference": None if reference is None else _summary(reference),
        "workers": {name: asdict(part) for name, part in zip(names, joint.contributions, strict=True)},
        "checkpoint": str(folder / "checkpoint.npz"),
        "plot": str(plot),
    }


def _reference(
    settings: TrainSettings, prepared: Prepared, joint: GlobalNetwork, iterations: int, folder: Path
) -> Recorder:
    """The whole network in float32 PyTorch on one worker, for the multiply-adds that the joint run had."""
    sizes = joint.topology.sizes
    share = multiply_adds(local_sizes(sizes, settings.ratio), 1) / multiply_adds(sizes, 1)
    network = GlobalNetwork.initialise(joint.topology, 1.0, settings.seed)
    backends: list[Backend] = [PytorchBackend(joint.topology)]
    budget = max(1, round(iterations * share))
    return _run(settings, prepared, network, backends, ["float32"], budget, folder, "reference", "reference.npz")


def _run(
    settings: TrainSettings,
    prepared: Prepared,
    network: GlobalNetwork,
    backends: list[Backend],
    names: list[str],
    iterations: int,
    folder: Path,
    label: str,
    checkpoint: str,
) -> Recorder:
    schedule = Schedule(
        batch=settings.batch,
        n_push=settings.n_push,
        iterations=iterations,
        rate=settings.rate,
        error_threshold=settings.error_threshold,
        evaluate_every=max(1, iterations // EVALUATIONS),
        seed=settings.seed,
        deterministic=settings.deterministic,
    )

    def save(best: GlobalNetwork, iteration: int) -> None:
        made = Checkpoint(best, prepared.projection, prepared.class_names, prepared.origin, iteration)
        made.save(folder / checkpoint)

    recorder = Recorder(
        folder,
        label,
        names,
        iterations,
        prepared.test_inputs,
        prepared.test_labels,
        save,
        push_samples=settings.batch * settings.n_push,
    )
    with recorder:
        try:
            Coordinator(network, prepared.training, backends, schedule, recorder).run()
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"the best network so far is in {folder / checkpoint}") from None
    return recorder


def _summary(recorder: Recorder) -> dict[str, object]:
    best, validation, curve = recorder.best_test, recorder.best_validation, recorder.curve
    assert best is not None
    assert validation is not None  # Every run begins with an evaluation.
    return {
        "test_accuracy": best.accuracy,
        "test_samples": best.samples,
        "validation_accuracy": validation.accuracy,
        "best_iteration": recorder.best_iteration,
        "iterations": curve.iterations[-1],
        "multiply_adds": curve.multiply_adds[-1],
        "seconds": curve.seconds[-1],
    }


def _unseen(projection: Projection, x: NDArray[np.float32]) -> tuple[NDArray[np.float32], int]:
    words, clipped = saturate_q3_12(projection.transform(x))
    return from_q3_12(words).astype(np.float32), clipped
