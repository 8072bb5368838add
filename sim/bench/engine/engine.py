"""Bench of the whole engine at its host bus: random networks with random gaps on every stream, against the twin."""

import os
import random

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ReadOnly, RisingEdge
from numpy.typing import NDArray

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Counter, Space, StartParameters
from deep3.sim.cases import Case, random_case
from deep3.sim.golden.engine.engine import Engine

Words = NDArray[np.uint16]


class BusDriver:
    """Plays the packet endpoint: words and commands with gaps."""

    def __init__(self, dut: object, rng: random.Random, config: EngineConfig, gap: float) -> None:
        self.dut = dut
        self.rng = rng
        self.gap = gap
        # Behind space and address.
        self.data_bit = 3 + config.encoding.address_bits

    async def reset(self) -> None:
        dut = self.dut
        for name in ("write__valid", "read__valid", "read_data__ready", "start", "commit", "abort"):
            getattr(dut, f"bus__{name}").value = 0
        dut.rst.value = 1
        cocotb.start_soon(Clock(dut.clk, 10, unit="ns").start())
        await RisingEdge(dut.clk)
        await RisingEdge(dut.clk)
        dut.rst.value = 0

    async def write(self, space: Space, address: int, words: Words) -> None:
        dut = self.dut
        for offset, word in enumerate(words.tolist()):
            while self.rng.random() < self.gap:
                await RisingEdge(dut.clk)
            dut.bus__write__payload.value = int(space) | (address + offset) << 3 | word << self.data_bit
            dut.bus__write__valid.value = 1
            await self._accepted(dut.bus__write__ready)
            dut.bus__write__valid.value = 0

    async def read(self, space: Space, address: int, count: int) -> Words:
        dut = self.dut
        words: list[int] = []

        async def collect() -> None:
            while len(words) < count:
                ready = self.rng.random() >= self.gap
                dut.bus__read_data__ready.value = int(ready)
                await ReadOnly()
                if ready and dut.bus__read_data__valid.value:
                    words.append(int(dut.bus__read_data__payload.value))
                await RisingEdge(dut.clk)
            dut.bus__read_data__ready.value = 0

        collecting = cocotb.start_soon(collect())
        for offset in range(count):
            dut.bus__read__payload.value = int(space) | (address + offset) << 3
            dut.bus__read__valid.value = 1
            await self._accepted(dut.bus__read__ready)
        dut.bus__read__valid.value = 0
        await collecting
        return np.array(words, np.uint16)

    async def start(self, parameters: StartParameters) -> None:
        self.dut.bus__parameters.value = int.from_bytes(parameters.encode(), "little") & ((1 << 144) - 1)
        await self._pulse(self.dut.bus__start)

    async def commit(self, batches: int) -> None:
        self.dut.bus__commit_batches.value = batches
        await self._pulse(self.dut.bus__commit)

    async def abort(self) -> None:
        await self._pulse(self.dut.bus__abort)

    async def idle(self, most_cycles: int) -> None:
        for _ in range(most_cycles):
            await ReadOnly()
            if not self.dut.bus__busy.value:
                await RisingEdge(self.dut.clk)
                return
            await RisingEdge(self.dut.clk)
        raise AssertionError(f"the engine is still busy after {most_cycles} cycles")

    async def batches_done(self, wanted: int, most_cycles: int) -> None:
        for _ in range(most_cycles):
            await ReadOnly()
            if int(self.dut.bus__batches_done.value) >= wanted:
                await RisingEdge(self.dut.clk)
                return
            await RisingEdge(self.dut.clk)
        raise AssertionError(f"{wanted} batches were not done after {most_cycles} cycles")

    async def _accepted(self, ready: object) -> None:
        while True:
            await ReadOnly()
            accepted = bool(ready.value)
            await RisingEdge(self.dut.clk)
            if accepted:
                return

    async def _pulse(self, strobe: object) -> None:
        strobe.value = 1
        await RisingEdge(self.dut.clk)
        strobe.value = 0


class Scoreboard:
    """Compares everything the host can read with the twin."""

    def __init__(self, driver: BusDriver, twin: Engine) -> None:
        self.driver = driver
        self.twin = twin

    async def check(self, space: Space, address: int, count: int, what: str) -> None:
        expected = self.twin.read(space, address, count)
        got = await self.driver.read(space, address, count)
        wrong = np.flatnonzero(expected != got)
        if wrong.size:
            at = int(wrong[0])
            raise AssertionError(
                f"{what}: {wrong.size} of {count} words differ, first at {space.name} {address + at}:"
                f" {int(got[at]):#06x}, the twin has {int(expected[at]):#06x}"
            )


