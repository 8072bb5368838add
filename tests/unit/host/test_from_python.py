"""Training from a program: data in every form, with a run folder and without."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_iris
from torch import nn

import deep3
from deep3.errors import Deep3Error

X, Y = load_iris(return_X_y=True)
KINDS = np.array(["setosa", "versicolor", "virginica"])[Y]
QUICK = {"hidden": (8,), "batch": 8, "epochs": 10}


def test_the_same_run_with_a_folder_and_without(tmp_path: Path) -> None:
    alone = deep3.train(X, KINDS, **QUICK)
    kept = deep3.train(X, KINDS, **QUICK, runs=tmp_path / "runs")
    assert alone.accuracy == kept.accuracy == kept.report["joint"]["test_accuracy"]
    assert all(map(np.array_equal, alone.model.weights, kept.model.weights))
    assert alone.run is None
    assert kept.run is not None
    assert deep3.load(kept.run).class_names == ("setosa", "versicolor", "virginica")
    assert alone.report["joint"]["test_samples"] == kept.report["joint"]["test_samples"] == 30
    assert alone.report["sizes"] == kept.report["sizes"] == [4, 8, 3]


def test_a_file_and_its_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("own.npz", X=X, kind=KINDS)
    from_file = deep3.train("own.npz", "kind", **QUICK)
    assert from_file.accuracy == deep3.train(X, KINDS, **QUICK).accuracy
    assert [path.name for path in tmp_path.iterdir()] == ["own.npz"]


def test_samples_for_the_test_are_taken_as_given() -> None:
    result = deep3.train(X[::2], KINDS[::2], test=(X[1::2], KINDS[1::2]), **QUICK)
    assert result.report["joint"]["test_samples"] == 75
    assert result.accuracy == result.model.score(X[1::2], KINDS[1::2])


def test_a_run_begins_with_a_network_that_knows_the_classes(tmp_path: Path) -> None:
    first = deep3.train(X, KINDS, **QUICK)
    first.model.save(tmp_path / "first.npz")
    again = deep3.train(X, KINDS, batch=8, epochs=0.01, start=tmp_path / "first.npz")
    assert again.model.network.sizes == (4, 8, 3)
    assert np.abs(again.model.weights[0] - first.model.weights[0]).max() < 0.2
    with pytest.raises(Deep3Error) as caught:
        deep3.train(X, Y, start=tmp_path / "first.npz")
    reason = "its network tells other classes apart than arrays has: setosa, versicolor, virginica"
    assert str(caught.value) == f"{tmp_path / 'first.npz'}: {reason}"


def test_an_engine_is_given_as_a_value() -> None:
    small = deep3.EngineConfig(rows=4, columns=4)
    results = [deep3.train(X, Y, **QUICK, workers="golden:1", config=config) for config in (small, None)]
    assert results[0].accuracy > 0.5
    # Engines of other shapes round in another order.
    assert not np.array_equal(results[0].model.weights[0], results[1].model.weights[0])


class Frame:
    """What deep3 needs of a frame: it becomes an array."""

    def __init__(self, columns: dict[str, list[object]]) -> None:
        self.columns = columns

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        return np.array(list(zip(*self.columns.values(), strict=True)), object)


def test_frames_become_arrays() -> None:
    frame = Frame({name: X[:, column].tolist() for column, name in enumerate("abcd")})
    assert deep3.train(frame, KINDS, **QUICK).accuracy == deep3.train(X, KINDS, **QUICK).accuracy
    with pytest.raises(Deep3Error, match=r"^arrays: X must hold real numbers; encode text, fill in what is missing$"):
        deep3.train(Frame({"a": X[:, 0].tolist(), "kind": KINDS.tolist()}), Y)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((X, Y), {"epoch": 3}, "there is no option 'epoch'; there are activation, batch, "),
        ((X, Y), {"hidden": 64}, "an option has a value of the wrong kind: "),
        ((X, Y), {"rate": "fast"}, "an option has a value of the wrong kind: "),
        ((X, None), {}, "labels must be one a sample, not None"),
        ((X, "kind"), {}, "labels must be one a sample, not 'kind'"),
        (("digits", Y), {}, "labels of 'digits' must say where in the file they are, not be an array"),
        (("digits",), {"test": (X, Y)}, "test can be given for data in memory only, not for 'digits'"),
        ((X, Y[:9]), {}, "arrays: labels must be 150 like the samples, not 9"),
        ((X, Y), {"test": (X, Y + 7)}, "labels of the test must be one of the classes 0, 1, 2, not '7'"),
        ((X, Y), {"test": (X[:, 1:], Y)}, "arrays: test samples must have 4 features like the training samples, not 3"),
        ((X, Y), {"workers": ()}, "workers must be between 1 and 64, not 0"),
    ],
)
def test_what_cannot_be_trained(arguments: tuple[object, ...], options: dict[str, object], message: str) -> None:
    with pytest.raises(Deep3Error) as caught:
        deep3.train(*arguments, **options)  # type: ignore[arg-type]
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_probabilities_and_outputs_agree() -> None:
    model = deep3.train(X, KINDS, **QUICK).model
    outputs, probabilities = model.outputs(X), model.predict_proba(X)
    assert np.allclose(probabilities.sum(axis=1), 1)
    assert np.allclose(np.log(probabilities[:, 0] / probabilities[:, 1]), outputs[:, 0] - outputs[:, 1], atol=1e-4)
    assert model.predict(X).tolist() == np.array(model.class_names)[outputs.argmax(axis=1)].tolist()
    with pytest.raises(Deep3Error, match=r"^a network with loss mse has no probabilities"):
        deep3.train(X, KINDS, **QUICK, loss="mse").model.predict_proba(X)


def test_samples_of_another_width_are_refused() -> None:
    model = deep3.train(X, KINDS, **QUICK).model
    with pytest.raises(Deep3Error, match=r"^samples must have 4 features, not the shape \(150, 3\)$"):
        model.predict(X[:, 1:])


def test_a_size_is_what_the_report_says() -> None:
    sizing = deep3.size("ecpix5-45f", (100, 20, 5), batch=16, workers=2)
    assert (sizing.board, sizing.batch, sizing.workers) == ("ecpix5-45f", 16, 2)
    assert sizing.local_network.sizes == tuple(sizing.report["local_network"]) == sizing.local_sizes
    assert sizing.engine == deep3.EngineConfig.from_toml(sizing.report["engine"])
    assert sizing.block_rams == sizing.report["resources"]["block_rams"]["used"]
    assert sizing.epoch_s == sizing.report["time"]["epoch_seconds"]
    with pytest.raises(Deep3Error, match=r"^classes must be "):
        deep3.size("ecpix5-45f", (100,))


def test_the_size_of_a_model_or_of_a_share_of_it() -> None:
    head = (nn.Linear(288, 64), nn.ReLU(), nn.Linear(64, 10))
    module = nn.Sequential(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), *head)
    whole = deep3.size("ecpix5-85f", model=module, input_shape=(1, 8, 8), max_block_rams=80)
    assert (whole.ratio, whole.local_network) == (1.0, deep3.load_model(module, (1, 8, 8)).network)
    part = deep3.size("ecpix5-85f", model=module, input_shape=(1, 8, 8), batch=16, max_block_rams=45)
    assert part.ratio == part.report["ratio"] < 1
    assert part.batch == 16
    assert part.local_sizes == tuple(part.report["local_network"])
    assert part.train_command is None
    assert part.engine.convolution
    assert part.block_rams <= 45


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "give sizes of fully connected layers or a model, one of the two"),
        ({"sizes": (4, 3), "model": "nets.py:x"}, "give sizes of fully connected layers or a model, one of the two"),
        ({"sizes": (4, 3), "input_shape": (4,)}, "input_shape is that of a model; there is none"),
        (
            {"model": "nets.py:x"},
            "a model needs input_shape, the shape of a sample: (channels, height, width) or (features,)",
        ),
        ({"model": "nets.py:x", "input_shape": (4,)}, "nets.py: there is no such file"),
        ({"model": "nets.py:x", "input_shape": (4,), "batch": 0}, "batch must be between 1 and 4093, not 0"),
    ],
)
def test_what_has_no_size(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(Deep3Error) as caught:
        deep3.size("ecpix5-45f", **arguments)  # type: ignore[arg-type]
    assert str(caught.value) == message
