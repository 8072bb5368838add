"""Loss unit: softmax with cross entropy, squared error, argmax. Twin of the loss unit (docs/engine.md).

Outputs come as int64 tensors [samples, classes]; division is a subtraction in the logarithm.
"""

import math
from functools import cache

import torch
from torch import Tensor

from .fixed import saturate

__all__ = ["argmax", "exp2_table", "log2_table", "mse", "softmax"]

_LOG2_E = 1477
"""log2 e with 10 fraction bits."""


@cache
def exp2_table(entries: int) -> Tensor:
    """2^(-f/entries) in U1.15."""
    return torch.tensor([round(32768 * 2 ** (-f / entries)) for f in range(entries)], dtype=torch.int64)


@cache
def log2_table(entries: int) -> Tensor:
    """log2(1 + x) with 8 fraction bits, amid each of ``entries`` intervals of [0, 1), but 0 in the first."""
    middles = [(f + 0.5) / entries if f else 0.0 for f in range(entries)]
    return torch.tensor([round(256 * math.log2(1 + x)) for x in middles], dtype=torch.int64)


def _exp2(t: Tensor, entries: int) -> Tensor:
    """2^t in U1.15 for t with 8 fraction bits, clipped to t <= 0."""
    index_bits = entries.bit_length() - 1
    drop = 8 - index_bits
    v = ((-t).clamp(min=0) + (1 << drop >> 1)) >> drop
    whole = v >> index_bits
    shifted = exp2_table(entries)[v & (entries - 1)] >> whole.clamp(max=16)
    return torch.where(whole > 15, torch.zeros_like(shifted), shifted)


def _log2(s: Tensor, entries: int) -> Tensor:
    """log2 of s in U.15 (s >= 32768) with 8 fraction bits."""
    index_bits = entries.bit_length() - 1
    # frexp is exact: a sum of at most 256 exponentials has 24 bits.
    leading = torch.frexp(s.to(torch.float64)).exponent.to(torch.int64) - 1
    fraction = (s >> (leading - index_bits)) & (entries - 1)
    return ((leading - 15) << 8) + log2_table(entries)[fraction]


def _is_label(outputs: Tensor, labels: Tensor) -> Tensor:
    return torch.arange(outputs.shape[1]) == labels.unsqueeze(1)


def softmax(logits: Tensor, labels: Tensor, entries: int) -> Tensor:
    """Gradient of the cross entropy after softmax: Q1.14 errors [samples, classes].

    Parameters
    ----------
    logits
        Q7.8.
    labels
        [samples]; a label that names no class is a target of all zeros.
    entries
        ``EngineConfig.exponential_entries``.
    """
    largest = logits.max(dim=1, keepdim=True).values
    t = ((logits - largest) * _LOG2_E + 512) >> 10
    total = _exp2(t, entries).sum(dim=1, keepdim=True)
    probability = (2 * _exp2(t - _log2(total, entries), entries)).clamp(max=65535)
    return (probability - (_is_label(logits, labels).to(torch.int64) << 16) + 2) >> 2


def mse(outputs: Tensor, labels: Tensor) -> Tensor:
    """Gradient of half the squared distance to the one-hot label: Q3.12 outputs in, Q1.14 errors out."""
    return saturate((outputs - (_is_label(outputs, labels).to(torch.int64) << 12)) * 4, 16)[0]


def argmax(outputs: Tensor) -> Tensor:
    """Index of the largest output of each sample, the first of equals."""
    classes = outputs.shape[1]
    largest = outputs == outputs.max(dim=1, keepdim=True).values
    return torch.where(largest, torch.arange(classes), classes).min(dim=1).values
