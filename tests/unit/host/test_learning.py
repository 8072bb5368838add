"""What `deep3 bench learning` runs: its cases on small data, and the spectra of spoken digits."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from deep3.compiler.network.network import Network
from deep3.errors import UsageError
from deep3.hdl.contract.program import Function
from deep3.host.data import DataError, Dataset, load
from deep3.host.measure.spoken import BANDS, FRAMES, RATE_HZ, WINDOW, log_mel, spoken_digits
from deep3.host.training import learning
from deep3.host.training.learning import Case, RunResult, bench_learning


def tone(hz: float, samples: int = 4000) -> np.ndarray:
    return np.round(9000 * np.sin(2 * np.pi * hz / RATE_HZ * np.arange(samples))).astype(np.int16)


def test_a_tone_stands_in_the_band_of_its_pitch_in_every_frame() -> None:
    low, high = log_mel(tone(300)), log_mel(tone(2500))
    assert low.shape == high.shape == (FRAMES, BANDS)
    assert set(low.argmax(axis=1)) <= {5, 6, 7}
    assert set(high.argmax(axis=1)) <= {30, 31, 32, 33}


@pytest.mark.parametrize("samples", [1, WINDOW - 1, WINDOW, 20000])
def test_recordings_of_any_length_give_frames_whose_mean_is_zero(samples: int) -> None:
    found = log_mel(np.random.default_rng(samples).integers(-9000, 9000, samples).astype(np.int16))
    assert found.shape == (FRAMES, BANDS)
    assert abs(float(found.mean())) < 1e-4


def test_recordings_that_are_not_there_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEP3_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"fsdd\.npz: no such file; put spoken digits"):
        spoken_digits()


def digits() -> Dataset:
    return load("digits")


def test_a_case_tells_both_accuracies_of_every_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network.uniform((64, 12, 10), Function.RELU)
    case = Case(network, digits, batch=16, epochs=4, n_push=20, rate=0.1)
    monkeypatch.setattr(learning, "CASES", {"small": case, "other": replace(case, optimiser="momentum", rate=0.02)})
    heard: list[RunResult] = []
    results = list(bench_learning(["small", "other"], (1, 2), heard.append))
    assert [result.case for result in results] == ["small", "other"]
    assert [(run.case, run.seed) for run in heard] == [("small", 1), ("small", 2), ("other", 1), ("other", 2)]
    for result in results:
        assert result.engine_accuracies != result.float32_accuracies
        assert min(*result.engine_accuracies, *result.float32_accuracies) > 0.8
        assert result.engine_accuracy == pytest.approx(np.mean(result.engine_accuracies))
    assert asdict(results[1])["optimiser"] == "momentum"


def test_a_case_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match=r"^case must be one of lenet5-sgd, .*, not 'alexnet'$"):
        next(bench_learning(["alexnet"], (1,)))
