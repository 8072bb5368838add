"""The projection as a transformer: scikit-learn's own checks, laws, streams, feedback, and what is refused."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from low_rank import low_rank
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from deep3.errors import Deep3Error
from deep3.host.projection import stream
from deep3.host.projection.errors import ProjectionError, ProjectionTypeError
from deep3.host.projection.transformer import DictionaryProjection
from deep3.host.training.estimator import Classifier

LAST_BIT = "asks for 1e-7; a product in single precision differs in its last bit by where in a block a sample lies"
EXPECTED_FAILURES = {
    "check_methods_sample_order_invariance": LAST_BIT, "check_methods_subset_invariance": LAST_BIT,
}  # fmt: skip
"""Checks of scikit-learn's that may fail, and why."""
NOT_RUN = {"check_array_api_input"}
"""Wants SCIPY_ARRAY_API set before SciPy is loaded."""


SHORT = {"beta": None, "n_components": 1}


@pytest.mark.parametrize("options", [{}, {"rotate": True}, {"beta": 0.3, "n_components": 1}, SHORT])
def test_the_checks_of_scikit_learn(options: dict[str, object]) -> None:
    results = check_estimator(
        DictionaryProjection(**options), expected_failed_checks=EXPECTED_FAILURES, on_fail=None, on_skip=None
    )
    failed = {result["check_name"]: result["exception"] for result in results if result["status"] == "failed"}
    assert failed == {}
    assert {result["check_name"] for result in results if result["status"] == "skipped"} <= NOT_RUN
    assert len(results) > 40


def distances(projection: DictionaryProjection, x: np.ndarray, embedding: np.ndarray) -> np.ndarray:
    lost = np.linalg.norm(x - projection.inverse_transform(embedding), axis=1)
    return lost / np.maximum(np.linalg.norm(x - projection.mean_, axis=1), 1e-6)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.lists(st.integers(1, 300), max_size=4), st.sampled_from([0.1, 0.4]), st.booleans())
def test_every_sample_of_a_stream_in_any_parts_is_within_beta(
    seed: int, cuts: list[int], beta: float, rotate: bool
) -> None:
    x = low_rank(300, 20, 20, seed) + 5
    projection = DictionaryProjection(beta, rotate=rotate)
    for part in np.split(x, sorted(set(cuts))):
        if len(part):
            projection.partial_fit(part)
    assert projection.n_samples_seen_ == 300
    components = projection.components_
    assert np.abs(components @ components.T - np.eye(len(components))).max() < 5e-6
    assert distances(projection, x, projection.transform(x)).max() <= beta + 1e-3


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([{}, {"rotate": True}, {"n_components": 4}, SHORT]))
def test_there_and_back_is_the_nearest_point_of_the_subspace(seed: int, options: dict[str, object]) -> None:
    x = low_rank(200, 12, 12, seed) - 3
    projection = DictionaryProjection(**{"beta": 0.3, **options})
    embedding = projection.fit_transform(x)
    assert np.allclose(embedding, projection.transform(x), atol=1e-4)
    back = projection.inverse_transform(embedding)
    assert np.allclose(projection.transform(back), embedding, atol=1e-4)
    # What is left of a sample is orthogonal to the subspace.
    assert np.abs((x - back) @ projection.components_.T).max() < 1e-4 * np.abs(x).max() * 12


def test_a_rotation_keeps_all_lengths_and_puts_the_strongest_first() -> None:
    x = low_rank(500, 30, 30, seed=2)
    plain, rotated = DictionaryProjection(0.3).fit(x), DictionaryProjection(0.3, rotate=True).fit(x)
    assert plain.n_components_ == rotated.n_components_
    embedding = rotated.transform(x)
    back = plain.inverse_transform(plain.transform(x))
    assert np.allclose(back, rotated.inverse_transform(embedding), atol=1e-3)
    assert np.allclose(embedding.var(axis=0), rotated.explained_variance_, rtol=1e-3, atol=1e-4)
    assert (np.diff(rotated.explained_variance_) <= 0).all()
    with pytest.raises(AttributeError, match=r"^variances are those of a rotated projection$"):
        plain.explained_variance_  # noqa: B018


