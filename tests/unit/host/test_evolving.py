"""Classes and sensors that come in mid-stream: networks that grow, the bench of them, and its picture."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deep3.compiler.network.network import Network
from deep3.host.cli import main
from deep3.host.global_network.global_network import GlobalNetwork
from deep3.host.global_network.widen import widened
from deep3.host.measure import evolving
from deep3.host.reports.evolving_plot import plot_evolving


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 100), st.integers(0, 5), st.integers(0, 3), st.sampled_from([(6, 4), (6, 5, 4), (6, 5, 7, 4)]))
def test_a_wider_network_says_the_same_of_what_it_knows(
    seed: int, inputs: int, classes: int, sizes: tuple[int, ...]
) -> None:
    network = GlobalNetwork.initialise(Network.uniform(sizes), 0.5, seed)
    for matrix in network.weights:
        matrix[:, -1] = np.arange(len(matrix))
    grown = widened(network, 6 + inputs, 4 + classes)
    x = np.random.default_rng(seed).normal(size=(9, 6 + inputs)).astype(np.float32)
    found = grown.outputs(x)
    assert grown.topology.sizes == (6 + inputs, *sizes[1:-1], 4 + classes)
    assert np.allclose(found[:, :4], network.outputs(x[:, :6]), atol=1e-5)
    assert not found[:, 4:].any()


def test_a_network_does_not_become_narrower() -> None:
    network = GlobalNetwork.initialise(Network.uniform((6, 5, 4)), 1.0, 1)
    for inputs, classes in ((5, 4), (6, 3)):
        with pytest.raises(ValueError, match="inputs and classes must be 6 and 4 or more, not"):
            widened(network, inputs, classes)


def test_a_short_bench_and_its_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(1)
    y = np.arange(1200) % 6
    centres = rng.normal(size=(6, 30))
    x = (centres[y] + 0.4 * rng.normal(size=(1200, 30))).astype(np.float32)
    np.savez(tmp_path / "isolet.npz", X=x, y=y)
    monkeypatch.setenv("DEEP3_DATA", str(tmp_path))
    monkeypatch.setattr(evolving, "HIDDEN", 16)
    classes, sensors = evolving.bench_evolving(progress=False)
    assert (classes.what, sensors.what) == ("classes", "sensors")
    # Half of the classes are not known before they come, and are afterwards.
    assert classes.before[-1] < 0.55
    for case in (classes, sensors):
        assert len(case.before) == len(case.grown) == len(case.again) == evolving.EPOCHS
        assert case.grown[-1] > 0.9
        assert case.grown[-1] > case.again[-1] - 0.05
        assert case.atoms_before < case.atoms_grown
    plot_evolving([classes, sensors], tmp_path / "evolving.svg")
    drawn = (tmp_path / "evolving.svg").read_text("utf-8")
    assert drawn.count("<g id=\"axes_") == 2
    assert main(["bench", "workers", "--picture", "a.png"]) == 2
    assert "--picture is for deep3 bench evolving, not for deep3 bench workers" in capsys.readouterr().err
