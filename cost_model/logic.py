"""LUTs and flip-flops of an engine: a linear model of every unit, fitted on what Yosys made of it at several sizes.

Carry chains, block RAM and multipliers are counted with their structure; what abc makes of the rest is what is fitted.
The samples lie in ``resource_samples.json`` (`cost_model.resource_samples`); whole engines among them fit what lies
between the units.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache

import numpy as np
from numpy.typing import NDArray

from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.geometry import group_widths, sum_bits

from .memories import endpoint_memories, engine_memories, ethernet_memories, sum_memories, table_memories, uart_memories
from .memory_mapping import LOGIC, MemoryShape, map_memory
from .resource_samples import Sample, load_samples

__all__ = ["engine_logic", "luts_of", "unit_logic"]

FAMILY = "ecp5"
CARRY_LUTS, RAM_LUTS = 2, 6
"""LUTs that a CCU2C takes, and a TRELLIS_DPR16X4 with its write logic."""
LUT4_OF_A_LUT6 = 0.62
"""6-input LUTs that do the work of one 4-input LUT: a guess, no synthesis for Xilinx was counted."""

Features = tuple[float, ...]


def luts_of(cells: Mapping[str, int]) -> int:
    """LUTs that cells take: their own, those of carry chains and of RAM."""
    carry, ram = cells.get("CCU2C", 0), cells.get("TRELLIS_DPR16X4", 0)
    return cells.get("LUT4", 0) + CARRY_LUTS * carry + RAM_LUTS * ram


@cache
def unit_logic(unit: str, config: EngineConfig, width: int = 0) -> tuple[float, float]:
    """LUTs and flip-flops of one unit, a key of `cost_model.resource_samples.UNITS`."""
    luts, flip_flops = _fits()[unit]
    features = np.array(_features(unit, config, width))
    return float(features @ luts), float(features @ flip_flops)


def engine_logic(config: EngineConfig) -> tuple[float, float]:
    """LUTs and flip-flops of an engine without its link."""
    parts = _sum_of_units(config)
    between = np.array(_glue_features(config))
    luts, flip_flops = _glue()
    return parts[0] + float(between @ luts), parts[1] + float(between @ flip_flops)


def _sum_of_units(config: EngineConfig) -> tuple[float, float]:
    units = [("array", 0), ("store", 0), ("sequencer", 0), ("host port", 0), ("counters", 0)]
    units += [(unit, width) for width in group_widths(config.columns) for unit in ("accumulator", "lanes")]
    if config.loss_unit:
        units.append(("loss", 0))
    if config.convolution:
        # Of the operands the stream has words that are forced.
        units += [("operand", 0), ("operand", 1), ("pool", 0)]
    found = [unit_logic(unit, config, width) for unit, width in units]
    return sum(luts for luts, _ in found), sum(flip_flops for _, flip_flops in found)


@cache
def _fits() -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Coefficients of LUTs and flip-flops by unit."""
    by_unit: dict[str, list[Sample]] = defaultdict(list)
    for sample in load_samples():
        if sample.unit != "engine":
            by_unit[sample.unit].append(sample)
    fits = {}
    for unit, samples in by_unit.items():
        rows = [_features(unit, sample.engine, sample.width) for sample in samples]
        luts = [luts_of(sample.cells) for sample in samples]
        flip_flops = [sample.cells.get("TRELLIS_FF", 0) for sample in samples]
        fits[unit] = _solved(rows, luts), _solved(rows, flip_flops)
    return fits


