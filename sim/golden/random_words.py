"""Random words of the stochastic rounding: one 32-bit Galois LFSR for each group of four columns.

The LFSR is linear over GF(2), so a long run of states is made by doubling: states n..2n-1 are states 0..n-1
after a jump of n vectors, and a jump is four table look-ups, one for each byte of the state.
"""

from functools import cache

import torch
from torch import Tensor

__all__ = ["GROUP_COLUMNS", "LFSR_MASK", "STEPS_A_VECTOR", "RandomWords", "group_seed", "lfsr_step"]

LFSR_MASK = 0x80200003
"""x^32 + x^22 + x^2 + x + 1, shifting right."""
GROUP_COLUMNS = 4
STEPS_A_VECTOR = 16
_GOLDEN_RATIO = 0x9E3779B9


def lfsr_step(state: int) -> int:
    """One step of the Galois LFSR."""
    return (state >> 1) ^ (LFSR_MASK if state & 1 else 0)


def group_seed(seed: int, group: int) -> int:
    """The state of LFSR ``group`` after START with ``seed`` (never 0: an LFSR cannot leave 0)."""
    return (seed ^ (group * _GOLDEN_RATIO & 0xFFFFFFFF)) or 1


@cache
def _jump_table(doublings: int) -> Tensor:
    """[4, 256]: the state after ``2^doublings`` vectors is the XOR of one entry a byte of the state."""
    if doublings == 0:
        images = []
        for bit in range(32):
            state = 1 << bit
            for _ in range(STEPS_A_VECTOR):
                state = lfsr_step(state)
            images.append(state)
        columns = torch.tensor(images, dtype=torch.int64)
    else:
        half = _jump_table(doublings - 1)
        columns = _jump(_jump(torch.tensor([1 << bit for bit in range(32)], dtype=torch.int64), half), half)
    byte = torch.arange(256, dtype=torch.int64)
    table = torch.zeros((4, 256), dtype=torch.int64)
    for position in range(4):
        for bit in range(8):
            table[position] ^= (byte >> bit & 1) * columns[8 * position + bit]
    return table


def _jump(states: Tensor, table: Tensor) -> Tensor:
    low = table[0][states & 255] ^ table[1][states >> 8 & 255]
    return low ^ table[2][states >> 16 & 255] ^ table[3][states >> 24]


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
    states : int64 tensor [groups]
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
        self.states = torch.tensor([group_seed(seed, group) for group in range(groups)], dtype=torch.int64)

    def take(self, vectors: int) -> Tensor:
        """The words of the next ``vectors`` vectors: int64 [vectors, columns], each in 0..65535."""
        states = self.states.unsqueeze(0)
        doublings = 0
        while states.shape[0] < vectors + 1:
            states = torch.cat([states, _jump(states, _jump_table(doublings))])
            doublings += 1
        self.states = states[vectors].clone()
        states = states[:vectors]
        rotations = 8 * torch.arange(GROUP_COLUMNS, dtype=torch.int64)
        rotated = states.unsqueeze(2) >> rotations | states.unsqueeze(2) << (32 - rotations)
        return (rotated & 0xFFFF).flatten(1)[:, : self.columns]
