"""A run on a terminal while it trains: curve, progress, and what every worker does, a few times a second.

Whoever trains leaves its events in a queue and goes on; a thread of the view's own takes them out and draws.
"""

import queue
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from deep3.host.records.events import Evaluated, Event, Finished, Scored, Started, Stopped, Updated, WorkerLost

__all__ = ["LiveView"]

REFRESH_S = 0.25
RECENT_S = 10.0
"""Speeds and training accuracy are those of the updates of so many seconds."""
QUIET_S = 1.0
"""A worker that has brought nothing for so long is said to be at work for that long."""
OTHER_LINES = 8
"""Of the screen: what is above and below the workers."""


@dataclass
class _Worker:
    updates: int = 0
    samples: int = 0
    seconds: float = 0.0
    staleness: int = 0
    last_s: float = 0.0
    lost: bool = False


@dataclass
class _State:
    """What has been told of a run; times are those of the run."""

    begun: int = 0
    iteration: int = 0
    iterations: int = 0
    began_s: float = 0.0
    seconds: float = 0.0
    heard_s: float = 0.0
    ended: str | None = None
    workers: dict[str, _Worker] = field(default_factory=dict)
    evaluated: Evaluated | None = None
    scored: Scored | None = None
    best: float = 0.0
    recent: deque[Updated] = field(default_factory=deque)

    def add(self, event: Event) -> None:
        """Take in the next event."""
        self.iteration, self.heard_s = event.iteration, time.monotonic()
        self.seconds = self.seconds if event.seconds is None else event.seconds
        if isinstance(event, Started):
            self.begun, self.began_s, self.iterations = event.iteration, event.seconds, event.iterations
            self.workers = {name: _Worker(last_s=event.seconds) for name in event.workers}
        elif isinstance(event, Updated):
            self._add_update(event)
        elif isinstance(event, Evaluated):
            self.evaluated, self.best = event, max(self.best, event.validation_accuracy)
        elif isinstance(event, Scored):
            self.scored = event
        elif isinstance(event, WorkerLost):
            self.workers[event.worker].lost = True
        elif isinstance(event, Finished | Stopped):
            self.ended = event.reason

    def _add_update(self, event: Updated) -> None:
        worker = self.workers[event.worker]
        worker.updates += 1
        worker.samples += event.samples
        worker.seconds += event.worker_seconds
        worker.staleness += event.staleness or 0
        worker.last_s = event.seconds
        self.recent.append(event)
        while self.recent[0].seconds < event.seconds - RECENT_S:
            self.recent.popleft()

    def now_s(self) -> float:
        """Time of the run, also while nothing is heard of it."""
        if self.ended is not None:
            return self.seconds
        return self.seconds + time.monotonic() - self.heard_s

    def left_s(self) -> float | None:
        """Until about all updates are there, at the speed so far."""
        done = self.iteration - self.begun
        if not done:
            return None
        return (self.now_s() - self.began_s) / done * max(0, self.iterations - self.iteration)


class LiveView:
    """Shows one run on a terminal (see `host.records.progress.Progress`).

    Parameters
    ----------
    run
        "joint" or "reference".
    console
        Where; None for stderr.
    """

    def __init__(self, run: str, console: Console | None = None) -> None:
        self._run = run
        self._console = console or Console(file=sys.stderr)
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._draw, name="live view")
        self._state = _State()

    def __enter__(self) -> "LiveView":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        try:
            self._thread.join()
        finally:
            # A second Ctrl-C: the terminal is given back all the same.
            self._thread.join()

    def __call__(self, event: Event) -> None:
        """Take note of the next event, without waiting for anything."""
        self._events.put(event)

    def _draw(self) -> None:
        # A terminal that has gone away is no reason to stop training.
        with suppress(OSError), Live(console=self._console, auto_refresh=False) as live:
            while not self._ended.wait(REFRESH_S):
                self._take(live)
            self._take(live)

    def _take(self, live: Live) -> None:
        with suppress(queue.Empty):
            while True:
                event = self._events.get_nowait()
                self._state.add(event)
                if isinstance(event, WorkerLost):
                    live.console.print(Text(f"deep3: worker {event.worker} is lost: {event.error}"), soft_wrap=True)
        if self._state.workers:
            live.update(self._screen(), refresh=True)

    def _screen(self) -> RenderableType:
        state = self._state
        return Group(_progress(self._run, state), _figures(state), _workers(state, self._console.height - OTHER_LINES))


def _progress(run: str, state: _State) -> RenderableType:
    left_s = state.left_s()
    left = "" if left_s is None else f", {_clock(left_s)} left"
    left = left if state.ended is None else f", {state.ended}"
    line = Table.grid(padding=(0, 2))
    line.add_row(
        Text(f"{run} run", style="bold"),
        ProgressBar(total=max(1, state.iterations), completed=min(state.iteration, state.iterations), width=20),
        Text(f"{state.iteration:,} of {state.iterations:,} pushes, {_clock(state.now_s())}{left}"),
    )
    return line


def _figures(state: _State) -> Text:
    parts, training = [], []
    if (event := state.evaluated) is not None:
        parts += [f"validation {_percent(event.validation_accuracy)} (best {_percent(state.best)})"]
        parts += [f"loss {event.validation_loss:.4g}"]
        parts += [] if state.scored is None else [f"test of the best {_percent(state.scored.accuracy)}"]
    if state.recent:
        samples = sum(update.samples for update in state.recent)
        training += [f"training {_percent(sum(update.correct for update in state.recent) / samples)}"]
        training += [f"{_speed(state):,.0f} samples/s", f"rate {state.recent[-1].rate:.3g}"]
    return Text("  ".join(parts) + "\n" + "  ".join(training))


def _speed(state: _State) -> float:
    """Samples a second."""
    since_s = max(state.began_s, state.recent[-1].seconds - RECENT_S)
    return sum(update.samples for update in state.recent) / max(1e-9, state.now_s() - since_s)


def _workers(state: _State, lines: int) -> RenderableType:
    """As many as there is room for, the lost ones first."""
    total = max(1, sum(worker.samples for worker in state.workers.values()))
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("worker", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for name in ("pushes", "share", "busy", "ms a push", "staleness"):
        table.add_column(name, justify="right", no_wrap=True)
    ordered = sorted(state.workers.items(), key=lambda item: not item[1].lost)
    shown = ordered if len(ordered) <= lines else ordered[: max(1, lines - 1)]
    for name, worker in shown:
        some = worker.updates > 0
        table.add_row(
            Text(name),
            _worker_state(state, worker),
            f"{worker.updates:,}",
            f"{100 * worker.samples / total:.0f} %",
            f"{100 * worker.seconds / (state.now_s() - state.began_s):.0f} %" if some else "",
            _milliseconds(worker.seconds / worker.updates) if some else "",
            f"{worker.staleness / worker.updates:.1f}" if some else "",
        )
    if len(shown) < len(ordered):
        table.add_row(Text(f"and {len(ordered) - len(shown)} more", style="dim"))
    return table


def _worker_state(state: _State, worker: _Worker) -> Text:
    if worker.lost:
        return Text("lost", style="red")
    if state.ended is not None:
        return Text("done")
    quiet_s = state.now_s() - worker.last_s
    return Text("at work" if quiet_s < QUIET_S else f"at work for {_clock(quiet_s)}")


def _clock(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.3g}" if seconds < 0.1 else f"{1000 * seconds:,.0f}"


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"
