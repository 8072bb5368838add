"""What a training run is asked to do: every value checked before anything starts."""

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deep3.compiler.network.layers import MAX_SIZE
from deep3.compiler.network.network import Network
from deep3.compiler.optimisers.optimiser import OPTIMISERS, Momentum, Optimiser, OptimiserError
from deep3.errors import UsageError
from deep3.hdl.contract.program import Function, Loss
from deep3.host.global_network.learning_rate import SCHEDULES, learning_rate
from deep3.host.global_network.schemes import SCHEMES

__all__ = ["ACTIVATIONS", "ARRAYS", "AUTO", "LOSSES", "USUAL_RATES", "SettingsError", "TrainSettings"]

ACTIVATIONS = {"tanh": Function.TANH, "relu": Function.RELU, "sigmoid": Function.SIGMOID}
LOSSES = {"softmax": Loss.SOFTMAX, "mse": Loss.MSE}
AUTO = "auto"
"""Where a length of the embedding is given: that which `host.training.local_choice` finds."""
ARRAYS = "arrays"
"""What data in memory are called."""

USUAL_RATES = {"sgd": 0.1, "momentum": 0.03, "adagrad": 0.01}
"""By optimiser. A gradient moves a weight ten times with the usual momentum, and a step of Adagrad is as large as the
rate at first."""

MOST_PUSHED_BATCHES = 1000
"""Of a push: 160 of all workers together were seen to diverge already, and between pushes nothing shows progress."""


class SettingsError(UsageError):
    """A setting of a run out of its range."""


