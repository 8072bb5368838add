"""Settings of a run: what is saved is what is read, and pushes that go into the epochs."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep3.compiler.network.network import Network
from deep3.hdl.contract.program import Function, Loss
from deep3.host.training.settings import SettingsError, TrainSettings


@given(st.floats(0.01, 1e6), st.integers(1, 4093), st.integers(1, 1000), st.integers(1, 64))
def test_every_worker_gets_batches_where_there_are_enough(
    samples: float, batch: int, n_push: int, workers: int
) -> None:
    pushed = TrainSettings("digits", batch=batch, n_push=n_push).pushed_batches(samples, workers)
    batches = max(1, round(samples / batch))
    assert 1 <= pushed <= n_push
    assert pushed == n_push or workers * pushed >= batches > workers * (pushed - 1)


def test_settings_survive_json_with_paths_that_hold_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.npz").touch()
    settings = TrainSettings("own.npz", hidden=(), workers=("cpu:2",), projection=0.3, config="e.toml", runs="r")
    values = json.loads(json.dumps(settings.to_dict()))
    assert (values["data"], values["config"]) == (f"{tmp_path}/own.npz", f"{tmp_path}/e.toml")
    read = TrainSettings.from_dict(values)
    assert (read.hidden, read.workers, read.projection, read.runs) == ((), ("cpu:2",), 0.3, f"{tmp_path}/r")
    for name in ("digits", "in-the-data-folder.npz"):
        assert TrainSettings(name).to_dict()["data"] == name


def test_settings_of_another_version_are_refused() -> None:
    with pytest.raises(SettingsError, match="another version of deep3"):
        TrainSettings.from_dict({**TrainSettings("digits").to_dict(), "warm_up": 0.9})


def test_settings_like_a_network() -> None:
    network = Network.uniform((5, 7, 3), Function.RELU, Loss.MSE)
    like = TrainSettings("digits", batch=8).like(network, 0.5)
    assert (like.hidden, like.activation, like.loss, like.ratio, like.batch) == ((7,), "relu", "mse", 0.5, 8)
    assert like.topology(5, 3) == network
    single = TrainSettings("digits").like(Network.uniform((5, 3)), 1.0)
    assert (single.hidden, single.activation) == ((), "tanh")
