"""The dictionary: orthonormal atoms that hold every sample, and grow without invalidating what was computed before."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from low_rank import low_rank
from tqdm import tqdm

from deep3.host.projection import dictionary
from deep3.host.projection.dictionary import Dictionary
from deep3.host.projection.errors import ProjectionError


def grown(x: np.ndarray, beta: float, most: int | None = None) -> Dictionary:
    found = Dictionary(np.zeros(x.shape[1], np.float32), beta, most)
    found.grow(x)
    return found


def relative_errors(x: np.ndarray, found: Dictionary, coefficients: np.ndarray) -> np.ndarray:
    centred = x - found.mean
    return np.linalg.norm(centred - coefficients @ found.atoms, axis=1) / np.linalg.norm(centred, axis=1)


def orthogonality(found: Dictionary) -> float:
    return float(np.abs(found.atoms @ found.atoms.T - np.eye(found.length)).max(initial=0))


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 300), st.integers(2, 40), st.integers(0, 1000), st.sampled_from([0.05, 0.2, 0.5, 0.9]))
def test_atoms_are_orthonormal_and_hold_every_sample(samples: int, features: int, seed: int, beta: float) -> None:
    x = low_rank(samples, features, features, seed)
    found = Dictionary(x.mean(axis=0), beta)
    coefficients = found.grow(x)
    assert found.length <= min(samples, features)
    assert orthogonality(found) < 2e-6
    assert relative_errors(x, found, coefficients).max() <= beta + 1e-4
    assert np.allclose(coefficients, (x - found.mean) @ found.atoms.T, atol=1e-4)
    assert np.allclose(coefficients, found.coefficients(x), atol=1e-4)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 1000), st.lists(st.integers(1, 500), max_size=6), st.sampled_from([0.05, 0.3, 0.7])
)  # fmt: skip
def test_parts_of_a_stream_give_what_the_whole_gives(seed: int, cuts: list[int], beta: float) -> None:
    x = low_rank(500, 24, 24, seed)
    whole, parted = grown(x, beta), Dictionary(np.zeros(24, np.float32), beta)
    for part in np.split(x, sorted(cuts)):
        parted.grow(part)
    assert parted.chosen == whole.chosen
    assert np.allclose(parted.atoms, whole.atoms, atol=1e-4)
    assert parted.seen == 500


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(200, 1500), st.sampled_from([0.1, 0.5]))
def test_atoms_are_those_of_the_rule_of_one_sample_after_the_other(seed: int, samples: int, beta: float) -> None:
    x = low_rank(samples, 400, 30, seed, noise=0.5)
    atoms, chosen = np.zeros((0, 400)), []
    for row, sample in enumerate(x.astype(np.float64)):
        residual = sample - atoms.T @ (atoms @ sample)
        if np.linalg.norm(residual) > beta * np.linalg.norm(sample):
            atoms = np.vstack([atoms, residual / np.linalg.norm(residual)])
            chosen.append(row)
    found = grown(x, beta)
    assert found.chosen == chosen
    assert np.allclose(found.atoms, atoms, atol=1e-4)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 8))
def test_data_of_low_rank_need_as_many_atoms(seed: int, rank: int) -> None:
    assert grown(low_rank(200, 30, rank, seed), 0.01).length == rank


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 8), st.integers(0, 1))
def test_samples_that_barely_differ_still_give_orthonormal_atoms(seed: int, rank: int, apart: int) -> None:
    # What is new of a sample is a thousandth of it: of its seven digits four are left in the first residual.
    rng = np.random.default_rng(seed)
    directions = np.linalg.qr(rng.normal(size=(30, rank)))[0].T
    x = (1000 * directions[0] + np.concatenate([np.zeros((1, 30)), directions[1:]])).astype(np.float32)
    found = Dictionary(np.zeros(30, np.float32), 3e-4)
    found.grow(x[:apart])
    found.grow(x[apart:])
    assert found.length == rank
    assert orthogonality(found) < 2e-6


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000))
def test_what_the_atoms_of_its_panel_leave_of_a_sample_is_orthogonal_to_the_others_too(seed: int) -> None:
    # Two new samples a thousandth apart: rounding of the first residual counts a thousandfold in the second atom.
    rng = np.random.default_rng(seed)
    known, new, last = np.linalg.qr(rng.normal(size=(30, 3)))[0].T.astype(np.float32)
    found = Dictionary(np.zeros(30, np.float32), 1e-4)
    found.grow(known[None])
    found.grow(np.stack([known + new, known + new + np.float32(1e-3) * last]))
    assert found.length == 3
    assert orthogonality(found) < 2e-6


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 8), st.sampled_from([1e-9, 1e-6, 1e-5]))
def test_what_rounding_leaves_of_a_known_sample_is_no_atom(seed: int, rank: int, beta: float) -> None:
    x = low_rank(rank, 30, rank, seed)
    found = grown(np.concatenate([x, x, 3 * x]), beta)
    assert found.length == rank
    assert np.isfinite(found.atoms).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(10, 150), st.sampled_from([0.1, 0.4]))
def test_growing_only_pads_old_embeddings_with_zeros(seed: int, first: int, beta: float) -> None:
    x = low_rank(300, 24, 24, seed)
    found = Dictionary(np.zeros(24, np.float32), beta)
    before = found.grow(x[:first])
    old = found.atoms.copy()
    found.grow(x[first:])
    assert np.array_equal(found.atoms[: len(old)], old)
    padded = np.pad(before, ((0, 0), (0, found.length - len(old))))
    again = found.coefficients(x[:first])
    assert relative_errors(x[:first], found, padded).max() <= beta + 1e-4
    # What padding leaves out is no more than what the threshold allows, and nothing of the chosen samples.
    left_out = np.linalg.norm(padded - again, axis=1)
    assert (left_out <= (beta + 1e-4) * np.linalg.norm(x[:first], axis=1)).all()
    chosen = [row for row in found.chosen if row < first]
    assert left_out[chosen].max() < 1e-4 * np.abs(x).max() * 24


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000))
def test_a_larger_threshold_takes_fewer_atoms(seed: int) -> None:
    x = low_rank(400, 50, 12, seed, noise=0.5)
    lengths = [grown(x, beta).length for beta in (0.05, 0.3, 0.6, 0.95)]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] > lengths[-1]


def test_it_stops_at_the_most_atoms_with_those_that_came_first() -> None:
    x = low_rank(400, 50, 50, seed=1)
    free, bound = grown(x, 0.3), grown(x, 0.3, most=7)
    assert bound.length == 7 < free.length
    assert bound.chosen == free.chosen[:7]
    assert np.allclose(bound.atoms, free.atoms[:7], atol=1e-5)
    assert bound.coefficients(x).shape == (400, 7)


def test_samples_that_are_all_zero_add_nothing() -> None:
    x = np.zeros((300, 5), np.float32)
    found = grown(x, 0.1)
    assert (found.length, found.seen) == (0, 300)
    assert found.grow(x).shape == (300, 0)
    found.grow(np.eye(5, dtype=np.float32)[2:3])
    assert (found.length, found.chosen) == (1, [600])


@pytest.mark.parametrize("worst", [float("nan"), float("inf"), -float("inf"), 1e30, -1e25])
def test_what_is_no_number_is_refused_before_anything_is_learned(worst: float) -> None:
    found = grown(low_rank(20, 5, 2, seed=1), 0.5)
    length, seen = found.length, found.seen
    x = np.vstack([low_rank(dictionary.chunk_rows(5), 5, 5, seed=2), np.ones((3, 5), np.float32)])
    x[-2, 2] = worst
    with pytest.raises(ProjectionError) as caught:
        found.grow(x)
    value = f"{float(np.float32(worst)):g}"
    assert str(caught.value) == f"samples must hold finite numbers of sums of squares below 3e38, not {value}"
    assert (found.length, found.seen) == (length, seen)


def test_memory_is_that_of_a_chunk_whatever_the_samples() -> None:
    # Chunks of a view of one row: samples of 300 MB that take no memory.
    x = np.broadcast_to(np.ones(64, np.float32), (1 << 20, 64))
    tracemalloc.start()
    found = grown(x, 0.1)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.length == 1
    assert peak_bytes < 1 << 25


def test_the_bar_of_a_long_projection_ends_at_its_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dictionary, "tqdm", lambda *given, **options: tqdm(*given, **{**options, "delay": 0}))
    monkeypatch.setattr(dictionary, "CHUNK_BYTES", 1 << 12)
    grown(low_rank(1000, 8, 2, seed=1), 0.1)
    assert "100%" in capsys.readouterr().err.rpartition("\r")[2]
