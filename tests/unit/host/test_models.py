"""Models of the user's own: from a file or from Python into a run, and back."""

import json
import re
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

import deep3
from deep3.compiler.network.layers import Convolution
from deep3.host.cli import main
from deep3.host.projection.scaling import fit_scaling, is_plain
from deep3.host.training.settings import SettingsError

NETS = """
from torch import nn

class Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.head = nn.Linear(72, 10)

    def forward(self, x):
        return self.head(nn.functional.max_pool2d(self.norm(self.conv(x)).relu(), 2).flatten(1))

def dense():
    return nn.Sequential(nn.Linear(64, 16), nn.Tanh(), nn.Linear(16, 10))

nine = nn.Linear(64, 9)
number = 3

def broken():
    return undefined
"""
TRAIN = ["--epochs", "4", "--rate", "0.2", "--deterministic"]


@pytest.fixture
def nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text(NETS)
    return tmp_path


def report(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert main([*arguments, "--json"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) in (1, 2)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err.removeprefix("deep3: ").rstrip("\n")


def test_a_module_in_a_file_is_trained_and_goes_back(nets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = report(capsys, "train", "digits", "--model", "nets.py:Cnn", "--reference", *TRAIN)
    run = str(done["run"])
    assert done["sizes"] == [64, 288, 10]
    assert done["joint"]["test_accuracy"] > 0.9  # type: ignore[index]
    # One worker in float32 is the reference.
    assert done["joint"] | {"seconds": 0} == done["reference"] | {"seconds": 0}  # type: ignore[operator]
    again = report(capsys, "predict", run)
    assert again["accuracy"] == done["joint"]["test_accuracy"]  # type: ignore[index]
    model, state, digits = deep3.load(run), nets / "cnn.pt", deep3_digits()
    assert isinstance(model.network.layers[0], Convolution)
    report(capsys, "export", run, "-o", str(state), "--model", "nets.py:Cnn")
    module = namespace(NETS)["Cnn"]()
    module.load_state_dict(torch.load(state), strict=True)
    with torch.no_grad():
        found = module.eval()(torch.from_numpy(model.inputs(digits))).numpy()
    np.testing.assert_allclose(found, model.outputs(digits), rtol=1e-3, atol=1e-4)


def deep3_digits() -> np.ndarray:
    from sklearn.datasets import load_digits

    return load_digits().data.astype(np.float32)  # type: ignore[no-any-return]


def namespace(source: str) -> dict[str, object]:
    values: dict[str, object] = {}
    exec(source, values)
    return values


@pytest.mark.parametrize(
    "options",
    [
        ["--model", "nets.py:Cnn"],
        ["--hidden", "12", "--projection", "0.5"],
        ["--hidden", "12", "--ratio", "0.5", "--loss", "mse"],
    ],
)
def test_a_run_becomes_a_file_that_takes_raw_samples(
    nets: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    run = str(report(capsys, "train", "digits", *options, "--epochs", "2")["run"])
    report(capsys, "export", run, "-o", "digits.onnx")
    x, model = deep3_digits(), deep3.load(run)
    session = onnxruntime.InferenceSession("digits.onnx")
    (found,) = session.run(["outputs"], {"samples": x})
    # Inputs are not rounded to Q3.12 there.
    np.testing.assert_allclose(found, model.outputs(x), atol=0.02)
    assert (found.argmax(axis=1) == model.outputs(x).argmax(axis=1)).mean() > 0.995


def test_an_interrupted_run_goes_on_without_the_file_of_the_model(
    nets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["train", "digits", "--model", "nets.py:Cnn", *TRAIN]
    run, other = (Path(str(report(capsys, *arguments)["run"])) for _ in range(2))
    # What a run leaves that is killed in its first moments.
    events = (run / "metrics.jsonl").read_text().splitlines()
    (run / "metrics.jsonl").write_text("\n".join(events[:2]) + "\n")
    for name in ("state.npz", "checkpoint.npz"):
        (run / name).unlink()
    (nets / "nets.py").unlink()
    done = report(capsys, "train", "--resume", str(run))
    wanted = deep3.load(other).weights
    for matrix, expected in zip(deep3.load(str(done["run"])).weights, wanted, strict=True):
        np.testing.assert_array_equal(matrix, expected)


def test_a_checkpoint_of_maps_is_trained_on(nets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = str(report(capsys, "train", "digits", "--model", "nets.py:Cnn", *TRAIN)["run"])
    done = report(capsys, "train", "digits", "--from", run + "/checkpoint.npz", "--epochs", "1", "--rate", "0.01")
    assert done["sizes"] == [64, 288, 10]
    assert done["joint"]["test_accuracy"] > 0.9  # type: ignore[index]


def test_a_fully_connected_model_is_trained_by_every_worker(nets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = report(
        capsys, "train", "digits", "--model", "nets.py:dense", "--worker", "golden:1", "--ratio", "0.5", "--epochs", "3"
    )
    assert done["sizes"] == [64, 16, 10]
    assert done["local_sizes"] == [64, 8, 10]
    assert done["joint"]["test_accuracy"] > 0.6  # type: ignore[index]


def test_workers_take_a_share_of_the_maps(nets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = report(
        capsys, "train", "digits", "--model", "nets.py:Cnn", "--ratio", "0.5", "--worker", "cpu:1", "--worker",
        "golden:1", "--reference", *TRAIN,
    )  # fmt: skip
    assert (done["sizes"], done["local_sizes"]) == ([64, 288, 10], [64, 144, 10])
    assert {worker["updates"] > 0 for worker in done["workers"].values()} == {True}  # type: ignore[attr-defined]
    assert done["joint"]["test_accuracy"] > 0.85  # type: ignore[index]
    assert done["reference"]["test_accuracy"] > 0.85  # type: ignore[index]


def test_parts_of_a_model_begin_with_what_it_computes(nets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = str(
        report(capsys, "train", "digits", "--model", "nets.py:Cnn", *TRAIN, "--epochs", "0.01", "--rate", "1e-9",
               "--ratio", "0.25")["run"]
    )  # fmt: skip
    trained, model = deep3.load(run), deep3.load_model("nets.py:Cnn", (1, 8, 8))
    network = trained.checkpoint.network
    assert network.local_topology() != network.topology == model.network
    for matrix, expected in zip(trained.weights, model.weights, strict=True):
        np.testing.assert_allclose(matrix, expected, atol=1e-3)


def test_a_model_predicts_without_a_run(nets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    x = deep3_digits()[:20] / 16
    torch.manual_seed(1)
    module = namespace(NETS)["Cnn"]()
    with torch.no_grad():
        classes = module.eval()(torch.from_numpy(x).reshape(-1, 1, 8, 8)).argmax(dim=1).numpy()
    np.savez("some.npz", X=x.reshape(-1, 8, 8), y=classes)
    options = ["--data", "some.npz", "--rows", "all"]
    assert report(capsys, "predict", "--model", "nets.py:Cnn", *options)["accuracy"] == 1
    np.savez("flat.npz", X=x, y=classes)
    options[1] = "flat.npz"
    message = refusal(capsys, "predict", "--model", "nets.py:Cnn", *options)
    assert message.startswith("Cnn: it does not take samples of the shape (64,): ")
    assert message.endswith("; --input-shape says how samples are cut into maps")
    assert report(capsys, "predict", "--model", "nets.py:Cnn", "--input-shape", "1,8,8", *options)["accuracy"] == 1


MODEL_REFUSALS = [
    ("nets.py", "model must be FILE.py:NAME or FILE.onnx, not 'nets.py'"),
    ("nets.py:", "model must be FILE.py:NAME or FILE.onnx, not 'nets.py:'"),
    ("no.py:Net", "no.py: there is no such file"),
    ("no.onnx", "no.onnx: there is no such file"),
    ("nets.py:Net", "nets.py: there is no Net in it; found: Cnn"),
    ("nets.py:number", "nets.py: number must be a module, or what makes one without arguments, not 3"),
    ("nets.py:broken", "nets.py: broken() fails: NameError: name 'undefined' is not defined (line 21)"),
    ("nets.py:nine", "nets.py:nine: it has 9 outputs, but digits has 10 classes"),
    ("bad.py:Net", "bad.py: cannot be executed: ZeroDivisionError: division by zero (line 2)"),
    ("syntax.py:Net", "syntax.py: cannot be executed: SyntaxError: invalid syntax (syntax.py, line 1)"),
    ("exit.py:Net", "exit.py: cannot be executed: SystemExit: 3 (line 1)"),
    ("none.py:make", "none.py: make() must make an nn.Module, not NoneType"),
]


@pytest.mark.parametrize(("model", "message"), MODEL_REFUSALS)
def test_what_is_no_model_is_refused(
    nets: Path, capsys: pytest.CaptureFixture[str], model: str, message: str
) -> None:
    (nets / "bad.py").write_text("x = 1\n1 / 0\n")
    (nets / "syntax.py").write_text("def (:\n")
    (nets / "exit.py").write_text("raise SystemExit(3)\n")
    (nets / "none.py").write_text("def make():\n    pass\n")
    assert refusal(capsys, "train", "digits", "--model", model) == message
    assert list(nets.glob("runs/*")) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--hidden", "8"], "--model brings what --hidden would say; leave that out"),
        (["--projection", "0.4"], "--model brings what --projection would say; leave that out"),
        (["--from", "x.npz"], "--from brings what --model would say; leave that out"),
        (["--ratio", "0"], "ratio must be above 0 and at most 1, not 0.0"),
        (["--input-shape", "1,28,28"], "input-shape 1,28,28 is that of 784 values; digits has 64"),
        (["--input-shape", "8,8"], "input-shape must be features, or channels,height,width, not 8,8"),
    ],
)
def test_what_does_not_go_with_a_model(
    nets: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert refusal(capsys, "train", "digits", "--model", "nets.py:Cnn", *options) == message


def test_an_input_shape_needs_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    message = refusal(capsys, "train", "digits", "--input-shape", "1,8,8")
    assert message == "input-shape is that of a model; there is none"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name a run or a model, one of the two"),
        (["run", "--model", "nets.py:Cnn"], "name a run or a model, one of the two"),
        (["--model", "nets.py:Cnn"], "a model has no data of its own; name data to classify"),
    ],
)
def test_what_predict_needs(nets: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    assert refusal(capsys, "predict", *arguments) == message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "x.pt"], "output must end in .onnx without --model, not 'x.pt'"),
        (["-o", "x.onnx", "--model", "nets.py:Cnn"], "output must end in .pt with --model, not 'x.onnx'"),
        (["-o", "no/x.onnx"], "no/x.onnx: cannot be written: there is no folder no"),
        (["-o", "x.onnx"], "run: no such run; name a run folder or a checkpoint.npz"),
    ],
)
def test_what_is_no_export(nets: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    assert refusal(capsys, "export", "run", *arguments) == message
    assert [path.name for path in nets.iterdir()] == ["nets.py"]


def digits_as_maps() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    return digits.images[:, None] / 8 - 1, digits.target


def make() -> nn.Module:
    torch.manual_seed(1)
    maps = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
    return nn.Sequential(*maps, nn.Dropout(0.2), nn.Linear(72, 10))


def test_a_module_in_python_is_trained_and_stays_as_it_is() -> None:
    x, y = digits_as_maps()
    module = make()
    results = [
        deep3.train(x, y, model=module, epochs=5, rate=0.2, deterministic=True, seed=seed) for seed in (1, 1, 2)
    ]
    model = results[0].model
    assert results[0].accuracy > 0.9
    assert model.network.input_shape == (1, 8, 8)
    # Samples in [-8, 8) pass as they are; dropout is of the seed.
    np.testing.assert_allclose(model.inputs(x), x, atol=2**-13)
    np.testing.assert_array_equal(model.weights[0], results[1].model.weights[0])
    assert (model.weights[0] != results[2].model.weights[0]).any()
    for tensor, untouched in zip(module.state_dict().values(), make().state_dict().values(), strict=True):
        assert torch.equal(tensor, untouched)
    module.load_state_dict(model.state_dict(module))
    with torch.no_grad():
        outputs = module.eval()(torch.tensor(x, dtype=torch.float32)).numpy()
    np.testing.assert_allclose(outputs, model.outputs(x), atol=0.01)


def test_weights_go_back_into_no_other_module() -> None:
    x, y = digits_as_maps()
    model = deep3.train(x, y, model=make(), epochs=0.1).model
    with pytest.raises(deep3.Deep3Error, match=r"^Sequential: it is another network than the one that was trained$"):
        model.state_dict(nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), (1, 8, 8))


def test_options_that_a_model_brings_are_refused() -> None:
    x, y = digits_as_maps()
    for options, message in (
        ({"hidden": (8,)}, "a model brings what hidden would say; leave that out"),
        ({"embedding": 8}, "a model takes samples as they are; leave projection and embedding out"),
        ({"start": "x.npz"}, "start brings a network of its own; leave model out"),
    ):
        with pytest.raises(SettingsError, match=f"^{re.escape(message)}$"):
            deep3.train(x, y, model=make(), **options)  # type: ignore[arg-type]


def test_samples_beyond_the_format_are_scaled_channel_by_channel() -> None:
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.uniform(0, 255, (50, 12)), rng.uniform(-1, 1, (50, 12))], axis=1).astype(np.float32)
    scaling = fit_scaling(x, 2)
    found = scaling.transform(x).reshape(50, 2, 12)
    assert np.abs(found).max() < 8
    assert 0.5 < found[:, 0].std() < 2
    for channel in range(2):
        factors = np.unique(scaling.exponents.reshape(2, 12)[channel])
        assert len(factors) == len(np.unique(scaling.mean.reshape(2, 12)[channel])) == 1
    assert not is_plain(scaling)
    assert is_plain(fit_scaling(x[:, 12:], 1))
