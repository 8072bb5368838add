"""Optimisers through the whole product: virtual boards train the bits of golden engines, and both go on as PyTorch."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

import deep3
from deep3.hdl.contract.config import EngineConfig

CONFIG = EngineConfig(
    rows=4, columns=3, activation_bank_words=4096, weight_bank_words=2048, error_bank_words=2048,
    activation_entries=128, convolution=True, adagrad=True,
)  # fmt: skip
X, Y = load_digits(return_X_y=True)


def train(worker: str, epochs: float, **options: object) -> deep3.TrainResult:
    return deep3.train(
        X / 8 - 1, Y, workers=worker, hidden=(12,), batch=16, n_push=4, epochs=epochs, deterministic=True,
        config=None if worker == "cpu:2" else CONFIG, **options,
    )  # fmt: skip


@pytest.mark.parametrize(
    "options",
    [
        {"optimiser": "adagrad", "rate": 0.05, "schedule": "linear", "weight_decay": 0.01},
        {"optimiser": "momentum", "rate": 0.02, "ratio": 0.5, "schedule": "cosine", "weight_decay": 0.001},
        {"optimiser": "sgd", "rate": 0.1, "schedule": "constant", "weight_decay": 0.01},
    ],
    ids=["adagrad", "momentum", "sgd"],
)
def test_virtual_boards_train_the_bits_of_golden_engines(options: dict[str, object]) -> None:
    virtual, golden = (train(worker, 0.5, **options).model.weights for worker in ("virtual:2", "golden:2"))
    for got, wanted in zip(virtual, golden, strict=True):
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("optimiser", ["momentum", "adagrad"])
def test_the_engine_learns_as_float32_does(optimiser: str) -> None:
    accuracies = [train(worker, 8, optimiser=optimiser, rate=0.02).accuracy for worker in ("golden:2", "cpu:2")]
    assert min(accuracies) > 0.9
    assert abs(accuracies[0] - accuracies[1]) < 0.02