@dataclass(frozen=True)
class TrainSettings:
    """A training run.

    Parameters
    ----------
    data
        Name of a data set, or path of a file (see `host.data.load_table`).
    labels
        Where the labels of a file are; None for the usual place.
    hidden
        Neurons of each hidden layer of the global network; none for a single layer. Of no effect with ``model``.
    model
        A network of the user's own, ``FILE.py:NAME`` or ``FILE.onnx`` (`host.training.model_file.find_model`); None for
        fully connected layers of ``hidden`` and ``activation``.
    input_shape
        Of its samples, where the data do not tell: (features,) or (channels, height, width).
    workers
        As `host.workers.open.parse_workers` takes them.
    activation, loss
        Of the hidden layers, and of the output.
    batch, n_push
        Samples of a batch; batches that a worker trains before it pushes its change of weights (fewer where the run has
        not that many for each worker, see `pushed_batches`).
    ratio
        Share of the hidden neurons and maps that a worker's local network takes.
    epochs
        Passes over the training samples, all workers together.
    rate, schedule
        Learning rate for the mean gradient of a batch, None for that of `USUAL_RATES`; and how it falls over the run: a
        key of `host.global_network.learning_rate.SCHEDULES`.
    scheme
        Which neurons each worker gets and how updates are joined: a key of `host.global_network.schemes.SCHEMES`.
    outer_momentum
        Of the scheme nesterov.
    optimiser
        A key of `compiler.optimisers.optimiser.OPTIMISERS`; of sgd with a momentum that is not 0, momentum.
    momentum
        Share of a velocity that is left after a batch; None for 0.9 with the optimiser momentum, and else for none.
    weight_decay
        So many times the weights are added to their gradients.
    projection
        Threshold beta of the dictionary projection; None keeps the features.
    embedding
        Length of the projection in place of its threshold (`host.projection.rotation.axes_of_length`), as
        ``deep3 size`` answers; None for none.
    error_threshold
        Validation error (0 to 1) below which the run ends early; 0 for never.
    validation_share
        Share of the training samples set aside for validation.
    seed
        Of everything random.
    deterministic
        Take updates in turns, so that the run repeats bit for bit.
    config
        Path of an engine's configuration; None for one that fits (`host.workers.open.engine_of`).
    start
        Path of a checkpoint whose network the run begins with; its layers, ratio and projection are the run's.
    take_over
        Take boards that another host uses.
    reference
        Also train the same network in float32 PyTorch, with the same multiply-adds.
    runs
        Folder that run folders are made in.
    """

    data: str
    labels: str | None = None
    hidden: tuple[int, ...] = (64, 32)
    model: str | None = None
    input_shape: tuple[int, ...] | None = None
    workers: tuple[str, ...] = ("cpu:1",)
    activation: str = "tanh"
    loss: str = "softmax"
    batch: int = 32
    n_push: int = 10
    ratio: float = 1.0
    epochs: float = 30.0
    rate: float | None = None
    schedule: str = "step"
    scheme: str = "guarded"
    outer_momentum: float = 0.5
    optimiser: str = "sgd"
    momentum: float | None = None
    weight_decay: float = 0.0
    projection: float | None = None
    embedding: int | None = None
    error_threshold: float = 0.0
    validation_share: float = 0.1
    seed: int = 1
    deterministic: bool = False
    config: str | None = None
    start: str | None = None
    take_over: bool = False
    reference: bool = False
    runs: str = "runs"

    def __post_init__(self) -> None:
        for size in self.hidden:
            _check("hidden", size, 1, MAX_SIZE)
        choices: dict[str, Iterable[str]] = {
            "activation": ACTIVATIONS, "loss": LOSSES, "schedule": SCHEDULES, "scheme": SCHEMES, "optimiser": OPTIMISERS
        }  # fmt: skip
        for name, names in choices.items():
            if getattr(self, name) not in tuple(names):
                raise SettingsError(f"{name} must be one of {', '.join(names)}, not {getattr(self, name)!r}")
        _check("batch", self.batch, 1, MAX_SIZE)
        _check("n-push", self.n_push, 1, MOST_PUSHED_BATCHES)
        _check_above("ratio", self.ratio, 0, 1)
        _check_above("epochs", self.epochs, 0, 100_000)
        if self.optimiser == "adagrad" and self.momentum:
            raise SettingsError(f"momentum must be left out with the optimiser adagrad, not {self.momentum!r}")
        try:
            self.update_rule  # noqa: B018
        except OptimiserError as error:
            raise SettingsError(str(error)) from None
        _check_above("rate", self.first_rate, 0, 100)
        if not 0 <= self.outer_momentum < 1:
            raise SettingsError(f"outer-momentum must be at least 0 and less than 1, not {self.outer_momentum!r}")
        _check("error-threshold", self.error_threshold, 0, 1)
        _check("validation-share", self.validation_share, 0.01, 0.9)
        _check("seed", self.seed, 0, (1 << 32) - 1)
        if self.projection is not None and not 0 < self.projection < 1:
            raise SettingsError(f"projection must be none or a beta between 0 and 1, not {self.projection!r}")
        if self.embedding is not None:
            _check("embedding", self.embedding, 1, MAX_SIZE)
            if self.projection is not None:
                raise SettingsError(
                    f"embedding {self.embedding} and projection {self.projection} say the same thing; leave one out"
                )

        if self.model is not None and (self.projection is not None or self.embedding is not None):
            raise SettingsError("a model takes samples as they are; leave projection and embedding out")
        if self.model is not None and self.start is not None:
            raise SettingsError("start brings a network of its own; leave model out")
        if self.input_shape is not None:
            if len(self.input_shape) not in (1, 3) or min(self.input_shape) < 1:
                text = ",".join(map(str, self.input_shape))
                raise SettingsError(f"input-shape must be features, or channels,height,width, not {text}")
            if self.model is None:
                raise SettingsError("input-shape is that of a model; there is none")

    @property
    def update_rule(self) -> Optimiser:
        """How every worker changes its weights."""
        if self.momentum is None or (self.optimiser != "momentum" and not self.momentum):
            return OPTIMISERS[self.optimiser](weight_decay=self.weight_decay)
        return Momentum(self.momentum, weight_decay=self.weight_decay)

    @property
    def first_rate(self) -> float:
        """The learning rate before it falls, of a network that is not subsampled."""
        return USUAL_RATES[self.update_rule.name] if self.rate is None else self.rate

    @property
    def rates(self) -> tuple[float, float]:
        """Learning rates of a local network at the beginning of the run and at its end."""
        first, last = (learning_rate(self.first_rate, self.ratio, progress, self.schedule) for progress in (0.0, 1.0))
        return first, last

    def topology(self, inputs: int, classes: int) -> Network:
        """The global network for samples of ``inputs`` features."""
        try:
            return Network.uniform((inputs, *self.hidden, classes), ACTIVATIONS[self.activation], LOSSES[self.loss])
        except ValueError as error:
            raise SettingsError(str(error)) from None

    def pushed_batches(self, samples: float, workers: int) -> int:
        """Batches of a push in a run over ``samples`` samples: `n_push`, or fewer, so that every worker gets some."""
        batches = max(1, round(samples / self.batch))
        return min(self.n_push, math.ceil(batches / workers))

    def like(self, network: Network, ratio: float) -> "TrainSettings":
        """These settings for a given network."""
        loss = _name(LOSSES, network.loss)
        if not network.is_dense or len(set(network.functions[:-1])) > 1:
            return dataclasses.replace(self, loss=loss, ratio=ratio)
        hidden = network.sizes[1:-1]
        activation = _name(ACTIVATIONS, network.functions[0]) if hidden else self.activation
        return dataclasses.replace(self, hidden=hidden, activation=activation, loss=loss, ratio=ratio)

    def to_dict(self) -> dict[str, Any]:
        """For JSON; paths are absolute, so that they hold from every folder."""
        values = dataclasses.asdict(self)
        for name in ("data", "labels", "config", "start", "runs"):
            path = values[name]
            if path is not None and (name not in ("data", "labels") or Path(path).is_file()):
                values[name] = str(Path(path).absolute())
        return values

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "TrainSettings":
        """The inverse of `to_dict`.

        Raises
        ------
        SettingsError
            For a value out of range, and for keys of another version.
        """
        names = ("hidden", "input_shape", "workers")
        tuples: dict[str, Any] = {name: tuple(values[name]) for name in names if values.get(name) is not None}
        try:
            return cls(**(values | tuples))
        except TypeError:
            raise SettingsError("these settings are those of another version of deep3; start a new run") from None


def _name(names: dict[str, Any], value: object) -> str:
    return next(name for name, other in names.items() if other == value)


def _check(name: str, value: float, low: float, high: float) -> None:
    if not (math.isfinite(value) and low <= value <= high):
        raise SettingsError(f"{name} must be between {low} and {high}, not {value!r}")


def _check_above(name: str, value: float, low: float, high: float) -> None:
    if not low < value <= high:
        raise SettingsError(f"{name} must be above {low} and at most {high}, not {value!r}")
