"""``deep3 bench projection``: the dictionary projection beside principal components, its cost, and its memory."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA, IncrementalPCA  # type: ignore[import-untyped]
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from deep3.host.data import load
from deep3.host.projection.transformer import DictionaryProjection

__all__ = ["bench_projection"]

DATA = "isolet"
BETAS = (0.7, 0.6, 0.5, 0.4, 0.1)
ROUNDS = 3
GROWN_SAMPLES = (3_000, 6_000, 12_500, 25_000, 50_000)
GROWN_BETA = 0.4
NOISE_SHARE = 0.05
"""Of a feature's deviation: samples that are drawn more than once differ by so much."""
STREAM_BYTES = 10_000_000_000
PART_SAMPLES = 4096


def bench_projection(progress: bool = True) -> dict[str, Any]:
    """CPU time, one BLAS thread, alternatives interleaved, the least of the rounds; ISOLET, single precision.

    ``cases``: for each threshold the length of its embedding and the seconds of fit and transform of the dictionary, of
    an embedding of that length, of scikit-learn's IncrementalPCA and PCA by eigenvectors of the covariance.
    ``speedup_vs_incremental_pca`` and ``speedup_vs_covariance_eigh``: of the dictionary, by length.
    ``cost_exponent``: slope of log seconds over log samples. ``stream``: bytes that a generator gave, and the most
    memory that the process held meanwhile.

    Raises
    ------
    DataError
        Where ISOLET cannot be had.
    """
    x = load(DATA).x_train
    with threadpool_limits(1):
        cases = [_case(x, beta) for beta in tqdm(BETAS, desc="thresholds", disable=not progress)]
        exponent, points = _cost_exponent(x, progress)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        stream = pool.submit(_stream, STREAM_BYTES).result()
    return {
        "speedup_vs_incremental_pca": _speedup(cases, "incremental_pca_s"),
        "speedup_vs_covariance_eigh": _speedup(cases, "covariance_eigh_s"),
        "cost_exponent": exponent,
        "cases": cases,
        "growth": points,
        "stream": stream,
    }


def _speedup(cases: list[dict[str, Any]], other: str) -> dict[int, float]:
    return {case["length"]: case[other] / case["dictionary_s"] for case in cases}


def _case(x: NDArray[np.float32], beta: float) -> dict[str, Any]:
    length = DictionaryProjection(beta).fit(x).n_components_
    seconds = _interleaved(
        {
            "dictionary_s": lambda: DictionaryProjection(beta).fit_transform(x),
            "embedding_s": lambda: DictionaryProjection(None, length).fit_transform(x),
            "incremental_pca_s": lambda: IncrementalPCA(length).fit_transform(x),
            "covariance_eigh_s": lambda: PCA(length, svd_solver="covariance_eigh").fit_transform(x),
        }
    )
    return {"beta": beta, "length": length, **seconds}


def _interleaved(runs: dict[str, Callable[[], object]]) -> dict[str, float]:
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(ROUNDS):
        for name, run in runs.items():
            started_s = time.process_time()
            run()
            best[name] = min(best[name], time.process_time() - started_s)
    return best


def _cost_exponent(x: NDArray[np.float32], progress: bool) -> tuple[float, list[dict[str, Any]]]:
    rng = np.random.default_rng(1)
    rows = rng.integers(len(x), size=max(GROWN_SAMPLES))
    many = x[rows] + (NOISE_SHARE * x.std(axis=0) * rng.standard_normal((len(rows), x.shape[1]))).astype(np.float32)
    points = []
    for samples in tqdm(GROWN_SAMPLES, desc="samples", disable=not progress):
        part = many[:samples]
        seconds = _interleaved({"dictionary_s": lambda: DictionaryProjection(GROWN_BETA).fit_transform(part)})  # noqa: B023
        points.append({"samples": samples, **seconds})
    logarithms = np.log([[point["samples"], point["dictionary_s"]] for point in points])
    return float(np.polyfit(logarithms[:, 0], logarithms[:, 1], 1)[0]), points


def _stream(total_bytes: int) -> dict[str, Any]:
    """In a process of its own: the most memory that a process ever held cannot be taken back."""
    x = load(DATA).x_train
    sample_bytes = 4 * x.shape[1]
    samples = -(-total_bytes // sample_bytes)

    def parts() -> Iterator[NDArray[np.float32]]:
        rng = np.random.default_rng(1)
        for start in range(0, samples, PART_SAMPLES):
            count = min(PART_SAMPLES, samples - start)
            drawn = x[rng.integers(len(x), size=count)]
            yield drawn * rng.uniform(0.9, 1.1, (count, 1)).astype(np.float32)

    with threadpool_limits(1):
        started_s = time.process_time()
        projection = DictionaryProjection(GROWN_BETA).fit_stream(parts())
        cpu_s = time.process_time() - started_s
    return {
        "bytes": projection.n_samples_seen_ * sample_bytes,
        "peak_resident_bytes": _peak_resident_bytes(),
        "length": projection.n_components_,
        "cpu_s": cpu_s,
    }


def _peak_resident_bytes() -> int:
    """Of this process since it began; `resource.getrusage` would count the process that started it too."""
    line = next(line for line in Path("/proc/self/status").read_text("ascii").splitlines() if line.startswith("VmHWM:"))
    return 1024 * int(line.split()[1])