@pytest.mark.parametrize("rotate", [False, True])
def test_shorter_embeddings_out_of_one_pass(rotate: bool) -> None:
    x = low_rank(500, 30, 30, seed=2)
    projection = DictionaryProjection(0.1, rotate=rotate).fit(x)
    whole = projection.transform(x)
    for length in (1, 5, projection.n_components_):
        shorter = projection.cut(length)
        assert np.allclose(shorter.transform(x), whole[:, :length], atol=1e-4)
        assert shorter.n_components_ == length
        shorter.partial_fit(10 * x)
        assert shorter.n_components_ == length
    assert projection.n_samples_seen_ == 500
    assert np.allclose(projection.transform(x), whole)
    with pytest.raises(ProjectionError) as caught:
        projection.cut(31)
    assert str(caught.value) == f"n_components must be between 1 and {projection.n_components_}, not 31"


def test_the_samples_of_the_dictionary_are_remembered() -> None:
    x = low_rank(400, 10, 10, seed=6) + 7
    projection = DictionaryProjection(0.5).fit(x)
    assert len(projection.indices_) == projection.n_components_
    assert np.allclose(projection.samples_, x[projection.indices_], atol=1e-5)
    assert distances(projection, projection.samples_, projection.transform(projection.samples_)).max() < 1e-3


def test_embeddings_of_before_new_classes_came_are_padded() -> None:
    x, y = load_digits(return_X_y=True)
    old, new = x[y < 5], x[y >= 5]
    projection = DictionaryProjection(0.5).partial_fit(old)
    embedding = projection.transform(old)
    projection.partial_fit(new)
    assert projection.n_components_ > embedding.shape[1]
    padded = projection.pad(embedding)
    assert padded.shape == (len(old), projection.n_components_)
    assert distances(projection, old, padded).max() <= 0.5 + 1e-3
    assert distances(projection, new, projection.transform(new)).max() <= 0.5 + 1e-3


def test_new_sensors_widen_the_rows_when_asked() -> None:
    x = low_rank(300, 12, 12, seed=8) + 100
    projection = DictionaryProjection(0.2, widen=True).partial_fit(x[:100, :8])
    embedding, before = projection.transform(x[:100, :8]), projection.mean_
    projection.partial_fit(x[100:])
    assert projection.n_features_in_ == 12
    assert np.array_equal(projection.mean_[:8], before)
    assert np.allclose(projection.mean_[8:], x[100:, 8:].mean(axis=0), rtol=1e-5)
    assert distances(projection, x[100:], projection.transform(x[100:])).max() <= 0.2 + 1e-3
    # Samples of before count as having had the mean at the new sensors.
    filled = np.hstack([x[:100, :8], np.broadcast_to(projection.mean_[8:], (100, 4))])
    assert distances(projection, filled, projection.pad(embedding)).max() <= 0.2 + 1e-3
    assert projection.samples_.shape == (projection.n_components_, 12)


def test_other_widths_are_refused_and_change_nothing() -> None:
    x = low_rank(100, 8, 8, seed=8)
    for widen, width in ((False, 9), (False, 7), (True, 7)):
        projection = DictionaryProjection(0.2, widen=widen).partial_fit(x)
        with pytest.raises(ProjectionError) as caught:
            projection.partial_fit(np.ones((3, width)))
        assert str(caught.value).startswith(f"X has {width} features, but DictionaryProjection is expecting 8 features")
        assert (projection.n_features_in_, projection.n_samples_seen_) == (8, 100)
    projection = DictionaryProjection(0.2, widen=True).partial_fit(x)
    for worst in (np.nan, 1e20):
        with pytest.raises(ProjectionError):
            projection.partial_fit(np.full((3, 9), worst))
        assert (projection.n_features_in_, projection.n_samples_seen_, len(projection.mean_)) == (8, 100, 8)


