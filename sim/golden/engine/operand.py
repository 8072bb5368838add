"""Operand words at other positions than those wanted, and words forced to 1.0: twin of `hdl.engine.operand`."""

import torch
from torch import Tensor

from deep3.hdl.contract.fixed_point import FRACTION_BITS

from .pool import clear_positions

__all__ = ["force_ones", "mask_positions"]


def mask_positions(words: Tensor, positions: Tensor, mask_bits: int) -> Tensor:
    """Words at these positions, without them; 0 for all others. ``positions`` has the shape of ``words``."""
    here = words & ((1 << mask_bits) - 1) == positions & ((1 << mask_bits) - 1)
    return torch.where(here, clear_positions(words, mask_bits), torch.zeros_like(words))


def force_ones(words: Tensor, forced: Tensor) -> Tensor:
    """Words, 1.0 (Q3.12) where ``forced``, a bool tensor that broadcasts with them."""
    return words.masked_fill(forced, 1 << FRACTION_BITS)
