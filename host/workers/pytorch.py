"""Float32 training with PyTorch: the CPU worker, the CUDA worker, and the reference run."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from deep3.compiler.network.layers import Convolution, Dense, Dropout, Flatten, MaxPool, MeanPool
from deep3.compiler.network.network import Network
from deep3.compiler.optimisers.optimiser import SGD, Momentum, Optimiser
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

    def __init__(self, topology: Network, device: str = "cpu", optimiser: Optimiser = SGD) -> None:
        if device == "cuda" and not torch.cuda.is_available():
            raise BackendError(
                "worker cuda needs an NVIDIA GPU and a CUDA build of PyTorch, and PyTorch finds none; use --worker cpu"
            )
        self._topology = topology
        self._device = torch.device(device)
        self._momentum = optimiser.momentum if isinstance(optimiser, Momentum) else 0.0

    def train(
        self, weights: Weights, inputs: NDArray[np.int16], labels: NDArray[np.int64], rate: float, seed: int
    ) -> Trained:
        """See `host.workers.base.Backend.train`; ``seed`` is that of dropout, nothing else here is random."""
        drawn = torch.Generator(self._device).manual_seed(seed)
        parameters = [
            torch.tensor(matrix, dtype=torch.float32, device=self._device, requires_grad=True) for matrix in weights
        ]
        initial = [parameter.detach().clone() for parameter in parameters]
        velocities = [torch.zeros_like(before) for before in initial]
        x = torch.from_numpy(inputs).to(self._device).to(torch.float32) / STEPS
        x = x.reshape(*x.shape[:2], *self._topology.input_shape)
        y = torch.from_numpy(labels).to(self._device)
        correct = torch.zeros((), dtype=torch.int64, device=self._device)
        for batch_x, batch_y in zip(x, y, strict=True):
            outputs = self._outputs(parameters, batch_x, drawn)
            correct += (outputs.detach().argmax(dim=1) == batch_y).sum()
            gradients = torch.autograd.grad(self._loss(outputs, batch_y), parameters)
            with torch.no_grad():
                for parameter, velocity, gradient in zip(parameters, velocities, gradients, strict=True):
                    velocity.mul_(self._momentum).sub_(gradient, alpha=rate)
                    parameter.add_(velocity)
        difference = [
            (after.detach() - before).cpu().numpy().astype(np.float64)
            for after, before in zip(parameters, initial, strict=True)
        ]
        return Trained(difference, int(correct))

    def close(self) -> None:
        """Nothing to give back."""

    def _outputs(self, parameters: list[torch.Tensor], x: torch.Tensor, drawn: torch.Generator) -> torch.Tensor:
        matrices = iter(parameters)
        for layer in self._topology.layers:
            match layer:
                case Dense():
                    matrix = next(matrices)
                    x = functional.linear(x, matrix[:, :-1], matrix[:, -1])
                case Convolution():
                    matrix = next(matrices)
                    kernels = matrix[:, :-1].reshape(layer.maps, x.shape[1], *layer.kernel)
                    x = functional.conv2d(x, kernels, matrix[:, -1], layer.stride, layer.padding)
                case MaxPool():
                    x = functional.max_pool2d(x, layer.kernel, layer.stride, layer.padding, ceil_mode=layer.ceil)
                case MeanPool():
                    x = functional.avg_pool2d(x, layer.kernel, layer.stride, layer.padding, ceil_mode=layer.ceil)
                case Flatten():
                    x = x.flatten(1)
                case Dropout():
                    kept = torch.rand(x.shape, generator=drawn, device=self._device) >= layer.probability
                    x = x * kept / (1 - layer.probability)
            if isinstance(layer, Dense | Convolution | MeanPool):
                x = ACTIVATIONS[layer.function](x)
        return x

    def _loss(self, outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        if self._topology.loss is Loss.MSE:
            targets = functional.one_hot(labels, self._topology.classes).to(outputs.dtype)
            return 0.5 * (outputs - targets).square().sum(dim=1).mean()
        return functional.cross_entropy(outputs, labels)
