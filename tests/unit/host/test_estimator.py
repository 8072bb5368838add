"""The estimator: scikit-learn's own checks, and what they do not look at."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.utils.estimator_checks import check_estimator

from deep3.errors import Deep3Error
from deep3.host.training.estimator import Classifier, EstimatorError, EstimatorTypeError

X, Y = load_iris(return_X_y=True)
QUICK = {"hidden": (8,), "batch": 8, "epochs": 10, "random_state": 1}

EXPECTED_FAILURES: dict[str, str] = {}
"""Checks of scikit-learn's that fail, and why: none."""
NOT_RUN = {
    "check_array_api_input",  # Wants SCIPY_ARRAY_API set before SciPy is loaded.
    "check_classifier_data_not_an_array",  # Wants pandas.
}


@pytest.mark.parametrize("loss", ["softmax", "mse"])
def test_the_checks_of_scikit_learn(loss: str) -> None:
    results = check_estimator(
        Classifier(random_state=1, loss=loss), expected_failed_checks=EXPECTED_FAILURES, on_fail=None, on_skip=None
    )
    failed = {result["check_name"]: result["exception"] for result in results if result["status"] == "failed"}
    assert failed == {}
    assert {result["check_name"] for result in results if result["status"] == "skipped"} <= NOT_RUN
    assert len(results) > 50


def test_workers_train_together_and_a_fit_repeats() -> None:
    joint = Classifier(**QUICK, workers=("cpu:1", "golden:1")).fit(X, Y)
    again = clone(joint).fit(X, Y)
    assert np.array_equal(joint.predict_proba(X), again.predict_proba(X))
    assert joint.score(X, Y) > 0.8
    alone = Classifier(**QUICK).fit(X, Y)
    assert not np.array_equal(joint.predict_proba(X), alone.predict_proba(X))


@pytest.mark.parametrize("labels", [np.array(["b", "a", "c"])[Y], Y * 10 + 5, Y.astype(float), Y == 0])
def test_labels_come_back_as_they_were(labels: np.ndarray) -> None:
    fitted = Classifier(**QUICK).fit(X, labels)
    found = fitted.predict(X)
    assert found.dtype == labels.dtype
    assert set(found) <= set(labels)
    assert (found == labels).mean() > 0.8


def test_probabilities_go_with_softmax_only() -> None:
    assert hasattr(Classifier(), "predict_proba")
    assert not hasattr(Classifier(loss="mse"), "predict_proba")


@pytest.mark.parametrize(
    ("options", "x", "y", "message"),
    [
        ({}, X[:1], Y[:1], "there must be 2 samples or more to train and validate with, not 1 sample"),
        ({}, X, Y * 0, "arrays: labels must be of 2 classes or more, but all are '0'"),
        ({}, X * np.nan, Y, "Input X contains NaN."),
        ({"batch": 0}, X, Y, "batch must be between 1 and 4093, not 0"),
        ({"hidden": "64"}, X, Y, "an option has a value of the wrong kind: "),
        ({"workers": ("gpu",)}, X, Y, "worker must be one of cpu, cuda, golden, virtual, "),
        ({"validation_share": 2}, X, Y, "validation-share must be between 0.01 and 0.9, not 2"),
    ],
)
def test_what_cannot_be_trained_is_one_line(
    options: dict[str, object], x: np.ndarray, y: np.ndarray, message: str
) -> None:
    with pytest.raises(EstimatorError) as caught:
        Classifier(**options).fit(x, y)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, Deep3Error)


def test_sparse_matrices_are_refused() -> None:
    from scipy.sparse import csr_array

    with pytest.raises(EstimatorTypeError, match=r"^Sparse data was passed"):
        Classifier().fit(csr_array(X), Y)


def test_no_file_is_written(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(str(tmp_path))
    Classifier(**QUICK).fit(X, Y)
    assert list(tmp_path.iterdir()) == []  # type: ignore[attr-defined]


def test_an_embedding_of_a_wanted_length() -> None:
    x, y = load_digits(return_X_y=True)
    classifier = Classifier(hidden=(8,), epochs=1, embedding=20, random_state=0).fit(x, y)
    assert classifier.model_.network.inputs == 20
    chosen = Classifier(hidden=(8,), epochs=1, embedding="auto", random_state=0).fit(x, y)
    assert 8 <= chosen.model_.network.inputs < 64
    with pytest.raises(ValueError, match="say the same thing"):
        Classifier(embedding=20, projection=0.3).fit(x, y)
