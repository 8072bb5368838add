"""Samples and labels of a run."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["TrainingSet"]


@dataclass(frozen=True)
class TrainingSet:
    """What the workers train on and the coordinator validates on: ``samples x features`` Q3.12 words and labels.

    The test samples are for the best network at the end of a run: nothing before looks at them.
    """

    inputs: NDArray[np.int16]
    labels: NDArray[np.int64]
    validation_inputs: NDArray[np.float32]
    validation_labels: NDArray[np.int64]
    test_inputs: NDArray[np.float32] | None = None
    test_labels: NDArray[np.int64] | None = None
