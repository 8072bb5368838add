"""Synthesis of the gateware's units, at several sizes each, for the model of LUTs and flip-flops.

``python -m deep3.flow.sample_synthesis`` synthesises them all again, for ECP5, and rewrites ``resource_samples.json``.
"""

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from amaranth.hdl import Elaboratable

from deep3.cost_model.resource_samples import Sample, save_samples
from deep3.hdl.cells.verilog import to_verilog
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.geometry import sum_bits
from deep3.hdl.contract.target import Target
from deep3.hdl.engine.accumulator import Accumulator
from deep3.hdl.engine.array import SystolicArray
from deep3.hdl.engine.counters import Counters
from deep3.hdl.engine.engine import Engine
from deep3.hdl.engine.host_port import HostPort
from deep3.hdl.engine.lanes import PostLanes
from deep3.hdl.engine.loss import LossUnit
from deep3.hdl.engine.operand import OperandMask
from deep3.hdl.engine.pool import Pool
from deep3.hdl.engine.sequencer import Sequencer
from deep3.hdl.engine.store import OperandStore
from deep3.hdl.link.endpoint import Endpoint
from deep3.hdl.link.ethernet.ethernet_link import EthernetLink
from deep3.hdl.link.uart import UartLink

from .synthesis import synthesise_ecp5

__all__ = ["UNITS", "main", "synthesise_sample"]

TOP = "unit"

UNITS: dict[str, Callable[[EngineConfig, int], Elaboratable]] = {
    "array": lambda config, _: SystolicArray(config.rows, config.columns),
    "accumulator": lambda config, width: Accumulator(width, config.accumulator_words, sum_bits(config.rows)),
    "lanes": lambda config, width: PostLanes(config, width, 0),
    "loss": lambda config, _: LossUnit(config),
    "operand": lambda config, forced: OperandMask(config.rows, bool(forced)),
    "pool": lambda config, _: Pool(config.columns, config.dropout),
    "store": lambda config, _: OperandStore(config),
    "sequencer": lambda config, _: Sequencer(config),
    "host port": lambda config, _: HostPort(config),
    "counters": lambda config, _: Counters(config.max_instructions),
    "endpoint": lambda config, _: Endpoint(config),
    "ethernet": lambda _config, _: EthernetLink("02:d3:00:00:00:01", "192.168.1.50", 54321),
    "uart": lambda _config, _: UartLink(125),
    "engine": lambda config, _: Engine(config),
}


def synthesise_sample(sample: Sample) -> Sample:
    """The sample with its cells.

    Raises
    ------
    ToolError
        When Yosys fails or is missing.
    """
    unit = UNITS[sample.unit](sample.engine, sample.width)
    with tempfile.TemporaryDirectory() as folder:
        cells = synthesise_ecp5(to_verilog(unit, Target.ECP5, TOP), TOP, Path(folder)).cells
    return Sample(sample.unit, sample.config, sample.width, dict(sorted(cells.items())))


def wanted_samples() -> Iterator[Sample]:
    """What is synthesised for the fit: each unit where its parameters have something to say."""
    for rows, columns in ((2, 2), (4, 4), (3, 7), (8, 4), (4, 8), (6, 6), (8, 8)):
        yield Sample("array", {"rows": rows, "columns": columns})
    for width in (1, 2, 3, 4):
        yield Sample("accumulator", {}, width)
        yield Sample("lanes", {}, width)
    for rows, words in ((2, 512), (16, 512), (8, 64), (8, 16)):
        yield Sample("accumulator", {"rows": rows, "accumulator_words": words}, 4)
    for entries in (64, 256, 2048):
        yield Sample("lanes", {"activation_entries": entries}, 4)
    for width in (1, 4):
        yield Sample("lanes", {"convolution": True}, width)
        yield Sample("lanes", {"convolution": True, "dropout": True}, width)
        yield Sample("lanes", {"convolution": True, "adagrad": True}, width)
    for columns in (2, 4, 5, 8):
        yield Sample("loss", {"columns": columns})
    for entries, classes in ((16, 64), (128, 64), (256, 64), (64, 8), (64, 256)):
        yield Sample("loss", {"columns": 4, "exponential_entries": entries, "max_classes": classes})
    for lanes in (2, 4, 8, 16):
        yield Sample("operand", {"rows": lanes, "convolution": True})
        yield Sample("operand", {"rows": lanes, "convolution": True}, 1)
        yield Sample("pool", {"columns": lanes, "convolution": True})
    for lanes in (4, 8):
        yield Sample("pool", {"columns": lanes, "convolution": True, "dropout": True})
    small = {"activation_bank_words": 1024, "weight_bank_words": 1024, "error_bank_words": 1024}
    for rows, columns in ((2, 2), (4, 4), (4, 2), (2, 4), (5, 7), (8, 8), (12, 10)):
        yield Sample("store", {"rows": rows, "columns": columns, **small})
    for words in (2048, 4096):
        deep = {name: words for name in small}
        yield Sample("store", {"rows": 4, "columns": 4, **deep})
    yield Sample("store", {"rows": 4, "columns": 4, **small, "activation_bank_words": 5120})
    yield Sample("store", {"rows": 4, "columns": 4, **small, "activation_bank_words": 3072})
    for layers in (1, 8, 16):
        yield Sample("sequencer", {"max_layers": layers})
        yield Sample("counters", {"max_layers": layers})
        yield Sample("host port", {"max_layers": layers})
    for labels in (64, 256):
        yield Sample("host port", {"label_words": labels})
    yield Sample("endpoint", {})
    yield Sample("ethernet", {})
    yield Sample("uart", {})
    for rows, columns in ((4, 4), (3, 6), (8, 8)):
        yield Sample("engine", {"rows": rows, "columns": columns, **small})


def main() -> None:
    """Synthesise every sample again."""
    done: list[Sample] = []
    for sample in wanted_samples():
        done.append(synthesise_sample(sample))
        print(json.dumps(asdict(done[-1])), file=sys.stderr, flush=True)
    save_samples(done)


if __name__ == "__main__":
    main()
