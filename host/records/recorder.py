"""What a run leaves behind: metrics.jsonl, TensorBoard events, its best network; and its progress on the screen."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from .events import Event, EventWriter, Finished, Scored, Stopped
from .history import History
from .progress import MakeProgress, ProgressBar
from .tensorboard import TensorBoard

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
    improved
        Called with the number of updates whenever validation found a new best network.
    test
        Called at the end of the run, however it ends: tests that network, where there are test samples.
    make_progress
        Shows the run.
    """

    def __init__(
        self,
        folder: Path,
        run: str,
        history: History,
        improved: Callable[[int], None],
        test: Callable[[], Scored | None],
        make_progress: MakeProgress = ProgressBar,
    ) -> None:
        self.history = history
        self._improved = improved
        self._test = test
        self._stack = ExitStack()
        self._writer = self._stack.enter_context(EventWriter(folder, run))
        self._tensorboard = TensorBoard(folder / "tensorboard" / run)
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
        if isinstance(event, Finished | Stopped) and (tested := self._test()) is not None:
            self._record(tested)
            self._show(tested)
        best = self.history.best
        self._record(event)
        if self.history.best is not best:
            self._improved(event.iteration)
        self._show(event)

    def _record(self, event: Event) -> None:
        self._writer.write(event)
        self.history.add(event)
        self._tensorboard.add(event)

