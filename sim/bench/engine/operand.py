"""Bench of the mask of an operand and of its forced words: every number of bits, with and without, against its twin."""

import itertools
import os
import random
from typing import Any

import cocotb
import torch

from deep3.hdl.contract.instruction import POSITION_BITS
from deep3.hdl.contract.timing import MASK_CYCLES
from deep3.sim.bench.timeline import Timeline
from deep3.sim.bench.words import pack, random_word, unpack
from deep3.sim.golden.engine.operand import force_ones, mask_positions

WORD_BITS = 16


class Bench:
    """The mask of an operand and its twin."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.rows, self.forced = int(os.environ["DEEP3_ROWS"]), os.environ["DEEP3_FORCED"] == "True"
        self.rng = random.Random(int(os.environ["DEEP3_SEED"]))
        self.board = Timeline(dut, lambda _: unpack(int(dut.result.value), WORD_BITS, self.rows))

    def set(self, masked: bool, mask_bits: int, width: int) -> None:
        self.constants = masked, mask_bits, width
        self.dut.masked.value = int(masked)
        self.dut.mask_bits.value = mask_bits
        if self.forced:
            self.dut.width.value = width

    def present(self) -> torch.Tensor:
        """Drive any vector; what the twin makes of it."""
        rng = self.rng
        position = rng.getrandbits(POSITION_BITS)
        # A position, or one that differs in one bit, is as likely as any other.
        low = [position ^ rng.choice((0, 0, 1 << rng.randrange(POSITION_BITS))) for _ in range(self.rows)]
        near = [random_word(rng) & -(1 << POSITION_BITS) | bits for bits in low]
        words = [rng.choice((word, random_word(rng))) for word in near]
        force_lane, force_all = rng.random() < 0.3, rng.random() < 0.2
        self.dut.words.value = pack(words, WORD_BITS)
        self.dut.position.value = position
        masked, mask_bits, width = self.constants
        found = torch.tensor(words, dtype=torch.int16)
        if masked:
            found = mask_positions(found, torch.full_like(found, position), mask_bits)
        if self.forced:
            self.dut.force_lane.value = int(force_lane)
            self.dut.force_all.value = int(force_all)
            lanes = torch.arange(self.rows) == width - 1
            found = force_ones(found, lanes & force_lane | torch.tensor(force_all))
        return found


@cocotb.test()
async def every_mask(dut: Any) -> None:
    """Every number of bits with every width, with the mask and without."""
    bench = Bench(dut)
    bench.set(False, 0, 1)
    bench.present()
    await bench.board.clock.reset()
    settings = list(itertools.product((False, True), (0, 2, 4), range(1, bench.rows + 1)))
    for masked, mask_bits, width in bench.rng.sample(settings, len(settings)):
        bench.set(masked, mask_bits, width)
        bench.present()
        await bench.board.cycle_ends()
        for _ in range(bench.rng.randint(1, 60)):
            bench.board.expect("result", MASK_CYCLES, tuple(bench.present().tolist()))
            await bench.board.cycle_ends()
    await bench.board.finish()
