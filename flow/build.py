"""From a board and an engine to a bitstream: generate, synthesise, place and route, pack."""

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deep3.cache import cache_folder
from deep3.cost_model.boards import BoardDescription
from deep3.cost_model.devices import Device, load_device
from deep3.cost_model.resources import (
    Link,
    block_rams,
    block_rams_available,
    blocks_taken,
    logic,
    multipliers,
    multipliers_available,
)
from deep3.hdl.board.parts import Ethernet
from deep3.hdl.board.top import BoardTop
from deep3.hdl.cells.clocking import ClockError, ClockOutput, pll_settings
from deep3.hdl.cells.verilog import to_verilog
from deep3.hdl.contract.target import Target

from .build_request import BuildError, BuildRequest
from .floorplan import multiplier_sites, place_multipliers
from .output_registers import absorb_output_registers
from .pin_file import pins_of
from .stage_cache import kept_stage
from .synthesis import (
    PLACERS,
    Routed,
    pack_ecp5,
    read_report,
    route_ecp5,
    route_options,
    synthesis_script,
    synthesise_ecp5,
)
from .tools import choose_tool, tool_version
from .vendor_project import write_project

__all__ = ["build_board"]

TOP = "deep3"

NETLIST_STEPS = "output registers counted and moved, floorplan"
"""What is done to the netlist of Yosys, as part of the name of its result."""

TOOLS = ("yosys", "nextpnr-ecp5", "ecppack")
TARGETS = {"ecp5": Target.ECP5, "xilinx7": Target.XILINX, "virtex6": Target.VIRTEX6}
Announce = Callable[[str], None]


