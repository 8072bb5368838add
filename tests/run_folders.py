"""Run folders made of events, for tests of what looks at them."""

from pathlib import Path

from deep3.host.records.events import Evaluated, Event, EventWriter, Scored, Started, Updated
from deep3.host.records.run_folder import RunDescription

__all__ = ["describe", "made_up_run", "write_events"]


def describe(folder: Path, workers: tuple[str, ...], data: str = "digits") -> None:
    """The settings of a run of the digits."""
    folder.mkdir(exist_ok=True)
    sizes = (64, 8, 10)
    settings = {"data": data, "hidden": [8], "workers": list(workers)}
    RunDescription(settings, data, "0", sizes, sizes, workers, 0, {"deep3": "1"}, ("deep3",)).save(folder)


def made_up_run(
    workers: tuple[str, ...], pushes: int, pace_s: float, tested: bool = True, is_old: bool = False
) -> list[Event]:
    """A run that was cut behind its last validation; ``is_old`` leaves out what earlier versions did not record."""
    events: list[Event] = [Started(0, pushes, workers)]
    for n in range(pushes + 1):
        if n:
            worker, took_s = workers[n % len(workers)], pace_s * (1 + n % 3)
            began = () if is_old else (max(0, n - 2), max(0.0, pace_s * n - took_s), 700 + n, 600 - n)
            events.append(Updated(n, worker, 0.1, 2, 64, 60, 0, 0, took_s, 1000 * n, pace_s * n, *began))
        accuracy = 1 - 1 / (n + 2)
        events.append(Evaluated(n, accuracy, 1 / (n + 1), 50, 1000 * n, pace_s * n))
    return [*events, Scored(pushes, accuracy, 100, pace_s * pushes)] if tested else events


def write_events(folder: Path, events: list[Event], run: str = "joint") -> None:
    """Append events to the records of a folder."""
    with EventWriter(folder, run) as writer:
        for event in events:
            writer.write(event)
