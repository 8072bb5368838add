"""What a run leaves behind: metrics.jsonl, TensorBoard events, the best checkpoint; and its progress on the screen."""

import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from .events import Evaluated, Event, EventWriter, Updated
from .history import History
from .progress import MakeProgress, ProgressBar

__all__ = ["Recorder"]


class Recorder:
    """Records one run (see `host.training.coordinator.Observer`); a context manager.

    Parameters
    ----------
    folder
        The run folder. Runs of one folder write to one metrics.jsonl, told apart by ``run``.
    run
        "joint" or "reference".
    history
        What was recorded before, where the run goes on; added to.
    save
        Called with the number of updates whenever validation found a new best.
    make_progress
        Shows the run.
    """

    def __init__(
        self,
        folder: Path,
        run: str,
        history: History,
        save: Callable[[int], None],
        make_progress: MakeProgress = ProgressBar,
    ) -> None:
        self.history = history
        self._save = save
        self._stack = ExitStack()
        self._writer = self._stack.enter_context(EventWriter(folder, run))
        self._tensorboard = _tensorboard(folder / "tensorboard" / run)
        if self._tensorboard is not None:
            self._stack.callback(self._tensorboard.close)
        self._show = self._stack.enter_context(make_progress(run))

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def __call__(self, event: Event) -> None:
        """Take note of the next event."""
        best = self.history.best
        self._writer.write(event)
        self.history.add(event)
        if self.history.best is not best:
            self._save(event.iteration)
        self._show(event)
        if self._tensorboard is not None:
            for name, value in _scalars(event).items():
                self._tensorboard.add_scalar(name, value, event.iteration)


def _tensorboard(folder: Path) -> Any:
    """A writer of TensorBoard events, or None, said in one line, where that is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        print("deep3: no TensorBoard events: pip install tensorboard brings them", file=sys.stderr)
        return None
    return SummaryWriter(folder)


def _scalars(event: Event) -> dict[str, float]:
    if isinstance(event, Updated):
        return {"rate": event.rate, f"training accuracy/{event.worker}": event.correct / event.samples}
    if not isinstance(event, Evaluated):
        return {}
    values = {"accuracy/validation": event.validation_accuracy, "loss/validation": event.validation_loss}
    return values if event.test_accuracy is None else {**values, "accuracy/test": event.test_accuracy}
