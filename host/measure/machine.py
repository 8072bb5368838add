"""Physical profiling: the local training step of this machine, measured and fitted (Deep3, Section 4)."""

import hashlib
import os
import platform
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import nnls

from deep3.cache import cache_folder
from deep3.compiler.network.network import Network
from deep3.cost_model.costs import Coefficients
from deep3.cost_model.profile import OperationPoint, Profile, StepFit, step_features
from deep3.errors import Deep3Error
from deep3.host.workers.dense import can_compile
from deep3.host.workers.open import open_processor
from deep3.host.workers.pytorch import PytorchBackend

from .operations import Timer, measure_link, measure_operations
from .power import watts_at_work

__all__ = ["DEVICES", "ProfilingError", "default_path", "fingerprint", "fitted", "profile_machine"]

DEVICES = ("cpu", "cuda")
THREADS = 1
"""One core: what its neighbours do disturbs the least."""
UNKNOWN_CACHE_BYTES = 1 << 20
"""Where the kernel does not say: what a core of the last ten years has at the least."""
BATCHES = 4
"""Batches of a timed call of the worker; its fixed part is spread over them as over a push."""

FIT: tuple[tuple[tuple[int, ...], int], ...] = tuple(
    (sizes, batch)
    for batch in (16, 32, 100)
    for sizes in (
        (16, 10), (64, 16, 10), (64, 128, 10), (200, 64, 10), (300, 300, 20), (617, 100, 26), (784, 256, 10),
        (1024, 512, 10), (128, 64, 32, 10), (256, 256, 128, 16), (512, 384, 192, 19), (64, 32, 32, 32, 10),
    )
)  # fmt: skip
HELD_OUT: tuple[tuple[tuple[int, ...], int], ...] = (
    ((32, 10), 32), ((100, 50, 10), 32), ((257, 50, 26), 32), ((257, 50, 26), 100), ((617, 200, 26), 32),
    ((111, 100, 26), 64), ((200, 250, 75, 16), 32), ((196, 750, 125, 19), 32), ((64, 64, 32, 10), 48),
    ((500, 200, 10), 16), ((784, 128, 10), 64), ((150, 80, 60, 40, 10), 32),
)  # fmt: skip


class ProfilingError(Deep3Error):
    """A machine that cannot be profiled as asked."""


def fingerprint(device: str) -> dict[str, str]:
    """What a profile depends on: processor, threads, libraries, how a cpu worker computes, the GPU where it is one."""
    parts = {
        "processor": _processor(),
        "cpus": str(os.cpu_count()),
        "torch": torch.__version__,
        "system": platform.platform(terse=True),
    }
    if device == "cpu":
        parts["worker"] = "compiled" if can_compile() else "numpy"
    if device == "cuda":
        parts["gpu"] = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    return parts


def default_path(device: str) -> Path:
    """Where the profile of this machine is kept."""
    name = hashlib.sha256(repr(sorted(fingerprint(device).items())).encode()).hexdigest()[:12]
    return cache_folder() / f"profile-{device}-{name}.json"


def profile_machine(device: str, seed: int = 1) -> Profile:
    """Measure, fit, and hold the fit against sizes that it has not seen, measured in the same rounds.

    Raises
    ------
    ProfilingError
        For ``cuda`` where PyTorch finds no GPU.
    """
    if device not in DEVICES:
        raise ProfilingError(f"device must be one of {', '.join(DEVICES)}, not {device!r}")
    if device == "cuda" and not torch.cuda.is_available():
        raise ProfilingError("profiling cuda needs an NVIDIA GPU and a CUDA build of PyTorch, and PyTorch finds none")
    threads = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    try:
        return _profile(device, seed)
    finally:
        torch.set_num_threads(threads)


