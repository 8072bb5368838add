"""Axes of a wanted length: orthonormal, in the order of their energy, close to the best that there is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from low_rank import low_rank

from deep3.host.projection.errors import ProjectionError
from deep3.host.projection.rotation import Moments, axes_of_length, dictionary_of_length


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 30))
def test_axes_are_as_many_as_wanted_orthonormal_and_the_strongest_first(seed: int, length: int) -> None:
    x = low_rank(200, 30, 30, seed, noise=0.1)
    mean = x.mean(axis=0)
    axes = axes_of_length(x, mean, length)
    assert axes.shape == (30, length)
    assert np.abs(axes.T @ axes - np.eye(length)).max() < 5e-6
    energy = (((x - mean) @ axes) ** 2).sum(axis=0)
    assert (energy[:-1] >= energy[1:] * 0.999).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 20), st.integers(1, 4))
def test_turning_there_and_back_changes_nothing(seed: int, length: int, parts: int) -> None:
    c = low_rank(100, length, length, seed)
    moments = Moments()
    for part in np.array_split(c, parts):
        moments.add(part)
    variances, axes = moments.axes()
    assert moments.samples == 100
    assert (np.diff(variances) <= 0).all()
    assert np.allclose(c @ axes @ axes.T, c, atol=1e-5 * np.abs(c).max())
    turned = np.cov(c @ axes, rowvar=False, ddof=0).reshape(length, length)
    assert np.abs(turned - np.diag(variances)).max() < 1e-4 * variances[0]


def test_coefficients_that_are_not_there_yet_count_as_zero() -> None:
    c = low_rank(60, 5, 5, seed=2)
    c[:20, 3:] = 0
    grown, whole = Moments(), Moments()
    grown.add(c[:20, :3])
    grown.add(c[20:])
    whole.add(c)
    assert np.allclose(grown.axes()[0], whole.axes()[0], rtol=1e-4)
    grown.cut(2)
    assert np.allclose(grown.axes()[0].sum(), c[:, :2].var(axis=0).sum(), rtol=1e-4)


def test_a_longer_embedding_loses_less_and_all_of_it_nothing() -> None:
    x = low_rank(300, 40, 40, seed=3)
    mean = x.mean(axis=0)
    lost = []
    for length in (4, 12, 24, 40):
        axes = axes_of_length(x, mean, length)
        lost.append(float(np.linalg.norm((x - mean) - (x - mean) @ axes @ axes.T)))
    assert lost == sorted(lost, reverse=True)
    assert lost[-1] < 1e-3 * np.linalg.norm(x)


@pytest.mark.parametrize("length", [4, 8, 16])
def test_little_more_is_lost_than_by_the_principal_components(length: int) -> None:
    rng = np.random.default_rng(5)
    x = (rng.normal(size=(3000, 64)) * 0.8 ** np.arange(64)).astype(np.float32)
    mean = x.mean(axis=0)
    centred = x - mean
    best = np.linalg.svd(centred, compute_uv=False)
    least = np.linalg.norm(best[length:])
    axes = axes_of_length(x, mean, length)
    assert np.linalg.norm(centred - centred @ axes @ axes.T) < 1.1 * least


def test_rows_that_are_not_among_the_spaced_ones_count_where_those_span_too_little() -> None:
    x = np.zeros((1000, 6), np.float32)
    x[:, 0] = np.linspace(-1, 1, 1000)
    x[500:504, 1:5] = np.eye(4)
    axes = axes_of_length(x, x.mean(axis=0), 5)
    assert axes.shape == (6, 5)
    assert np.abs(axes[5]).max() < 1e-6


@pytest.mark.parametrize(
    ("x", "length", "message"),
    [
        (low_rank(200, 30, 8, seed=1), 0, "embedding must be between 1 and the 30 features of a sample, not 0"),
        (low_rank(200, 30, 8, seed=1), 31, "embedding must be between 1 and the 30 features of a sample, not 31"),
        (low_rank(200, 30, 8, seed=1), 9, "embedding must be at most 8, not 9: the samples span no more dimensions"),
        (low_rank(3, 30, 30, seed=1), 4, "embedding must be at most 2, not 4: the samples span no more dimensions"),
        (np.ones((9, 4), np.float32), 2, "training samples must differ from each other, but are all equal"),
    ],
)
def test_a_length_that_the_data_cannot_give(x: np.ndarray, length: int, message: str) -> None:
    with pytest.raises(ProjectionError) as caught:
        axes_of_length(x, x.mean(axis=0), length)
    assert str(caught.value) == message


def test_the_samples_that_were_taken_are_known_by_their_numbers() -> None:
    x = low_rank(500, 60, 60, seed=1)
    dictionary, moments = dictionary_of_length(x, x.mean(axis=0), 5)
    assert (dictionary.length, moments.samples) == (21, 500)
    assert np.allclose(dictionary.samples, (x - dictionary.mean)[dictionary.chosen])
