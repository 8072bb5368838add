"""`hdl.contract.lane_operations`: one row for each instruction; gateware and docs/engine.md have the same table."""

import re
from itertools import product
from pathlib import Path

from amaranth.hdl import Module
from amaranth.sim import Simulator

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.lane_operations import (
    LANE_OPERATIONS,
    WINDOW_SHIFTS,
    Addend,
    Base,
    Factor,
    Multiplicand,
    lane_operation,
)
from deep3.hdl.contract.program import Format, Function, Mode
from deep3.hdl.engine.lanes import PostLanes

INSTRUCTIONS = list(product(Mode, Format, Function))
RATE_MANTISSA, RATE_SHIFT = 0x8421, 2


def test_every_instruction_has_one_row_and_every_row_an_instruction() -> None:
    for mode, format, function in INSTRUCTIONS:
        rows = [
            row
            for row in LANE_OPERATIONS
            if row.mode is mode and row.format in (None, format) and row.function in (None, function)
        ]
        assert rows == [lane_operation(mode, format, function)]
    assert {lane_operation(*instruction) for instruction in INSTRUCTIONS} == set(LANE_OPERATIONS)


def test_the_document_has_the_same_table() -> None:
    document = (Path(__file__).parents[3] / "docs" / "engine.md").read_text("utf-8")
    formats = {None: "any", Format.Q3_12: "Q3.12", Format.Q7_8: "Q7.8"}
    rows = [
        (
            row.mode.name, formats[row.format], "any" if row.function is None else row.function.name.lower(),
            str(row.window_shift), row.a, row.b, row.addend, row.base,
        )
        for row in LANE_OPERATIONS
    ]  # fmt: skip
    told = re.findall(r"^\| (FORWARD|BACKWARD|UPDATE|ADAGRAD) " + 7 * r"\| ([^|]+) " + r"\|$", document, re.MULTILINE)
    assert told == rows


def expected(mode: Mode, format: Format, function: Function) -> dict[str, int]:
    """The fields of `control_layout` that make the lane compute the row."""
    row = lane_operation(mode, format, function)
    factors = {Factor.ONE: 16384, Factor.RATE: RATE_MANTISSA}
    return {
        "window_shift": WINDOW_SHIFTS.index(row.window_shift),
        "forward": mode is Mode.FORWARD,
        "update": row.b in (Factor.RATE, Factor.ROOT),
        "square": row.b is Factor.WINDOW,
        "root": row.b is Factor.ROOT,
        "sigmoid": row.a is Multiplicand.HALF_SIGN,
        "derivative": row.b is Factor.SLOPE_TABLE,
        "use_table": row.b in (Factor.TABLE, Factor.SLOPE_TABLE, Factor.ROOT),
        "relu_derivative": row.b is Factor.STEP,
        "factor": factors.get(row.b, 0),
        "rate_shift": RATE_SHIFT if mode is Mode.UPDATE else 0,
        "half": row.addend in (Addend.HALF, Addend.SIGMOID),
        "keep_base": row.base is not Base.ZERO,
        "keep_positive": row.base is Base.POSITIVE_Y,
    }


def test_the_gateware_decodes_the_same_table() -> None:
    m = Module()
    m.submodules.unit = unit = PostLanes(EngineConfig(convolution=True, dropout=True, adagrad=True), 1, 0)
    control = unit._control(m)

    async def decode(ctx) -> None:  # type: ignore[no-untyped-def]
        ctx.set(unit.rate_mantissa, RATE_MANTISSA)
        ctx.set(unit.rate_shift, RATE_SHIFT)
        for (mode, format, function), threshold, bits in product(INSTRUCTIONS, (0, 128), (0, 2, 4)):
            ctx.set(unit.dropout_threshold, threshold)
            ctx.set(unit.position_bits, bits)
            for port, value in ((unit.mode, mode), (unit.format, format), (unit.function, function)):
                ctx.set(port, int(value))
            await ctx.tick()
            wanted = expected(mode, format, function)
            wanted |= {"drops": mode is Mode.FORWARD and threshold > 0}
            wanted["half"] <<= bits if mode is Mode.BACKWARD else 0
            wanted |= {"zero_stops": mode is Mode.BACKWARD and threshold > 0}
            assert {name: ctx.get(getattr(control, name)) for name in wanted} == wanted, (mode, format, function)
            if wanted["derivative"]:
                assert ctx.get(control.sigmoid_derivative) == (function is Function.SIGMOID)

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(decode)
    simulator.run()