def _profile(device: str, seed: int) -> Profile:
    timer = Timer(torch.device(device))
    points = measure_operations(timer, seed)
    cases = FIT + HELD_OUT
    steps = [_step(sizes, batch, device, seed) for sizes, batch in cases]
    passes = [_forward(sizes, batch, device, seed) for sizes, batch in FIT]
    seconds = timer.seconds([*steps, *passes])
    whole = [value / BATCHES for value in seconds[: len(cases)]]
    forward = seconds[len(cases) :]
    fit = StepFit(fitted(FIT, forward), fitted(FIT, whole[: len(FIT)]))
    predicted = [fit.seconds(sizes, batch) for sizes, batch in HELD_OUT]
    latency, rate = measure_link()
    watts = watts_at_work(device, steps[len(FIT) - 1])
    return Profile(
        device=device,
        fingerprint=fingerprint(device),
        coefficients=_coefficients(fit, points, latency, rate),
        step=fit,
        points=tuple(points),
        memory_bytes=_memory_bytes(device),
        watts=watts.value,
        watts_origin=watts.origin,
        held_out=tuple(zip(predicted, whole[len(FIT) :], strict=True)),
    )


def fitted(cases: tuple[tuple[tuple[int, ...], int], ...], seconds: list[float]) -> tuple[float, ...]:
    """Coefficients of `step_features`, none negative, with the least squares of relative errors."""
    rows = np.array([step_features(sizes, batch) for sizes, batch in cases])
    scale = rows.max(axis=0)
    weighted = rows / scale / np.array(seconds)[:, np.newaxis]
    solution, _ = nnls(weighted, np.ones(len(cases)))
    return tuple(float(value) for value in solution / scale)


def _coefficients(fit: StepFit, points: list[OperationPoint], latency: float, rate: float) -> Coefficients:
    """Table 2: a third of the multiply-adds of a step are forward; neurons cost alpha_act there, alpha_err back."""
    fixed, layer, flop, neuron, _ = fit.whole
    forward_neuron = min(fit.forward[3], neuron)
    least = min(point.seconds / point.size[0] for point in points if point.operation == "activation")
    return Coefficients(
        flop_seconds=flop / 3,
        activation_seconds=max(forward_neuron, least),
        error_seconds=max(neuron - forward_neuron, least),
        step_seconds=fixed + 2 * layer,
        net_seconds=latency,
        bytes_per_second=rate,
    )


_Data = tuple[list[NDArray[Any]], NDArray[np.int16], NDArray[np.int64]]


def _data(sizes: tuple[int, ...], batch: int, seed: int) -> _Data:
    rng = np.random.default_rng(seed)
    weights = [rng.normal(0, 0.1, (o, i + 1)) for i, o in pairwise(sizes)]
    inputs = rng.integers(-8000, 8000, (BATCHES, batch, sizes[0])).astype(np.int16)
    return weights, inputs, rng.integers(0, sizes[-1], (BATCHES, batch))


def _step(sizes: tuple[int, ...], batch: int, device: str, seed: int) -> Callable[[], object]:
    """`BATCHES` steps of the worker."""
    backend = open_processor(device, Network.uniform(sizes))
    weights, inputs, labels = _data(sizes, batch, seed)
    return lambda: backend.train(weights, inputs, labels, 1e-3, 1)


def _forward(sizes: tuple[int, ...], batch: int, device: str, seed: int) -> Callable[[], object]:
    """One forward pass."""
    weights, inputs, _ = _data(sizes, batch, seed)
    parameters = [torch.tensor(matrix, dtype=torch.float32, device=device, requires_grad=True) for matrix in weights]
    x = torch.from_numpy(inputs[0]).to(device).to(torch.float32)
    backend = PytorchBackend(Network.uniform(sizes), device)
    drawn = torch.Generator(device)
    return lambda: backend._outputs(parameters, x, drawn)


def _memory_bytes(device: str) -> int:
    """Of the last cache of the processor, or of the GPU."""
    if device == "cuda":
        return int(torch.cuda.get_device_properties(0).total_memory)
    caches = sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"))
    sizes = [_bytes(path.read_text(encoding="utf-8").strip()) for path in caches]
    return max(sizes, default=UNKNOWN_CACHE_BYTES)


def _bytes(text: str) -> int:
    """Of a size as the kernel writes it, ``32768K``."""
    units = {"K": 1 << 10, "M": 1 << 20}
    return int(text[:-1]) * units[text[-1]] if text[-1] in units else int(text)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
