"""What a run leaves behind: metrics.jsonl, TensorBoard events, the best checkpoint; and its progress on the screen."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from deep3.host.global_network.global_network import Evaluation, GlobalNetwork
from deep3.host.workers.tasks import Update

__all__ = ["Contribution", "Curve", "Recorder", "new_run_folder"]


@dataclass
class Contribution:
    """What one worker did: updates, seconds of training, engine clock cycles, saturated values."""

    updates: int = 0
    seconds: float = 0.0
    engine_cycles: int = 0
    clipped: int = 0
    lost: str | None = None


@dataclass
class Curve:
    """Evaluations of one run, in order."""

    iterations: list[int] = field(default_factory=list)
    multiply_adds: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)
    test_accuracy: list[float] = field(default_factory=list)


def new_run_folder(parent: Path, name: str) -> Path:
    """Create ``parent/NAME-TIMESTAMP``, with a number behind it where that exists."""
    stem = f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
    for number in range(1, 1000):
        folder = parent / (stem if number == 1 else f"{stem}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(f"{parent / stem}: a thousand runs started in this second")


class Recorder:
    """Records one run (see `host.training.coordinator.Observer`); a context manager.

    Parameters
    ----------
    folder
        The run folder. Runs of one folder write to one metrics.jsonl, told apart by ``label``.
    label
        "joint" or "reference".
    workers
        Their names, for metrics and messages.
    iterations
        Length of the progress bar, which goes to stderr.
    test_inputs, test_labels
        For the curve only: neither the end of a run nor the choice of its best network looks at them.
    save
        Called with the network and the iteration whenever validation found a new best.
    push_samples
        Samples of one update, for the training accuracy.
    """

    def __init__(
        self,
        folder: Path,
        label: str,
        workers: list[str],
        iterations: int,
        test_inputs: NDArray[np.float32],
        test_labels: NDArray[np.int64],
        save: Callable[[GlobalNetwork, int], None],
        push_samples: int,
    ) -> None:
        self.curve = Curve()
        self.contributions = [Contribution() for _ in workers]
        self.best_iteration = 0
        self.best_validation: Evaluation | None = None
        self.best_test: Evaluation | None = None
        self._label = label
        self._workers = workers
        self._test = test_inputs, test_labels
        self._save = save
        self._push_samples = push_samples
        self._metrics = (folder / "metrics.jsonl").open("a", encoding="utf-8")
        self._events = SummaryWriter(folder / "tensorboard" / label)
        self._progress = tqdm(
            total=iterations, desc=label, unit="push", file=sys.stderr, dynamic_ncols=True, mininterval=0.5
        )

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.close()
        self._events.close()
        self._metrics.close()

    def updated(self, iteration: int, update: Update, multiply_adds_total: int, seconds: float) -> None:
        """See `host.training.coordinator.Observer`."""
        contribution = self.contributions[update.worker]
        contribution.updates += 1
        contribution.seconds += update.seconds
        contribution.engine_cycles += update.trained.engine_cycles
        contribution.clipped += update.trained.clipped
        accuracy = update.trained.correct / self._push_samples
        self._write(
            "update",
            iteration=iteration,
            worker=self._workers[update.worker],
            rate=update.rate,
            training_accuracy=accuracy,
            engine_cycles=update.trained.engine_cycles,
            clipped=update.trained.clipped,
            worker_seconds=update.seconds,
            multiply_adds=multiply_adds_total,
            seconds=seconds,
        )
        self._events.add_scalar("rate", update.rate, iteration)
        self._events.add_scalar(f"training accuracy/{self._workers[update.worker]}", accuracy, iteration)
        self._progress.update()

    def evaluated(
        self, iteration: int, network: GlobalNetwork, validation: Evaluation, multiply_adds_total: int, seconds: float
    ) -> None:
        """See `host.training.coordinator.Observer`."""
        test = network.evaluate(*self._test)
        self.curve.iterations.append(iteration)
        self.curve.multiply_adds.append(multiply_adds_total)
        self.curve.seconds.append(seconds)
        self.curve.validation_accuracy.append(validation.accuracy)
        self.curve.test_accuracy.append(test.accuracy)
        self._write(
            "evaluation",
            iteration=iteration,
            validation_accuracy=validation.accuracy,
            validation_loss=validation.loss,
            test_accuracy=test.accuracy,
            multiply_adds=multiply_adds_total,
            seconds=seconds,
        )
        self._events.add_scalar("accuracy/validation", validation.accuracy, iteration)
        self._events.add_scalar("accuracy/test", test.accuracy, iteration)
        self._events.add_scalar("loss/validation", validation.loss, iteration)
        self._progress.set_postfix_str(f"validation {100 * validation.accuracy:.2f} %", refresh=False)
        if self._is_best(validation):
            self.best_iteration, self.best_validation, self.best_test = iteration, validation, test
            self._save(network, iteration)

    def lost(self, worker: int, error: Exception) -> None:
        """See `host.training.coordinator.Observer`."""
        self.contributions[worker].lost = str(error)
        self._write("lost", worker=self._workers[worker], error=str(error))
        self._progress.write(f"deep3: worker {self._workers[worker]} is lost: {error}", file=sys.stderr)

    def _is_best(self, validation: Evaluation) -> bool:
        """More accurate than the best so far; of equals the one with the smaller loss."""
        best = self.best_validation
        return best is None or (validation.accuracy, -validation.loss) > (best.accuracy, -best.loss)

    def _write(self, kind: str, **values: object) -> None:
        self._metrics.write(json.dumps({"run": self._label, "kind": kind, **values}) + "\n")
        self._metrics.flush()
