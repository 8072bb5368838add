"""A trained network in the hands of a Python program."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deep3.compiler.exporters.onnx_file import Step, write_onnx
from deep3.compiler.exporters.state_dict import state_dict
from deep3.compiler.importers.graph import ModelError
from deep3.compiler.importers.model import import_model
from deep3.compiler.network.network import Network
from deep3.hdl.contract.fixed_point import round_q3_12
from deep3.hdl.contract.program import Loss
from deep3.host.data import read_memory
from deep3.host.projection.projection import Projection
from deep3.host.projection.scaling import is_plain

from .checkpoint import Checkpoint, CheckpointError
from .predict import load_run

if TYPE_CHECKING:
    import torch
    from torch import nn

__all__ = ["Model", "load"]


class Model:
    """A trained classifier: the network, and the projection in front of it.

    Made by `deep3.train` and `deep3.load`.

    Parameters
    ----------
    checkpoint
        What a run keeps.

    Attributes
    ----------
    checkpoint
        As given.

    Examples
    --------
    >>> import deep3
    >>> model = deep3.train("digits", hidden=(16,), epochs=3).model
    >>> model.network.sizes
    (64, 16, 10)
    >>> model.predict([[0.0] * 64]).shape
    (1,)
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint

    @property
    def network(self) -> Network:
        """Layers and loss of the whole network."""
        return self.checkpoint.network.topology

    @property
    def class_names(self) -> tuple[str, ...]:
        """One for each output, in ascending order."""
        return self.checkpoint.class_names

    @property
    def weights(self) -> list[NDArray[np.float32]]:
        """One matrix a layer, ``outputs x (inputs + 1)``, as `outputs` computes with them; the last column holds the
        biases. Copies."""
        return self.checkpoint.network.evaluated_weights()

    def outputs(self, x: ArrayLike) -> NDArray[np.float32]:
        """Outputs of the network (with softmax: the logits), ``samples x classes``.

        Parameters
        ----------
        x
            ``samples x features`` raw numbers, as the network was trained on them: an array, lists or a frame.

        Raises
        ------
        DataError, ProjectionError
            For values that are no finite numbers; for another number of features.
        """
        outputs, _ = self.checkpoint.outputs(read_memory("samples", x, None).x)
        return outputs

    def predict(self, x: ArrayLike) -> NDArray[np.str_]:
        """Class names of samples; parameters and errors as `outputs`."""
        names: NDArray[np.str_] = np.array(self.class_names)[self.outputs(x).argmax(axis=1)]
        return names

    def predict_proba(self, x: ArrayLike) -> NDArray[np.float64]:
        """Probabilities, ``samples x classes``, rows of sum 1; parameters and errors as `outputs`.

        Raises
        ------
        CheckpointError
            For a network with mean square loss, whose outputs are no probabilities.
        """
        if self.network.loss is not Loss.SOFTMAX:
            raise CheckpointError("a network with loss mse has no probabilities; train with loss softmax")
        outputs = self.outputs(x).astype(np.float64)
        powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        probabilities: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
        return probabilities

    def score(self, x: ArrayLike, y: ArrayLike) -> float:
        """Share of samples, 0 to 1, that are classified as their labels ``y`` say; ``x`` as in `outputs`.

        Raises
        ------
        DataError
            As `outputs`, and for labels that are no classes of the network.
        """
        table = read_memory("samples", x, y)
        assert table.labels is not None
        outputs, _ = self.checkpoint.outputs(table.x)
        return float((outputs.argmax(axis=1) == table.labels.among(self.class_names, "y")).mean())

    def inputs(self, x: ArrayLike) -> NDArray[np.float32]:
        """What the network takes of raw samples: projected, scaled, rounded to Q3.12; ``samples x input_shape``.

        Parameters and errors as `outputs`.
        """
        inputs, _ = round_q3_12(self.checkpoint.projection.transform(read_memory("samples", x, None).x))
        return inputs.reshape(len(inputs), *self.network.input_shape)

    def state_dict(self, module: "nn.Module", input_shape: tuple[int, ...] | None = None) -> "dict[str, torch.Tensor]":
        """The trained weights as a state of the module that the network was made of; it takes what `inputs` gives.

        Batch normalisation, which was folded into the layer before it, does nothing more with it.

        Parameters
        ----------
        module
            Of the same layers; it stays as it is, ``load_state_dict`` takes the result.
        input_shape
            Of the samples that it takes; None for those of the network.

        Raises
        ------
        ModelError
            For a module that is another network, or has no place for a bias.
        """
        shapes = [input_shape or self.network.input_shape]
        imported = import_model(module, shapes, self.network.loss)
        if imported.network != self.network:
            raise ModelError(f"{type(module).__name__}: it is another network than the one that was trained")
        return state_dict(module, imported.sources, self.checkpoint.network.evaluated_weights())

    def save_onnx(self, path: str | Path) -> None:
        """Write a file of ONNX that takes raw ``samples`` and gives ``outputs``, as `outputs` does but for rounding.

        Raises
        ------
        OutputError
            When it cannot be written; a file that was there before stays.
        """
        network = self.checkpoint.network
        write_onnx(Path(path), network.topology, network.evaluated_weights(), _steps(self.checkpoint.projection))

    def save(self, path: str | Path) -> None:
        """Write a checkpoint that `deep3.load` and ``deep3 predict`` read.

        Raises
        ------
        OSError
            When it cannot be written; a file that was there before stays.
        """
        self.checkpoint.save(Path(path))


def _steps(projection: Projection) -> list[Step]:
    """A projection in operators of ONNX; none where it leaves samples as they are."""
    if is_plain(projection):
        return []
    steps: list[Step] = [("Sub", projection.mean)]
    if projection.basis is not None:
        steps.append(("MatMul", projection.basis))
    factors = np.ldexp(np.float32(1), -projection.exponents.astype(np.int32))
    return [*steps, ("Sub", projection.offset), ("Mul", factors.astype(np.float32))]


def load(run: str | Path) -> Model:
    """The best network of a run folder, or that of a checkpoint file.

    Raises
    ------
    CheckpointError, DataError
        For one that is missing, damaged or of another kind.

    Examples
    --------
    >>> import deep3
    >>> deep3.train("digits", hidden=(16,), epochs=1).model.save("digits.npz")
    >>> deep3.load("digits.npz").class_names
    ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9')
    """
    return Model(load_run(str(run)))