async def play(case: Case, driver: BusDriver, twin: Engine, rng: random.Random) -> None:
    """Load, train, compare weights, errors and counters; classify, forward, compare labels and outputs."""
    layout = case.lowered.layout
    scoreboard = Scoreboard(driver, twin)

    async def write(space: Space, address: int, words: NDArray[np.generic]) -> None:
        flat = np.ascontiguousarray(words).reshape(-1).view(np.uint16)
        await driver.write(space, address, flat)
        twin.write(space, address, flat)

    await write(Space.PROGRAM, 0, case.lowered.image())
    await write(Space.ACTIVATION, 0, layout.borders())
    await write(Space.WEIGHT, 0, case.weights_image)
    rows = layout.padded_inputs(case.samples)
    batches = len(rows)

    async def load(batch: int) -> None:
        buffer = batch % layout.buffers
        await write(Space.ACTIVATION, layout.inputs.base + buffer * layout.buffer_words, rows[batch])
        await write(Space.LABEL, buffer * layout.batch, case.labels[batch])

    parameters = case.lowered.training.start(layout, batches, case.rate, case.resident, case.seed)
    most_cycles = 20 * (twin_cycles(case) + 2000)
    if case.resident:
        for batch in range(batches):
            await load(batch)
        await driver.start(parameters)
        twin.start(parameters)
    else:
        await driver.start(parameters)
        twin.start(parameters)
        for batch in range(batches):
            if batch >= layout.buffers:
                await driver.batches_done(batch - layout.buffers + 1, most_cycles)
            await load(batch)
            await driver.commit(1)
            twin.commit(1)
    await driver.idle(most_cycles)
    await scoreboard.check(Space.WEIGHT, 0, len(case.weights_image), "weights after training")
    await scoreboard.check(Space.ERROR, 0, layout.errors[-1].end, "errors after training")
    await check_counters(driver, twin, case)
    await driver.start(case.lowered.classify.start(layout, min(batches, layout.buffers)))
    twin.start(case.lowered.classify.start(layout, min(batches, layout.buffers)))
    await driver.idle(most_cycles)
    await scoreboard.check(Space.LABEL, 0, layout.batch * min(batches, layout.buffers), "classes")
    await driver.start(case.lowered.forward.start(layout, 1))
    twin.start(case.lowered.forward.start(layout, 1))
    await driver.idle(most_cycles)
    outputs = layout.outputs
    await scoreboard.check(Space.ACTIVATION, outputs.base, outputs.words, "outputs")


def twin_cycles(case: Case) -> int:
    """Generous bound on the cycles of the run, for time-outs."""
    return sum(i.issue_cycles + 400 for i in case.lowered.training.instructions) * len(case.samples)


async def check_counters(driver: BusDriver, twin: Engine, case: Case) -> None:
    """All counters equal the closed form; only a streaming run may wait, for its batches and for its writes."""
    count = 2 * len(Counter) + 2 + 4 * case.lowered.training.end
    got = (await driver.read(Space.COUNTER, 0, count)).view("<u4").tolist()
    expected = twin.read(Space.COUNTER, 0, count).view("<u4").tolist()
    waits = got[Counter.BATCH_WAIT]
    if not case.resident:
        got[Counter.CYCLES] -= waits
        got[Counter.FETCH_WAIT] = expected[Counter.FETCH_WAIT]
        got[Counter.CYCLES] = expected[Counter.CYCLES]
        got[Counter.BATCH_WAIT] = 0
        got[Counter.HOST_WAIT] = 0
    names = [counter.name for counter in Counter]
    for index, (mine, twins) in enumerate(zip(got, expected, strict=True)):
        name = names[index] if index < len(names) else f"slot {(index - 8) // 2} {['cycles', 'saturations'][index % 2]}"
        assert mine == twins, f"counter {name}: {mine}, the twin has {twins}"


@cocotb.test()
async def random_networks(dut: object) -> None:
    """DEEP3_CASES random networks on the engine of DEEP3_CONFIG."""
    config = EngineConfig.from_toml(os.environ["DEEP3_CONFIG"])
    rng = random.Random(int(os.environ["DEEP3_SEED"]))
    twin = Engine(config)
    driver = BusDriver(dut, rng, config, gap=0.0)
    await driver.reset()
    for index in range(int(os.environ["DEEP3_CASES"])):
        driver.gap = rng.choice((0.0, 0.3))
        case = random_case(rng, config)
        layout = case.lowered.layout
        loss = layout.network.loss.name
        dut._log.info(
            "case %d: %s, batch %d, loss %s, %s", index, layout.network.layers, layout.batch, loss, layout.optimiser
        )
        await play(case, driver, twin, rng)


@cocotb.test()
async def garbage_never_wedges(dut: object) -> None:
    """Programs and parameters of random bits: an abort ends them within a bound, and the next run is exact."""
    config = EngineConfig.from_toml(os.environ["DEEP3_CONFIG"])
    rng = random.Random(int(os.environ["DEEP3_SEED"]) + 1)
    driver = BusDriver(dut, rng, config, gap=0.0)
    await driver.reset()
    for index in range(12):
        bits = 1 if index == 0 else 1 << 16
        words = np.array([rng.randrange(bits) for _ in range(4 * config.encoding.words)], np.uint16)
        await driver.write(Space.PROGRAM, 0, words)
        first, count, batches, buffers = (rng.randint(0, most) for most in (3, 5, 9, 3))
        await driver.start(StartParameters(first, count, batches, buffers, seed=1))
        for _ in range(rng.randint(1, 600)):
            await RisingEdge(dut.clk)
        await driver.abort()
        await driver.idle(200)
    twin = Engine(config)
    case = random_case(rng, config)
    layout = case.lowered.layout
    for port in (driver, twin):
        for space, address, content in (
            (Space.PROGRAM, 0, case.lowered.image()),
            (Space.ACTIVATION, 0, layout.borders()),
            (Space.WEIGHT, 0, case.weights_image),
            (Space.ACTIVATION, layout.inputs.base, layout.padded_inputs(case.samples[:1])),
            (Space.LABEL, 0, case.labels[:1]),
        ):
            written = port.write(space, address, np.ascontiguousarray(content).reshape(-1).view(np.uint16))
            if written is not None:
                await written
    run = case.lowered.training.start(layout, 1, case.rate, True, 7)
    await driver.start(run)
    twin.start(run)
    await driver.idle(20 * (twin_cycles(case) + 2000))
    await Scoreboard(driver, twin).check(Space.WEIGHT, 0, len(case.weights_image), "weights after garbage")
