"""Curves of a run for TensorBoard, as `metrics.jsonl` has them, written now and then."""

import sys
import time
from collections import defaultdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .events import Evaluated, Event, Scored, Updated
from .pace import Pace

__all__ = ["TensorBoard"]


class TensorBoard:
    """Takes note of every event, and writes at each validation what there has been since the last, at its `Pace`.

    Where TensorBoard is not installed, that is said in one line, and nothing is written.

    Parameters
    ----------
    folder
        For its files; made when the first are written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: Any = None
        self._pace = Pace()
        self._points: list[tuple[float, int, dict[str, float]]] = []
        self._rate = 0.0
        self._samples: dict[str, int] = defaultdict(int)
        self._correct: dict[str, int] = defaultdict(int)
        self._is_there = find_spec("tensorboard") is not None
        if not self._is_there:
            print("deep3: no TensorBoard events: pip install tensorboard brings them", file=sys.stderr)

    def add(self, event: Event) -> None:
        """The next event of the run."""
        if not self._is_there:
            return
        if isinstance(event, Updated):
            self._rate = event.rate
            self._samples[event.worker] += event.samples
            self._correct[event.worker] += event.correct
        elif isinstance(event, Evaluated):
            self._point(event.iteration, self._since_the_last(event))
            if self._pace.is_due:
                with self._pace.working():
                    self._write()
        elif isinstance(event, Scored):
            self._point(event.iteration, {"accuracy/test": event.accuracy})

    def close(self) -> None:
        """Write what is left."""
        if self._points:
            self._write()
        if self._writer is not None:
            self._writer.close()

    def _since_the_last(self, event: Evaluated) -> dict[str, float]:
        scalars = {"accuracy/validation": event.validation_accuracy, "loss/validation": event.validation_loss}
        if self._samples:
            scalars["rate"] = self._rate
        for worker, samples in self._samples.items():
            scalars[f"training accuracy/{worker}"] = self._correct[worker] / samples
        self._samples.clear()
        self._correct.clear()
        return scalars

    def _point(self, iteration: int, scalars: dict[str, float]) -> None:
        self._points.append((time.time(), iteration, scalars))

    def _write(self) -> None:
        # The import takes as long as a short run trains.
        from tensorboard.compat.proto.event_pb2 import Event as Record
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        if self._writer is None:
            self._writer = EventFileWriter(str(self._folder))
        for wall_s, iteration, scalars in self._points:
            values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]
            self._writer.add_event(Record(wall_time=wall_s, step=iteration, summary=Summary(value=values)))
        self._writer.flush()
        self._points.clear()
