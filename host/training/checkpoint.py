"""Checkpoints: a trained network with everything that prediction needs, in one ``.npz`` file."""

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deep3.compiler.network.document import network_from_dict, network_to_dict
from deep3.errors import Deep3Error
from deep3.hdl.contract.fixed_point import round_q3_12
from deep3.host.data import Origin
from deep3.host.data.arrays import read_npz
from deep3.host.global_network.global_network import GlobalNetwork
from deep3.host.projection.projection import Projection

__all__ = ["Checkpoint", "CheckpointError"]

VERSION = 3
MOST_EXPONENT = 1000
"""Of a scale: beyond, no single-precision number is left."""


class CheckpointError(Deep3Error):
    """A file that is not a checkpoint of this program."""


@dataclass(frozen=True)
class Checkpoint:
    """A trained network.

    Attributes
    ----------
    network, projection
        The projection takes samples to inputs of the network.
    class_names
        One for each output of the network.
    origin
        Of the data that it was trained on.
    iteration
        Updates that the network has seen.
    """

    network: GlobalNetwork
    projection: Projection
    class_names: tuple[str, ...]
    origin: Origin
    iteration: int

    def outputs(self, x: NDArray[np.float32]) -> tuple[NDArray[np.float32], int]:
        """Logits ``samples x classes`` of raw samples ``samples x features``, and how many inputs left Q3.12.

        Raises
        ------
        ProjectionError
            For samples with another number of features.
        """
        inputs, clipped = round_q3_12(self.projection.transform(x))
        return self.network.outputs(inputs), clipped

    def save(self, path: Path) -> None:
        """Write to ``path`` in one step: whoever reads it finds the old file or the new one, never a part."""
        topology, projection = self.network.topology, self.projection
        arrays: dict[str, NDArray[np.generic]] = {
            "version": np.array(VERSION),
            "network": np.array(json.dumps(network_to_dict(topology))),
            "ratio": np.array(self.network.ratio),
            "class_names": np.array(self.class_names),
            "data": np.array([self.origin.source, self.origin.labels, self.origin.digest]),
            "iteration": np.array(self.iteration),
            "projection_mean": projection.mean,
            "projection_offset": projection.offset,
            "projection_exponents": projection.exponents,
        }
        if projection.basis is not None:
            arrays["projection_basis"] = projection.basis
        for layer, matrix in enumerate(self.network.weights):
            arrays[f"weights_{layer}"] = matrix
        handle, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(file, allow_pickle=False, **arrays)
            os.replace(partial, path)
        finally:
            Path(partial).unlink(missing_ok=True)

    @classmethod
    def load(cls, path: Path) -> "Checkpoint":
        """Read a file that `save` wrote.

        Raises
        ------
        DataError
            When the file cannot be read.
        CheckpointError
            When it is no checkpoint, or one of another version.
        """
        arrays = read_npz(path)
        if "version" not in arrays:
            raise CheckpointError(f"{path}: not a checkpoint of deep3")
        if arrays["version"].tolist() != VERSION:
            raise CheckpointError(f"{path}: version must be {VERSION}, not {arrays['version'].tolist()!r}; train again")
        try:
            return cls._from_arrays(arrays)
        except (Deep3Error, KeyError, ValueError, TypeError, OverflowError, IndexError) as error:
            reason = " ".join(str(error).split())
            raise CheckpointError(f"{path}: damaged checkpoint: {reason}") from None

    @classmethod
    def _from_arrays(cls, arrays: "dict[str, NDArray[np.generic]]") -> "Checkpoint":
        if "network" not in arrays:
            raise CheckpointError("network is missing")
        topology = network_from_dict(json.loads(str(arrays["network"])))
        weights = [
            _numbers(arrays, f"weights_{layer}", shape).astype(np.float32)
            for layer, shape in enumerate(topology.weight_shapes)
        ]
        class_names = tuple(map(str, arrays["class_names"].tolist()))
        if len(class_names) != topology.classes:
            raise CheckpointError(f"class_names must be {topology.classes} like the outputs, not {len(class_names)}")
        network = GlobalNetwork(topology, float(_numbers(arrays, "ratio")), weights)
        source, labels, digest = map(str, arrays["data"].tolist())
        projection, iteration = _projection(arrays, topology.inputs), int(_numbers(arrays, "iteration"))
        return cls(network, projection, class_names, Origin(source, labels, digest), iteration)


def _projection(arrays: "dict[str, NDArray[np.generic]]", outputs: int) -> Projection:
    mean = _numbers(arrays, "projection_mean").astype(np.float32)
    if mean.ndim != 1 or ("projection_basis" not in arrays and len(mean) != outputs):
        raise CheckpointError(f"projection_mean must be {outputs} numbers, not of the shape {mean.shape}")
    basis = None
    if "projection_basis" in arrays:
        basis = _numbers(arrays, "projection_basis", (len(mean), outputs)).astype(np.float32)
    exponents = _numbers(arrays, "projection_exponents", (outputs,))
    if np.abs(exponents.astype(np.float64)).max() > MOST_EXPONENT:
        raise CheckpointError(f"projection_exponents must be between -{MOST_EXPONENT} and {MOST_EXPONENT}")
    offset = _numbers(arrays, "projection_offset", (outputs,)).astype(np.float32)
    return Projection(mean, basis, offset, exponents.astype(np.int64))


def _numbers(
    arrays: "dict[str, NDArray[np.generic]]", name: str, shape: tuple[int, ...] | None = None
) -> "NDArray[np.generic]":
    """An array of finite real numbers."""
    if name not in arrays:
        raise CheckpointError(f"{name} is missing")
    values = arrays[name]
    if values.dtype.kind not in "biuf" or not np.isfinite(values).all():
        raise CheckpointError(f"{name} must hold finite numbers")
    if shape is not None and values.shape != shape:
        raise CheckpointError(f"{name} must have the shape {shape}, not {values.shape}")
    return values
