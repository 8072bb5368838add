"""How fast an engine routes: synthesis, place and route with the open tools, without its link."""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tqdm import tqdm

from deep3.cost_model.devices import load_device
from deep3.flow.floorplan import multiplier_sites, place_multipliers
from deep3.flow.output_registers import absorb_output_registers
from deep3.flow.synthesis import route_ecp5, synthesise_ecp5
from deep3.hdl.board.engine_chip import EngineChip
from deep3.hdl.cells.verilog import to_verilog
from deep3.hdl.contract.config import EngineConfig
from deep3.hdl.contract.target import Target

__all__ = ["bench_timing"]

DEVICE, PART, SPEED, PACKAGE = "ecp5-85f", "UM5G-85F", 8, "CABGA554"
TARGET_HZ = 125e6


def bench_timing(config: EngineConfig, seed: int) -> dict[str, Any]:
    """Cells, frequency and critical path of an engine on an LFE5UM5G-85F, speed 8.

    Raises
    ------
    ToolError
        When a tool fails or is missing.
    """
    started_s = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, tqdm(total=3, unit="stage", desc="timing") as progress:
        source = to_verilog(EngineChip(config), Target.ECP5, "chip")
        progress.update()
        netlist = synthesise_ecp5(source, "chip", Path(folder))
        absorb_output_registers(netlist.netlist, "chip")
        place_multipliers(netlist.netlist, "chip", multiplier_sites(config, load_device(DEVICE)))
        progress.update()
        routed = route_ecp5(netlist.netlist, PART, SPEED, PACKAGE, TARGET_HZ, seed, _announce)
        progress.update()
    return {
        "device": f"LFE5{PART} speed {SPEED}",
        "rows": config.rows,
        "cols": config.columns,
        "digest": config.digest,
        "seed": seed,
        "fmax_hz": routed.fmax_hz,
        "cells": netlist.cells,
        "utilisation": {name: used for name, used in routed.utilisation.items() if used[0]},
        "critical_path": routed.critical_path,
        "seconds": time.perf_counter() - started_s,
    }


def _announce(text: str) -> None:
    tqdm.write(text, file=sys.stderr)
