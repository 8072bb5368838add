"""Float32 training with PyTorch: the CPU worker, the CUDA worker, and the reference run."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from deep3.compiler.network.network import Network
from deep3.hdl.contract.fixed_point import STEPS
from deep3.hdl.contract.program import Function, Loss
from deep3.host.global_network.global_network import Weights

from .base import BackendError, Trained

__all__ = ["PytorchBackend", "use_threads"]

ACTIVATIONS = {
    Function.IDENTITY: lambda z: z,
    Function.RELU: torch.relu,
    Function.TANH: torch.tanh,
    Function.SIGMOID: torch.sigmoid,
}


def use_threads(threads: int) -> None:
    """Let every operation of PyTorch in this process compute with so many threads."""
    torch.set_num_threads(threads)


class PytorchBackend:
    """A local trainer in float32 on ``device``, "cpu" or "cuda" (see `host.workers.base.Backend`).

    Raises
    ------
    BackendError
        For "cuda" where PyTorch finds no CUDA device.
    """

    def __init__(self, topology: Network, device: str = "cpu") -> None:
        if device == "cuda" and not torch.cuda.is_available():
            raise BackendError(
                "worker cuda needs an NVIDIA GPU and a CUDA build of PyTorch, and PyTorch finds none; use --worker cpu"
            )
        self._topology = topology
        self._device = torch.device(device)

    def train(
        self, weights: Weights, inputs: NDArray[np.int16], labels: NDArray[np.int64], rate: float, seed: int
    ) -> Trained:
        """See `host.workers.base.Backend.train`; nothing here is random, so ``seed`` has no effect."""
        parameters = [
            torch.tensor(matrix, dtype=torch.float32, device=self._device, requires_grad=True) for matrix in weights
        ]
        initial = [parameter.detach().clone() for parameter in parameters]
        x = torch.from_numpy(inputs).to(self._device).to(torch.float32) / STEPS
        y = torch.from_numpy(labels).to(self._device)
        correct = torch.zeros((), dtype=torch.int64, device=self._device)
        for batch_x, batch_y in zip(x, y, strict=True):
            outputs = self._outputs(parameters, batch_x)
            correct += (outputs.detach().argmax(dim=1) == batch_y).sum()
            gradients = torch.autograd.grad(self._loss(outputs, batch_y), parameters)
            with torch.no_grad():
                for parameter, gradient in zip(parameters, gradients, strict=True):
                    parameter.sub_(gradient, alpha=rate)
        difference = [
            (after.detach() - before).cpu().numpy().astype(np.float64)
            for after, before in zip(parameters, initial, strict=True)
        ]
        return Trained(difference, int(correct))

    def close(self) -> None:
        """Nothing to give back."""

    def _outputs(self, parameters: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        for parameter, function in zip(parameters, self._topology.functions, strict=True):
            x = ACTIVATIONS[function](functional.linear(x, parameter[:, :-1], parameter[:, -1]))
        return x

    def _loss(self, outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        if self._topology.loss is Loss.MSE:
            targets = functional.one_hot(labels, self._topology.classes).to(outputs.dtype)
            return 0.5 * (outputs - targets).square().sum(dim=1).mean()
        return functional.cross_entropy(outputs, labels)
