"""How near a CPU worker comes to the machine, and what projection, coordinator and all else in a run cost."""

import contextlib
import dataclasses
import io
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import wraps
from multiprocessing.connection import Connection
from statistics import median
from typing import Any
from unittest.mock import patch

import numpy as np
from tqdm import tqdm

from deep3.compiler.network.network import Network
from deep3.errors import Deep3Error

__all__ = ["StepTiming", "bench_training"]

CASES = (((150, 50, 26), 32), ((257, 50, 26), 32), ((150, 200, 26), 32), ((617, 200, 26), 100))
N_PUSH = 10
PEAK_SIZE = 512
ROUNDS = 40
DATA = "isolet"
OPTIONS: dict[str, Any] = {"hidden": (200,), "workers": ("cpu:1",), "projection": 0.4, "epochs": 10}
RUNS = 5


@dataclass(frozen=True)
class StepTiming:
    """A training batch of a CPU worker, each push of `N_PUSH` of them through `Backend.train`.

    Attributes
    ----------
    sizes, batch
        Fully connected layers; samples of a batch.
    compiled_s, numpy_s, pytorch_s
        CPU seconds of a batch by the worker that is compiled, its fallback, and PyTorch.
    peak_share
        Multiply-adds a second of the first, of those of a product of square matrices in the same rounds.
    """

    sizes: tuple[int, ...]
    batch: int
    compiled_s: float
    numpy_s: float
    pytorch_s: float
    peak_share: float


def bench_training() -> dict[str, Any]:
    """``step_peak_share`` by sizes and batch, ``overhead_share``, and what they are made of; ``pushes_per_second`` of
    the coordinator by sizes (`host.training.coordinator_cost`), and ``projection`` (`host.measure.projection`).

    ``overhead_share`` is the share of the CPU time of `deep3.train` from data in memory that is neither projection nor
    training on the worker, ``overhead_share_with_folder`` that of a run that leaves its folder, but for the picture,
    whose time is ``plot_s``: medians of `RUNS` runs in a process of their own, after one that is not counted.

    Raises
    ------
    DataError
        When ISOLET cannot be had.
    """
    parts = tqdm((_measure_steps, _measure_overhead, _measure_coordinator, _measure_projection), unit="part")
    steps, overhead, coordinator, projection = (_in_a_process(part) for part in parts)
    return {
        "step_peak_share": {f"{'-'.join(map(str, step.sizes))}, {step.batch}": step.peak_share for step in steps},
        **overhead,
        "pushes_per_second": {"-".join(map(str, case.sizes)): case.pushes_per_second for case in coordinator},
        "projection": projection,
        "steps": [dataclasses.asdict(step) for step in steps],
        "coordinator": [dataclasses.asdict(case) for case in coordinator],
    }


