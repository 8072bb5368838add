"""From samples to inputs of a network: centred, projected, scaled to fill the number format."""

import numpy as np
import pytest
from low_rank import low_rank

from deep3.hdl.contract.fixed_point import RangeError
from deep3.host.projection.errors import ProjectionError
from deep3.host.projection.projection import fit_projection


@pytest.mark.parametrize(("beta", "embedding"), [(None, None), (0.3, None), (None, 12)])
def test_what_a_fit_makes_of_its_samples_is_what_transform_makes_of_them(
    beta: float | None, embedding: int | None
) -> None:
    x = low_rank(900, 400, 30, seed=3, noise=0.3)
    projection, found = fit_projection(x, beta, embedding)
    assert projection.outputs == found.shape[1]
    assert embedding is None or projection.outputs == embedding
    assert np.allclose(projection.transform(x), found, atol=1e-4)


@pytest.mark.parametrize("beta", [None, 0.3])
def test_projected_samples_are_centred_and_fill_the_format(beta: float | None) -> None:
    x = 1000 * low_rank(500, 20, 20, seed=2) + 77
    projection, z = fit_projection(x, beta)
    assert np.abs(z.mean(axis=0)).max() < 1e-2
    assert 0.5 < z.std(axis=0).max() < 1.5
    assert np.abs(z).max() < 8
    assert projection.quantise(x, "x").dtype == np.int16


@pytest.mark.parametrize("beta", [None, 0.3])
def test_samples_far_from_zero_are_centred_although_their_mean_is_rounded(beta: float | None) -> None:
    # At 2^24 neighbours are 2 apart, and so is the mean from what it is rounded to.
    x = (2**24 + 2 * (np.arange(600).reshape(200, 3) % 7)).astype(np.float32)
    assert x.mean(axis=0, dtype=np.float64).tolist() != x.mean(axis=0, dtype=np.float64).astype(np.float32).tolist()
    assert np.abs(fit_projection(x, beta)[1].mean(axis=0)).max() < 1e-3


def test_without_projection_features_keep_their_places() -> None:
    x = low_rank(100, 6, 6, seed=3)
    projection, _ = fit_projection(x, None)
    scaled = projection.transform(x) * np.ldexp(np.float32(1), projection.exponents.astype(np.int32))
    assert np.allclose(scaled, x - x.mean(axis=0), atol=1e-4)


def test_a_rare_large_value_fits_the_format() -> None:
    x = np.zeros((1000, 3), np.float32)
    x[:, 0] = np.linspace(-1, 1, 1000)
    x[7, 1] = 40
    assert np.abs(fit_projection(x, None)[1]).max() < 8


def test_unseen_samples_outside_the_format_are_refused() -> None:
    x = low_rank(100, 4, 4, seed=4)
    projection, _ = fit_projection(x, None)
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
    projection, _ = fit_projection(np.eye(3, dtype=np.float32), None)
    with pytest.raises(ProjectionError) as caught:
        projection.transform(np.zeros((2, 4), np.float32))
    assert str(caught.value) == "samples must have 3 features, not the shape (2, 4)"


@pytest.mark.parametrize("size", [1e-12, 1e12])
def test_the_size_of_the_samples_does_not_matter(size: float) -> None:
    x = low_rank(300, 20, 20, seed=4)
    scaled = (x * np.float32(2.0 ** np.rint(np.log2(size)))).astype(np.float32)
    assert np.allclose(fit_projection(scaled, 0.3)[1], fit_projection(x, 0.3)[1], atol=1e-4)


def test_a_threshold_and_a_length_at_once() -> None:
    with pytest.raises(ProjectionError) as caught:
        fit_projection(low_rank(200, 30, 8, seed=1), 0.3, 8)
    assert str(caught.value) == "give a threshold beta or a length of the embedding, not both (0.3, 8)"
