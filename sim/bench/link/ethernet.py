"""Bench of the network stack against its twin: any frames, over good and bad lines."""

import os
from typing import Any

import cocotb

from .ethernet_parts import GAP_BYTES, begin


@cocotb.test()
async def any_traffic(dut: Any) -> None:
    """Frames of every kind, sound and spoiled: packets, answers and counts are the twin's."""
    bench = await begin(dut)
    bench.gaps_bytes = [GAP_BYTES, GAP_BYTES, 13, 40, 150]
    for _ in range(int(os.environ["DEEP3_CASES"])):
        bench.endpoint.stall = bench.rng.choice((0.0, 0.0, 0.05))
        bench.endpoint.gap = bench.rng.choice((0.0, 0.2, 0.6))
        for _ in range(bench.rng.randrange(1, 5)):
            bench.send(bench.traffic.next())
        await bench.settle()
        bench.scoreboard.check()


@cocotb.test()
async def narrow_gaps(dut: Any) -> None:
    """Neighbours that keep no distance do each other no harm."""
    bench = await begin(dut)
    bench.gaps_bytes = [1, 2, 3, 5]
    bench.traffic.spoil = 0.6
    bench.endpoint.answer = 0.2
    for _ in range(int(os.environ["DEEP3_CASES"])):
        for _ in range(4):
            bench.send(bench.traffic.next())
        await bench.settle()
        bench.scoreboard.check()
