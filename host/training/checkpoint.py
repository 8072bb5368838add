"""Checkpoints: a trained network with everything that prediction needs, in one ``.npz`` file."""

import os
import tempfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deep3.compiler.network.network import Network
from deep3.errors import Deep3Error
from deep3.hdl.contract.fixed_point import from_q3_12, saturate_q3_12
from deep3.hdl.contract.program import Function, Loss
from deep3.host.data import Origin
from deep3.host.data.arrays import read_npz
from deep3.host.global_network.global_network import GlobalNetwork
from deep3.host.projection.dictionary import Projection

__all__ = ["Checkpoint", "CheckpointError"]

VERSION = 2


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
        words, clipped = saturate_q3_12(self.projection.transform(x))
        return self.network.outputs(from_q3_12(words).astype(np.float32)), clipped

    def save(self, path: Path) -> None:
        """Write to ``path`` in one step: whoever reads it finds the old file or the new one, never a part."""
        topology, projection = self.network.topology, self.projection
        arrays: dict[str, NDArray[np.generic]] = {
            "version": np.array(VERSION),
            "sizes": np.array(topology.sizes),
            "functions": np.array(topology.functions),
            "loss": np.array(topology.loss),
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
                np.savez_compressed(file, allow_pickle=False, **arrays)
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
        functions = tuple(Function(int(value)) for value in arrays["functions"])
        sizes = tuple(int(size) for size in arrays["sizes"])
        topology = Network.dense(sizes, functions, Loss(int(arrays["loss"])))
        weights = [arrays[f"weights_{layer}"].astype(np.float64) for layer in range(len(topology.layers))]
        for matrix, shape in zip(weights, pairwise(sizes), strict=True):
            if matrix.shape != (shape[1], shape[0] + 1) or not np.isfinite(matrix).all():
                raise CheckpointError(f"weights must be {shape[1]} x {shape[0] + 1} finite numbers")
        class_names = tuple(map(str, arrays["class_names"].tolist()))
        if len(class_names) != sizes[-1]:
            raise CheckpointError(f"class names must be {sizes[-1]} like the outputs, not {len(class_names)}")
        for name in ("projection_mean", "projection_offset", "projection_exponents", "projection_basis"):
            values = arrays.get(name, np.zeros(1))
            if values.dtype.kind not in "iuf" or not np.isfinite(values).all():
                raise CheckpointError(f"{name} must hold finite numbers")
        basis = arrays.get("projection_basis")
        projection = Projection(
            arrays["projection_mean"].astype(np.float32),
            None if basis is None else basis.astype(np.float32),
            arrays["projection_offset"].astype(np.float32),
            arrays["projection_exponents"].astype(np.int64),
        )
        network = GlobalNetwork(topology, float(arrays["ratio"]), weights)
        source, labels, digest = map(str, arrays["data"].tolist())
        return cls(network, projection, class_names, Origin(source, labels, digest), int(arrays["iteration"]))
