"""Samples and labels of a run."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deep3.host.global_network.global_network import Evaluation, GlobalNetwork

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

    def test(self, network: GlobalNetwork) -> Evaluation | None:
        """A network on the test samples; None where there are none."""
        if self.test_inputs is None or self.test_labels is None:
            return None
        return network.evaluate(self.test_inputs, self.test_labels)