def _in_a_process(measure: Callable[[], Any]) -> Any:
    """What it returns, on one thread of BLAS."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_on_one_thread, args=(measure, there))
    process.start()
    there.close()
    try:
        found = here.recv()
    except EOFError:
        process.join()
        raise RuntimeError(f"the measured process ended with status {process.exitcode}") from None
    process.join()
    if isinstance(found, Exception):
        raise found
    return found


def _on_one_thread(measure: Callable[[], Any], answers: Connection) -> None:
    from scipy.linalg import blas
    from threadpoolctl import threadpool_limits

    del blas  # Its library must be there to be limited.
    with threadpool_limits(1):
        try:
            answers.send(measure())
        except Deep3Error as error:
            answers.send(error)


def _measure_steps() -> list[StepTiming]:
    return [_measure_step(sizes, batch) for sizes, batch in CASES]


def _measure_step(sizes: tuple[int, ...], batch: int) -> StepTiming:
    """In turns, so that a busy moment hits all alike; of each the least time."""
    from deep3.host.global_network.global_network import GlobalNetwork
    from deep3.host.workers.dense import DenseBackend
    from deep3.host.workers.pytorch import PytorchBackend, use_threads

    use_threads(1)
    network, rng = Network.uniform(sizes), np.random.default_rng(1)
    weights = GlobalNetwork.initialise(network, 1.0, 1).weights
    inputs = rng.integers(-8000, 8000, (N_PUSH, batch, sizes[0])).astype(np.int16)
    labels = rng.integers(0, sizes[-1], (N_PUSH, batch))
    workers = DenseBackend(network), DenseBackend(network, compiled=False), PytorchBackend(network)
    runs = [_peak_product(), *(_push(worker, weights, inputs, labels) for worker in workers)]
    peak_s, *pushes_s = (min(times) for times in zip(*(_once(runs) for _ in range(ROUNDS)), strict=True))
    compiled_s, numpy_s, pytorch_s = (seconds / N_PUSH for seconds in pushes_s)
    share = (batch * network.training_multiply_adds / compiled_s) / (PEAK_SIZE**3 / peak_s)
    return StepTiming(sizes, batch, compiled_s, numpy_s, pytorch_s, share)


def _peak_product() -> Callable[[], object]:
    from scipy.linalg.blas import sgemm

    left, right, product = (np.asfortranarray(np.ones((PEAK_SIZE, PEAK_SIZE), np.float32)) for _ in range(3))
    return lambda: sgemm(1.0, left, right, 0.0, product, overwrite_c=True)


def _push(worker: Any, *task: Any) -> Callable[[], object]:
    return lambda: worker.train(*task, 0.01, 1)


def _once(runs: list[Callable[[], object]]) -> list[float]:
    return [min(_cpu_seconds(run) for _ in range(2)) for run in runs]


def _cpu_seconds(run: Callable[[], object]) -> float:
    began_s = time.process_time()
    run()
    return time.process_time() - began_s


def _measure_coordinator() -> list[Any]:
    from deep3.host.training.coordinator_cost import bench_coordinator

    return bench_coordinator()


def _measure_projection() -> dict[str, Any]:
    from .projection import bench_projection

    return bench_projection(progress=False)


def _measure_overhead() -> dict[str, float]:
    import deep3
    from deep3.host.data import load

    data = load(DATA)

    def train(**options: Any) -> tuple[float, float, float]:
        with _watched() as spent_s, contextlib.redirect_stderr(io.StringIO()):
            whole_s = _cpu_seconds(
                lambda: deep3.train(
                    data.x_train, data.y_train, test=(data.x_test, data.y_test), **OPTIONS, **options
                )
            )
        return whole_s, spent_s["work"], spent_s["plot"]

    def shares(**options: Any) -> tuple[float, float, float]:
        runs = [train(**options) for _ in range(RUNS + 1)][1:]
        whole_s = median(whole_s - plot_s for whole_s, _, plot_s in runs)
        share = median(1 - work_s / (whole_s - plot_s) for whole_s, work_s, plot_s in runs)
        return share, whole_s, median(plot_s for _, _, plot_s in runs)

    share, run_s, _ = shares()
    with tempfile.TemporaryDirectory() as folder:
        share_with_folder, run_with_folder_s, plot_s = shares(runs=folder)
    return {
        "overhead_share": share,
        "overhead_share_with_folder": share_with_folder,
        "run_s": run_s,
        "run_with_folder_s": run_with_folder_s,
        "plot_s": plot_s,
    }


@contextmanager
def _watched() -> Iterator[dict[str, float]]:
    """CPU seconds of projection and training ("work") and of the picture ("plot"), in whatever thread."""
    from deep3.host.projection.projection import Projection
    from deep3.host.training import prepare, run
    from deep3.host.workers.dense import DenseBackend

    spent_s = {"work": 0.0, "plot": 0.0}

    def watch(stack: ExitStack, owner: Any, name: str, what: str) -> None:
        original = getattr(owner, name)

        @wraps(original)
        def timed(*arguments: Any, **options: Any) -> Any:
            began_s = time.thread_time()
            try:
                return original(*arguments, **options)
            finally:
                spent_s[what] += time.thread_time() - began_s

        stack.enter_context(patch.object(owner, name, timed))

    with ExitStack() as stack:
        watch(stack, prepare, "fit_projection", "work")
        watch(stack, Projection, "transform", "work")
        watch(stack, DenseBackend, "train", "work")
        watch(stack, run, "plot_run", "plot")
        yield spent_s
