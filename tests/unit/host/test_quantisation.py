"""The quantisation report: what it counts by hand, and that the engine's tensors are those of floating point but for
rounding."""

import json
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from deep3.compiler.network import reference
from deep3.compiler.network.layers import Convolution, Dense, Dropout, Flatten, MaxPool, MeanPool
from deep3.compiler.network.network import Network
from deep3.hdl.contract.program import Function, Loss
from deep3.host.cli import main
from deep3.host.global_network.global_network import GlobalNetwork
from deep3.host.measure.quantisation import QuantisationError, Tensor, quantised_tensors
from deep3.host.reports.quantisation_plot import plot_quantisation

TANH = Function.TANH
NETWORKS = {
    "dense": Network.uniform((6, 5, 4)),
    "fused maxima": Network(
        (2, 6, 6), (Convolution(3, (3, 3), function=TANH), MaxPool((2, 2), (2, 2)), Flatten(), Dense(3))
    ),
    "overlapping maxima, means": Network(
        (1, 9, 9),
        (
            Convolution(3, (3, 3), function=TANH), MaxPool((3, 3), (2, 2)), Convolution(4, (2, 2)),
            MeanPool((2, 2), (1, 1), function=Function.SIGMOID), Flatten(), Dropout(0.5), Dense(3),
        ),
    ),
    "maps at the end": Network(
        (2, 4, 4), (Convolution(5, (3, 3), function=TANH), Convolution(3, (2, 2)), Flatten()), Loss.MSE
    ),
}  # fmt: skip


def tensors_of(network: Network, samples: int = 4) -> list[Tensor]:
    rng = np.random.default_rng(7)
    weights = GlobalNetwork.initialise(network, 1.0, 3).weights
    x = rng.uniform(-1, 1, (samples, network.inputs))
    return quantised_tensors(network, weights, x, rng.integers(0, network.classes, samples))


@pytest.mark.parametrize("name", NETWORKS)
def test_tensors_are_those_of_floating_point_but_for_rounding(name: str) -> None:
    tensors = tensors_of(NETWORKS[name])
    kinds = [tensor.kind for tensor in tensors]
    assert list(dict.fromkeys(kinds)) == ["inputs", "weights", "activations", "logits", "errors"]
    assert len({tensor.name for tensor in tensors}) == len(tensors)
    for tensor in tensors:
        assert tensor.exact.shape == tensor.words.shape
        assert tensor.relative_error is not None
        if tensor.kind in ("inputs", "weights"):
            assert tensor.worst_error <= tensor.step / 2
        # A maximum that rounding moves within its window moves its error too.
        assert tensor.relative_error < (0.3 if tensor.kind == "errors" else 0.05)
    assert tensors[-1].exact.size > 0


def test_errors_are_gradients_of_each_sample() -> None:
    network = NETWORKS["fused maxima"]
    weights = GlobalNetwork.initialise(network, 1.0, 3).weights
    x, labels = np.random.default_rng(1).normal(size=(5, 2, 6, 6)), np.array([0, 1, 2, 0, 1])
    values = reference.activations(network, weights, x)
    errors = reference.errors(network, weights, values, labels)
    assert set(errors) == {0, 1, 2, 3}
    dense = reference.gradients(network, weights, x, labels)[-1]
    assert np.allclose(dense[:, -1], errors[3].mean(axis=0))
    assert np.allclose(values[-1], reference.outputs(network, weights, x))


def test_what_is_counted_by_hand() -> None:
    exact = np.array([[0.0, 9.0, -8.0, 2.0**-14, 1.0, -(2.0**-13)]])
    tensor = Tensor("activations", 2, "Q3.12", exact, np.array([[0, 32767, -32768, 0, 4096, -1]], np.int16))
    assert (tensor.name, tensor.limit) == ("activations 2", 8.0)
    assert (tensor.clipped, tensor.zeros, tensor.lost) == (2, 2 / 6, 1 / 6)
    assert tensor.worst_error == 9 - 32767 / 4096
    assert tensor.magnitudes is not None
    assert tensor.magnitudes[2] == 9.0
    nothing = Tensor("errors", 1, "Q1.14", np.zeros(3), np.zeros(3, np.int16))
    assert (nothing.relative_error, nothing.magnitudes, nothing.zeros) == (None, None, 1.0)
    placed = Tensor("activations", 1, "Q3.12", exact, np.array([[3, 32767 - 2, -32768, 1, 4096, -1]], np.int16), 2)
    assert (placed.clipped, placed.zeros) == (2, 2 / 6)


def test_a_batch_that_no_engine_holds_is_said_in_one_line() -> None:
    network = Network((1, 64, 64), (Convolution(16, (3, 3)), Flatten(), Dense(2)))
    with pytest.raises(QuantisationError, match=r"a batch of 64 samples .*: .* do not fit: .*; fewer take less"):
        quantised_tensors(network, [], np.zeros((64, 4096)), None)


def test_the_command(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("nets.py").write_text(
        "from torch import nn\n"
        "net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 10))\n"
        "few = nn.Linear(64, 3)\n"
    )
    x = np.random.default_rng(1).uniform(-20, 90, (8, 64))
    np.savez("large.npz", X=x)
    assert main(["quantise", "nets.py:net", "--data", "digits", "--samples", "8", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["samples"], report["scaled"], report["notes"][0][:7]) == (8, True, "samples")
    assert [tensor["tensor"] for tensor in report["tensors"]] == [
        "inputs", "weights 1", "weights 4", "activations 2", "logits 4", "errors 4", "errors 2",
    ]  # fmt: skip
    assert main(["quantise", "nets.py:net", "--data", "large.npz", "--input-shape", "1,8,8", "--samples", "8"]) == 0
    out = capsys.readouterr().out
    assert "there are no errors, because the data have no labels" in out
    assert max(map(len, out.splitlines())) <= 140
    assert main(["quantise", "nets.py:few", "--data", "digits", "--input-shape", "64"]) == 1
    assert capsys.readouterr().err == "deep3: nets.py:few: it has 3 outputs, but digits has 10 classes\n"


def test_the_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr("matplotlib.pyplot.close", drawn.append)
    tensors = tensors_of(NETWORKS["fused maxima"])
    plot_quantisation("title", tensors, tmp_path / "formats.png")
    (figure,) = drawn
    ranges, shares, errors = figure.axes
    assert [text.get_text().split("  ")[0] for text in ranges.get_yticklabels()] == [tensor.name for tensor in tensors]
    low, high = ranges.get_xlim()
    assert all(low < tensor.step and tensor.limit < high for tensor in tensors)
    assert len(shares.patches) == 3 * len(tensors)
    assert len(errors.get_lines()) == len(tensors)
    matplotlib.pyplot.close("all")
    assert (tmp_path / "formats.png").stat().st_size > 10_000
