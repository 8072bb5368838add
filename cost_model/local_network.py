"""From the global network S_G to local networks S_L: the chain of ever smaller ones that a platform may be given."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from deep3.compiler.network.layers import MAX_SIZE
from deep3.compiler.network.network import training_multiply_adds
from deep3.compiler.tensors import pitch_words

__all__ = [
    "FEWEST_FEATURES", "MEASURED_MAPS_RATIO", "MEASURED_RATIO", "SHARES", "GlobalNetwork", "LocalNetwork", "chain",
    "largest", "last", "losses_of_accuracy", "operand_words", "ratio_losses",
]  # fmt: skip

STEPS = 64
SHARES = [step / STEPS for step in range(STEPS - 1, 0, -1)]
"""Of maps and hidden neurons that are weighed where a network does not fit as a whole."""
MEASURED_RATIO = 0.25
"""Share of the hidden neurons down to which local networks were seen to reach the accuracy of the global one: from
there on the embedding shrinks first."""
MEASURED_MAPS_RATIO = 0.5
"""The same of the maps of convolutions: a quarter cost LeNet-5 two points (docs/decisions/0010-embedding-length.md)."""
FEWEST_FEATURES = 8
MEASURED_EMBEDDING = 64
MEASURED_FEATURES_SHARE = 0.25
MEASURED_CLASSES_SHARE = 0.5
"""An embedding shorter than both of the first two, or a layer of fewer neurons than this share of the classes, was seen
to cost about three points of accuracy or more: docs/decisions/0010-embedding-length.md."""

T = TypeVar("T")


@dataclass(frozen=True)
class GlobalNetwork:
    """S_G: features, neurons of the hidden layers, classes."""

    features: int
    hidden: tuple[int, ...]
    classes: int

    @property
    def sizes(self) -> tuple[int, ...]:
        """All layers."""
        return (self.features, *self.hidden, self.classes)

    @property
    def macs(self) -> int:
        """Multiply-adds of one sample, forward, backward and gradient; errors stop before the input."""
        return training_multiply_adds(self.sizes)


@dataclass(frozen=True)
class LocalNetwork:
    """S_L: ``sizes`` of all layers, the first being the embedding; ``ratio`` is the share of the hidden neurons."""

    sizes: tuple[int, ...]
    ratio: float

    @property
    def embedding(self) -> int:
        """Length l of the embedding."""
        return self.sizes[0]

    @property
    def edges(self) -> int:
        """Weights, biases not counted."""
        return sum(inner * outer for inner, outer in pairwise(self.sizes))


def chain(network: GlobalNetwork) -> list[LocalNetwork]:
    """Local networks from the largest to the smallest, each in no layer larger than the one before.

    First the share of the hidden neurons falls to `MEASURED_RATIO`, then the embedding to a 64th of the features, then
    the share again.
    """
    shares = [(1.0, step / STEPS) for step in range(STEPS, int(STEPS * MEASURED_RATIO), -1)]
    shares += [(step / STEPS, MEASURED_RATIO) for step in range(STEPS, 0, -1)]
    shares += [(1 / STEPS, step / STEPS) for step in range(int(STEPS * MEASURED_RATIO) - 1, 0, -1)]
    found: list[LocalNetwork] = []
    for features_share, ratio in shares:
        least = min(network.features, FEWEST_FEATURES)
        embedding = min(MAX_SIZE, max(least, round(network.features * features_share)))
        hidden = tuple(min(MAX_SIZE, max(1, round(size * ratio))) for size in network.hidden)
        local = LocalNetwork((embedding, *hidden, network.classes), ratio if network.hidden else 1.0)
        if not found or found[-1].sizes != local.sizes:
            found.append(local)
    return found


def losses_of_accuracy(local: LocalNetwork, network: GlobalNetwork) -> list[str]:
    """Why a local network is too small to reach the accuracy of the global one, in words; nothing where it is not
    known to be."""
    found = []
    least = min(MEASURED_EMBEDDING, round(MEASURED_FEATURES_SHARE * network.features))
    if local.embedding < least:
        found.append(f"{local.embedding} of {network.features} inputs, fewer than {least}")
    if network.hidden:
        found += ratio_losses(local.ratio, "hidden neurons", MEASURED_RATIO)
    few = MEASURED_CLASSES_SHARE * network.classes
    for inside, outside in zip(local.sizes[1:-1], network.hidden, strict=True):
        if inside < few <= outside:
            found.append(f"a layer of {inside} neurons for {network.classes} classes, fewer than {few:g}")
    return found


def ratio_losses(ratio: float, what: str, least: float) -> list[str]:
    """The share of ``what`` in words where it is smaller than ``least``, which was seen to reach the accuracy of the
    whole."""
    return [f"{ratio:.0%} of the {what}, less than {least:.0%}"] if ratio < least else []


def largest(candidates: Sequence[T], fits: Callable[[T], bool]) -> int | None:
    """Index of the first of ever smaller ones that fits; None where none does.

    What is smaller than what fits must fit.
    """
    low, high = 0, len(candidates)
    while low < high:
        middle = (low + high) // 2
        if fits(candidates[middle]):
            high = middle
        else:
            low = middle + 1
    return low if low < len(candidates) else None


def last(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The last number from ``low``, where it holds, to ``high`` up to which ``holds`` does."""
    while low < high:
        middle = (low + high + 1) // 2
        if holds(middle):
            low = middle
        else:
            high = middle - 1
    return low


def operand_words(sizes: tuple[int, ...], batch: int, buffers: int, banks: int) -> tuple[int, int, int]:
    """Words of the activation, weight and error memories that a `compiler.layout.Layout` takes."""
    hidden, classes = sizes[1:-1], sizes[-1]
    activations = sum(pitch_words(size + 1, banks) for size in hidden) + pitch_words(classes, banks)
    activations += buffers * pitch_words(sizes[0] + 1, banks)
    weights = sum(outer * pitch_words(inner + 1, banks) for inner, outer in pairwise(sizes))
    errors = sum(pitch_words(size, banks) for size in sizes[1:])
    return batch * activations, weights, batch * errors
