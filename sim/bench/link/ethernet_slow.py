"""Bench of the network stack on a clock that is too slow for its line: frames are lost and counted, none is mangled."""

from typing import Any

import cocotb

from .ethernet_parts import begin


@cocotb.test()
async def frames_are_lost_whole(dut: Any) -> None:
    """Packets and answers that come through are the twin's, the rest is counted; a frame that breaks off says so."""
    bench = await begin(dut)
    scoreboard = bench.scoreboard
    bench.tolerates_broken = True
    bench.traffic.spoil = 0.0
    sound = 0
    for size in (1, 100, 400, 20, 400) * 2:
        bench.send(bench.traffic.arrive(bench.traffic.packet(size)))
        sound += 1
        await bench.settle()
    assert scoreboard.counted["error"], "no frame was lost on its way in"
    assert scoreboard.counted["underrun"], "no frame broke off on its way out"
    assert scoreboard.missing + len(scoreboard.packets) == scoreboard.counted["error"] <= sound
    assert bench.broken == scoreboard.counted["underrun"] == len(scoreboard.replies) + scoreboard.missing_replies
