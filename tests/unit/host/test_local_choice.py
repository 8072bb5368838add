"""Length of the embedding and local topology by validation error: what is tried, what is chosen, and from where."""

import dataclasses

import numpy as np
import pytest

import deep3
from deep3.cost_model.local_network import GlobalNetwork, chain
from deep3.host.cli import main
from deep3.host.data import Dataset, load
from deep3.host.projection.errors import ProjectionError
from deep3.host.training.local_choice import choose_embedding, choose_local
from deep3.host.training.settings import SettingsError, TrainSettings


def classes_in_a_subspace(samples: int, features: int, seed: int) -> Dataset:
    """Eight classes that three directions tell apart, below much that tells nothing."""
    rng = np.random.default_rng(seed)
    y = rng.integers(8, size=samples)
    x = 0.3 * rng.normal(size=(samples, features)) * 0.9 ** np.arange(features)
    x[:, :3] += 2 * (y[:, None] >> np.arange(3) & 1)
    return Dataset("made", x.astype(np.float32), y, x[:0].astype(np.float32), y[:0], tuple("abcdefgh"))


SETTINGS = TrainSettings("made", hidden=(16,), batch=16, rate=0.2, epochs=30)


def test_no_longer_than_brings_something() -> None:
    dataset = classes_in_a_subspace(1500, 60, seed=1)
    found = choose_embedding(SETTINGS, dataset)
    assert found == dataclasses.replace(SETTINGS, embedding=8)


def test_length_and_topology_are_chosen_together() -> None:
    dataset = classes_in_a_subspace(1500, 60, seed=1)
    networks = [local for local in chain(GlobalNetwork(60, (16,), 8)) if local.embedding >= 10][::8]
    search = choose_local(SETTINGS, dataset, networks, lambda local: float(local.edges))
    tried = [local for local, _ in search.tried]
    assert tried == sorted(networks, key=lambda local: local.edges)[: len(tried)]
    assert search.best in tried
    assert len(tried) < len(networks)
    errors = dict((local.sizes, error) for local, error in search.tried)
    assert errors[search.best.sizes] < 0.3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"projection": 0.3}, "projection says what the inputs are; leave embedding auto out"),
        ({"model": "net.py:make"}, "model says what the inputs are; leave embedding auto out"),
        ({"start": "run.npz"}, "from says what the inputs are; leave embedding auto out"),
    ],
)
def test_what_brings_a_projection_of_its_own(options: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        choose_embedding(dataclasses.replace(SETTINGS, **options), classes_in_a_subspace(50, 9, seed=1))
    assert str(caught.value) == message


def test_equal_samples() -> None:
    x, y = np.ones((40, 5), np.float32), np.arange(40) % 2
    with pytest.raises(ProjectionError, match=r"^training samples must differ from each other, but are all equal$"):
        choose_embedding(SETTINGS, Dataset("made", x, y, x[:0], y[:0], ("a", "b")))


def test_from_the_command_line_and_from_python(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(str(tmp_path))
    options = ["--hidden", "8", "--epochs", "1", "--rate", "0.2"]
    assert main(["train", "digits", *options, "--embedding", "auto"]) == 0
    said = capsys.readouterr().err
    expected = choose_embedding(TrainSettings("digits", hidden=(8,), epochs=1, rate=0.2), load("digits")).embedding
    assert f"deep3: an embedding of {expected}: longer ones validated no better" in said
    result = deep3.train("digits", hidden=(8,), epochs=1, rate=0.2, embedding="auto")
    assert result.model.network.inputs == expected
    assert main(["train", "digits", "--embedding", "some"]) == 2
    assert "must be auto or a whole number, not 'some'" in capsys.readouterr().err