def test_it_goes_into_a_pipeline_and_is_cloned() -> None:
    x, y = load_digits(return_X_y=True)
    pipeline = make_pipeline(DictionaryProjection(0.5, rotate=True), LogisticRegression(max_iter=300))
    assert pipeline.fit(x[:1200] / 16, y[:1200]).score(x[1200:] / 16, y[1200:]) > 0.85
    trained = make_pipeline(DictionaryProjection(None, 20), Classifier(hidden=(16,), epochs=20, random_state=1))
    assert trained.fit(x[:1200], y[:1200]).score(x[1200:], y[1200:]) > 0.8
    projection = clone(pipeline[0]).set_params(n_components=10)
    assert projection.get_params()["n_components"] == 10
    assert projection.fit(x).get_feature_names_out()[-1] == "dictionaryprojection9"


def test_streams_of_every_kind_give_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "BLOCK_BYTES", 40 * 4 * 16)
    x = low_rank(200, 16, 16, seed=9)
    for name, part in zip("abc", np.split(x, [40, 120]), strict=True):
        np.save(tmp_path / f"{name}.npy", part.astype(np.float64))
    np.save(tmp_path / "whole.dat", x)
    (tmp_path / "whole.dat.npy").rename(tmp_path / "whole")

    def parts() -> Iterator[np.ndarray]:
        yield from np.split(x, [40, 120])

    mapped = np.load(tmp_path / "whole", mmap_mode="r")
    expected = DictionaryProjection(0.3).fit_stream(x)
    for samples in (mapped, str(tmp_path / "whole"), tmp_path, parts(), [part.tolist() for part in parts()]):
        found = DictionaryProjection(0.3).fit_stream(samples)
        assert found.n_samples_seen_ == 200
        assert np.array_equal(found.indices_, expected.indices_)
        assert np.allclose(found.components_, expected.components_, atol=1e-5)
    embedded = list(expected.transform_stream(tmp_path))
    assert max(map(len, embedded)) <= 40
    assert np.allclose(np.concatenate(embedded), expected.transform(x), atol=1e-5)


def test_a_stream_is_held_a_block_at_a_time() -> None:
    alive, most = 0, 0

    class Part(np.ndarray):
        def __del__(self) -> None:
            nonlocal alive
            alive -= self.base is None

    def parts() -> Iterator[np.ndarray]:
        nonlocal alive, most
        for seed in range(20):
            part = np.ndarray.__new__(Part, (50, 8), np.float32)
            part[:] = low_rank(50, 8, 3, seed)
            alive += 1
            most = max(most, alive)
            yield part

    assert DictionaryProjection(0.1).fit_stream(parts()).n_samples_seen_ == 1000
    assert most <= 2


def test_feedback_ends_the_growth_where_longer_brings_nothing() -> None:
    x = low_rank(600, 60, 60, seed=1)
    asked: list[int] = []

    def error(projection: DictionaryProjection) -> float:
        asked.append(projection.n_components_)
        assert projection.transform(x[:5]).shape == (5, asked[-1])
        return max(0.1, 0.5 - 0.02 * asked[-1])

    free = DictionaryProjection(0.05).fit(x)
    projection = DictionaryProjection(0.05, feedback=error)
    embedding = projection.fit_transform(x)
    assert asked == [8, 10, 12, 15, 19, 24, 30, 38]
    assert [length for length, _ in projection.search_.tried] == asked
    assert projection.n_components_ == projection.search_.best == 24 < free.n_components_
    assert np.allclose(embedding, free.transform(x)[:, :24], atol=1e-4)
    projection.partial_fit(3 * x)
    assert (projection.n_components_, len(asked)) == (24, 8)
    projection.resume_growth().set_params(feedback=None).partial_fit(x)
    assert projection.n_components_ > 24


