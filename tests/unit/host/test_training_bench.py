"""``deep3 bench training``: what counts as work is counted, and the report says it."""

import json

import numpy as np
import pytest

import deep3
from deep3.host.cli import main
from deep3.host.measure import training
from deep3.host.measure.training import StepTiming
from deep3.host.training import prepare
from deep3.host.training.coordinator_cost import CoordinatorTiming
from deep3.host.workers.dense import DenseBackend


def test_projection_and_training_are_watched_and_nothing_is_afterwards(tmp_path: object) -> None:
    before = prepare.fit_projection, DenseBackend.train
    x = np.random.default_rng(1).normal(size=(400, 8)).astype(np.float32)
    with training._watched() as spent_s:
        deep3.train(x, x[:, 0] > 0, hidden=(4,), epochs=1, projection=0.5)
        assert spent_s["work"] > 0
        assert spent_s["plot"] == 0
        deep3.train(x, x[:, 0] > 0, hidden=(4,), epochs=1, runs=str(tmp_path))
        assert spent_s["plot"] > 0
    assert (prepare.fit_projection, DenseBackend.train) == before
    kept = dict(spent_s)
    deep3.train(x, x[:, 0] > 0, hidden=(4,), epochs=1)
    assert spent_s == kept


def test_a_step_is_timed_on_every_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "ROUNDS", 1)
    monkeypatch.setattr(training, "_cpu_seconds", lambda run: (run(), 0.5)[1])
    step = training._measure_step((20, 10, 4), 8)
    per_batch_s = 0.5 / training.N_PUSH
    assert (step.compiled_s, step.numpy_s, step.pytorch_s) == (per_batch_s,) * 3
    multiply_adds = 8 * (3 * (200 + 40) - 200)
    assert step.peak_share == pytest.approx(multiply_adds / per_batch_s / (training.PEAK_SIZE**3 / 0.5))


def test_the_report_in_words_and_as_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = {
        training._measure_steps: [StepTiming((150, 50, 26), 32, 2e-5, 6e-5, 3e-4, 0.5)],
        training._measure_overhead: {
            "overhead_share": 0.25, "overhead_share_with_folder": 0.5,
            "run_s": 0.3, "run_with_folder_s": 0.4, "plot_s": 0.2,
        },
        training._measure_coordinator: [CoordinatorTiming((257, 200, 26), 400, 80.0, 100.0, 12500.0)],
        training._measure_projection: {
            "cases": [], "cost_exponent": 0.9, "stream": {"bytes": 10**10, "peak_resident_bytes": 2 * 10**8},
        },
    }  # fmt: skip
    monkeypatch.setattr(training, "_in_a_process", answers.__getitem__)
    assert main(["bench", "training", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["step_peak_share"] == {"150-50-26, 32": 0.5}
    assert report["overhead_share"] == 0.25
    assert report["pushes_per_second"] == {"257-200-26": 12500.0}
    assert report["projection"]["cost_exponent"] == 0.9
    assert main(["bench", "training"]) == 0
    assert capsys.readouterr().out == (
        "       us of a batch  compiled   NumPy  PyTorch  of sgemm\n"
        "       150-50-26, 32        20      60      300       50%\n"
        "10 epochs of ISOLET: 25% of 300 ms beside projection and training; 50% of 400 ms with a run folder, and 200 "
        "ms for its picture\n"
        "coordinator, 257-200-26, quarters: 80 us of a push\n"
        " beta length      dictionary ms       embedding ms incremental_pca ms covariance_eigh ms\n"
        "seconds grow with samples to the power of 0.90\n"
        "10.0 GB of samples took 200 MB of memory\n"
    )


def test_what_fails_in_the_measured_process_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RuntimeError, match="the measured process ended with status 3"):
        training._in_a_process(_ends)
    with pytest.raises(deep3.Deep3Error, match="no such data"):
        training._in_a_process(_raises)


def _ends() -> None:
    raise SystemExit(3)


def _raises() -> None:
    raise deep3.Deep3Error("no such data")
