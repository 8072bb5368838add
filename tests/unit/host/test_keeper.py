"""What a run keeps on disk: now and then, and at its end all of it."""

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from deep3.host.records.events import Scored
from deep3.host.records.pace import Pace
from deep3.host.records.run_folder import CHECKPOINTS, STATES
from deep3.host.training.begin import Run, begin, open_run_workers
from deep3.host.training.checkpoint import Checkpoint
from deep3.host.training.keeper import Keeper
from deep3.host.training.settings import TrainSettings
from deep3.host.training.state import RunState


@pytest.fixture
def run() -> Run:
    return begin(TrainSettings("digits", hidden=(4,)))


def state_of(run: Run) -> RunState:
    with ExitStack() as stack:
        workers = open_run_workers(run, stack, False)
    return RunState.begin(run.network, [worker.assignment for worker in workers], 1)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_files_are_written_when_it_is_time_and_at_the_end(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = state_of(run)
    keeper = Keeper(run, state, "joint", tmp_path)
    monkeypatch.setattr(Pace, "is_due", False)
    keeper.improved(0)
    keeper.keep(state)
    assert names(tmp_path) == set()
    monkeypatch.setattr(Pace, "is_due", True)
    keeper.keep(state)
    assert names(tmp_path) == {CHECKPOINTS["joint"], STATES["joint"]}
    monkeypatch.setattr(Pace, "is_due", False)
    keeper.improved(7)
    keeper.keep(state)
    assert Checkpoint.load(tmp_path / CHECKPOINTS["joint"]).iteration == 0
    keeper.write()
    assert Checkpoint.load(tmp_path / CHECKPOINTS["joint"]).iteration == 7


def test_the_network_is_kept_as_it_was_when_it_was_the_best(run: Run, tmp_path: Path) -> None:
    state = state_of(run)
    keeper = Keeper(run, state, "joint", tmp_path)
    best = [matrix.copy() for matrix in state.network.weights]
    keeper.improved(3)
    for matrix in state.network.weights:
        matrix += 1
    keeper.write()
    kept = Checkpoint.load(tmp_path / CHECKPOINTS["joint"]).network.weights
    for here, there in zip(kept, best, strict=True):
        np.testing.assert_array_equal(here, there)


def test_the_best_network_is_tested_also_where_an_earlier_process_found_it(run: Run, tmp_path: Path) -> None:
    state = state_of(run)
    data = run.prepared.training
    assert data.test_inputs is not None
    assert data.test_labels is not None
    assert Keeper(run, state, "joint", tmp_path).test() is None
    keeper = Keeper(run, state, "joint", tmp_path)
    keeper.improved(0)
    wanted = state.network.evaluate(data.test_inputs, data.test_labels)
    for matrix in state.network.weights:
        matrix *= -1
    state.iteration, state.seconds = 5, 2.5
    for each in (keeper, Keeper(run, state, "joint", tmp_path)):
        assert each.test() == Scored(5, wanted.accuracy, wanted.samples, 2.5)