@cache
def _glue() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What whole engines have beyond the sum of their units."""
    samples = [sample for sample in load_samples() if sample.unit == "engine"]
    rows = [_glue_features(sample.engine) for sample in samples]
    sums = [_sum_of_units(sample.engine) for sample in samples]
    luts = [luts_of(sample.cells) - one for sample, (one, _) in zip(samples, sums, strict=True)]
    flip_flops = [sample.cells["TRELLIS_FF"] - one for sample, (_, one) in zip(samples, sums, strict=True)]
    return _solved(rows, luts), _solved(rows, flip_flops)


def _solved(rows: Iterable[Features], values: Iterable[float]) -> NDArray[np.float64]:
    matrix = np.array(list(rows), float)
    scale = np.maximum(np.abs(matrix).max(axis=0), 1.0)
    solution, *_ = np.linalg.lstsq(matrix / scale, np.array(list(values), float), rcond=1e-9)
    return np.asarray(solution / scale, np.float64)


def _glue_features(config: EngineConfig) -> Features:
    return 1.0, float(config.columns)


def _features(unit: str, config: EngineConfig, width: int) -> Features:
    shape = {"array": _array, "store": _store}.get(unit)
    if shape is not None:
        return (*shape(config), *_memory_features(_memories_of(unit, config)))
    if unit in ("accumulator", "lanes"):
        depth = config.accumulator_words if unit == "accumulator" else config.activation_entries
        shapes = sum_memories(config, [width]) if unit == "accumulator" else table_memories(config, [width])
        flags = config.convolution, config.dropout, config.adagrad
        options = [part for has in flags for part in (float(has), float(width * has))]
        each = (1.0, float(width), float(width * depth.bit_length()))
        return (*each, *(options if unit == "lanes" else ()), *_memory_features(shapes))
    if unit == "loss":
        logs = (config.max_classes.bit_length(), config.exponential_entries.bit_length())
        columns = float(config.columns)
        return (1.0, columns, columns * logs[0], columns * logs[1], *_memory_features(_memories_of(unit, config)))
    if unit == "operand":
        return 1.0, float(width), float(config.rows), float(config.rows * width)
    if unit == "pool":
        return 1.0, float(config.columns), float(config.columns * config.dropout)
    slots = float(config.max_instructions.bit_length())
    return (1.0, slots if unit == "sequencer" else 0.0, *_memory_features(_memories_of(unit, config)))


def _array(config: EngineConfig) -> Features:
    """Sums and carry chains as wide as they are, shadow registers, hops between groups, skew."""
    rows, columns = config.rows, config.columns
    bits = [sum_bits(row + 1) for row in range(rows)]
    carry = columns * sum(-(-width // 2) for width in bits[1:])
    hops = rows * (len(group_widths(columns)) - 1)
    pairs = rows * (rows - 1) / 2
    return float(columns * sum(bits)), float(carry), float(rows * columns), float(hops), pairs, float(rows), 1.0


def _store(config: EngineConfig) -> Features:
    """Rotators of two multiplexer stages, address adders a bank, and the roles' choices of a memory."""
    banks, lanes = config.banks, max(config.rows, config.columns)
    low = config.bank_bits // 2
    choices = {0: 0, 1: 1, 2: 2}
    coarse, fine = choices[config.bank_bits - low], choices[low]
    depths = (config.activation_bank_words, config.weight_bank_words, config.error_bank_words)
    words = sum((depth - 1).bit_length() for depth in depths)
    return (
        1.0, float(banks), float(banks * coarse + lanes * fine), float(banks * (coarse + fine)), float(banks * words),
        float(config.rows), float(config.columns), float(words),
    )  # fmt: skip


def _memories_of(unit: str, config: EngineConfig) -> list[MemoryShape]:
    if unit in MEDIA:
        return MEDIA[unit]()
    return [shape for shape in _engine_memories(config) if shape.name.startswith(f"{unit}:")]


MEDIA = {"endpoint": endpoint_memories, "ethernet": ethernet_memories, "uart": uart_memories}


@cache
def _engine_memories(config: EngineConfig) -> tuple[MemoryShape, ...]:
    return tuple(engine_memories(config))


def _memory_features(shapes: list[MemoryShape]) -> Features:
    """Multiplexers behind memory cells; LUTs as RAM and the registers behind them; tables in LUTs."""
    mux = ram = registers = tables = 0
    for shape in shapes:
        mapped = map_memory(shape, FAMILY)
        mux += mapped.mux_bits * shape.copies
        if mapped.cell == LOGIC:
            tables += shape.depth * shape.width_bits * shape.copies
        elif not mapped.block:
            ram += mapped.count * shape.copies
            registers += shape.width_bits * shape.reads * shape.copies
    return float(mux), float(ram), float(registers), float(tables)
