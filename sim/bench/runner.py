"""Launches a cocotb bench on a component: Amaranth to Verilog, Verilator build cached by content, one simulation."""

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

from amaranth.back import verilog
from amaranth.lib import wiring
from cocotb_tools.check_results import get_results
from cocotb_tools.runner import get_runner

from deep3.cache import cache_folder
from deep3.hdl.contract.config import EngineConfig
from deep3.packaged import verilog_writer
from deep3.sim.verilator import verilator_environment

__all__ = ["BenchError", "run_bench"]

TOP = "bench_top"
BUILD_ARGUMENTS = (
    "-O3", "--x-assign", "unique", "--x-initial", "unique", "-Wno-fatal", "-Wno-lint", "-Wno-style",
    # A bench sees the ports; signals that nobody looks at may be optimised away.
    "--no-public-flat-rw", "--public-depth", "1",
)  # fmt: skip


class BenchError(AssertionError):
    """A bench found a difference, or did not run."""


def run_bench(
    component: "wiring.Component[wiring.Signature]", module: str, *, seed: int, config: EngineConfig | None = None,
    **parameters: object,
) -> None:
    """Run every cocotb test of ``module`` on ``component``.

    The bench finds DEEP3_SEED, DEEP3_CONFIG (the configuration as TOML, where given) and, for each of ``parameters``,
    DEEP3_<NAME> in its environment. Ports have the names that Amaranth gives them: ``clk``, ``rst``, ``rx__valid``.

    Parameters
    ----------
    component
        Has one clock domain, ``sync``.
    module
        Import path of the bench.
    seed
        Of the bench, and of the values of what is not initialised.

    Raises
    ------
    BenchError
        When a test fails, or when none ran.
    """
    extra = {"DEEP3_SEED": str(seed), "PYTHONPATH": os.pathsep.join(sys.path)}
    if config is not None:
        extra["DEEP3_CONFIG"] = config.to_toml()
    extra |= {f"DEEP3_{name.upper()}": str(value) for name, value in parameters.items()}
    with _environment():
        folder = _build(component)
        with tempfile.TemporaryDirectory(prefix="run-", dir=folder.parent) as run_folder:
            results = Path(run_folder) / "results.xml"
            # Under pytest cocotb's launcher leaves by way of sys.exit when a test fails.
            with suppress(SystemExit):
                get_runner("verilator").test(
                    test_module=module, hdl_toplevel=TOP, hdl_toplevel_lang="verilog", build_dir=folder,
                    test_dir=run_folder, results_xml=str(results), seed=seed, extra_env=extra,
                    plusargs=[f"+verilator+seed+{seed % 0x7FFFFFFF + 1}", "+verilator+rand+reset+2"],
                )  # fmt: skip
            if not results.exists():
                raise BenchError(f"{module}: the simulation ended without results")
            tests, failures = get_results(results)
    if failures or not tests:
        raise BenchError(f"{module}: {failures} of {tests} tests failed with seed {seed}")


def _build(component: "wiring.Component[wiring.Signature]") -> Path:
    """Folder of the compiled simulation."""
    text = verilog.convert(component, name=TOP, emit_src=False, strip_internal_attrs=True)
    key = "\0".join((text, *BUILD_ARGUMENTS, version("verilator"), version("cocotb")))
    folder = cache_folder() / "bench" / hashlib.sha256(key.encode()).hexdigest()[:24]
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Built aside and renamed: benches that start together do not see each other's halves.
    unfinished = Path(tempfile.mkdtemp(prefix="build-", dir=folder.parent))
    source = unfinished / f"{TOP}.v"
    source.write_text(text)
    try:
        get_runner("verilator").build(
            sources=[source], hdl_toplevel=TOP, build_dir=unfinished, always=True, build_args=list(BUILD_ARGUMENTS),
        )  # fmt: skip
        unfinished.rename(folder)
    except OSError:
        if not folder.exists():
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


@contextmanager
def _environment() -> Iterator[None]:
    """The tools of the wheels, for as long as the launcher works."""
    before = dict(os.environ)
    os.environ.update(verilator_environment())
    os.environ["YOSYS"] = verilog_writer()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
