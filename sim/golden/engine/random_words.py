"""Random words of the stochastic rounding: one 32-bit Galois LFSR for each group of four columns.

The LFSR is linear over GF(2): its states from any start are the XOR of its states from the start's single bits.
Those are kept, for as many vectors as were ever asked for at once.
"""

from functools import cache

import torch
from torch import Tensor

from deep3.hdl.contract.geometry import GROUP_COLUMNS
from deep3.hdl.contract.rounding import LFSR_BITS, LFSR_STEPS_A_VECTOR, group_seed, lfsr_advance

__all__ = ["GROUP_COLUMNS", "RandomWords"]


@cache
def _basis(doublings: int) -> Tensor:
    """[32, 2^doublings]: row b holds the states of successive vectors, from a state whose only bit is b."""
    if doublings == 0:
        return torch.tensor([[1 << bit] for bit in range(LFSR_BITS)], dtype=torch.int64)
    first = _basis(doublings - 1)
    middle = [lfsr_advance(int(state), LFSR_STEPS_A_VECTOR) for state in first[:, -1]]
    second = torch.stack([_states(state, first) for state in middle])
    return torch.cat([first, second], dim=1)


def _states(start: int, basis: Tensor) -> Tensor:
    """The states of successive vectors from ``start``, one for each column of ``basis``."""
    states = torch.zeros(basis.shape[1], dtype=torch.int64)
    for bit in range(LFSR_BITS):
        if start >> bit & 1:
            states ^= basis[bit]
    return states


class RandomWords:
    """The random words of the lanes, vector by vector.

    Parameters
    ----------
    columns : int
        Lanes of the array; the last group of four may be narrower.
    seed : int
        32-bit seed other than 0, as in START; power-up acts as 1.

    Attributes
    ----------
    states : list of int
        The LFSRs before the next vector.
    """

    def __init__(self, columns: int, seed: int = 1) -> None:
        self.columns = columns
        self.restart(seed)

    def restart(self, seed: int) -> None:
        """Set every group to its state for ``seed``.

        Raises
        ------
        ValueError
            When the seed is not a 32-bit number other than 0.
        """
        if not 1 <= seed < 1 << 32:
            raise ValueError(f"seed must be between 1 and {(1 << 32) - 1}, not {seed!r}")
        groups = -(-self.columns // GROUP_COLUMNS)
        self.states = [group_seed(seed, group) for group in range(groups)]

    def take(self, vectors: int) -> Tensor:
        """The words of the next ``vectors`` vectors: int64 [vectors, columns], each in 0..65535."""
        basis = _basis(vectors.bit_length())[:, : vectors + 1]
        states = torch.stack([_states(state, basis) for state in self.states], dim=1)
        self.states = [int(state) for state in states[vectors]]
        rotations = 8 * torch.arange(GROUP_COLUMNS, dtype=torch.int64)
        states = states[:vectors].unsqueeze(2)
        rotated = states >> rotations | states << (32 - rotations)
        return (rotated & 0xFFFF).flatten(1)[:, : self.columns]
