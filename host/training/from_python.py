"""Training from a Python program: `deep3.train`."""

import dataclasses
import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from deep3.hdl.contract.config import EngineConfig
from deep3.host.data import Dataset, Origin, load, read_memory

from .local_choice import choose_embedding
from .memory import train_in_memory
from .model import Model
from .model import load as load_model
from .run import train as train_into_folder
from .settings import ARRAYS, AUTO, SettingsError, TrainSettings

if TYPE_CHECKING:
    from torch import nn

__all__ = ["TrainResult", "make_settings", "settings_for", "train"]

OF_A_MODEL = ("hidden", "activation")
"""What a model brings."""


@dataclass(frozen=True)
class TrainResult:
    """What `deep3.train` returns.

    Attributes
    ----------
    accuracy
        Share, 0 to 1, of the test samples that the network with the best validation classified correctly.
    report
        As ``deep3 train --json`` prints it; without a run folder its part ``joint`` has accuracies and updates only.
    model
        That network.
    run
        The run folder; None without one.
    """

    accuracy: float
    report: dict[str, Any]
    model: Model
    run: Path | None


def train(
    data: str | ArrayLike,
    labels: ArrayLike | str | None = None,
    *,
    test: tuple[ArrayLike, ArrayLike] | None = None,
    runs: str | Path | None = None,
    config: EngineConfig | str | None = None,
    model: "nn.Module | str | Path | None" = None,
    **options: Any,
) -> TrainResult:
    """Train one network with any mix of workers.

    Parameters
    ----------
    data
        Name of a data set or path of a file, as ``deep3 train`` takes them; or ``samples x features`` numbers: an
        array, lists or a frame.
    labels
        With ``data`` in memory one label a sample: whole numbers, text, truth values, or one-hot. With a file where in
        it the labels are.
    test
        Samples and labels for the test; by default a fifth of every class of ``data``, or what the data set says.
    runs
        Folder in which a run folder is made, with metrics, plot and checkpoint; None for none.
    config
        Engine of golden, virtual, board and serial workers, or the path of one as TOML.
    model
        A network of your own: a module of PyTorch, which stays as it is; or ``FILE.py:NAME``, or ``FILE.onnx``. None
        for fully connected layers of the option hidden.
    **options
        Of `host.training.settings.TrainSettings`: hidden, workers, activation, loss, batch, n_push, ratio, epochs,
        rate, schedule, scheme, outer_momentum, optimiser, momentum, weight_decay, projection, embedding (or "auto"),
        error_threshold, validation_share, seed, deterministic and so on.

    Raises
    ------
    Deep3Error
        For anything the caller can put right: SettingsError for options, DataError for data, BackendError and LinkError
        for workers.

    Examples
    --------
    >>> import deep3
    >>> result = deep3.train("digits", hidden=(32,), workers=("cpu:1", "golden:1"), epochs=5)
    >>> result.accuracy > 0.8
    True
    >>> from sklearn.datasets import load_iris
    >>> x, y = load_iris(return_X_y=True, as_frame=False)
    >>> deep3.train(x, y, hidden=(8,), batch=8, epochs=20).model.class_names
    ('0', '1', '2')
    """
    dataset = _dataset(data, labels, test)
    with tempfile.TemporaryDirectory(prefix="deep3-") as folder:
        if isinstance(config, EngineConfig):
            path = Path(folder) / "engine.toml"
            path.write_text(config.to_toml(), encoding="utf-8")
            config = str(path)
        if model is not None:
            options["model"] = str(model) if isinstance(model, str | Path) else type(model).__name__
        module = None if isinstance(model, str | Path) else model
        settings = settings_for(dataset, dataset.origin.source or ARRAYS, config=config, **options)
        if runs is not None:
            settings = dataclasses.replace(settings, runs=str(runs), labels=dataset.origin.labels or None)
            return _from_folder(train_into_folder(settings, dataset, module))
        done = train_in_memory(dataset, settings, module)
    trained = Model(done.checkpoint)
    accuracy, samples = (math.nan, 0) if done.tested is None else (done.tested.accuracy, done.tested.samples)
    report = {
        "run": None,
        "data": dataset.name,
        "sizes": list(trained.network.widths),
        "local_sizes": list(done.checkpoint.network.local_topology().widths),
        "clipped_inputs": done.clipped,
        "joint": {
            "test_accuracy": accuracy,
            "test_samples": samples,
            "validation_accuracy": done.validation_accuracy,
            "best_iteration": done.checkpoint.iteration,
            "iterations": done.updates,
        },
        "lost": done.lost,
    }
    return TrainResult(accuracy, report, trained, None)


def settings_for(dataset: Dataset, data: str, **options: Any) -> TrainSettings:
    """`make_settings`, with the length of the embedding chosen by the data where it is to be.

    Raises
    ------
    Deep3Error
        As `make_settings` and `choose_embedding`.
    """
    if options.get("embedding") != AUTO:
        return make_settings(data, **options)
    return choose_embedding(make_settings(data, **(options | {"embedding": None})), dataset)


def make_settings(data: str, **options: Any) -> TrainSettings:
    """Settings from keywords: lists are taken for tuples, one worker for a tuple of it, paths for their text.

    Raises
    ------
    SettingsError
        For an unknown option and a value out of range or of another kind.
    """
    names = [field.name for field in dataclasses.fields(TrainSettings)]
    for name in options:
        if name not in names:
            raise SettingsError(f"there is no option {name!r}; there are {', '.join(sorted(names))}")
    if options.get("model") is not None and (taken := [name for name in OF_A_MODEL if name in options]):
        raise SettingsError(f"a model brings what {' and '.join(taken)} would say; leave that out")
    workers = options.get("workers")
    if isinstance(workers, str):
        options["workers"] = (workers,)
    try:
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else str(value) if isinstance(value, Path) else value
            for name, value in options.items()
        }
        return TrainSettings(data, **values)
    except TypeError as error:
        raise SettingsError(f"an option has a value of the wrong kind: {error}") from None


def _dataset(
    data: str | ArrayLike, labels: ArrayLike | str | None, test: tuple[ArrayLike, ArrayLike] | None
) -> Dataset:
    if isinstance(data, str):
        if test is not None:
            raise SettingsError(f"test can be given for data in memory only, not for {data!r}")
        if labels is not None and not isinstance(labels, str):
            raise SettingsError(f"labels of {data!r} must say where in the file they are, not be an array")
        return load(data, labels=labels)
    if labels is None or isinstance(labels, str):
        raise SettingsError(f"labels must be one a sample, not {labels!r}")
    if test is None:
        return read_memory(ARRAYS, data, labels).dataset(Origin())
    first = read_memory(ARRAYS, data, labels)
    second = read_memory(f"{ARRAYS}: test", *test)
    assert first.labels is not None
    assert second.labels is not None
    y_test = second.labels.among(first.labels.names, "labels of the test")
    return Dataset(
        ARRAYS, first.x, first.labels.indices, second.x, y_test, first.labels.names, sample_shape=first.sample_shape
    )


def _from_folder(report: dict[str, Any]) -> TrainResult:
    run = Path(report["run"])
    return TrainResult(report["joint"]["test_accuracy"], report, load_model(run), run)
