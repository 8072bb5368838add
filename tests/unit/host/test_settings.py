"""Settings of a run: what is saved is what is read, and pushes that go into the epochs."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep3.compiler.network.network import Network
from deep3.hdl.contract.program import Function, Loss
from deep3.host.cli import make_parser
from deep3.host.training.repeat import BROUGHT_BY_CHECKPOINT, repeating_command
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


@pytest.mark.parametrize(
    ("changes", "command"),
    [
        ({}, "deep3 train digits"),
        (
            {
                "hidden": (), "workers": ("cpu:2", "board:10.0.0.7"), "error_threshold": 0.02, "n_push": 5,
                "embedding": 40, "deterministic": True, "seed": 7, "config": "my engine.toml", "runs": "there",
            },
            "deep3 train digits --hidden none --worker cpu:2 --worker board:10.0.0.7 --n-push 5 --embedding 40 "
            "--error-threshold 0.02 --seed 7 --deterministic --config 'my engine.toml'",
        ),
        (
            {"model": "net.py:Net", "input_shape": (1, 8, 8), "momentum": 0.9, "take_over": True},
            "deep3 train digits --model net.py:Net --input-shape 1,8,8 --momentum 0.9",
        ),
        ({"start": "a.npz", "hidden": (9, 9), "ratio": 0.5, "rate": 0.3}, "deep3 train digits --rate 0.3 --from a.npz"),
    ],
)  # fmt: skip
def test_the_command_that_repeats_a_run_asks_for_the_same(changes: dict[str, Any], command: str) -> None:
    settings = TrainSettings("digits", **changes)
    assert repeating_command(settings) == command
    parsed = vars(make_parser().parse_args(shlex.split(command)[1:]))
    given = {name: value for name, value in parsed.items() if name in changes and value is not None}
    # A run that begins with a checkpoint has its layers and ratio; where runs lie changes none.
    left_out = ("runs", "take_over", *(BROUGHT_BY_CHECKPOINT if "start" in changes else ()))
    expected = {name: value for name, value in changes.items() if name not in left_out}
    assert {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()} == expected


@pytest.mark.parametrize(("data", "model"), [("arrays", None), ("digits", "Sequential")])
def test_no_command_repeats_what_was_in_memory(data: str, model: str | None) -> None:
    assert repeating_command(TrainSettings(data, model=model)) is None


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
