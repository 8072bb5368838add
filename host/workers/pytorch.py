"""Float32 training with PyTorch: the CPU worker, the CUDA worker, and the reference run."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from deep3.compiler.network.layers import Convolution, Dense, Dropout, Flatten, MaxPool, MeanPool
from deep3.compiler.network.network import Network
from deep3.compiler.optimisers.optimiser import SGD, Adagrad, Momentum, Optimiser
from deep3.hdl.contract.fixed_point import STEPS
from deep3.hdl.contract.program import Function, Loss
from deep3.host.global_network.blocks import Weights

from .base import BackendError, Trained

__all__ = ["PytorchBackend", "use_threads"]

ACTIVATIONS = {
    Function.IDENTITY: lambda z: z,
    Function.RELU: torch.relu,
    Function.TANH: torch.tanh,
    Function.SIGMOID: torch.sigmoid,
}

LEAST_ROOT = 1e-10
"""What PyTorch adds to the roots of Adagrad: a gradient that was always 0 moves nothing."""


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
        self._optimiser = optimiser

    def train(
        self,
        weights: Weights,
        inputs: NDArray[np.int16],
        labels: NDArray[np.int64],
        rate: float,
        seed: int,
        state: Sequence[NDArray[np.float32]] = (),
    ) -> Trained:
        """See `host.workers.base.Backend.train`; ``seed`` is that of dropout, nothing else here is random."""
        drawn = torch.Generator(self._device).manual_seed(seed)
        initial = self._tensors(weights)
        parameters = [before.clone().requires_grad_() for before in initial]
        # What an optimiser without a state is given is never looked at.
        initial_state = self._tensors(state or [np.zeros_like(matrix) for matrix in weights])
        kept = [before.clone() for before in initial_state]
        x = torch.from_numpy(inputs).to(self._device).to(torch.float32) / STEPS
        x = x.reshape(*x.shape[:2], *self._topology.input_shape)
        y = torch.from_numpy(labels).to(self._device)
        correct = torch.zeros((), dtype=torch.int64, device=self._device)
        for batch_x, batch_y in zip(x, y, strict=True):
            outputs = self._outputs(parameters, batch_x, drawn)
            correct += (outputs.detach().argmax(dim=1) == batch_y).sum()
            gradients = torch.autograd.grad(self._loss(outputs, batch_y), parameters)
            with torch.no_grad():
                for parameter, words, gradient in zip(parameters, kept, gradients, strict=True):
                    self._update(parameter, words, gradient, rate)
        state_difference = _differences(kept, initial_state) if self._optimiser.state else []
        return Trained(_differences(parameters, initial), int(correct), state_difference)

    def close(self) -> None:
        """Nothing to give back."""

    def _tensors(self, matrices: Sequence[NDArray[np.float32]]) -> list[torch.Tensor]:
        return [torch.tensor(matrix, dtype=torch.float32, device=self._device) for matrix in matrices]

    def _update(self, weights: torch.Tensor, kept: torch.Tensor, gradient: torch.Tensor, rate: float) -> None:
        """Change weights and what the optimiser keeps of them, in place."""
        if self._optimiser.weight_decay:
            gradient = gradient.add(weights, alpha=self._optimiser.weight_decay)
        match self._optimiser:
            case Momentum(momentum=momentum):
                kept.mul_(momentum).sub_(gradient, alpha=rate)
                weights.add_(kept)
            case Adagrad():
                kept.addcmul_(gradient, gradient)
                weights.addcdiv_(gradient, kept.sqrt().add_(LEAST_ROOT), value=-rate)
            case _:
                weights.sub_(gradient, alpha=rate)

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


def _differences(after: list[torch.Tensor], before: list[torch.Tensor]) -> Weights:
    return [(a.detach() - b).cpu().numpy() for a, b in zip(after, before, strict=True)]
