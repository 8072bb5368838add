"""The truth that predictions are held against: synthesis and place and route with the open tools."""

import json
import re
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .tools import ToolError, ToolHopeless, run_tool

__all__ = [
    "PLACERS",
    "ROUTERS",
    "PathStep",
    "Routed",
    "Synthesised",
    "ToolError",
    "pack_ecp5",
    "read_cells",
    "read_report",
    "route_ecp5",
    "route_options",
    "synthesis_script",
    "synthesise_ecp5",
]  # fmt: skip

PLACERS = {"static": ["--placer", "static"], "heap": ["--placer", "heap"]}
"""The first one leaves less wire; the second one is the fallback where it does not converge."""

STATIC_STEPS = 1000
"""Designs that converge do so in 500 to 530 steps."""

ROUTERS = ("router1", "router2")
"""The first one leaves fewer detours; the second one is the fallback where it does not end."""

PathStep = tuple[str, str, float, str]
"""Source cell, sink cell, delay in nanoseconds, kind: ``logic``, ``routing``, ``clk-to-q`` or ``setup``."""


@dataclass(frozen=True)
class Synthesised:
    """A netlist and the number of its cells by type."""

    netlist: Path
    cells: dict[str, int]


@dataclass(frozen=True)
class Routed:
    """A routed design: achieved frequency of its slowest clock, cells used and available, critical path.

    ``clocks`` has the achieved and the wanted frequency of each clock by the name of its net; the slowest is the one
    that falls furthest short of what is wanted. ``critical_path`` is one of the slowest clock.
    """

    fmax_hz: float
    clocks: dict[str, tuple[float, float]]
    utilisation: dict[str, tuple[int, int]]
    critical_path: list[PathStep]

    @property
    def margin(self) -> float:
        """The least of achieved over wanted frequency of the clocks; 1 or more meets timing."""
        return min(achieved / wanted for achieved, wanted in self.clocks.values())


def synthesis_script(top: str) -> str:
    """What Yosys is told, for ``top.v`` in the current folder."""
    # Multiplexers of hard-wired width hurt routing more than they save logic.
    return f"read_verilog {top}.v; synth_ecp5 -top {top} -nowidelut -json {top}.json"


def synthesise_ecp5(source: str, top: str, folder: Path) -> Synthesised:
    """Map Verilog to ECP5 cells with Yosys, in ``folder``.

    Raises
    ------
    ToolError
        When Yosys fails or is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{top}.v").write_text(source)
    run_tool("yosys", ["-q", "-p", synthesis_script(top)], folder, "yosys.log")
    netlist = folder / f"{top}.json"
    return Synthesised(netlist, read_cells(netlist, top))


def read_cells(netlist: Path, top: str) -> dict[str, int]:
    """Cells of a flat netlist by type."""
    module = json.loads(netlist.read_text())["modules"][top]
    return dict(Counter(cell["type"] for cell in module["cells"].values() if not cell["type"].startswith("$")))


def route_options(
    part: str, speed: int, package: str, target_hz: float, seed: int, router: str, pins: str | None
) -> list[str]:
    """What nextpnr is told about the design's surroundings.

    Parameters
    ----------
    part
        As ``LFE5UM5G-85F``; ``UM5G-85F`` will do, and ``25F`` for the plain LFE5U-25F.
    speed, package
        As ``8``, ``CABGA554``.
    target_hz
        Of clocks that nothing else constrains.
    pins
        File of pins and clocks in the current folder; None leaves pins to the placer.
    """
    *series, size = part.removeprefix("LFE5").lower().split("-")
    device = "--" + "-".join([*(name for name in series if name != "u"), f"{size.removesuffix('f')}k"])
    placement = ["--lpf", pins] if pins else ["--lpf-allow-unconstrained"]
    return [
        device, "--speed", str(speed), "--package", package, "--freq", str(target_hz / 1e6), "--seed", str(seed),
        "--router", router, "--timing-allow-fail", *placement,
    ]  # fmt: skip


def route_ecp5(
    netlist: Path, device: str, speed: int, package: str, target_hz: float, seed: int, announce: Callable[[str], None],
    router: str = "router1", pins: str | None = None, keep: str | None = None,
) -> Routed:
    """Place and route with nextpnr.

    Parameters
    ----------
    netlist
        File of `synthesise_ecp5`; ``pins`` lies beside it.
    device, speed, package, target_hz, seed, router, pins
        As of `route_options`.
    announce
        Told when a placer does not converge and the next one is taken.
    keep
        Folder beside the netlist for ``report.json``, ``chip.config`` and ``nextpnr.log``; without it only the result
        stays.

    Raises
    ------
    ToolError
        When nextpnr fails or is missing.
    """  # fmt: skip
    if keep is None:
        with tempfile.TemporaryDirectory(dir=netlist.parent) as scratch:
            name = Path(scratch).name
            return route_ecp5(netlist, device, speed, package, target_hz, seed, announce, router, pins, name)
    options = [
        *route_options(device, speed, package, target_hz, seed, router, pins),
        "--json", netlist.name, "--report", f"{keep}/report.json", "--textcfg", f"{keep}/chip.config",
    ]  # fmt: skip
    log = f"{keep}/nextpnr.log"
    try:
        run_tool("nextpnr-ecp5", [*options, *PLACERS["static"]], netlist.parent, log, _is_stuck)
    except ToolHopeless:
        announce("nextpnr's static placer does not converge; placing with heap")
        run_tool("nextpnr-ecp5", [*options, *PLACERS["heap"]], netlist.parent, log)
    return read_report(netlist.parent / keep / "report.json")


def _is_stuck(said: str) -> bool:
    steps = re.findall(r"\biter=(\d+)", said)
    return bool(steps) and int(steps[-1]) > STATIC_STEPS


def read_report(path: Path) -> Routed:
    """What nextpnr reports."""
    result: dict[str, Any] = json.loads(path.read_text())
    clocks = {name: (each["achieved"] * 1e6, each["constraint"] * 1e6) for name, each in result["fmax"].items()}
    slowest = min(clocks, key=lambda name: clocks[name][0] / clocks[name][1])
    ends = f"edge {slowest}"
    paths = [path for path in result["critical_paths"] if path["from"].endswith(ends) and path["to"].endswith(ends)]
    segments = max(paths, key=lambda path: sum(step["delay"] for step in path["path"]))["path"] if paths else []
    return Routed(
        fmax_hz=clocks[slowest][0],
        clocks=clocks,
        utilisation={name: (cell["used"], cell["available"]) for name, cell in result["utilization"].items()},
        critical_path=[
            (step["from"]["cell"], step["to"]["cell"], step["delay"], step["type"]) for step in segments
        ],
    )


def pack_ecp5(folder: Path, config: str, bitstream: str) -> None:
    """Make a compressed bitstream of what nextpnr wrote; both files in ``folder``.

    Raises
    ------
    ToolError
        When ecppack fails or is missing.
    """
    run_tool("ecppack", ["--compress", "--input", config, "--bit", bitstream], folder, "ecppack.log")