@pytest.mark.parametrize(
    ("options", "x", "message"),
    [
        ({"beta": 0}, np.eye(3), "beta must be between 0 and 1, not 0"),
        ({"beta": 1.5}, np.eye(3), "beta must be between 0 and 1, not 1.5"),
        ({"beta": None}, np.eye(3), "give a threshold beta or n_components, not None for both"),
        ({"n_components": 0}, np.eye(3), "n_components must be between 1 and the 3 features, not 0"),
        ({"n_components": 4}, np.eye(3), "n_components must be between 1 and the 3 features, not 4"),
        ({"n_components": 3}, np.eye(3)[:2],
            "n_components must be at most 1, not 3: 2 samples span no more dimensions"),
        ({"beta": None, "n_components": 2}, np.ones((4, 3)), "training samples must differ from each other, but"),
        ({"n_components": 2}, np.zeros((4, 3)),
            "n_components must be at most 0, not 2: 4 samples span no more dimensions"),
        ({"n_components": 2, "feedback": len}, np.eye(3),
            "feedback chooses how many atoms there are; leave n_components and rotate out"),
        ({"feedback": lambda _: 0.5, "patience": 0}, np.eye(3), "patience must be 1 or more, not 0"),
        ({}, np.full((3, 3), np.nan), "Input X contains NaN."),
        ({}, np.eye(3) * 3e20, "samples must hold finite numbers of sums of squares below 3e38, not 2e+20"),
        ({}, np.zeros(3), "Expected 2D array, got 1D array instead"),
    ],
)  # fmt: skip
def test_what_cannot_be_projected_is_one_line_and_overwrites_nothing(
    options: dict[str, object], x: np.ndarray, message: str
) -> None:
    projection = DictionaryProjection(0.2).fit(low_rank(30, 5, 5, seed=1))
    before = projection.components_.copy()
    with pytest.raises(ProjectionError) as caught:
        projection.set_params(**options).fit(x)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, Deep3Error)
    assert projection.n_features_in_ == 5
    assert np.array_equal(projection._learned.dictionary.atoms, before)


def test_constant_features_take_no_atom() -> None:
    x = low_rank(100, 6, 6, seed=1)
    x[:, 2] = 41
    projection = DictionaryProjection(0.01).fit(x)
    assert projection.n_components_ <= 5
    assert np.abs(projection.components_[:, 2]).max() < 1e-5


def test_embeddings_of_another_length_are_refused() -> None:
    x = low_rank(30, 5, 5, seed=1)
    projection = DictionaryProjection(0.1).fit(x)
    with pytest.raises(ProjectionError) as caught:
        projection.inverse_transform(np.zeros((2, 3)))
    assert str(caught.value) == f"embeddings must have the shape samples x {projection.n_components_}, not (2, 3)"
    with pytest.raises(ProjectionError, match=r"^embeddings must have the shape samples x \d or less, not \(2, 9\)$"):
        projection.pad(np.zeros((2, 9)))
    with pytest.raises(ProjectionError, match=r"^a rotated embedding cannot be padded: its axes turn"):
        projection.set_params(rotate=True).fit(x).pad(np.zeros((2, 2)))
    with pytest.raises(ProjectionTypeError, match=r"^Sparse data was passed"):
        projection.transform(csr_array(x))


def test_files_that_are_no_samples(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    (tmp_path / "text.npy").write_text("1 2 3")
    np.save(tmp_path / "labels.npy", np.arange(5))
    np.save(tmp_path / "columns.npy", np.asfortranarray(np.ones((5, 4))))
    np.save(tmp_path / "short.npy", np.ones((50, 4)))
    with (tmp_path / "short.npy").open("rb+") as file:
        file.truncate(300)
    for samples, message in (
        (tmp_path / "none.npy", f"{tmp_path}/none.npy: cannot read the file: No such file or directory"),
        (empty, f"{empty}: no .npy file in this folder"),
        (tmp_path / "text.npy", f"{tmp_path}/text.npy: not a .npy file"),
        (tmp_path / "labels.npy",
            f"{tmp_path}/labels.npy must be samples x features real numbers, not int64 of shape (5,)"),
        (tmp_path / "columns.npy", f"{tmp_path}/columns.npy: must be stored by rows; save np.ascontiguousarray(array)"),
        (tmp_path / "short.npy", f"{tmp_path}/short.npy: cut short; 50 samples of 4 features were to come"),
        ([np.ones(3)], "part 0 of the samples must be samples x features real numbers, not float64 of shape (3,)"),
        (iter([]), "there must be samples to learn from; the stream is empty"),
        (3, "samples must be an array, a path or parts of samples, not 3"),
    ):  # fmt: skip
        with pytest.raises(ProjectionError) as caught:
            DictionaryProjection().fit_stream(samples)  # type: ignore[arg-type]
        assert str(caught.value) == message
