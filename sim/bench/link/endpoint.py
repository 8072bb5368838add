"""Bench of the packet endpoint against its twin, over bad networks and slow engines."""

import os
import random
from collections.abc import Callable
from typing import Any

import cocotb

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Space
from deep3.hdl.contract.protocol import (
    ACK_REQUEST,
    MAX_PACKET_BYTES,
    MAX_PAYLOAD_WORDS,
    Welcome,
    pack_address,
    parse_packet,
)

from .endpoint_parts import Bench
from .endpoint_traffic import MOST_BATCHES, Delivery

MEMORIES = tuple(space for space in Space if space is not Space.COUNTER)


async def begin(dut: Any) -> Bench:
    config = EngineConfig.from_toml(os.environ["DEEP3_CONFIG"])
    bench = Bench(dut, random.Random(int(os.environ["DEEP3_SEED"])), config)
    await bench.reset()
    return bench


@cocotb.test()
async def one_by_one(dut: Any) -> None:
    """A host that waits for every reply: each is the twin's, to the last byte."""
    bench = await begin(dut)
    for _ in range(int(os.environ["DEEP3_CASES"])):
        bench.pace()
        bench.send(bench.traffic.next())
        await bench.settle()
        bench.scoreboard.check_replies(exact=True)
    bench.scoreboard.check_events()


@cocotb.test()
async def without_waiting(dut: Any) -> None:
    """Hosts that send on and on: every packet is acted upon and answered as by the twin, in order."""
    bench = await begin(dut)
    for _ in range(int(os.environ["DEEP3_CASES"])):
        bench.pace()
        bench.send(bench.traffic.next())
        for _ in range(bench.rng.randrange(100)):
            await bench.cycle()
    await bench.settle()
    bench.scoreboard.check_replies(exact=False)
    for delivery in bench.traffic.handshake():
        bench.send(delivery)
    await bench.settle()
    bench.send(bench.traffic.status())
    await bench.settle()
    bench.scoreboard.check_replies(exact=True)
    bench.scoreboard.check_events()


@cocotb.test()
async def session_after_garbage(dut: Any) -> None:
    """Whatever came before, and with a run on, two HELLOs open a session that stores and gives back words."""
    bench = await begin(dut)
    for _ in range(int(os.environ["DEEP3_CASES"]) // 20 + 1):
        bench.pace()
        bench.send(bench.traffic.start())
        for _ in range(bench.rng.randrange(1, 12)):
            bench.send(bench.traffic.spoiled())
        await bench.settle()
        bench.scoreboard.check_replies(exact=False)
        address = bench.traffic.place(Space.WEIGHT, 40)
        for delivery in bench.traffic.handshake():
            bench.send(delivery)
        bench.send(bench.traffic.write(address, 40, ACK_REQUEST))
        bench.send(bench.traffic.read(address, 40))
        written = bench.traffic.engine.events[-40:]
        await bench.settle()
        opened, answered = parse_packet(bench.monitor.packets[-3]), parse_packet(bench.monitor.packets[-1])
        assert Welcome.parse(opened.payload).session == bench.traffic.twin.session
        assert answered.payload == b"".join(int(str(event[3])).to_bytes(2, "little") for event in written)
        bench.scoreboard.check_replies(exact=False)
    bench.scoreboard.check_events()


@cocotb.test()
async def everything_in_its_turn(dut: Any) -> None:
    """Commands act in their turn only, START on an idle engine only; while a run is on counters alone can be read; an
    odd packet never acts."""
    bench = await begin(dut)
    traffic = bench.traffic
    for delivery in traffic.handshake():
        bench.send(delivery)
    counters = pack_address(Space.COUNTER, 0)
    steps: list[Callable[[], Delivery]] = [
        lambda: traffic.start(ahead=1),
        lambda: traffic.commit(1, ahead=2),
        lambda: traffic.deliver(traffic.odd()),
        lambda: traffic.start(),
        lambda: traffic.read(counters, 3),
        lambda: traffic.read(traffic.place(bench.rng.choice(MEMORIES), 3), 3),
        lambda: traffic.start(),
        lambda: traffic.start(ahead=1),
        lambda: traffic.commit(MOST_BATCHES, ahead=1),
        lambda: traffic.commit(MOST_BATCHES),
        lambda: traffic.read(traffic.place(bench.rng.choice(MEMORIES), 3), 3),
    ]
    rounds = int(os.environ["DEEP3_CASES"]) // 20 + 1
    for _ in range(rounds):
        bench.pace()
        for step in steps:
            bench.send(step())
            await bench.settle()
            bench.scoreboard.check_replies(exact=True)
    bench.scoreboard.check_events()
    assert traffic.twin.runs_started == rounds


@cocotb.test()
async def long_stalls(dut: Any) -> None:
    """Nothing is lost or taken twice when replies, or words to the engine, stand still for long."""
    bench = await begin(dut)
    for delivery in bench.traffic.handshake():
        bench.send(delivery)
    await bench.settle()
    for which in ("tx", "bus", "both"):
        bench.monitor.stall = float(which != "bus")
        bench.bus.wait = float(which != "tx")
        for _ in range(12):
            bench.send(bench.traffic.write(pack_address(Space.ACTIVATION, bench.rng.randrange(1000)), 30, ACK_REQUEST))
            bench.send(bench.traffic.read(pack_address(Space.ACTIVATION, bench.rng.randrange(1000)), 30))
        for _ in range(5000):
            await bench.cycle()
        assert not bench.driver.idle, "rx took more packets than there are buffers"
        bench.monitor.stall = bench.bus.wait = 0.0
        await bench.settle()
        bench.scoreboard.check_replies(exact=False)
    bench.scoreboard.check_events()


@cocotb.test()
async def full_packets_at_line_rate(dut: Any) -> None:
    """Full WRITEs enter, and full DATA leave, at a byte a cycle but for a few cycles between packets."""
    bench = await begin(dut)
    packets = 12
    for delivery in bench.traffic.handshake():
        bench.send(delivery)
    await bench.settle()
    begun = bench.cycles
    for _ in range(packets):
        bench.send(bench.traffic.write(pack_address(Space.ACTIVATION, 0), MAX_PAYLOAD_WORDS))
    while not bench.driver.idle:
        await bench.cycle()
    assert bench.cycles - begun <= packets * (MAX_PACKET_BYTES + 4)
    await bench.settle()
    bench.scoreboard.check_replies(exact=False)
    begun = bench.cycles
    for index in range(packets):
        bench.send(bench.traffic.read(pack_address(Space.ACTIVATION, index), MAX_PAYLOAD_WORDS))
    while len(bench.monitor.packets) < packets:
        await bench.cycle()
    assert bench.cycles - begun <= packets * (MAX_PACKET_BYTES + 30) + 60
    bench.scoreboard.check_replies(exact=True)
    bench.scoreboard.check_events()
