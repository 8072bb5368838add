"""Small published architectures, transcribed from their papers and model files, in the ways that people write them.

Sizes that do not matter to what an importer meets are smaller than published where the name says small.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional


@dataclass(frozen=True)
class Architecture:
    """A model, the shape of its samples, and the message that refuses it, or None where it is lowered."""

    name: str
    make: Callable[[], nn.Module]
    input_shape: tuple[int, ...]
    refused: str | None = None


class LeNet5(nn.Module):
    """LeCun et al. 1998, Figure 2, with complete connections and an affine output."""

    def __init__(self) -> None:
        super().__init__()
        self.c1 = nn.Conv2d(1, 6, 5, padding=2)
        self.c3 = nn.Conv2d(6, 16, 5)
        self.c5 = nn.Linear(400, 120)
        self.f6 = nn.Linear(120, 84)
        self.output = nn.Linear(84, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.avg_pool2d(torch.tanh(self.c1(x)), 2)
        x = functional.avg_pool2d(torch.tanh(self.c3(x)), 2)
        x = torch.tanh(self.c5(x.view(x.size(0), -1)))
        return self.output(self.f6(x).tanh())


def cifar10_quick() -> nn.Module:
    """Caffe's examples/cifar10/cifar10_quick_train_test.prototxt: ceil mode, ReLU behind the max pool."""
    return nn.Sequential(
        nn.Conv2d(3, 32, 5, padding=2), nn.MaxPool2d(3, 2, ceil_mode=True), nn.ReLU(),
        nn.Conv2d(32, 32, 5, padding=2), nn.ReLU(), nn.AvgPool2d(3, 2, ceil_mode=True),
        nn.Conv2d(32, 64, 5, padding=2), nn.ReLU(), nn.AvgPool2d(3, 2, ceil_mode=True),
        nn.Flatten(), nn.Linear(1024, 64), nn.Linear(64, 10),
    )  # fmt: skip


