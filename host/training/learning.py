"""``deep3 bench learning``: what networks of the literature learn in the engine's arithmetic and in float32.

Both train the same network from the same weights on the same batches with the same rates; the engine is its bit-exact
model. Validation chose the rates, one for both, and chooses the network of a run that the test is for.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import mean

from deep3.compiler.network.network import Network
from deep3.errors import UsageError
from deep3.hdl.contract.program import Function
from deep3.host.data import Dataset, load
from deep3.host.global_network.global_network import GlobalNetwork
from deep3.host.measure.networks import CONVOLUTIONAL, KEYWORDS
from deep3.host.measure.spoken import spoken_digits

from .memory import train_in_memory
from .settings import TrainSettings

__all__ = ["CASES", "SEEDS", "Case", "CaseResult", "RunResult", "bench_learning"]

SEEDS = (1, 2, 3)
WORKERS = {"engine": "golden:1", "float32": "cpu:1"}
VALIDATION_SHARE = 0.1


@dataclass(frozen=True)
class Case:
    """A network, what it learns, and how."""

    network: Network
    data: Callable[[], Dataset]
    batch: int
    epochs: float
    n_push: int
    rate: float
    optimiser: str = "sgd"


def _mnist() -> Dataset:
    return load("mnist")


def _cifar10() -> Dataset:
    return load("cifar10")


CASES = {
    "lenet5-sgd": Case(CONVOLUTIONAL["LeNet-5"], _mnist, batch=64, epochs=6, n_push=422, rate=0.2),
    "lenet5-momentum": Case(CONVOLUTIONAL["LeNet-5"], _mnist, 64, 6, 422, rate=0.02, optimiser="momentum"),
    "lenet5-adagrad": Case(CONVOLUTIONAL["LeNet-5"], _mnist, 64, 6, 422, rate=0.01, optimiser="adagrad"),
    "cifar10-quick": Case(CONVOLUTIONAL["CIFAR-10 quick"], _cifar10, 16, 6, 281, rate=0.02),
    "svhn-net": Case(CONVOLUTIONAL["SVHN"], _cifar10, 16, 6, 281, rate=0.02),
    "keywords": Case(Network.uniform((*KEYWORDS.sizes[:-1], 10), Function.RELU), spoken_digits, 16, 20, 152, rate=0.05),
}
"""By name. The network for SVHN learns a part of CIFAR-10, of the same size; Deep KWS learns spoken digits."""


@dataclass(frozen=True)
class RunResult:
    """Test accuracies, 0 to 1, of one seed; and those of validation."""

    case: str
    seed: int
    engine: float
    float32: float
    engine_validation: float
    float32_validation: float


@dataclass(frozen=True)
class CaseResult:
    """All seeds of a case; the accuracies are those on the test samples."""

    case: str
    data: str
    optimiser: str
    batch: int
    epochs: float
    rate: float
    seeds: tuple[int, ...]
    engine_accuracy: float
    float32_accuracy: float
    engine_accuracies: tuple[float, ...]
    float32_accuracies: tuple[float, ...]


def bench_learning(
    names: Sequence[str], seeds: Sequence[int], finished: Callable[[RunResult], None] = lambda _: None
) -> Iterator[CaseResult]:
    """Train cases by name, each with every seed; ``finished`` hears of each seed.

    Raises
    ------
    UsageError
        For a name that no case has.
    DataError
        For data that are not there.
    """
    if unknown := [name for name in names if name not in CASES]:
        raise UsageError(f"case must be one of {', '.join(CASES)}, not {unknown[0]!r}")
    for name in names:
        case = CASES[name]
        dataset = case.data()
        runs = []
        for seed in seeds:
            runs.append(_run(name, dataset, seed))
            finished(runs[-1])
        engine, float32 = tuple(run.engine for run in runs), tuple(run.float32 for run in runs)
        yield CaseResult(
            name, dataset.name, case.optimiser, case.batch, case.epochs, case.rate, tuple(seeds),
            mean(engine), mean(float32), engine, float32,
        )  # fmt: skip


def _run(name: str, dataset: Dataset, seed: int) -> RunResult:
    case = CASES[name]
    found = {}
    for arithmetic, worker in WORKERS.items():
        settings = TrainSettings(
            dataset.name, model=name, workers=(worker,), batch=case.batch, n_push=case.n_push, epochs=case.epochs,
            rate=case.rate, optimiser=case.optimiser, validation_share=VALIDATION_SHARE, seed=seed,
        )  # fmt: skip
        network = GlobalNetwork.initialise(case.network, 1.0, seed)
        done = train_in_memory(dataset, settings, network)
        outputs, _ = done.checkpoint.outputs(dataset.x_test)
        found[arithmetic] = float((outputs.argmax(axis=1) == dataset.y_test).mean()), done.validation_accuracy
    (engine, engine_validation), (float32, float32_validation) = found["engine"], found["float32"]
    return RunResult(name, seed, engine, float32, engine_validation, float32_validation)
