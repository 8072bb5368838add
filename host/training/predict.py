"""Classes and accuracy from a checkpoint."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deep3.hdl.contract.fixed_point import from_q3_12, saturate_q3_12
from deep3.host.data import DataError, load
from deep3.host.data.dataset import check_features
from deep3.host.data.sources import numbers, read_npz

from .checkpoint import Checkpoint, CheckpointError

__all__ = ["predict"]


def predict(run: str, data: str | None, output: Path | None) -> dict[str, object]:
    """Classify the test samples of data set ``data``, or all samples of an ``.npz`` file.

    ``run`` is a run folder or a checkpoint; ``data`` None takes the data set of the run; ``output`` gets one class
    index a line.

    Raises
    ------
    CheckpointError, DataError, ProjectionError, OSError
        For a checkpoint or data that are missing or do not fit each other.
    """
    path = Path(run)
    if not path.exists():
        raise CheckpointError(f"{run}: no such run; name a run folder or a checkpoint.npz")
    checkpoint = Checkpoint.load(path / "checkpoint.npz" if path.is_dir() else path)
    x, labels, name = _samples(checkpoint.data, None) if data is None else _samples(data, data)
    words, clipped = saturate_q3_12(checkpoint.projection.transform(x))
    classes = checkpoint.network.outputs(from_q3_12(words).astype(np.float32)).argmax(axis=1)
    if output is not None:
        output.write_text("".join(f"{index}\n" for index in classes), encoding="utf-8")
    return {
        "data": name,
        "samples": len(classes),
        "accuracy": None if labels is None else float((classes == labels).mean()),
        "clipped_inputs": clipped,
        "iteration": checkpoint.iteration,
        "output": None if output is None else str(output),
    }


def _samples(source: str, given: str | None) -> tuple[NDArray[np.float32], NDArray[np.int64] | None, str]:
    """Samples, labels where there are any, and a name."""
    if given is None or not given.endswith(".npz"):
        dataset = load(source)
        return dataset.x_test, dataset.y_test, f"{dataset.name} (test)"
    path = Path(given)
    arrays = read_npz(path)
    if "X" not in arrays:
        raise DataError(f"{path}: key 'X' is missing; found: {', '.join(arrays) or 'nothing'}")
    x = numbers(path, "X", arrays["X"])
    if "scale" in arrays:
        x = x * numbers(path, "scale", arrays["scale"])
    check_features(f"{path}: X", x)
    if "y" not in arrays:
        return x, None, path.name
    labels = arrays["y"]
    if labels.shape != (len(x),) or not np.issubdtype(labels.dtype, np.integer):
        raise DataError(f"{path}: y must be {len(x)} integers, not {labels.dtype} of the shape {labels.shape}")
    return x, labels.astype(np.int64), path.name
