"""The dictionary projection: an orthonormal basis that grows without invalidating what was computed before."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tqdm import tqdm

from deep3.hdl.contract.fixed_point import RangeError
from deep3.host.projection import dictionary
from deep3.host.projection.dictionary import ProjectionError, basis_of_length, fit_projection, grow_basis


def low_rank(samples: int, features: int, rank: int, seed: int, noise: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(samples, rank)) @ rng.normal(size=(rank, features))
    return (x + noise * rng.normal(size=x.shape)).astype(np.float32)


def relative_errors(x: np.ndarray, basis: np.ndarray) -> np.ndarray:
    residual = x - (x @ basis) @ basis.T
    return np.linalg.norm(residual, axis=1) / np.linalg.norm(x, axis=1)


@settings(max_examples=25)
@given(st.integers(2, 300), st.integers(2, 40), st.integers(0, 1000), st.sampled_from([0.05, 0.2, 0.5, 0.9]))
def test_the_basis_is_orthonormal_and_holds_every_sample(samples: int, features: int, seed: int, beta: float) -> None:
    x = low_rank(samples, features, features, seed)
    basis = grow_basis(x, beta)
    assert basis.shape[1] <= min(samples, features)
    assert np.abs(basis.T @ basis - np.eye(basis.shape[1])).max() < 2e-5
    assert relative_errors(x, basis).max() <= beta + 1e-4


@settings(max_examples=25)
@given(st.integers(0, 1000), st.integers(1, 8))
def test_data_of_low_rank_need_as_many_atoms(seed: int, rank: int) -> None:
    x = low_rank(200, 30, rank, seed)
    assert grow_basis(x, 0.01).shape[1] == rank


@settings(max_examples=25)
@given(st.integers(0, 1000), st.integers(2, 8))
def test_samples_that_barely_differ_still_give_an_orthonormal_basis(seed: int, rank: int) -> None:
    # What is new of a sample is a thousandth of it: of its seven digits four are left in the first residual.
    rng = np.random.default_rng(seed)
    directions = np.linalg.qr(rng.normal(size=(30, rank)))[0].T
    x = (1000 * directions[0] + np.concatenate([np.zeros((1, 30)), directions[1:]])).astype(np.float32)
    basis = grow_basis(x, 3e-4)
    assert basis.shape[1] == rank
    assert np.abs(basis.T @ basis - np.eye(rank)).max() < 2e-6


@settings(max_examples=25)
@given(st.integers(0, 1000), st.integers(1, 8), st.sampled_from([1e-6, 1e-5]))
def test_what_rounding_leaves_of_a_known_sample_is_no_atom(seed: int, rank: int, beta: float) -> None:
    x = low_rank(rank, 30, rank, seed)
    again = np.concatenate([x, x, 3 * x])
    basis = grow_basis(again, beta)
    assert basis.shape[1] == rank
    assert np.isfinite(basis).all()


@settings(max_examples=25)
@given(st.integers(0, 1000), st.integers(10, 150), st.sampled_from([0.1, 0.4]))
def test_growing_only_pads_old_embeddings_with_zeros(seed: int, first: int, beta: float) -> None:
    x = low_rank(300, 24, 24, seed)
    old = grow_basis(x[:first], beta)
    grown = grow_basis(x[first:], beta, old)
    assert np.array_equal(grown[:, : old.shape[1]], old)
    chosen = (x[:first] @ old) @ old.T
    new_coefficients = chosen @ grown[:, old.shape[1] :]
    assert np.abs(new_coefficients).max(initial=0) < 1e-4 * np.abs(x).max() * 24


def test_a_larger_threshold_takes_fewer_atoms() -> None:
    x = low_rank(400, 50, 12, seed=1, noise=0.5)
    atoms = [grow_basis(x, beta).shape[1] for beta in (0.05, 0.3, 0.6, 0.95)]
    assert atoms == sorted(atoms, reverse=True)
    assert atoms[0] > atoms[-1]


@settings(max_examples=25)
@given(st.integers(0, 1000), st.integers(1, 30))
def test_a_basis_has_the_length_that_was_asked_for(seed: int, length: int) -> None:
    x = low_rank(200, 30, 30, seed, noise=0.1)
    basis = basis_of_length(x, length)
    assert basis.shape == (30, length)
    assert np.abs(basis.T @ basis - np.eye(length)).max() < 2e-5


def test_a_longer_embedding_loses_less() -> None:
    x = low_rank(300, 40, 40, seed=3)
    lost = [np.linalg.norm(relative_errors(x, basis_of_length(x, length))) for length in (4, 12, 24, 40)]
    assert lost == sorted(lost, reverse=True)
    assert lost[-1] < 1e-3


def test_an_embedding_is_that_of_the_threshold_that_gives_it() -> None:
    x = low_rank(300, 40, 40, seed=3)
    lengths = {beta: grow_basis(x, beta).shape[1] for beta in (0.3, 0.5, 0.7)}
    for beta, length in lengths.items():
        assert relative_errors(x, basis_of_length(x, length)).max() <= beta + 0.1
    assert fit_projection(x, None, 12).outputs == 12


@pytest.mark.parametrize(
    ("beta", "embedding", "message"),
    [
        (None, 0, "embedding must be between 1 and the 30 features of a sample, not 0"),
        (None, 31, "embedding must be between 1 and the 30 features of a sample, not 31"),
        (None, 9, "embedding must be at most 8, not 9: the samples span no more dimensions"),
        (0.3, 8, "give a threshold beta or a length of the embedding, not both (0.3, 8)"),
    ],
)
def test_a_length_that_the_data_cannot_give(beta: float | None, embedding: int, message: str) -> None:
    with pytest.raises(ProjectionError) as caught:
        fit_projection(low_rank(200, 30, 8, seed=1), beta, embedding)
    assert str(caught.value) == message


@pytest.mark.parametrize("beta", [None, 0.3])
def test_projected_samples_are_centred_and_fill_the_format(beta: float | None) -> None:
    x = 1000 * low_rank(500, 20, 20, seed=2) + 77
    projection = fit_projection(x, beta)
    z = projection.transform(x)
    assert np.abs(z.mean(axis=0)).max() < 1e-2
    assert 0.5 < z.std(axis=0).max() < 1.5
    assert np.abs(z).max() < 8
    assert projection.quantise(x, "x").dtype == np.int16


@pytest.mark.parametrize("beta", [None, 0.3])
def test_samples_far_from_zero_are_centred_although_their_mean_is_rounded(beta: float | None) -> None:
    # At 2^24 neighbours are 2 apart, and so is the mean from what it is rounded to.
    x = (2**24 + 2 * (np.arange(600).reshape(200, 3) % 7)).astype(np.float32)
    assert x.mean(axis=0, dtype=np.float64).tolist() != x.mean(axis=0, dtype=np.float64).astype(np.float32).tolist()
    assert np.abs(fit_projection(x, beta).transform(x).mean(axis=0)).max() < 1e-3


def test_without_projection_features_keep_their_places() -> None:
    x = low_rank(100, 6, 6, seed=3)
    projection = fit_projection(x, None)
    scaled = projection.transform(x) * np.ldexp(np.float32(1), projection.exponents.astype(np.int32))
    assert np.allclose(scaled, x - x.mean(axis=0), atol=1e-4)


def test_a_rare_large_value_fits_the_format() -> None:
    x = np.zeros((1000, 3), np.float32)
    x[:, 0] = np.linspace(-1, 1, 1000)
    x[7, 1] = 40
    assert np.abs(fit_projection(x, None).transform(x)).max() < 8


def test_unseen_samples_outside_the_format_are_refused() -> None:
    x = low_rank(100, 4, 4, seed=4)
    projection = fit_projection(x, None)
    far = x[:2].copy()
    far[1, 2] = 1e6
    with pytest.raises(RangeError) as caught:
        projection.quantise(far, "new samples")
    worst = projection.transform(far)[1, 2]
    assert str(caught.value) == (
        "new samples must be between -8 and 7.9998 (Q3.12), but 1 of 8 values are not; "
        f"the worst is {worst:.6g}"
    )


@pytest.mark.parametrize("beta", [0.0, 1.0, -1.0, float("nan")])
def test_a_threshold_out_of_range(beta: float) -> None:
    with pytest.raises(ProjectionError) as caught:
        fit_projection(np.eye(3, dtype=np.float32), beta)
    assert str(caught.value) == f"projection threshold beta must be between 0 and 1, not {beta!r}"


@pytest.mark.parametrize("beta", [None, 0.5])
def test_equal_samples_are_refused(beta: float | None) -> None:
    with pytest.raises(ProjectionError) as caught:
        fit_projection(np.ones((5, 3), np.float32), beta)
    assert str(caught.value) == "training samples must differ from each other, but are all equal"


def test_samples_of_another_width_are_refused() -> None:
    projection = fit_projection(np.eye(3, dtype=np.float32), None)
    with pytest.raises(ProjectionError) as caught:
        projection.transform(np.zeros((2, 4), np.float32))
    assert str(caught.value) == "samples must have 3 features, not the shape (2, 4)"


def test_the_bar_of_a_long_projection_ends_at_its_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dictionary, "tqdm", lambda *given, **options: tqdm(*given, **{**options, "delay": 0}))
    grow_basis(low_rank(1000, 8, 2, seed=1), 0.1)
    assert "100%" in capsys.readouterr().err.rpartition("\r")[2]