def svhn() -> nn.Module:
    """The SVHN network of Deep3: 5 x 5 x 64, pool 2, twice, 1600-128-10."""
    return nn.Sequential(
        nn.Conv2d(3, 64, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(64, 64, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(1600, 128), nn.ReLU(), nn.Linear(128, 10), nn.LogSoftmax(dim=1),
    )  # fmt: skip


def deep_kws() -> nn.Module:
    """Chen et al. 2014: 41 frames of 40 filterbank energies, three layers of 128."""
    sizes = (1640, 128, 128, 128)
    hidden: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        hidden += [nn.Linear(inputs, outputs), nn.ReLU(inplace=True)]
    return nn.Sequential(*hidden, nn.Linear(128, 12), nn.Softmax(dim=-1))


def all_convolutional_small() -> nn.Module:
    """Springenberg et al. 2015, All-CNN-C with a quarter of the maps: strides in place of pools, a global mean."""
    def block(inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, kernel, stride, padding), nn.ReLU()]

    return nn.Sequential(
        nn.Dropout(0.2), *block(3, 24, 3, 1, 1), *block(24, 24, 3, 1, 1), *block(24, 24, 3, 2, 1), nn.Dropout(0.5),
        *block(24, 48, 3, 1, 1), *block(48, 48, 3, 1, 1), *block(48, 48, 3, 2, 1), nn.Dropout(0.5),
        *block(48, 48, 3), *block(48, 48, 1), nn.Conv2d(48, 10, 1), nn.AvgPool2d(6), nn.Flatten(),
    )  # fmt: skip


class VggSmall(nn.Module):
    """Simonyan and Zisserman 2015, three of their blocks on 32 x 32 with an eighth of the maps."""

    def __init__(self) -> None:
        super().__init__()
        parts: list[nn.Module] = []
        channels = 3
        for item in (8, 8, "M", 16, 16, "M", 32, 32, 32, "M"):
            if item == "M":
                parts.append(nn.MaxPool2d(kernel_size=2, stride=2))
                continue
            assert isinstance(item, int)
            parts += [nn.Conv2d(channels, item, kernel_size=3, padding="same"), nn.ReLU(inplace=True)]
            channels = item
        self.features = nn.Sequential(*parts)
        self.avgpool = nn.AdaptiveAvgPool2d((2, 2))
        self.classifier = nn.Sequential(
            nn.Linear(128, 64), nn.ReLU(True), nn.Dropout(), nn.Linear(64, 64), nn.ReLU(True), nn.Dropout(),
            nn.Linear(64, 10),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


class BatchNormNet(nn.Module):
    """Ioffe and Szegedy 2015: normalisation between product and function, and layers without a bias of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 12, 3, stride=2)
        self.bn2 = nn.BatchNorm2d(12, affine=False)
        self.fc1 = nn.Linear(12 * 6 * 6, 20, bias=False)
        self.bn3 = nn.BatchNorm1d(20)
        self.fc2 = nn.Linear(20, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.max_pool2d(functional.relu(self.bn1(self.conv1(x))), 2)
        x = torch.sigmoid(self.bn2(self.conv2(x))).flatten(start_dim=1)
        return self.fc2(functional.dropout(functional.relu(self.bn3(self.fc1(x))), 0.3, self.training))


class NormaliseFirst(nn.Module):
    """He et al. 2016, pre-activation order: normalisation behind a function."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.norm(torch.relu(self.conv(x))).mean(dim=(2, 3)))


class BasicBlock(nn.Module):
    """He et al. 2016: two convolutions and what goes past them."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(maps, maps, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(maps)
        self.conv2 = nn.Conv2d(maps, maps, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(maps)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(self.bn2(self.conv2(y)) + x)


class ResNetSmall(nn.Module):
    """He et al. 2016 for CIFAR-10, one block."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(BasicBlock(16))
        self.fc = nn.Linear(16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.layer1(functional.relu(self.bn1(self.conv1(x))))
        return self.fc(functional.adaptive_avg_pool2d(x, 1).flatten(1))


def mobilenet_small() -> nn.Module:
    """Howard et al. 2017: a depthwise convolution, then a pointwise one."""
    def separable(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
        return [
            nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False), nn.BatchNorm2d(inputs), nn.ReLU(),
            nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
        ]  # fmt: skip

    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), *separable(8, 16, 1), *separable(16, 32, 2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10),
    )  # fmt: skip


class AlexNetSmall(nn.Module):
    """Krizhevsky et al. 2012 without normalisation and groups, an eighth of the maps on 63 x 63; pools overlap."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 12, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(12, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(32, 48, 3, padding=1), nn.ReLU(), nn.Conv2d(48, 48, 3, padding=1), nn.ReLU(),
            nn.Conv2d(48, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
        )  # fmt: skip
        self.classifier = nn.Sequential(
            nn.Dropout(0.5), nn.Linear(128, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 20)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(x).reshape(-1, 128))


def alexnet_with_normalisation() -> nn.Module:
    """Krizhevsky et al. 2012: local response normalisation behind the first layer."""
    return nn.Sequential(
        nn.Conv2d(3, 12, 5), nn.ReLU(), nn.LocalResponseNorm(5), nn.MaxPool2d(3, 2), nn.Flatten(), nn.Linear(2028, 10)
    )


class NetworkInNetwork(nn.Module):
    """Lin et al. 2014, a sixth of the maps: 1 x 1 convolutions, a global mean in place of fully connected layers."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 32, 5, padding=2), nn.ReLU(), nn.Conv2d(32, 26, 1), nn.ReLU(),
                                   nn.Conv2d(26, 16, 1), nn.ReLU(), nn.MaxPool2d(3, 2, 1), nn.Dropout(0.5))
        self.second = nn.Sequential(nn.Conv2d(16, 32, 5, padding=2), nn.ReLU(), nn.Conv2d(32, 32, 1), nn.ReLU(),
                                    nn.Conv2d(32, 32, 1), nn.ReLU(), nn.AvgPool2d(3, 2, 1), nn.Dropout(0.5))
        self.third = nn.Sequential(nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 1), nn.ReLU(),
                                   nn.Conv2d(32, 10, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.third(self.second(self.first(x)))
        return functional.avg_pool2d(x, 8).squeeze(-1).squeeze(-1)


class Inception(nn.Module):
    """Szegedy et al. 2015: branches side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(1, 4, 1)
        self.wide = nn.Conv2d(1, 4, 3, padding=1)
        self.head = nn.Linear(8 * 64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.cat([self.narrow(x), self.wide(x)], dim=1).flatten(1))


def autoencoder() -> nn.Module:
    """Hinton and Salakhutdinov 2006, small: its end is no vector of classes before any function."""
    return nn.Sequential(
        nn.Linear(64, 32), nn.Sigmoid(), nn.Linear(32, 8),
        nn.Linear(8, 32), nn.Sigmoid(), nn.Linear(32, 64), nn.Sigmoid(),
    )  # fmt: skip


def wavelike() -> nn.Module:
    """van den Oord et al. 2016: dilated convolutions over time."""
    return nn.Sequential(nn.Conv1d(1, 4, 2, dilation=2), nn.Tanh(), nn.Flatten(), nn.Linear(56, 10))


def speech_cnn() -> nn.Module:
    """Sainath and Parada 2015, cnn-trad-fpool3 with an eighth of the maps: kernels that are not square."""
    return nn.Sequential(
        nn.Conv2d(1, 8, (20, 8)), nn.ReLU(), nn.MaxPool2d((1, 3)), nn.Conv2d(8, 8, (10, 4)), nn.ReLU(),
        nn.Flatten(), nn.Linear(8 * 4 * 8, 4), nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 12),
    )  # fmt: skip


class FlatDigits(nn.Module):
    """Simard et al. 2003, small: flat samples that the model cuts into maps, strides instead of pools, no padding."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 5, 5, stride=2)
        self.conv2 = nn.Conv2d(5, 10, 5, stride=2)
        self.weight = nn.Parameter(torch.randn(160, 10) / 13)
        self.bias = nn.Parameter(torch.zeros(10))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.tanh(self.conv1(x.reshape(-1, 1, 28, 28)))
        x = torch.tanh(self.conv2(x))
        return x.flatten(1) @ self.weight + self.bias


ARCHITECTURES = (
    Architecture("lenet-5", LeNet5, (1, 28, 28)),
    Architecture("cifar-10-quick", cifar10_quick, (3, 32, 32)),
    Architecture("svhn", svhn, (3, 32, 32)),
    Architecture("deep-kws", deep_kws, (1640,)),
    Architecture("all-convolutional", all_convolutional_small, (3, 32, 32)),
    Architecture("vgg", VggSmall, (3, 32, 32)),
    Architecture("batch-norm", BatchNormNet, (1, 28, 28)),
    Architecture("alexnet", AlexNetSmall, (3, 63, 63)),
    Architecture("network-in-network", NetworkInNetwork, (3, 32, 32)),
    Architecture("cnn-trad-fpool3", speech_cnn, (1, 32, 40)),
    Architecture("flat-digits", FlatDigits, (784,)),
    Architecture(
        "pre-activation",
        NormaliseFirst,
        (1, 8, 8),
        "norm (BatchNorm2d): batch normalisation stands behind no layer with weights that it could be folded into; "
        "put it directly behind a convolution or a Linear",
    ),
    Architecture(
        "resnet",
        ResNetSmall,
        (3, 32, 32),
        "add in layer1.0 (BasicBlock): it adds two values, as a residual connection does; "
        "a network is one chain of layers: leave it out",
    ),
    Architecture("mobilenet", mobilenet_small, (3, 32, 32), "3 (Conv2d): it has 8 groups of channels; use groups=1"),
    Architecture(
        "alexnet-normalised",
        alexnet_with_normalisation,
        (3, 32, 32),
        "2 (LocalResponseNorm): there is no layer for mul; leave it out; docs/models.md says what there is",
    ),
    Architecture(
        "inception",
        Inception,
        (1, 8, 8),
        "wide (Conv2d): it begins a branch; a network is one chain of layers: use one branch",
    ),
    Architecture(
        "autoencoder",
        autoencoder,
        (64,),
        "Sequential: its end (5 (Linear)) is none of a network: the last of functions must be IDENTITY, not SIGMOID; "
        "the loss takes outputs before any function",
    ),
    Architecture(
        "wavenet",
        wavelike,
        (1, 16),
        "0 (Conv1d): it is over one dimension; use Conv2d with a kernel (1, k) on channels x 1 x length",
    ),
)


def lowered() -> Iterator[Architecture]:
    """Those that become networks."""
    return (architecture for architecture in ARCHITECTURES if architecture.refused is None)


def made(architecture: Architecture, seed: int = 1) -> nn.Module:
    """The model with seeded weights, and statistics of batch normalisation that are not those of a new layer."""
    torch.manual_seed(seed)
    model = architecture.make()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) and module.running_mean is not None:
            assert module.running_var is not None
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
            if module.affine:
                nn.init.normal_(module.weight, 1, 0.2)
                nn.init.normal_(module.bias, 0, 0.2)
    return model
