"""A network computed by PyTorch's own layers: what the reference, the workers and the importers are held against."""

from collections.abc import Sequence

import torch
from torch.nn import functional

from deep3.compiler.network.layers import Convolution, Dense, Dropout, Flatten, MaxPool, MeanPool
from deep3.compiler.network.network import Network
from deep3.hdl.contract.program import Function, Loss

TORCH = {
    Function.IDENTITY: lambda z: z,
    Function.RELU: torch.relu,
    Function.TANH: torch.tanh,
    Function.SIGMOID: torch.sigmoid,
}


def torch_outputs(
    network: Network, weights: Sequence[torch.Tensor], x: torch.Tensor, kept: Sequence[torch.Tensor] = ()
) -> torch.Tensor:
    """Outputs before any softmax; ``kept`` has one mask for each dropout, or none at all."""
    matrices, masks = iter(weights), iter(kept)
    for layer in network.layers:
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
            case Dropout() if kept:
                x = x * next(masks) / (1 - layer.probability)
        if isinstance(layer, Dense | Convolution | MeanPool):
            x = TORCH[layer.function](x)
    return x


def torch_losses(network: Network, y: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Loss of each sample."""
    if network.loss is Loss.MSE:
        return 0.5 * (y - functional.one_hot(labels, network.classes)).square().sum(dim=1)
    return functional.cross_entropy(y, labels, reduction="none")