def build_board(request: BuildRequest, output: Path, announce: Announce) -> dict[str, Any]:
    """Build, and leave ``deep3.v``, pins, ``deep3.bit`` and ``report.json`` in ``output``; for boards of other vendors
    than Lattice the Verilog, pins and project script.

    Slow stages are kept in the cache folder and looked up by a digest of their inputs and tools.

    Parameters
    ----------
    announce
        Told what begins and ends, a line each.

    Returns
    -------
    dict
        The report: cells, frequencies, critical path, files.

    Raises
    ------
    BuildError
        Where the board has no such link, or the engine does not fit it: before anything is run.
    ToolError
        When a tool fails or is missing.
    """
    device = load_device(request.board.device)
    link = request.board.ethernet if request.link == "ethernet" else request.board.uart
    if link is None:
        raise BuildError(f"{request.board.name} has no {request.link}; use --link {_other(request.link)}")
    prediction = _check_fit(request, device)
    board = request.board
    if isinstance(link, Ethernet) and 8 * board.clock.sync_hz < link.line_bits_per_second:
        least_mhz = link.line_bits_per_second / 8e6
        raise BuildError(
            f"sync must be at least {least_mhz:g} MHz with the Ethernet of {board.name}, "
            f"not {board.clock.sync_hz / 1e6:g} MHz: a byte of the line takes a cycle"
        )
    try:
        pll_settings(board.clock.input_hz, (ClockOutput(board.clock.sync_hz),), TARGETS[board.family])
    except ClockError as error:
        raise BuildError(f"{board.name}: {error}") from None
    output.mkdir(parents=True, exist_ok=True)
    started_s = time.perf_counter()
    announce(f"generate {request.config.rows}x{request.config.columns} engine {request.config.digest} for {board.name}")
    top = BoardTop(
        request.config, board.clock, board.leds, link, mac=request.mac, ip=request.ip, port=request.port
    )  # fmt: skip
    source = to_verilog(top, TARGETS[board.family], TOP, top.ports)
    pins = pins_of(board.pin_file.read_text(), board.pin_file.suffix, _names(top.ports))
    (output / f"{TOP}.v").write_text(source)
    (output / board.pins).write_text(pins)
    report: dict[str, Any] = {
        "board": board.key,
        "part": board.part,
        "link": request.link,
        "digest": request.config.digest,
        "rows": request.config.rows,
        "columns": request.config.columns,
        "sync_hz": board.clock.sync_hz,
        "predicted": prediction,
    }
    if request.link == "ethernet":
        report |= {"mac": request.mac, "ip": request.ip, "port": request.port}
    if board.family != "ecp5":
        report |= write_project(board, TOP, output)
    else:
        report |= _ecp5(request, device, source, pins, output, announce)
    report["seconds"] = time.perf_counter() - started_s
    (output / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    return report


def _other(link: str) -> str:
    return "uart" if link == "ethernet" else "ethernet"


def _names(ports: list[Any]) -> set[str]:
    return {port.name for port in ports}


def _check_fit(request: BuildRequest, device: Device) -> dict[str, int]:
    """Cells as predicted; refused where the device has fewer that a design may use."""
    config, link = request.config, Link(request.link)
    luts, flip_flops = logic(config, device.family, link)
    smaller = "fewer rows or columns"
    wanted = {
        "multipliers": (multipliers(config), multipliers_available(device), smaller),
        "block_rams": (
            blocks_taken(block_rams(config, device.family, link)),
            block_rams_available(device),
            "smaller *_bank_words, label_words or accumulator_words",
        ),
        "luts": (luts, int(device.logic.luts * device.usable.luts), smaller),
        "flip_flops": (flip_flops, int(device.logic.flip_flops * device.usable.flip_flops), smaller),
    }
    for name, (needed, there, remedy) in wanted.items():
        if needed > there:
            raise BuildError(
                f"the {config.rows}x{config.columns} engine is too big for {request.board.name}: it needs {needed} "
                f"{name.replace('_', ' ')}, {device.name} has {there} to give; try {remedy}"
            )
    return {name: needed for name, (needed, _, _) in wanted.items()}


def _ecp5(
    request: BuildRequest, device: Device, source: str, pins: str, output: Path, announce: Announce
) -> dict[str, Any]:
    root = cache_folder() / "flow"
    for name in TOOLS:
        command, why = choose_tool(name)
        announce(f"{name}: {tool_version(name).split(' (git')[0]} ({command}, {why})")
    announce("synthesise")
    started_s = time.perf_counter()
    floorplan = multiplier_sites(request.config, device)
    synthesis, known = kept_stage(
        root,
        "synthesis",
        (source, synthesis_script(TOP), tool_version("yosys"), NETLIST_STEPS, json.dumps(floorplan)),
        lambda folder: _synthesise(source, floorplan, folder),
    )
    synthesised = json.loads((synthesis / "synthesised.json").read_text())
    announce(f"synthesised{_took(started_s, known)}")
    routes = [_route(request, synthesis, seed, pins, announce) for seed in range(1, request.seeds + 1)]
    best = max(routes, key=lambda route: route.routed.margin)
    announce(f"pack the bitstream of seed {best.seed}")
    pack_ecp5(best.folder, "chip.config", f"{TOP}.bit")
    shutil.copyfile(best.folder / f"{TOP}.bit", output / f"{TOP}.bit")
    clocks = _clock_names(request.board, best.routed)
    return {
        **synthesised,
        "utilisation": {name: used for name, used in best.routed.utilisation.items() if used[0]},
        "clocks": clocks,
        "fmax_hz": best.routed.fmax_hz,
        "meets_timing": best.routed.margin >= 1,
        "critical_path": best.routed.critical_path,
        "seed": best.seed,
        "seeds": {str(route.seed): _clock_names(request.board, route.routed) for route in routes},
        "router": request.router,
        "tools": {name: {"version": tool_version(name), **choose_tool(name)._asdict()} for name in TOOLS},
        "bitstream": str(output / f"{TOP}.bit"),
    }


def _synthesise(source: str, floorplan: dict[str, str], folder: Path) -> None:
    netlist = synthesise_ecp5(source, TOP, folder)
    moved = absorb_output_registers(netlist.netlist, TOP)
    place_multipliers(netlist.netlist, TOP, floorplan)
    synthesised = {"cells": netlist.cells, "registers_in_block_ram": moved}
    (folder / "synthesised.json").write_text(json.dumps(synthesised))


@dataclass(frozen=True)
class _Route:
    seed: int
    routed: Routed
    folder: Path


def _route(request: BuildRequest, synthesis: Path, seed: int, pins: str, announce: Announce) -> _Route:
    board = request.board
    options = (board.part, int(board.speed_grade), board.package, float(board.clock.sync_hz))
    announce(f"place and route with {request.router}, seed {seed} of {request.seeds}")
    started_s = time.perf_counter()

    def make(folder: Path) -> None:
        (folder / board.pins).write_text(pins)
        # The packaged tools see only what is below the folder they run in.
        local = folder / f"{TOP}.json"
        local.hardlink_to(synthesis / f"{TOP}.json")
        (folder / "out").mkdir()
        announce(f"what nextpnr says is in {folder / 'out' / 'nextpnr.log'}")
        route_ecp5(local, *options, seed, announce, request.router, board.pins, "out")
        local.unlink()

    folder, known = kept_stage(
        synthesis.parent,
        "route",
        (
            synthesis.name, pins, *route_options(*options, seed, request.router, board.pins), json.dumps(PLACERS),
            tool_version("nextpnr-ecp5"),
        ),
        make,
    )  # fmt: skip
    routed = read_report(folder / "out" / "report.json")
    figures = ", ".join(
        f"{name} {achieved / 1e6:.1f} of {wanted / 1e6:.0f} MHz"
        for name, (achieved, wanted) in _clock_names(board, routed).items()
    )
    announce(f"seed {seed}{_took(started_s, known)}: {figures}")
    return _Route(seed, routed, folder / "out")


def _took(started_s: float, known: bool) -> str:
    return " (kept from before)" if known else f" in {time.perf_counter() - started_s:.0f} s"


def _clock_names(board: BoardDescription, routed: Routed) -> dict[str, tuple[float, float]]:
    """Clocks by domain: nets have the name of whichever signal synthesis kept."""
    return {_domain(board, net, clock[1]): clock for net, clock in routed.clocks.items()}


def _domain(board: BoardDescription, net: str, wanted_hz: float) -> str:
    for domain in ("eth_rx", "eth_tx"):
        if f"{domain}_clk" in net:
            return domain
    near = abs(wanted_hz - board.clock.sync_hz) < 0.01 * board.clock.sync_hz
    return "sync" if near else net.removeprefix("$glbnet$").removesuffix("$TRELLIS_IO_IN")
