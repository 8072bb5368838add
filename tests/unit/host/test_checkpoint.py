"""Checkpoints come back as they were, and replace each other whole."""

from pathlib import Path

import numpy as np
import pytest

from deep3.compiler.network.network import Network
from deep3.hdl.contract.program import Function, Loss
from deep3.host.data import Origin
from deep3.host.global_network.global_network import GlobalNetwork
from deep3.host.projection.projection import fit_projection
from deep3.host.training.checkpoint import Checkpoint, CheckpointError

NAMES = ("cat", "dog", "emu")
ORIGIN = Origin("/data/own.csv", "kind", "ab12")


def make(seed: int, beta: float | None = 0.4) -> Checkpoint:
    x = np.random.default_rng(seed).normal(size=(60, 7)).astype(np.float32)
    projection, _ = fit_projection(x, beta)
    topology = Network.uniform((projection.outputs, 8, 3), Function.SIGMOID, Loss.MSE)
    return Checkpoint(GlobalNetwork.initialise(topology, 0.5, seed), projection, NAMES, ORIGIN, seed)


@pytest.mark.parametrize("beta", [None, 0.4])
def test_a_checkpoint_comes_back(tmp_path: Path, beta: float | None) -> None:
    path, saved = tmp_path / "c.npz", make(1, beta)
    saved.save(path)
    loaded = Checkpoint.load(path)
    x = np.random.default_rng(2).normal(size=(5, 7)).astype(np.float32)
    before = saved.network.outputs(saved.projection.transform(x))
    assert np.array_equal(loaded.network.outputs(loaded.projection.transform(x)), before)
    assert loaded.network.topology == saved.network.topology
    assert (loaded.origin, loaded.class_names, loaded.iteration, loaded.network.ratio) == (ORIGIN, NAMES, 1, 0.5)


def test_saving_replaces_the_file_and_leaves_no_other(tmp_path: Path) -> None:
    for iteration in (1, 2):
        make(iteration).save(tmp_path / "c.npz")
    assert Checkpoint.load(tmp_path / "c.npz").iteration == 2
    assert [entry.name for entry in tmp_path.iterdir()] == ["c.npz"]


def test_a_failed_save_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(1).save(tmp_path / "c.npz")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space left on device"):
        make(2).save(tmp_path / "c.npz")
    assert Checkpoint.load(tmp_path / "c.npz").iteration == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["c.npz"]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"X": [1]}, "not a checkpoint of deep3"),
        ({"version": 99}, "version must be 3, not 99; train again"),
        ({"version": 3}, "damaged checkpoint: network is missing"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, arrays: dict[str, object], message: str) -> None:
    path = tmp_path / "c.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    with pytest.raises(CheckpointError) as caught:
        Checkpoint.load(path)
    assert str(caught.value) == f"{path}: {message}"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("weights_0", np.zeros((8, 3)), "weights_0 must have the shape (8, {inputs}), not (8, 3)"),
        ("weights_1", np.full((3, 9), np.nan), "weights_1 must hold finite numbers"),
        ("weights_1", np.full((3, 9), "a"), "weights_1 must hold finite numbers"),
        ("class_names", np.array(["a", "b"]), "class_names must be 3 like the outputs, not 2"),
        ("projection_mean", np.zeros((2, 2)), "projection_mean must be {outputs} numbers, not of the shape (2, 2)"),
        ("projection_basis", np.zeros((7, 1)), "projection_basis must have the shape (7, {outputs}), not (7, 1)"),
        ("projection_offset", np.zeros(99), "projection_offset must have the shape ({outputs},), not (99,)"),
        ("projection_offset", np.full(2, np.inf), "projection_offset must hold finite numbers"),
    ],
)
def test_damaged_networks_are_refused(tmp_path: Path, key: str, value: np.ndarray, message: str) -> None:
    path, saved = tmp_path / "c.npz", make(1)
    saved.save(path)
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    np.savez(path, **{**arrays, key: value})  # type: ignore[arg-type]
    with pytest.raises(CheckpointError) as caught:
        Checkpoint.load(path)
    outputs = saved.projection.outputs
    expected = message.format(inputs=outputs + 1, outputs=outputs)
    assert str(caught.value) == f"{path}: damaged checkpoint: {expected}"
