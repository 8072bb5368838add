"""What a run needs to be tested, used and gone on with: its best network and its state, on disk."""

from pathlib import Path

from deep3.host.records.events import Scored
from deep3.host.records.pace import Pace
from deep3.host.records.run_folder import CHECKPOINTS, STATES

from .begin import Run
from .checkpoint import Checkpoint
from .state import RunState

__all__ = ["Keeper"]


class Keeper:
    """Writes both now and then, at its `Pace`, and at the end.

    Each file is whole whenever a run is killed; the network is never older than the state.

    Parameters
    ----------
    run
        Whose data the network is tested on.
    state
        Of the run.
    label, folder
        Name of the run in the folder: "joint" or "reference".
    """

    def __init__(self, run: Run, state: RunState, label: str, folder: Path) -> None:
        self._run = run
        self._state = state
        self._checkpoint_path = folder / CHECKPOINTS[label]
        self._state_path = folder / STATES[label]
        self._unwritten: Checkpoint | None = None
        self._pace = Pace()

    def improved(self, iteration: int) -> None:
        """The network as it is now, after so many updates, is the best."""
        self._unwritten = self._run.checkpoint(self._state.network.copy(), iteration)

    def keep(self, state: RunState) -> None:
        """Write, if it is time."""
        if self._pace.is_due:
            with self._pace.working():
                self.write()

    def write(self) -> None:
        """Write both."""
        self._write_best()
        self._state.save(self._state_path)

    def test(self) -> Scored | None:
        """The best network, which is written, on the test samples; None where there are none, or no network yet."""
        best = self._unwritten
        self._write_best()
        if best is None and self._checkpoint_path.exists():
            best = Checkpoint.load(self._checkpoint_path)
        found = None if best is None else self._run.prepared.training.test(best.network)
        if found is None:
            return None
        return Scored(self._state.iteration, found.accuracy, found.samples, self._state.seconds)

    def _write_best(self) -> None:
        if self._unwritten is not None:
            self._unwritten.save(self._checkpoint_path)
            self._unwritten = None
