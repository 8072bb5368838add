"""Bench of an engine with convolution: programs of random nests against its twin, every word of every memory."""

import os
import random

import cocotb
import numpy as np
from numpy.typing import NDArray

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.program import Counter, Space, StartParameters
from deep3.sim.golden.engine.engine import Engine
from deep3.sim.nests import BUFFER_WORDS, random_nest

from .engine import BusDriver, Scoreboard

MEMORIES = (Space.ACTIVATION, Space.WEIGHT, Space.ERROR)


@cocotb.test()
async def random_nests(dut: object) -> None:
    """DEEP3_CASES programs on the engine of DEEP3_CONFIG, each over two batch buffers."""
    config = EngineConfig.from_toml(os.environ["DEEP3_CONFIG"])
    rng = random.Random(int(os.environ["DEEP3_SEED"]))
    noise = np.random.default_rng(rng.getrandbits(64))
    twin = Engine(config)
    driver = BusDriver(dut, rng, config, gap=0.0)
    scoreboard = Scoreboard(driver, twin)
    await driver.reset()
    for index in range(int(os.environ["DEEP3_CASES"])):
        program = [random_nest(rng, config, rng.choice(config.modes)) for _ in range(rng.randint(1, 4))]
        dut._log.info("case %d: %s", index, program)  # type: ignore[attr-defined]
        image = [word for instruction in program for word in instruction.encode(config.encoding)]
        contents: dict[Space, NDArray[np.uint16]] = {Space.PROGRAM: np.array(image, np.uint16)}
        for space in MEMORIES:
            magnitude = 1 << rng.randint(9, 15)
            drawn = noise.integers(-magnitude, magnitude, config.space_words(space))
            contents[space] = drawn.astype(np.int16).view(np.uint16)
        for space, words in contents.items():
            await driver.write(space, 0, words)
            twin.write(space, 0, words)
        start = StartParameters(
            0, len(program), batches=2, buffers=2, buffer_words=rng.randrange(BUFFER_WORDS),
            rate_mantissa=rng.getrandbits(16), rate_shift=rng.randrange(4), seed=rng.getrandbits(32),
        )  # fmt: skip
        await driver.start(start)
        twin.start(start)
        await driver.idle(4 * twin.counter(Counter.CYCLES) + 1000)
        for space in MEMORIES:
            await scoreboard.check(space, 0, config.space_words(space), f"case {index}, {space.name}")
        await scoreboard.check(Space.COUNTER, 0, 16 + 4 * len(program), f"case {index}, counters")
