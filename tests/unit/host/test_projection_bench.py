"""The bench of the projection: its figures from its runs, and a short stream that is measured for real."""

from pathlib import Path

import numpy as np
import pytest

from deep3.host.measure import projection


def test_a_short_bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    x = (rng.normal(size=(400, 40)) * 0.9 ** np.arange(40)).astype(np.float32)
    np.savez(tmp_path / "isolet.npz", X=x, y=np.arange(400) % 4)
    monkeypatch.setenv("DEEP3_DATA", str(tmp_path))
    monkeypatch.setattr(projection, "BETAS", (0.6, 0.3))
    monkeypatch.setattr(projection, "GROWN_SAMPLES", (1000, 2000, 4000))
    monkeypatch.setattr(projection, "STREAM_BYTES", 10_000_000)
    found = projection.bench_projection(progress=False)
    lengths = [case["length"] for case in found["cases"]]
    assert lengths == sorted(set(lengths))
    for case in found["cases"]:
        assert found["speedup_vs_incremental_pca"][case["length"]] == case["incremental_pca_s"] / case["dictionary_s"]
        assert found["speedup_vs_covariance_eigh"][case["length"]] == case["covariance_eigh_s"] / case["dictionary_s"]
    assert [point["samples"] for point in found["growth"]] == [1000, 2000, 4000]
    assert np.isfinite(found["cost_exponent"])
    assert 10_000_000 <= found["stream"]["bytes"] < 10_000_200
    assert 10_000_000 < found["stream"]["peak_resident_bytes"] < 1_000_000_000
