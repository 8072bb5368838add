"""Bench of the network stack against its twin: a full line, and more than there is room for."""

from typing import Any

import cocotb

from .ethernet_parts import GAP_BYTES, begin

LONGEST = 1472


@cocotb.test()
async def full_line(dut: Any) -> None:
    """The longest packets in, and as long answers out, with the shortest gap: nothing is lost, no byte time idle."""
    bench = await begin(dut)
    packets = 6
    bench.endpoint.answer = 0.0
    for _ in range(packets):
        bench.send(bench.traffic.arrive(bench.traffic.packet(LONGEST)))
    await bench.settle()
    bench.scoreboard.check()
    bench.endpoint.answer, bench.endpoint.keep, bench.endpoint.answer_bytes = 1.0, 1.0, LONGEST
    for _ in range(packets):
        bench.send(bench.traffic.arrive(bench.traffic.packet(20)))
    await bench.settle()
    bench.scoreboard.check()
    gaps = bench.gaps_seen[1 - packets :]
    assert gaps == [GAP_BYTES] * (packets - 1), f"gaps are {gaps}"


@cocotb.test()
async def full_up(dut: Any) -> None:
    """An endpoint that stands still: what finds no room is counted, and afterwards all is well."""
    bench = await begin(dut)
    for size in (30, LONGEST):
        bench.endpoint.stall = 1.0
        bench.traffic.spoil = 0.0
        for _ in range(8 if size > 30 else 70):
            bench.send(bench.traffic.arrive(bench.traffic.packet(size)))
            bench.send(bench.traffic.next())
        while not bench.source.idle():
            await bench.wait_bytes(100)
        bench.endpoint.stall = 0.0
        await bench.settle()
        assert bench.scoreboard.counted["room"], "everything had room"
        bench.scoreboard.check()
        for _ in range(3):
            bench.send(bench.traffic.next())
        await bench.settle()
        assert not bench.scoreboard.counted["room"]
        bench.scoreboard.check()
